//! SQ201: double emit.
//!
//! Trigger: two accepted renderings of one generation are of one record, at disjoint file offsets,
//! and the later one was delivered. That they are of one record needs witnesses that agree: the
//! text (or, where it was not kept, its length) and the position or an informative pointer. A resume
//! must lie between them, or next must have returned what it was given; the same object reached by
//! an uninterrupted walk is linked twice, and its file is right.
//!
//! Overflow, a dropped tail, EFAULT, rewind and replay are none of this by construction: rejected
//! renderings are not in the ledger, and a traversal begins a new generation.

use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::bench::{Bench, Draft};
use crate::rules::hooks::{Accepted, Context, Delivery, Hooks};
use crate::rules::ledger::Double;
use crate::rules::ledger::identity::{Identity, Pointers, Trust, witnesses};
use crate::rules::rule::Rule;
use crate::session::update::Range;

/// See the [module](self).
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

/// Doubles that were rendered, until the reader has them.
#[derive(Debug, Default)]
pub(super) struct State {
    first: Option<Double>,
    /// File offsets of all, ascending.
    starts: Vec<i64>,
    /// Delivered, but only pointers say so, and it is not known what they mean.
    weak: Option<(Double, u64)>,
}

impl Hooks for State {
    /// What was not delivered never will be.
    fn forget(&mut self) {
        self.first = None;
        self.starts.clear();
    }

    #[inline]
    fn on_accept(&mut self, _: &mut Context<'_>, accepted: &Accepted<'_>) {
        let Some(double) = accepted.double else { return };
        if self.starts.is_empty() {
            self.first = Some(*double);
        }
        self.starts.push(double.later.start);
    }

    fn on_delivered(&mut self, cx: &mut Context<'_>, delivery: &mut Delivery) {
        let (end, root) = (delivery.range.end, delivery.root);
        delivery.doubles = self.delivered(end, root, &cx.history.pointers, cx.bench);
    }
}

impl State {
    /// The reader got all bytes up to `end`. How many doubles were among them.
    fn delivered(
        &mut self,
        end: i64,
        root: Option<Id>,
        pointers: &Pointers,
        bench: &mut Bench,
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
                raise(&first, count, root, bench);
            }
            self.first = (!self.starts.is_empty()).then_some(first);
        }
        if let Some((first, sum)) = self.weak.take() {
            // Only addresses are ever doubted.
            let identity = Identity::Pointer(first.later.key);
            match pointers.trust(identity, identity) {
                Trust::Firm => raise(&first, sum, root, bench),
                Trust::Weak => self.weak = Some((first, sum)),
                Trust::None => {}
            }
        }
        count
    }
}

fn raise(double: &Double, count: u64, root: Option<Id>, bench: &mut Bench) {
    let Double { earlier, later, agree: (pos, pointer, bytes), weak: _, time } = *double;
    bench.raise_many(&RULE, Severity::Error, count, || {
        let place = |range: Range| format!("{}..{}", range.start, range.end);
        let how = if earlier.passed_over { "passed over" } else { "emitted" };
        let at =
            if later.pos == earlier.pos { String::new() } else { format!(" at pos {}", later.pos) };
        let walked = earlier.pass == later.pass;
        let role = match root.and_then(Id::culprit) {
            Some(role) => role,
            // Both came from one walk, which next leads.
            None if walked => Role::Next,
            None => Role::Start,
        };
        Draft::new(format!(
            "pos {} ({:?}) {how} as bytes {}, emitted again{at} as {}",
            earlier.pos,
            later.ptr,
            place(earlier.range()),
            place(later.range())
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
        .because(root)
    });
}
