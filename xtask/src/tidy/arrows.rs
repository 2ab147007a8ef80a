//! Checks that modules of seqtrace and seqtrace-model do not use modules that tidy.toml forbids to them. A dependency
//! between modules is called an arrow.

use std::collections::{BTreeMap, BTreeSet};

use super::config::ArrowRules;
use super::measure::{Check, Measure, Violation, count};
use super::rust::{SourceFile, Token};
use super::size::TestFiles;

/// Folders with the modules that are checked. No two of them have a module of the same name.
const ROOTS: [&str; 2] = ["seqtrace/src/", "seqtrace-model/src/"];

/// Counts, for each forbidden arrow, its uses outside of tests.
pub(super) fn forbidden(rules: &ArrowRules, sources: &[SourceFile]) -> Vec<Measure> {
    let tests = TestFiles::of(sources);
    let forbidden = resolved(rules);
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| !tests.has(&source.file)) {
        let Some(module) = module(&source.file) else { continue };
        let Some(never) = module.first().and_then(|from| forbidden.get(*from)) else { continue };
        for (line, to) in uses(&module, &source.tokens) {
            if never.contains(to) && !source.is_test(line) {
                let arrow = format!("{} -> {to}", module[0]);
                let text = format!("`{}` must not use `{to}`", module[0]);
                let violation = Violation { file: source.file.clone(), line, text };
                found.push((arrow, violation));
            }
        }
    }
    count(Check::Arrows, found)
}

/// Returns, for each module, the modules that it must not use. Adds the members of groups and leaves out the module
/// itself.
fn resolved(rules: &ArrowRules) -> BTreeMap<&str, BTreeSet<&str>> {
    let members = |name: &'_ String| -> Vec<&str> {
        rules
            .groups
            .get(name)
            .map_or_else(Vec::new, |group| group.iter().map(String::as_str).collect())
    };
    let mut forbidden = BTreeMap::new();
    for (from, to) in &rules.forbidden {
        let mut never: BTreeSet<&str> = to.iter().flat_map(members).collect();
        never.extend(to.iter().map(String::as_str));
        never.remove(from.as_str());
        forbidden.insert(from.as_str(), never);
    }
    forbidden
}

/// Returns the module path of a source file: `["probe", "decode"]`; `None` for the root of a crate.
fn module(file: &str) -> Option<Vec<&str>> {
    let path = ROOTS.iter().find_map(|root| file.strip_prefix(root))?.strip_suffix(".rs")?;
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop_if(|last| *last == "mod");
    let root = parts == ["lib"] || parts == ["main"];
    (!root && !parts.is_empty()).then_some(parts)
}

/// Returns the top-level modules that the tokens of a file refer to, with line numbers.
fn uses<'a>(module: &[&str], tokens: &'a [(usize, Token)]) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((_, token)) = tokens.get(at) {
        let Token::Word(word) = token else {
            at += 1;
            continue;
        };
        let is_super =
            |at: usize| matches!(tokens.get(at), Some((_, Token::Word(w))) if w == "super");
        let mut supers = 0;
        let mut next = at + 1;
        if word == "super" {
            supers = 1;
            while is_separator(tokens, next) && is_super(next + 2) {
                supers += 1;
                next += 3;
            }
        }
        let reaches_root = word == "crate" || supers == module.len();
        at = next;
        if reaches_root && is_separator(tokens, next) {
            found.extend(heads(tokens.get(next + 2..).unwrap_or_default()));
            at += 2;
        }
    }
    found
}

fn is_separator(tokens: &[(usize, Token)], at: usize) -> bool {
    let is_colon = |at| matches!(tokens.get(at), Some((_, Token::Mark(':'))));
    is_colon(at) && is_colon(at + 1)
}

/// Returns the name after `crate::`, or the first name of each path in `{…}`, with line numbers.
fn heads(tokens: &[(usize, Token)]) -> Vec<(usize, &str)> {
    let mut heads = Vec::new();
    let mut depth = 0_usize;
    let mut expected = true;
    for (line, token) in tokens {
        match token {
            Token::Word(name) => {
                if expected {
                    heads.push((*line, name.as_str()));
                    expected = false;
                }
            }
            Token::Mark('{') => depth += 1,
            Token::Mark('}') => depth = depth.saturating_sub(1),
            Token::Mark(',') if depth == 1 => expected = true,
            Token::Mark(_) | Token::Literal => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> ArrowRules {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        ArrowRules {
            groups: [("edge".to_owned(), list(&["cli", "output", "probe"]))].into(),
            forbidden: [
                ("session".to_owned(), list(&["edge", "rules"])),
                ("probe".to_owned(), list(&["edge"])),
            ]
            .into(),
        }
    }

    fn found(sources: &[(&str, &str)]) -> Vec<(String, Vec<usize>)> {
        let sources: Vec<SourceFile> =
            sources.iter().map(|(file, text)| SourceFile::parse(file, text).unwrap()).collect();
        let measures = forbidden(&rules(), &sources);
        let lines = |m: &Measure| m.violations.iter().map(|v| v.line).collect();
        measures.iter().map(|m| (m.key.clone(), lines(m))).collect()
    }

    #[test]
    fn paths_from_the_root_are_followed() {
        let text = "use crate::{event::cli, rules::{Id, cli}, output};\nuse crate::cli;\n\
                    fn f() { crate::rules::g(); m!(crate::cli::x) }\npub(crate) struct S;\n";
        assert_eq!(
            found(&[("seqtrace/src/session/mod.rs", text)]),
            [
                ("session -> cli".to_owned(), vec![2, 3]),
                ("session -> output".to_owned(), vec![1]),
                ("session -> rules".to_owned(), vec![1, 3]),
            ]
        );
    }

    #[test]
    fn super_leads_to_the_root_from_the_right_depth() {
        let text = "use super::rules;\nuse super::super::rules;\n";
        assert_eq!(
            found(&[
                ("seqtrace/src/session/a.rs", text),
                ("seqtrace/src/session.rs", text),
                ("seqtrace/src/session/a/b.rs", text),
            ]),
            [("session -> rules".to_owned(), vec![2, 1])]
        );
    }

    #[test]
    fn tests_and_the_module_itself_may() {
        let tests = "use crate::probe::x;\n#[cfg(test)]\nmod tests {\n    use crate::cli;\n}\n";
        assert!(found(&[("seqtrace/src/probe/a.rs", tests)]).is_empty());
        assert!(found(&[("seqtrace/src/session/tests/a.rs", "use crate::cli;")]).is_empty());
        assert!(found(&[("seqtrace/src/lib.rs", "use crate::cli;")]).is_empty());
        assert!(found(&[("xtask/src/session.rs", "use crate::cli;")]).is_empty());
    }
}
