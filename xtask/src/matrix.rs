//! What was tested on which kernel, as a table in docs/kernels.md.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};

use crate::e2e::Outcome;
use crate::paths;

const BEGIN: &str = "<!-- written by cargo xtask test --all-kernels -->\n";
const END: &str = "<!-- end -->\n";

const DOCUMENT: &str = "docs/kernels.md";

/// Puts the table between its marks.
pub(crate) fn write(outcomes: &[Outcome]) -> Result<()> {
    between_marks(DOCUMENT, BEGIN, &table(outcomes))
}

/// Puts what was run again in its cells of the table that is there. What has no cell is left out.
pub(crate) fn update(outcomes: &[Outcome]) -> Result<()> {
    let path = paths::root().join(DOCUMENT);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let old = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
    let (old, _) = old.with_context(|| format!("no marks in {}", path.display()))?;
    between_marks(DOCUMENT, BEGIN, &updated(old, outcomes))
}

fn updated(table: &str, outcomes: &[Outcome]) -> String {
    let heads: Vec<&str> = table.lines().next().unwrap_or_default().split('|').collect();
    let mut text = String::new();
    let name_of = |line: &str| line.split('|').nth(1).unwrap_or_default().trim().to_owned();
    let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
    for Outcome { script, .. } in outcomes {
        // Behind the heading, in order.
        let rows = lines.get(2..).unwrap_or_default();
        let before = rows.iter().take_while(|line| name_of(line) < *script).count() + 2;
        if lines.get(before).is_none_or(|line| name_of(line) != *script) {
            let cells = "  |".repeat(heads.len().saturating_sub(3));
            lines.insert(before.min(lines.len()), format!("| {script} |{cells}"));
        }
    }
    for line in lines {
        let mut cells: Vec<String> = line.split('|').map(str::to_owned).collect();
        for outcome in outcomes {
            let column = heads.iter().position(|name| name.trim() == head(outcome));
            let is_row = cells.get(1).is_some_and(|name| name.trim() == outcome.script);
            if let Some(cell) = column.filter(|_| is_row).and_then(|at| cells.get_mut(at)) {
                *cell = format!(" {} ", cell_of(outcome));
            }
        }
        text.push_str(&cells.join("|"));
        text.push('\n');
    }
    text
}

/// What a guest's column is called.
fn head(outcome: &Outcome) -> String {
    let boot = if outcome.guest.ends_with("-unmitigated") { " mitigations=off" } else { "" };
    format!("{}{boot}", outcome.release)
}

fn cell_of(outcome: &Outcome) -> String {
    match outcome {
        Outcome { passed: 0, failed: 0, .. } => "skipped".to_owned(),
        Outcome { passed, failed: 0, skipped: 0, .. } => passed.to_string(),
        Outcome { passed, failed: 0, skipped, .. } => format!("{passed}, {skipped} skipped"),
        Outcome { passed, failed, .. } => format!("{passed}, **{failed} failed**"),
    }
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
    let mut guests: Vec<&Outcome> = Vec::new();
    for outcome in outcomes {
        if !guests.iter().any(|known| known.guest == outcome.guest) {
            guests.push(outcome);
        }
    }
    guests.sort_by_key(|one| (version(&one.release), one.guest.as_str()));
    let scripts: BTreeSet<&str> = outcomes.iter().map(|one| one.script.as_str()).collect();
    let mut text = String::from("|");
    for guest in &guests {
        let _infallible = write!(text, " | {}", head(guest));
    }
    text.push_str(" |\n| ---");
    text.push_str(&" | ---".repeat(guests.len()));
    text.push_str(" |\n");
    for script in scripts {
        let _infallible = write!(text, "| {script}");
        for Outcome { guest, .. } in &guests {
            let of = |one: &&Outcome| one.guest == *guest && one.script == script;
            let cell = outcomes.iter().find(of).map(cell_of).unwrap_or_default();
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
        let again = [
            one("6.12-unmitigated", "6.12.117+deb12", "story", 22, 0, 0),
            one("6.12", "6.12.118+deb12", "story", 1, 0, 0),
        ];
        assert_eq!(
            updated(&table(&outcomes), &again),
            table(&outcomes).replace("21, **1 failed**", "22"),
            "of another release nothing is said here"
        );
        let new = [one("6.12", "6.12.117+deb12", "slow", 14, 0, 0)];
        let rows = |table: &str| table.lines().map(str::to_owned).collect::<Vec<_>>();
        let mut expected = rows(&table(&outcomes));
        expected.insert(3, "| slow |  | 14 |  |  |".to_owned());
        assert_eq!(rows(&updated(&table(&outcomes), &new)), expected);
    }
}
