//! SQ201: double emit.
//!
//! Trigger: two accepted renderings of one generation, at disjoint file offsets, are of one record, and the reader got
//! the later one. Witnesses must agree on that: the record bytes (or their number, if the trace has no record bytes),
//! and the position or a pointer that identifies records. A resume must lie between them, or next must have returned
//! the pointer that was passed to it: an object that one uninterrupted walk reaches twice is linked twice, and the file
//! is correct.
//!
//! Overflow, a discarded tail, EFAULT, rewind and replay do not trigger it: discarded renderings
//! are not in the ledger, and a traversal begins a new generation.

use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::collector::{FindingBuilder, FindingCollector};
use crate::rules::hooks::{Accepted, Context, Delivery, Hooks};
use crate::rules::ledger::Duplicate;
use crate::rules::ledger::identity::{Pointers, Trust, witnesses};
use crate::rules::rule::Rule;
use crate::session::update::Range;

pub(super) static RULE: Rule = Rule {
    id: Id(201),
    name: "double emit",
    least: Severity::Error,
    most: Severity::Error,
    culprit: None,
    what: "One record reached the reader at two places of the file, or was passed over on the way to \
        an offset and emitted behind it.",
    why: "The reader counts, adds up or parses a record twice. How often depends on the sizes and \
        offsets of the reads, so it comes and goes with the tool.",
    contract: "Each record of a file has one position, start() resumes at the one it is given, and \
        next() moves to the following one. Documentation/filesystems/seq_file.rst; traverse() and \
        seq_read_iter(), fs/seq_file.c.",
    fix: "Look at the cause: mostly a next() that did not advance *pos (SQ101, SQ102), moved it back \
        (SQ103), or a start() that does not resume where next() was (SQ104). If there is none, next() returned \
        what it was given: where it jumps over empty slots it has to set *pos to the slot of the record it \
        returns.",
    code: "",
    seen: &[
        "8d269a8e2a8f selinux: dd bs=180 skip=1 printed the last line twice",
        "5e698222c702 ipc: ipcs showed items several times",
        "6a2aeab59e97 seq_file: a seek into a record repeated it (the core itself, 4.19 to 5.2)",
    ],
};

/// Duplicates that were not delivered to the reader yet.
#[derive(Debug, Default)]
pub(super) struct State {
    first: Option<Duplicate>,
    /// File offsets of all duplicates, ascending.
    starts: Vec<i64>,
    /// First delivered duplicate for which only pointers are witnesses, while it is unknown whether they identify
    /// records; with the number of such duplicates.
    weak: Option<(Duplicate, u64)>,
}

impl Hooks for State {
    /// Drops the duplicates that were not delivered: they never will be.
    fn forget(&mut self) {
        self.first = None;
        self.starts.clear();
    }

    #[inline]
    fn on_accept(&mut self, _: &mut Context<'_>, accepted: &Accepted<'_>) {
        let Some(duplicate) = accepted.duplicate else { return };
        if self.starts.is_empty() {
            self.first = Some(*duplicate);
        }
        self.starts.push(duplicate.later.start);
    }

    fn on_delivered(&mut self, cx: &mut Context<'_>, delivery: &mut Delivery) {
        let (end, root_cause) = (delivery.range.end, delivery.root_cause);
        delivery.duplicates = self.delivered(end, root_cause, &cx.history.pointers, cx.findings);
        if let Some(root_cause) = root_cause
            .filter(|root_cause| cx.findings.is_firm(*root_cause) && delivery.duplicates > 0)
        {
            cx.ledger.blame(root_cause, true);
        }
    }
}

impl State {
    /// Reports the duplicates below file offset `end`, which the reader got. Returns their number.
    fn delivered(
        &mut self,
        end: i64,
        root_cause: Option<Id>,
        pointers: &Pointers,
        findings: &mut FindingCollector,
    ) -> u64 {
        let count = self.starts.partition_point(|start| *start < end);
        self.starts.drain(..count);
        let count = count as u64;
        if count > 0
            && let Some(first) = self.first.take()
        {
            if first.weak {
                let sum = self.weak.map_or(count, |(_, sum)| sum + count);
                self.weak = Some((self.weak.map_or(first, |(weak, _)| weak), sum));
            } else {
                report(&first, count, root_cause, findings);
            }
            self.first = (!self.starts.is_empty()).then_some(first);
        }
        if let Some((first, sum)) = self.weak.take() {
            match pointers.trust(first.identity, first.identity) {
                Trust::Firm => report(&first, sum, root_cause, findings),
                Trust::Weak => self.weak = Some((first, sum)),
                Trust::None => {}
            }
        }
        count
    }
}

fn report(
    duplicate: &Duplicate,
    count: u64,
    root_cause: Option<Id>,
    findings: &mut FindingCollector,
) {
    let Duplicate { earlier, later, identity: _, agree: (pos, pointer, bytes), weak: _, time } =
        *duplicate;
    findings.report_many(&RULE, Severity::Error, count, || {
        let offsets = |range: Range| format!("{}..{}", range.start, range.end);
        let how = if earlier.passed_over { "passed over" } else { "emitted" };
        let at =
            if later.pos == earlier.pos { String::new() } else { format!(" at pos {}", later.pos) };
        let walked = earlier.pass == later.pass;
        let role = match root_cause.and_then(Id::culprit) {
            Some(role) => role,
            // Both are from one walk, which next leads.
            None if walked => Role::Next,
            None => Role::Start,
        };
        FindingBuilder::new(format!(
            "pos {} ({:?}) {how} as bytes {}, emitted again{at} as {}",
            earlier.pos,
            later.ptr,
            offsets(earlier.range()),
            offsets(later.range())
        ))
        .blame(role)
        .with("first", Value::Range(earlier.range()))
        .with("first", Value::Position(earlier.pos))
        .with("first", Value::Pointer(earlier.ptr))
        .with("again", Value::Range(later.range()))
        .with("again", Value::Position(later.pos))
        .with("again", Value::Pointer(later.ptr))
        .with("again", Value::Event { time, read: Some(later.read).filter(|read| *read > 0) })
        .with("agree", Value::Witnesses(witnesses(pos, pointer, bytes)))
        .because(root_cause)
    });
}
