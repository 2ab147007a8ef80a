//! SQ203: torn record.
//!
//! Trigger: a read ended inside of a record; a later one, of another generation, went on from that
//! offset, and there the record begins at the same offset but was rendered with another text or
//! length: the reader has a part of each. It is information for files whose text is known to change.

use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::bench::{Bench, Draft};
use crate::rules::hooks::{Context, Delivery, Hooks};
use crate::rules::ledger::entries::Entry;
use crate::rules::rule::Rule;
use crate::session::update::Range;

/// See the [module](self).
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

/// Borders inside of records that are remembered.
const CUTS: usize = 8;

/// Where reads ended inside of records.
#[derive(Debug, Default)]
pub(super) struct State(Vec<Cut>);

#[derive(Clone, Copy, Debug)]
struct Cut {
    offset: i64,
    entry: Entry,
    generation: u32,
}

impl Hooks for State {
    fn on_delivered(&mut self, cx: &mut Context<'_>, delivery: &mut Delivery) {
        let Context { ledger, history, bench, .. } = cx;
        let (range, generation, entries) = (delivery.range, ledger.generation, &ledger.entries);
        let cut = self.0.iter().find(|cut| cut.offset == range.start).copied();
        if let (Some(cut), Some(now)) = (cut, entries.covering(range.start)) {
            let same_place = now.start == cut.entry.start && cut.generation != generation;
            if same_place && cut.entry.same_text(now) == Some(false) {
                raise(&cut, now, range, history.is_volatile(), bench);
            }
        }
        self.0.retain(|cut| cut.offset != range.end && cut.offset != range.start);
        if let Some(entry) = entries.covering(range.end).filter(|entry| entry.start < range.end) {
            if self.0.len() >= CUTS {
                self.0.remove(0);
            }
            self.0.push(Cut { offset: range.end, entry: *entry, generation });
        }
    }
}

fn raise(cut: &Cut, now: &Entry, range: Range, volatile: bool, bench: &mut Bench) {
    let severity = if volatile { Severity::Info } else { Severity::Warning };
    let cause = bench.root();
    bench.raise(&RULE, severity, || {
        let offset = cut.offset;
        let end = now.end().min(range.end);
        let place = format!("pos {}: bytes {}..{offset}", now.pos, now.start);
        let message = if now.len == cut.entry.len {
            format!("{place} are of one rendering, {offset}..{end} of another with other text")
        } else {
            let (before, after) = (cut.entry.len, now.len);
            format!(
                "{place} are of a rendering of {before} bytes, {offset}..{end} of one of {after}"
            )
        };
        Draft::new(message)
            .blame(Role::Show)
            .because(cause)
            .with("before", Value::Range(cut.entry.range()))
            .with("now", Value::Range(now.range()))
            .with("position", Value::Position(now.pos))
            .with("pointer", Value::Pointer(now.ptr))
    });
}
