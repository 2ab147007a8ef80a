//! Creates commands with `uniq -d`, for a record that a whole read gets twice.
//!
//! Equal lines alone prove nothing: a blank line or a comment may occur twice. So the command looks at the bytes up
//! to the second of two renderings that a finding has proven to be of one record, and is used only if no other
//! line occurs twice in them.

use super::Repro;
use crate::{
    check::{oracle::End, plan::Kind, verdict::Report},
    rules::{SQ201, Value},
    session::update::Range,
};

/// File offsets of the two renderings of one record in a whole read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) first: Range,
    pub(super) again: Range,
}

/// Returns the first record that was emitted twice in a whole read; `None` if there is none.
pub(super) fn pair(report: &Report) -> Option<Pair> {
    report.found.iter().find_map(|found| {
        let finding = &found.finding;
        if finding.id != SQ201 || found.plans.first() != Some(&Kind::Whole) {
            return None;
        }
        let range = |label| {
            finding.evidence.iter().find_map(|one| match one.value {
                Value::Range(range) if one.label == label => Some(range),
                _ => None,
            })
        };
        Some(Pair { first: range("first")?, again: range("again")? })
    })
}

/// Returns the command that prints nothing but the record; `None` if there is no such command.
pub(super) fn command(pair: &Pair, bytes: &[u8], end: End, source: &str) -> Option<Repro> {
    let index = |at: i64| usize::try_from(at).ok();
    let part = |range: Range| bytes.get(index(range.start)?..index(range.end)?);
    let begins = |at: usize| at == 0 || bytes.get(at - 1) == Some(&b'\n');
    let (first, again) = (index(pair.first.start)?, index(pair.again.start)?);
    let record = part(pair.again)?;
    let is_whole = begins(first) && begins(again) && record.ends_with(b"\n");
    if part(pair.first)? != record || !is_whole || first >= again {
        return None;
    }
    let wanted = lines(record);
    let after = index(pair.again.end)?;
    let is_all = |bytes: &[u8]| {
        duplicates(&lines(bytes)) == duplicates(&[wanted.as_slice(), &wanted].concat())
    };
    let next_to_each_other = wanted.len() == 1 && index(pair.first.end) == Some(again);
    let sorted = if next_to_each_other { "" } else { "sort | " };
    let source = if end == End::Eof && is_all(bytes) {
        source.to_owned()
    } else if is_all(bytes.get(..after)?) {
        format!("{source} | head -c {after}")
    } else {
        return None;
    };
    let count = wanted.len();
    let records = if count == 1 { "line".to_owned() } else { format!("{count} lines") };
    Some(Repro {
        command: format!("{source} | {sorted}uniq -d"),
        shows: format!(
            "the {records} of bytes {}..{} again as {}..{}",
            pair.first.start, pair.first.end, pair.again.start, pair.again.end
        ),
        correct: None,
    })
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Returns the output of `sort | uniq -d` for these lines.
fn duplicates<'a>(lines: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut sorted = lines.to_vec();
    sorted.sort_unstable();
    sorted.chunk_by(|a, b| a == b).filter(|same| same.len() > 1).map(|same| same[0]).collect()
}
