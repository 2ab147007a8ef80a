//! SQ106: early end.
//!
//! Trigger: next returned NULL and moved `*pos`, and the very next start of that generation returns a record for that
//! position that was not accepted earlier. A list can have grown in between, so it is a warning, and only information
//! if there was much time in between. It is an error once next returns NULL at a position at which a record was seen
//! earlier.

use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::collector::FindingBuilder;
use crate::rules::hooks::{Accepted, Context, Hooks};
use crate::rules::ledger::pass::during;
use crate::rules::rule::Rule;

pub(super) static RULE: Rule = Rule {
    id: Id(106),
    name: "early end",
    least: Severity::Info,
    most: Severity::Error,
    culprit: Some(Role::Next),
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

/// Longest time between the next and the start, in ns, in which a list is unlikely to have grown.
const SHORT: u64 = 5_000_000;

#[derive(Debug, Default)]
pub(super) struct State;

impl Hooks for State {
    #[inline]
    fn on_accept(&mut self, cx: &mut Context<'_>, accepted: &Accepted<'_>) {
        if accepted.early.is_some() && cx.ledger.root_cause().is_none() {
            judge(cx, accepted);
        }
    }
}

/// Reports that start returned a record for the position at which next had reported the end of the file.
fn judge(cx: &mut Context<'_>, accepted: &Accepted<'_>) {
    let (Some(end), entry) = (accepted.early, &accepted.new_entry.entry) else { return };
    let time = cx.ledger.pass.as_ref().map_or(accepted.time, |pass| pass.began);
    let known = cx.history.ends_early(&end, time);
    let severity = match time.saturating_sub(end.time) {
        _ if known => Severity::Error,
        ..=SHORT => Severity::Warning,
        _ => Severity::Info,
    };
    cx.findings.report(&RULE, severity, || {
        let (again, doubt) = if known {
            (", as it had before", "")
        } else {
            ("", "; unless the list grew in between, next() ends too early")
        };
        let pos = end.pos;
        FindingBuilder::new(format!(
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
    cx.ledger.blame(RULE.id, severity > Severity::Info);
}
