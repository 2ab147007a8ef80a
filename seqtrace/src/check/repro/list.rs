//! Lists the commands to try for a report, in order.
//!
//! Commands that read in the manner of a plan whose bytes differed come first. All others follow: a trial is confirmed
//! by its output alone.

use super::{
    doubles,
    facts::Facts,
    measure::Measure,
    python,
    script::{Fault, Part, READS, Script, reads},
    trial::Trial,
};
use crate::{
    check::{
        oracle::End,
        plan::{Kind, LARGE, PAGE, Shape},
        verdict::{Failure, PlanOutcome, PlanReport, Report, is_bad},
    },
    rules::{Id, SQ105, SQ301, SQ302, SQ304, SQ401, SQ402, SQ403, SQ501},
};

/// Largest block of dd, in bytes.
const BLOCK: u64 = 1 << 20;
/// Largest number of reads of a trial whose manner of reading made no difference in the plans.
const FEW: u64 = 1024;
/// Smallest number of reads that proves that a file has no end.
const MANY: u64 = 1000;
/// Largest number of turns of two descriptors.
const TURNS: u64 = 24;
/// Rules about faults that do not change the bytes that a reader gets: leaks, and time.
const UNSEEN: [Id; 5] = [SQ301, SQ401, SQ402, SQ403, SQ501];

/// Returns the trials of a report, the most promising first.
pub(crate) fn trials(report: &Report, shape: &Shape) -> Vec<Trial> {
    let facts = Facts::of(report, shape);
    let groups = [
        (is_sequential as fn(Kind) -> bool, sequential(&facts)),
        (|kind| SEEKING.contains(&kind), seeking(report, &facts)),
        (Kind::is_shared, shared(&facts)),
    ];
    let differs = |is_in: fn(Kind) -> bool| {
        report.plans.iter().any(|plan| is_in(plan.kind) && failure(plan).is_some())
    };
    let visible = report.plans.iter().any(PlanReport::failed)
        || report
            .found
            .iter()
            .any(|found| is_bad(&found.finding) && !UNSEEN.contains(&found.finding.id));
    let (seen, other): (Vec<_>, Vec<_>) =
        groups.into_iter().partition(|(is_in, _)| differs(*is_in));
    let mut scripts: Vec<Script> = Vec::new();
    let endless = report.found.iter().any(|found| found.finding.id == SQ105);
    if endless && report.volatile {
        scripts.extend(past_end(&facts));
    }
    scripts.extend(seen.into_iter().flat_map(|(_, scripts)| scripts));
    if visible {
        scripts.extend(past_end(&facts));
        let cheap = |script: &Script| cost(script, &facts) <= FEW;
        scripts.extend(other.into_iter().flat_map(|(_, scripts)| scripts).filter(cheap));
    }
    if report.volatile {
        // A command that can be judged by a property other than all its bytes is more likely to be confirmed.
        let (numbers, text): (Vec<_>, Vec<_>) =
            scripts.into_iter().partition(|script| Measure::of(script, &facts).len() > 1);
        scripts = [numbers, text].concat();
    }
    let fails = matches!(report.end, Some(End::Error(_))) && report.bytes > 0;
    let wholes = visible.then(|| whole(report)).into_iter().flatten();
    let all = (fails.then_some(Script::Whole(Fault::Fails)).into_iter())
        .chain(scripts)
        .chain(wholes)
        .chain(python::scripts(report, shape, &facts));
    let mut trials: Vec<Trial> = Vec::new();
    for script in all {
        if trials.iter().all(|trial| trial.script != script) {
            trials.push(Trial { script, facts: facts.clone() });
        }
    }
    trials
}

const SEEKING: [Kind; 4] = [Kind::End, Kind::Pread, Kind::Seek, Kind::Rewind];

fn is_sequential(kind: Kind) -> bool {
    !SEEKING.contains(&kind) && !kind.is_shared() && kind != Kind::Splice
}

/// Returns the difference of a plan, even if the file changes; `None` if the plan agrees or is excused.
pub(super) fn failure(plan: &PlanReport) -> Option<&Failure> {
    plan.outcome.failure().filter(|_| !matches!(plan.outcome, PlanOutcome::Excused(_)))
}

/// Returns the approximate number of reads of a script.
fn cost(script: &Script, facts: &Facts) -> u64 {
    match script {
        Script::Parts(parts) => parts.iter().map(|part| part.cost(facts)).sum(),
        Script::Endless { count, .. } => *count,
        Script::Turns { turns, .. } => 2 * turns,
        Script::Between { .. } => 2 * reads(LARGE, facts),
        Script::Python(_) | Script::Lseek { .. } | Script::Whole(_) => 0,
    }
}

/// Returns scripts that read from the beginning to the end in blocks.
fn sequential(facts: &Facts) -> Vec<Script> {
    let record = facts.record;
    let blocks = [record, record + 1, facts.first, 7, 64, PAGE, record - 1, 1];
    let blocks = blocks.into_iter().filter(|block_bytes| *block_bytes > 0);
    let short_long = |first| Script::Parts(vec![Part::dd(first, 0, Some(1)), Part::REST]);
    blocks
        .map(|block_bytes| Script::dd(block_bytes, 0, None))
        .chain([7, record].map(short_long))
        .collect()
}

/// Returns scripts that seek forward on a descriptor, as dd can.
fn seeking(report: &Report, facts: &Facts) -> Vec<Script> {
    let mut scripts = Vec::new();
    // A faulty seek is easiest to detect at the end of the file, where a read should get nothing.
    let mut offsets = Vec::new();
    for plan in report.plans.iter().filter(|plan| SEEKING.contains(&plan.kind)) {
        let Some(failure) = failure(plan) else { continue };
        offsets.extend(match plan.kind {
            Kind::End => [facts.len, failure.at],
            _ => [failure.at, facts.middle],
        });
    }
    offsets.extend([facts.len, facts.middle, facts.first]);
    for (block_bytes, skip) in offsets.into_iter().filter_map(blocks) {
        scripts.extend([None, Some(1)].map(|count| Script::dd(block_bytes, skip, count)));
    }
    // On a descriptor that was read before.
    let record = facts.record;
    let then =
        |first: Part, skip: u64| Script::Parts(vec![first.hidden(), Part::dd(record, skip, None)]);
    let records = facts.len / record;
    for skip in [1, 9, records / 2, records] {
        if skip > 0 && record <= BLOCK {
            scripts.push(then(Part::dd(record, 0, Some(1)), skip));
        }
    }
    if facts.first_read_end < facts.len {
        for skip in [1, (facts.len - facts.first_read_end) / record / 2] {
            scripts.push(then(Part::dd(LARGE, 0, Some(1)), skip.max(1)));
        }
    }
    scripts.push(then(Part::REST, 1));
    // Far past the end, where a read gets nothing, even if numbers in the file grow longer.
    let far = (2 * facts.len + 2 * PAGE).next_power_of_two();
    if facts.complete && far <= BLOCK {
        scripts.push(Script::dd(far, 1, None));
    }
    scripts
}

/// Splits an offset into the size of a block in bytes and a number of blocks.
fn blocks(offset: u64) -> Option<(u64, u64)> {
    let fits = |skip: &u64| offset.is_multiple_of(*skip) && offset / skip <= BLOCK;
    let skip = (1..=1 << 14).find(fits).filter(|_| offset > 0)?;
    Some((offset / skip, skip))
}

/// Returns scripts that read through two descriptors.
fn shared(facts: &Facts) -> Vec<Script> {
    let turns = |block_bytes: u64| Script::Turns {
        block_bytes,
        turns: facts.len.div_ceil(block_bytes.max(1)).clamp(1, TURNS),
    };
    let between = Script::Between { first: facts.first };
    vec![turns(facts.first), turns(facts.record), turns(64), between]
}

/// Returns scripts that read on at the end of the file.
fn past_end(facts: &Facts) -> Vec<Script> {
    if !facts.complete {
        return Vec::new();
    }
    let endless = [1, 7, facts.record + 1].map(|block_bytes| {
        let count = (2 * facts.len / block_bytes + 1).next_multiple_of(MANY);
        (count <= READS).then_some(Script::Endless { block_bytes, count })
    });
    let twice = [LARGE, facts.record].map(|block_bytes| {
        let part = Part::dd(block_bytes, 0, None);
        (reads(block_bytes, facts) < FEW).then(|| Script::Parts(vec![part, part]))
    });
    endless.into_iter().chain(twice).flatten().collect()
}

/// Returns scripts for the faults that a whole read alone may reveal.
fn whole(report: &Report) -> impl Iterator<Item = Script> {
    let has =
        |id| report.found.iter().any(|found| found.finding.id == id && is_bad(&found.finding));
    let by_rule = [(SQ105, Fault::Endless), (SQ302, Fault::Empty), (SQ304, Fault::Silent)];
    let broken = by_rule.into_iter().filter(move |(id, _)| has(*id)).map(|(_, fault)| fault);
    doubles::pair(report).map(Fault::Double).into_iter().chain(broken).map(Script::Whole)
}
