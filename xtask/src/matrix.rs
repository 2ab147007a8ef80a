//! What was tested on which kernel, as a table in docs/kernels.md.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};

use crate::e2e::Outcome;
use crate::paths;

const BEGIN: &str = "<!-- written by cargo xtask test --all-kernels -->\n";
const END: &str = "<!-- end -->\n";

/// Puts the table between its marks.
pub(crate) fn write(outcomes: &[Outcome]) -> Result<()> {
    between_marks("docs/kernels.md", BEGIN, &table(outcomes))
}

/// Writes `content` into a document, behind the line `begin` and before the line that ends it.
pub(crate) fn between_marks(document: &str, begin: &str, content: &str) -> Result<()> {
    let path = paths::root().join(document);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (before, rest) =
        text.split_once(begin).with_context(|| format!("no mark in {}", path.display()))?;
    let (_, after) =
        rest.split_once(END).with_context(|| format!("no second mark in {}", path.display()))?;
    fs::write(&path, format!("{before}{begin}{content}{END}{after}"))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// A row a script, a column a guest.
fn table(outcomes: &[Outcome]) -> String {
    let mut guests: Vec<(&str, &str)> = Vec::new();
    for Outcome { guest, release, .. } in outcomes {
        if !guests.iter().any(|(known, _)| known == guest) {
            guests.push((guest, release));
        }
    }
    guests.sort_by_key(|(guest, release)| (version(release), *guest));
    let scripts: BTreeSet<&str> = outcomes.iter().map(|one| one.script.as_str()).collect();
    let mut text = String::from("|");
    for (guest, release) in &guests {
        let boot = if guest.ends_with("-unmitigated") { " mitigations=off" } else { "" };
        let _infallible = write!(text, " | {release}{boot}");
    }
    text.push_str(" |\n| ---");
    text.push_str(&" | ---".repeat(guests.len()));
    text.push_str(" |\n");
    for script in scripts {
        let _infallible = write!(text, "| {script}");
        for (guest, _) in &guests {
            let of = |one: &&Outcome| one.guest == *guest && one.script == script;
            let cell = match outcomes.iter().find(of) {
                None => String::new(),
                Some(Outcome { passed: 0, failed: 0, .. }) => "skipped".to_owned(),
                Some(Outcome { passed, failed: 0, skipped: 0, .. }) => passed.to_string(),
                Some(Outcome { passed, failed: 0, skipped, .. }) => {
                    format!("{passed}, {skipped} skipped")
                }
                Some(Outcome { passed, failed, .. }) => format!("{passed}, **{failed} failed**"),
            };
            let _infallible = write!(text, " | {cell}");
        }
        text.push_str(" |\n");
    }
    text
}

/// Numbers of a release, to sort by.
fn version(release: &str) -> Vec<u32> {
    release.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_a_script() {
        let one = |guest: &str, release: &str, script: &str, passed, failed, skipped| Outcome {
            guest: guest.to_owned(),
            release: release.to_owned(),
            script: script.to_owned(),
            passed,
            failed,
            skipped,
        };
        let outcomes = [
            one("6.12", "6.12.117+deb12", "story", 22, 0, 0),
            one("6.12-unmitigated", "6.12.117+deb12", "story", 21, 1, 0),
            one("7", "7.2.13", "story", 0, 0, 1),
            one("5.10", "5.10.0-46", "boot", 13, 0, 1),
        ];
        assert_eq!(
            table(&outcomes),
            "| | 5.10.0-46 | 6.12.117+deb12 | 6.12.117+deb12 mitigations=off | 7.2.13 |\n\
             | --- | --- | --- | --- | --- |\n\
             | boot | 13, 1 skipped |  |  |  |\n\
             | story |  | 22 | 21, **1 failed** | skipped |\n"
        );
    }
}
