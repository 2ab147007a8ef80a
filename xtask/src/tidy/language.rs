//! Checks the language: forbidden words, doc comments that open with a fragment, doc comments that are too short.

use super::config::LanguageRules;
use super::markdown::Document;
use super::measure::{Check, Measure, count};
use super::rust::{Line, SourceFile};
use super::tree::FileTree;

/// Counts, for each area, the occurrences of forbidden words in comments, help texts and documents.
pub(super) fn words(
    rules: &LanguageRules,
    tree: &FileTree,
    sources: &[SourceFile],
    documents: &[Document],
) -> Vec<Measure> {
    let code = sources.iter().flat_map(|source| {
        source.comments.iter().chain(&source.help).map(|line| (source.file.as_str(), line))
    });
    let prose = documents
        .iter()
        .flat_map(|document| document.prose.iter().map(|line| (document.file.as_str(), line)));
    let mut found = Vec::new();
    for (file, line) in code.chain(prose) {
        for word in forbidden(rules, &line.text) {
            let text = format!("`{word}`: {}", first_line(&line.text));
            found.push((tree.area(file), file, line.number, text));
        }
    }
    count(Check::Words, found)
}

/// Returns, for each area, the percentage of doc comments that open with a fragment, rounded up.
pub(super) fn openers(
    rules: &LanguageRules,
    tree: &FileTree,
    sources: &[SourceFile],
) -> Vec<Measure> {
    let opens = |doc: &Line| opens_with_fragment(rules, &doc.text);
    let mut measures = docs(Check::Openers, tree, sources, opens);
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
    docs(Check::Stubs, tree, sources, short)
}

/// Counts, for each area, the doc comments for which `is_wrong` returns true.
fn docs(
    check: Check,
    tree: &FileTree,
    sources: &[SourceFile],
    is_wrong: impl Fn(&Line) -> bool,
) -> Vec<Measure> {
    let mut found = Vec::new();
    for source in sources {
        for doc in source.docs.iter().filter(|doc| is_wrong(doc)) {
            let text = first_line(&doc.text).to_owned();
            found.push((tree.area(&source.file), source.file.as_str(), doc.number, text));
        }
    }
    count(check, found)
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
