//! SQ203: torn record.
//!
//! Trigger: a read ended inside of a record; a later one, of another generation, continued at that offset, and there
//! the record begins at the same offset but has other bytes or another length: the reader has a part of each rendering.
//! It is information for files whose contents are known to change.

use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::collector::{FindingBuilder, FindingCollector};
use crate::rules::hooks::{Context, Delivery, Hooks};
use crate::rules::ledger::entries::Entry;
use crate::rules::rule::Rule;
use crate::session::update::Range;

pub(super) static RULE: Rule = Rule {
    id: Id(203),
    name: "torn record",
    least: Severity::Info,
    most: Severity::Warning,
    culprit: None,
    what: "The reader got the beginning of one rendering of a record and the rest of another, different \
        one.",
    why: "A number can have its first digits from one value and the last from another; a line can be \
        one that never was.",
    contract: "What is left of a record is kept for the next read only if that goes on where the last \
        one ended, and nothing happened to the descriptor in between. seq_read_iter(), traverse(), \
        fs/seq_file.c.",
    fix: "A reader reads with a buffer that holds the whole record, or a file at once, and does not seek \
        into the middle. A file renders what belongs together from one snapshot, kept in m->private.",
    code: "",
    seen: &["/proc/stat and other live files read line by line with lseek back"],
};

/// Maximum number of boundaries that are stored.
const BOUNDARIES: usize = 8;

/// File offsets inside records at which reads ended.
#[derive(Debug, Default)]
pub(super) struct State(Vec<ReadBoundary>);

#[derive(Clone, Copy, Debug)]
struct ReadBoundary {
    offset: i64,
    entry: Entry,
    generation: u32,
}

impl Hooks for State {
    fn on_delivered(&mut self, cx: &mut Context<'_>, delivery: &mut Delivery) {
        let Context { ledger, history, findings, .. } = cx;
        let (range, generation, entries) = (delivery.range, ledger.generation, &ledger.entries);
        let boundary = self.0.iter().find(|boundary| boundary.offset == range.start).copied();
        if let (Some(boundary), Some(now)) = (boundary, entries.covering(range.start)) {
            let same_place = now.start == boundary.entry.start && boundary.generation != generation;
            if same_place && boundary.entry.same_bytes(now) == Some(false) {
                report(&boundary, now, range, history.is_volatile(), findings);
            }
        }
        self.0.retain(|boundary| boundary.offset != range.end && boundary.offset != range.start);
        if let Some(entry) = entries.covering(range.end).filter(|entry| entry.start < range.end) {
            if self.0.len() >= BOUNDARIES {
                self.0.remove(0);
            }
            self.0.push(ReadBoundary { offset: range.end, entry: *entry, generation });
        }
    }
}

fn report(
    boundary: &ReadBoundary,
    now: &Entry,
    range: Range,
    volatile: bool,
    findings: &mut FindingCollector,
) {
    let severity = if volatile { Severity::Info } else { Severity::Warning };
    let cause = findings.root_cause();
    findings.report(&RULE, severity, || {
        let offset = boundary.offset;
        let end = now.end().min(range.end);
        let bytes = format!("pos {}: bytes {}..{offset}", now.pos, now.start);
        let message = if now.len == boundary.entry.len {
            format!("{bytes} are of one rendering, {offset}..{end} of another with other text")
        } else {
            let (before, after) = (boundary.entry.len, now.len);
            format!(
                "{bytes} are of a rendering of {before} bytes, {offset}..{end} of one of {after}"
            )
        };
        FindingBuilder::new(message)
            .blame(Role::Show)
            .because(cause)
            .with("before", Value::Range(boundary.entry.range()))
            .with("now", Value::Range(now.range()))
            .with("position", Value::Position(now.pos))
            .with("pointer", Value::Pointer(now.ptr))
    });
}
