//! SQ202: lost record.
//!
//! Trigger: next handed out a record, start resumed with another one, the reader read on to the end of the file, and
//! the record never appeared, not even as empty or skipped. It follows from SQ104 and has the same severity.

use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::SQ104;
use crate::rules::collector::FindingBuilder;
use crate::rules::hooks::{Context, Hooks};
use crate::rules::rule::Rule;

pub(super) static RULE: Rule = Rule {
    id: Id(202),
    name: "lost record",
    least: Severity::Warning,
    most: Severity::Error,
    culprit: None,
    what: "A record was handed out by next() and never emitted, though the reader came to the end.",
    why: "The reader takes what it got for all there is. Which records are missing depends on the sizes \
        of its reads.",
    contract: "What next() returned and the core had no room for is asked for again by its position, in \
        the next read. seq_read_iter(), fs/seq_file.c.",
    fix: "Look at the cause: start() does not resume with what next() handed out (SQ104). Where the \
        list really changes, take a position that others' coming and going does not move.",
    code: "",
    seen: &[
        "2d4ecb030dcc cgroup.procs printed 2, 4, 6 for dd bs=1",
        "ipv4: fix off-by-one in continuation handling in /proc/net/route (a route for each page)",
        "proc/mounts: add cursor (mounts were lost when others went)",
    ],
};

#[derive(Debug, Default)]
pub(super) struct State;

impl Hooks for State {
    fn on_end_of_file(&mut self, cx: &mut Context<'_>) {
        judge(cx);
    }
}

fn judge(cx: &mut Context<'_>) {
    // `more`: number of missed records that the ledger did not store.
    let (missed, more) = cx.ledger.take_missed();
    let Some(first) = missed.first() else { return };
    let count = missed.len() as u64 + more;
    let severity = cx.ledger.resume_severity.unwrap_or(Severity::Info).max(Severity::Warning);
    let root_cause = cx.ledger.root_cause();
    cx.findings.report_many(&RULE, severity, count, || {
        let doubt =
            if severity == Severity::Error { "" } else { ", unless it was deleted meanwhile" };
        FindingBuilder::new(format!(
            "{:?} was handed out by next() for position {} and never emitted{doubt}",
            first.ptr, first.pos
        ))
        .blame(Role::Start)
        .with("handed out", Value::Pointer(first.ptr))
        .with("handed out", Value::Position(first.pos))
        .with("handed out", Value::Event { time: first.time, read: first.read })
        .with("lost", Value::Count(count))
        .because(root_cause.or(Some(SQ104)))
    });
}
