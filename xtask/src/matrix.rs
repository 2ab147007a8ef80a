//! Writes the table of test results by script and kernel in docs/kernels.md.

use anyhow::Result;

use crate::arch::Arch;
use crate::section::Section;
use crate::tally::ScriptResult;

const SECTION: Section = Section::new("docs/kernels.md", "cargo xtask test --all-kernels");
const ARM64: Section =
    Section::new("docs/kernels.md", "cargo xtask test --all-kernels --arch arm64");

/// Writes the results of a complete run, or those of a filtered run into their cells. Adds rows for new scripts; ignores
/// results of a filtered run for kernel releases without a column.
pub(crate) fn write(arch: &Arch, results: &[ScriptResult], is_complete: bool) -> Result<()> {
    let section = if arch.is_foreign() { &ARM64 } else { &SECTION };
    // Without --arch, some results are of arm64.
    let is_ours = |result: &&ScriptResult| result.guest.starts_with("arm64-") == arch.is_foreign();
    let results: Vec<ScriptResult> = results.iter().filter(is_ours).cloned().collect();
    let table = if is_complete { table(&results) } else { updated(&section.read()?, &results) };
    section.write(&table)
}

fn updated(table: &str, results: &[ScriptResult]) -> String {
    let name_of = |line: &str| line.split('|').nth(1).unwrap_or_default().trim().to_owned();
    let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
    let Some(head) = lines.first().cloned() else { return String::new() };
    let headings: Vec<&str> = head.split('|').map(str::trim).collect();
    for result in results {
        // The first two lines are the heading; the rows are sorted by script.
        let rows = lines.get(2..).unwrap_or_default();
        let row = rows.iter().take_while(|line| name_of(line) < result.script).count() + 2;
        if lines.get(row).is_none_or(|line| name_of(line) != result.script) {
            let cells = "  |".repeat(headings.len().saturating_sub(3));
            lines.insert(row.min(lines.len()), format!("| {} |{cells}", result.script));
        }
        if let Some(column) = headings.iter().position(|name| *name == heading(result)) {
            let cell = format!(" {} ", cell(result));
            let old = lines[row].split('|').enumerate();
            let new: Vec<&str> =
                old.map(|(at, old)| if at == column { &cell } else { old }).collect();
            lines[row] = new.join("|");
        }
    }
    lines.join("\n") + "\n"
}

/// Returns the heading of a guest's column.
fn heading(result: &ScriptResult) -> String {
    let variants = [("-unmitigated", " mitigations=off"), ("-pauth", " with pauth")];
    let variant = variants.iter().find(|(suffix, _)| result.guest.ends_with(suffix));
    format!("{}{}", result.release, variant.map_or("", |(_, text)| text))
}

fn cell(result: &ScriptResult) -> String {
    match result {
        ScriptResult { passed: 0, failed: 0, .. } => "skipped".to_owned(),
        ScriptResult { passed, failed: 0, skipped: 0, .. } => passed.to_string(),
        ScriptResult { passed, failed: 0, skipped, .. } => format!("{passed}, {skipped} skipped"),
        ScriptResult { passed, failed, .. } => format!("{passed}, **{failed} failed**"),
    }
}

/// Returns the table with a row for each script and a column for each guest.
fn table(results: &[ScriptResult]) -> String {
    let mut guests: Vec<&ScriptResult> = results.iter().collect();
    guests.sort_by_key(|one| (version(&one.release), one.guest.as_str()));
    guests.dedup_by_key(|one| one.guest.as_str());
    let headings: Vec<String> = guests.iter().map(|guest| heading(guest)).collect();
    let rule = " | ---".repeat(guests.len());
    updated(&format!("| | {} |\n| ---{rule} |\n", headings.join(" | ")), results)
}

/// Returns the numbers in a kernel release, as a key for sorting.
fn version(release: &str) -> Vec<u32> {
    release.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_scripts_and_columns_are_guests() {
        let one =
            |guest: &str, release: &str, script: &str, passed, failed, skipped| ScriptResult {
                guest: guest.to_owned(),
                release: release.to_owned(),
                script: script.to_owned(),
                passed,
                failed,
                skipped,
            };
        let results = [
            one("6.12", "6.12.117+deb12", "story", 22, 0, 0),
            one("6.12-unmitigated", "6.12.117+deb12", "story", 21, 1, 0),
            one("7", "7.2.13", "story", 0, 0, 1),
            one("5.10", "5.10.0-46", "boot", 13, 0, 1),
        ];
        assert_eq!(
            table(&results),
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
            updated(&table(&results), &again),
            table(&results).replace("21, **1 failed**", "22"),
            "results of a release without a column are ignored"
        );
        let new = [one("6.12", "6.12.117+deb12", "slow", 14, 0, 0)];
        let rows = |table: &str| table.lines().map(str::to_owned).collect::<Vec<_>>();
        let mut expected = rows(&table(&results));
        expected.insert(3, "| slow |  | 14 |  |  |".to_owned());
        assert_eq!(rows(&updated(&table(&results), &new)), expected);
    }
}
