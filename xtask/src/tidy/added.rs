//! Finds the lines that were added since the budgets were committed. If a budget is exceeded, these lines are probably
//! the cause.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::Result;

use super::config;
use crate::git;

/// Added lines by file.
#[derive(Debug, Default)]
pub(super) struct AddedLines {
    /// Line numbers in the new file, 1-based.
    lines: BTreeMap<String, Vec<Range<usize>>>,
}

impl AddedLines {
    /// Queries git for the added lines.
    pub(super) fn find() -> Result<Self> {
        let commit = git::run(&["log", "-1", "--format=%H", "--", config::FILE])?;
        let prefixes = ["--src-prefix=a/", "--dst-prefix=b/"];
        let diff = ["diff", "--unified=0", "--no-color", "--no-ext-diff", prefixes[0], prefixes[1]];
        let mut added = Self::parse(&git::run(&[&diff[..], &[commit.trim()]].concat())?);
        for file in git::run(&["ls-files", "--others", "--exclude-standard"])?.lines() {
            added.lines.entry(file.to_owned()).or_default().push(1..usize::MAX);
        }
        Ok(added)
    }

    /// Parses a diff without context lines.
    pub(super) fn parse(diff: &str) -> Self {
        let mut added = Self::default();
        let mut file = "";
        for line in diff.lines() {
            if let Some(name) = line.strip_prefix("+++ b/") {
                file = name;
            } else if let Some(range) = line.strip_prefix("@@ ").and_then(hunk) {
                added.lines.entry(file.to_owned()).or_default().push(range);
            }
        }
        added
    }

    pub(super) fn has(&self, file: &str, line: usize) -> bool {
        self.lines.get(file).is_some_and(|ranges| ranges.iter().any(|range| range.contains(&line)))
    }
}

/// Parses the header of a hunk, `-12,3 +14,2 @@ …`, and returns the lines of the new file.
fn hunk(header: &str) -> Option<Range<usize>> {
    let new = header.split(' ').find_map(|part| part.strip_prefix('+'))?;
    let (start, length) = new.split_once(',').unwrap_or((new, "1"));
    let start: usize = start.parse().ok()?;
    Some(start..start + length.parse::<usize>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_names_added_lines() {
        let added = AddedLines::parse(
            "diff --git a/a.rs b/a.rs\n--- a/a.rs\n+++ b/a.rs\n@@ -1 +2 @@ fn f() {\n-x\n+y\n\
             @@ -7,2 +8,0 @@\n-x\n-x\n@@ -20,0 +19,3 @@\n+x\n+x\n+x\n+++ b/b.rs\n@@ -0,0 +1,2 @@\n",
        );
        let lines = |file| (1..30).filter(|&line| added.has(file, line)).collect::<Vec<_>>();
        assert_eq!(lines("a.rs"), [2, 19, 20, 21]);
        assert_eq!(lines("b.rs"), [1, 2]);
        assert!(lines("c.rs").is_empty());
    }
}
