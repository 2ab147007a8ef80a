//! SQ501: held long.
//!
//! Trigger: the time from the return of start to that of stop exceeds a threshold. Time before
//! start returns may be spent waiting, without a lock.

use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::collector::{FindingBuilder, FindingCollector};
use crate::rules::hooks::{Context, Hooks, Returned};
use crate::rules::rule::Rule;

pub(super) static RULE: Rule = Rule {
    id: Id(501),
    name: "held long",
    least: Severity::Info,
    most: Severity::Info,
    culprit: None,
    what: "A pass took longer than the threshold (50 ms) from the return of start() to stop().",
    why: "Whatever start() locks stays locked until stop(): others wait that long, or with RCU or \
        preemption off, nothing else runs.",
    contract: "Locks are taken in start() and dropped in stop(); a pass fills one buffer, so its length \
        is bounded by the records that fit. Documentation/filesystems/seq_file.rst.",
    fix: "Hold less: RCU instead of a mutex, a reference instead of a lock; render less in show(), or \
        what is expensive before start() locks.",
    code: "",
    seen: &["files that walk all tasks or all pages"],
};

/// Longest time that is not reported, ns.
pub(super) const LONG: u64 = 50_000_000;

#[derive(Debug, Default)]
pub(super) struct State;

impl Hooks for State {
    #[inline]
    fn on_stop(&mut self, cx: &mut Context<'_>, stop: &Returned<'_>) {
        if let Some(pass) = &cx.ledger.pass {
            judge(stop.time.saturating_sub(pass.began), cx.findings);
        }
    }
}

/// Checks a pass that took `held` ns from the return of start to that of stop.
fn judge(held: u64, findings: &mut FindingCollector) {
    if held <= LONG {
        return;
    }
    findings.report(&RULE, Severity::Info, || {
        FindingBuilder::new(format!(
            "from the return of start() to stop() took {}.{} ms: what start() locks was held that long",
            held / 1_000_000,
            held / 100_000 % 10
        ))
        .blame(Role::Start)
        .with("ns", Value::Count(held))
    });
}
