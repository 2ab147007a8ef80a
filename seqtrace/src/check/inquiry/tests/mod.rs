//! The inquiry into simulated files: the verdict, the rule that comes first and whom it blames.

mod files;
mod lab;
#[expect(dead_code, reason = "what only the rules need of it")]
#[path = "../../../rules/tests/machine.rs"]
mod machine;

use proptest::prelude::*;

use files::{Kind, lists, make};
use lab::Simulated;

use crate::{
    check::verdict::{PlanOutcome, Report, Verdict, is_bad},
    event::Role,
};

fn report(kind: Kind, list: &[usize], iter: bool) -> Report {
    Simulated::new(make(kind, list), iter).report()
}

/// The first finding, and whom it blames.
fn root(report: &Report) -> Option<(u16, Option<Role>)> {
    let first = report.found.iter().find(|found| is_bad(&found.finding))?;
    let blame = first.finding.blame.as_ref().map(|blame| blame.role);
    Some((first.finding.id.0, blame))
}

/// Findings that are bad and have no cause.
fn roots(report: &Report) -> usize {
    let is_root = |found: &&crate::check::verdict::Found| {
        is_bad(&found.finding) && found.finding.cause.is_none()
    };
    report.found.iter().filter(is_root).count()
}

fn failed(report: &Report) -> bool {
    report.plans.iter().any(|plan| matches!(plan.outcome, PlanOutcome::Fail(_)))
}

#[test]
#[ignore = "for looking at"]
fn look() {
    let list: Vec<usize> = vec![20; 200];
    for kind in [
        Kind::Correct,
        Kind::Allocated,
        Kind::ChangesOnce(9),
        Kind::Clock,
        Kind::StartResets,
        Kind::StartForgets,
        Kind::StartPrints,
        Kind::StartIgnores,
        Kind::NextEnds,
        Kind::SetsBack,
        Kind::SharedCursor,
        Kind::ShowMoves,
        Kind::ShowCounts,
        Kind::StartCounts,
        Kind::Consumed,
        Kind::ResetsAndChanges(9),
    ] {
        for iter in [true, false] {
            let mut lab = Simulated::new(make(kind, &list), iter);
            let report = lab.report();
            println!("== {kind:?} iter {iter}: {:?}, {} plans, volatile {} compared {}", report.verdict, lab.plans, report.volatile, report.bytes_compared);
            for plan in &report.plans {
                print!(" {}:{}", plan.kind.name(), match &plan.outcome { PlanOutcome::Ok => "ok", PlanOutcome::Fail(f) if f.steady => "FAIL", PlanOutcome::Fail(_) => "FAIL~", PlanOutcome::Volatile(_) => "changed", PlanOutcome::Unsettled(_) => "unsure", _ => "-" });
            }
            println!();
            for note in &report.notes { println!("   note {note}"); }
            for found in &report.found {
                let f = &found.finding;
                println!("   {} {:?} {:?} cause {:?}: {}", f.id, f.severity, f.blame.as_ref().map(|b| b.role), f.cause.as_ref().map(|c| c.id), f.message);
            }
            if let Some(r) = &report.repro { println!("   repro {} : {}", r.command, r.shows); }
        }
    }
}
