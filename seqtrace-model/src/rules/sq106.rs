//! SQ106: early end.
//!
//! Trigger: next returned NULL and moved `*pos`, the very next start of that generation returns a record for
//! that position, and it is none that was accepted before. A list can have grown between the two, so it is a
//! warning, and only information if there was much time. It is an error once next returns NULL at a position
//! at which a record had been seen before that.

use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::bench::{Bench, Draft};
use crate::rules::history::History;
use crate::rules::ledger::entries::Entry;
use crate::rules::ledger::pass::{End, during};
use crate::rules::rule::Rule;

/// See the [module](self).
pub(super) static RULE: Rule = Rule {
    id: Id(106),
    name: "early end",
    least: Severity::Info,
    most: Severity::Error,
    what: "next() returned NULL though there is a further record: start() finds it at the position that next() \
        had set.",
    why: "NULL from next() ends a pass, not the file, so that cat still gets everything, one short read after \
        another. A pread or lseek ends where next() said so: what lies behind that cannot be reached, or other \
        bytes are found there.",
    contract: "next() returns the record of the position it sets, and NULL only behind the last one. traverse() \
        takes NULL for the end of the file. Documentation/filesystems/seq_file.rst, \"The iterator interface\"; \
        traverse(), fs/seq_file.c.",
    fix: "Let next() advance *pos and return the record that start() returns for that position. Return NULL \
        only where start() returns NULL too.",
    code: "\t++*pos;\n\
        \treturn foo_at(*pos);\t/* the look-up of start() */",
    seen: &[
        "a next() that only says NULL, with a start() that goes on from *pos: one record for each read",
    ],
};

/// A list has hardly grown in so short a time, ns.
const SHORT: u64 = 5_000_000;

/// Reports that next had ended at a position for which start then returned a record, and returns how bad that is.
/// `entry`: that record, which was accepted; `time`: when start returned, ns since boot.
pub(super) fn judge(
    end: &End,
    entry: &Entry,
    time: u64,
    file: &mut History,
    bench: &mut Bench,
) -> Severity {
    let known = file.ends_early(end, time);
    let severity = match time.saturating_sub(end.time) {
        _ if known => Severity::Error,
        ..=SHORT => Severity::Warning,
        _ => Severity::Info,
    };
    bench.raise(&RULE, severity, || {
        let (again, doubt) = if known {
            (", as it had before", "")
        } else {
            ("", "; unless the list grew in between, next() ends too early")
        };
        let pos = end.pos;
        Draft::new(format!(
            "next() returned NULL at position {pos}, {}, and start() returned a further record ({:?}) for that \
             position{again}",
            during(end.phase),
            entry.ptr
        ))
        .unless(doubt)
        .blame(Role::Next)
        .with("position", Value::Position(pos))
        .with("ended", Value::Event { time: end.time, read: end.read })
        .with("record", Value::Pointer(entry.ptr))
        .with("emitted", Value::Range(entry.range()))
    });
    severity
}
