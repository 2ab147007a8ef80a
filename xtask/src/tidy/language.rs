//! Checks the language: forbidden words, doc comments that open with a fragment, doc comments that are too short.

use super::config::LanguageRules;
use super::markdown::Document;
use super::measure::{Check, Measure, Violation, count};
use super::rust::{Line, SourceFile};
use super::tree::FileTree;

/// Counts, for each area, the occurrences of forbidden words in comments, help texts and documents.
pub(super) fn words(
    rules: &LanguageRules,
    tree: &FileTree,
    sources: &[SourceFile],
    documents: &[Document],
) -> Vec<Measure> {
    let sources =
        sources.iter().map(|source| (&source.file, source.comments.iter().chain(&source.help)));
    let code = sources.flat_map(|(file, lines)| lines.map(move |line| (file, line)));
    let prose = documents
        .iter()
        .flat_map(|document| document.prose.iter().map(move |line| (&document.file, line)));
    let found = code.chain(prose).flat_map(|(file, line)| {
        let occurrences = forbidden(rules, &line.text).into_iter();
        occurrences.map(|word| {
            let text = format!("`{word}`: {}", first_line(&line.text));
            (tree.area(file), Violation { file: file.clone(), line: line.number, text })
        })
    });
    count(Check::Words, found)
}

/// Returns, for each area, the percentage of doc comments that open with a fragment, rounded up.
pub(super) fn openers(
    rules: &LanguageRules,
    tree: &FileTree,
    sources: &[SourceFile],
) -> Vec<Measure> {
    let mut measures =
        count(Check::Openers, docs(tree, sources, |doc| opens_with_fragment(rules, &doc.text)));
    for measure in &mut measures {
        let all = sources.iter().filter(|source| tree.area(&source.file) == measure.key);
        let all: usize = all.map(|source| source.docs.len()).sum();
        measure.value = (100 * measure.violations.len()).div_ceil(all.max(1));
    }
    measures
}

/// Counts, for each area, the doc comments that have at most as many words as a stub.
pub(super) fn stubs(
    rules: &LanguageRules,
    tree: &FileTree,
    sources: &[SourceFile],
) -> Vec<Measure> {
    let short = |doc: &Line| doc.text.split_whitespace().count() <= rules.stub_words;
    count(Check::Stubs, docs(tree, sources, short))
}

fn docs(
    tree: &FileTree,
    sources: &[SourceFile],
    wrong: impl Fn(&Line) -> bool,
) -> Vec<(String, Violation)> {
    let mut found = Vec::new();
    for source in sources {
        let area = tree.area(&source.file);
        for doc in source.docs.iter().filter(|doc| wrong(doc)) {
            let text = first_line(&doc.text).to_owned();
            let violation = Violation { file: source.file.clone(), line: doc.number, text };
            found.push((area.clone(), violation));
        }
    }
    found
}

/// Returns all occurrences of forbidden words in a text, outside of backticks.
fn forbidden(rules: &LanguageRules, text: &str) -> Vec<String> {
    let prose = text.split('`').step_by(2);
    let words = prose.flat_map(|part| {
        part.split(|c: char| !(c.is_alphanumeric() || c == '_')).map(str::to_lowercase)
    });
    words.filter(|word| rules.forbidden.iter().any(|forbidden| forbidden == word)).collect()
}

fn opens_with_fragment(rules: &LanguageRules, text: &str) -> bool {
    let text = text.trim_start().to_lowercase();
    rules.openers.iter().any(|opener| {
        let rest = text.strip_prefix(opener.as_str());
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> LanguageRules {
        LanguageRules {
            forbidden: ["tell", "place"].map(str::to_owned).to_vec(),
            openers: ["of", "what", "so many"].map(str::to_owned).to_vec(),
            stub_words: 3,
        }
    }

    #[test]
    fn words_are_whole_and_outside_of_code() {
        let words = |text| forbidden(&rules(), text);
        assert_eq!(words("Tell it, or tell: in place"), ["tell", "tell", "place"]);
        assert!(words("a teller replaced `place` and place_of").is_empty());
    }

    #[test]
    fn openers_are_whole_words() {
        let opens = |text| opens_with_fragment(&rules(), text);
        assert!(opens("Of a read.") && opens("What?") && opens("So many\nbytes"));
        assert!(!opens("Offset.") && !opens("Returns what it has.") && !opens("So much"));
    }

    #[test]
    fn areas_are_counted() {
        let text = "/// Of it all, that is what is told.\nfn f() {}\n/// Returns the name of the file.\n\
                    fn g() {}\n/// Its name.\nfn h() {}\n// I tell\nfn i() {}\n";
        let sources = [SourceFile::parse("a/x.rs", text)];
        let tree = FileTree { files: ["a/x.rs".to_owned()].into() };
        let all = [
            words(&rules(), &tree, &sources, &[]),
            openers(&rules(), &tree, &sources),
            stubs(&rules(), &tree, &sources),
        ];
        let summary: Vec<_> = all
            .iter()
            .flatten()
            .map(|measure| (measure.key.as_str(), measure.value, measure.violations[0].line))
            .collect();
        assert_eq!(summary, [("a", 1, 7), ("a", 34, 1), ("a", 1, 5)]);
    }
}
