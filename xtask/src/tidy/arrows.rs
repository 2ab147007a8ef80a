//! Checks that modules of seqtrace and seqtrace-model do not use modules that tidy.toml forbids to them. A dependency
//! between modules is called an arrow.

use std::collections::{BTreeMap, BTreeSet};

use super::config::ArrowRules;
use super::measure::{Check, Measure, count};
use super::rust::{Line, SourceFile, group_length};
use super::tree::is_test_file;

/// Folders with the modules that are checked. No two of them have a module of the same name.
const ROOTS: [&str; 2] = ["seqtrace/src/", "seqtrace-model/src/"];

/// Counts, for each forbidden arrow, its uses outside of tests.
pub(super) fn forbidden(rules: &ArrowRules, sources: &[SourceFile]) -> Vec<Measure> {
    let forbidden = resolved(rules);
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| !is_test_file(&source.file)) {
        let Some(module) = module(&source.file) else { continue };
        let Some(never) = module.first().and_then(|from| forbidden.get(*from)) else { continue };
        for Line { number, text: to } in uses(&module, &source.tokens) {
            if never.contains(to.as_str()) && !source.is_test(*number) {
                let arrow = format!("{} -> {to}", module[0]);
                let text = format!("`{}` must not use `{to}`", module[0]);
                found.push((arrow, source.file.as_str(), *number, text));
            }
        }
    }
    count(Check::Arrows, found)
}

/// Returns, for each module, the modules that it must not use. Adds the members of groups and leaves out the module
/// itself.
fn resolved<'a>(rules: &'a ArrowRules) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let members = |name| rules.groups.get(name).into_iter().flatten();
    let resolve = |(from, to): (&'a String, &'a Vec<String>)| {
        let never = to.iter().flat_map(members).chain(to).filter(|name| *name != from);
        (from.as_str(), never.map(String::as_str).collect())
    };
    rules.forbidden.iter().map(resolve).collect()
}

/// Returns the module path of a source file: `["probe", "decode"]`; `None` for the root of a crate.
fn module(file: &str) -> Option<Vec<&str>> {
    let path = ROOTS.iter().find_map(|root| file.strip_prefix(root))?.strip_suffix(".rs")?;
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop_if(|last| *last == "mod");
    let root = parts == ["lib"] || parts == ["main"];
    (!root && !parts.is_empty()).then_some(parts)
}

/// Returns the names of the top-level modules that the tokens of a file refer to.
fn uses<'a>(module: &[&str], tokens: &'a [Line]) -> Vec<&'a Line> {
    let mut found = Vec::new();
    let mut rest = tokens;
    // Length of the path `super::super::…` before `rest`.
    let mut supers = 0;
    while let [token, after @ ..] = rest {
        supers = if token.text == "super" { supers + 1 } else { 0 };
        rest = after;
        if (token.text == "crate" || supers > 0)
            && let [first, second, path @ ..] = after
            && first.text == ":"
            && second.text == ":"
        {
            if token.text == "crate" || supers == module.len() {
                found.extend(heads(path));
            }
            rest = path;
        }
    }
    found
}

/// Returns the name at the beginning of a path, or the first name of each path in `{…}`.
fn heads(path: &[Line]) -> Vec<&Line> {
    let group = path.get(..group_length(path)).unwrap_or_default();
    let [_, paths @ .., _] = group else { return group.iter().collect() };
    let mut heads = Vec::new();
    let mut at = 0;
    while let Some(token) = paths.get(at) {
        if at == 0 || paths[at - 1].text == "," {
            heads.push(token);
        }
        at += group_length(paths.get(at..).unwrap_or_default());
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
            sources.iter().map(|(file, text)| SourceFile::parse(file, text)).collect();
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
