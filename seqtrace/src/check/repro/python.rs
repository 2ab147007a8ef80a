//! Creates Python commands, for system calls that the tools of coreutils and busybox cannot make: backward seeks,
//! pread(2), readv(2) and sendfile(2).

use std::collections::BTreeMap;

use super::{
    facts::Facts,
    list::failure,
    ops::sendfile,
    script::{Script, TrialStep},
};
use crate::check::{
    call::Syscall,
    oracle::DifferenceKind,
    plan::{self, Kind, LARGE, PAGE, Shape, Slot, Step},
    verdict::{Failure, Report},
};

/// Largest number of bytes that a command prints at an offset.
const MAX_PRINTED: u64 = 64;
/// Largest number of system calls of a command.
const MAX_CALLS: usize = 12;

/// Returns scripts for the plans whose bytes differ, the shortest first.
pub(super) fn scripts(report: &Report, shape: &Shape, facts: &Facts) -> Vec<Script> {
    let mut scripts = Vec::new();
    for plan in &report.plans {
        let Some(failure) = failure(plan) else { continue };
        if let DifferenceKind::Astray { .. } = failure.difference.what {
            scripts.push(Script::Lseek { to: failure.at });
        }
        match plan.kind {
            Kind::Vectored => {
                let record = facts.record;
                let wants = [vec![record, record], vec![1, 26, 100], vec![1, record, record]];
                let readv = |wants| TrialStep::read(Step::Vectored { slot: 0, wants }, true);
                scripts.extend(wants.map(|wants| Script::Python(vec![readv(wants)])));
            }
            Kind::Splice => scripts.push(Script::Python(vec![sendfile(facts)])),
            Kind::End | Kind::Pread | Kind::Seek | Kind::Rewind => {
                scripts.extend(at(failure.at, facts).map(Script::Python));
                scripts.extend(from_plan(shape, plan.kind, failure).map(Script::Python));
            }
            _ => {}
        }
    }
    scripts
}

/// Returns several lists of calls that read at an offset.
fn at(at: u64, facts: &Facts) -> impl Iterator<Item = Vec<TrialStep>> + use<> {
    let want = facts.record.clamp(1, MAX_PRINTED);
    let hidden = |want| TrialStep::read(Step::Read { slot: 0, want }, false);
    let printed = TrialStep::read(Step::Read { slot: 0, want }, true);
    let pread = |at| TrialStep::read(Step::Pread { slot: 0, at, want }, true);
    let seek = TrialStep::seek;
    let mut ways = vec![vec![pread(at)], vec![pread(facts.middle)]];
    for first in [facts.record, LARGE] {
        ways.push(vec![hidden(first), seek(0), printed.clone()]);
        ways.push(vec![hidden(first), seek(at), printed.clone()]);
        ways.push(vec![hidden(first), pread(at)]);
        ways.push(vec![hidden(first), pread(0)]);
    }
    let byte = TrialStep::read(Step::Pread { slot: 0, at, want: 1 }, false);
    ways.push(vec![hidden(facts.record), byte, printed.clone()]);
    ways.push(vec![hidden(LARGE), hidden(LARGE), seek(0), printed]);
    ways.into_iter()
}

/// Returns the calls of a plan on the descriptor whose bytes differed, up to the call that got these bytes; `None` if
/// the calls are unknown or too many.
fn from_plan(shape: &Shape, kind: Kind, failure: &Failure) -> Option<Vec<TrialStep>> {
    let plan = plan::all(shape).into_iter().find(|plan| plan.kind == kind)?;
    // The file offset of each descriptor, and the calls on it.
    let mut descriptors: BTreeMap<Slot, (u64, Vec<TrialStep>)> = BTreeMap::new();
    for act in plan.acts {
        let (at, ops) = descriptors.entry(act.step.slot()).or_default();
        let call = match act.step {
            Step::Read { want, .. } | Step::Until { block_bytes: want, .. } => {
                (Syscall::Read, *at, want)
            }
            Step::Pread { at, want, .. } => (Syscall::Pread, at, want),
            _ => (Syscall::Open, 0, 0),
        };
        ops.extend(ops_of(&act.step, shape, at)?);
        if call == (failure.syscall, failure.at, failure.want)
            && let Some(last) = ops.last_mut()
        {
            if let Step::Read { want, .. } | Step::Pread { want, .. } = &mut last.step {
                *want = (*want).min(MAX_PRINTED);
            }
            *last = TrialStep::read(last.step.clone(), true);
            return (ops.len() <= MAX_CALLS).then(|| ops.clone());
        }
    }
    None
}

/// Returns the calls of a step, which print nothing; `None` if the calls are not known. Advances `at`, the file offset,
/// as the step does for a correct file.
fn ops_of(step: &Step, shape: &Shape, at: &mut u64) -> Option<Vec<TrialStep>> {
    let read = |want| TrialStep::read(Step::Read { slot: 0, want }, false);
    let moved = |at: u64, want: u64| at.saturating_add(want).min(shape.len.max(at));
    Some(match *step {
        Step::Open { .. } | Step::Close { .. } => Vec::new(),
        Step::Read { want, .. } => {
            *at = moved(*at, want);
            vec![read(want)]
        }
        Step::Until { block_bytes, to, .. } => {
            let left = to.saturating_sub(*at);
            // Upper bound of the number of calls: the core may return a page at a time.
            let times = left.div_ceil(block_bytes.clamp(1, PAGE)) + 1;
            *at = moved(*at, left);
            (0..times.min(MAX_CALLS as u64 + 1)).map(|_| read(block_bytes)).collect()
        }
        Step::Pread { at, want, .. } => {
            vec![TrialStep::read(Step::Pread { slot: 0, at, want }, false)]
        }
        Step::Seek { to, .. } => {
            *at = to;
            vec![TrialStep::seek(to)]
        }
        Step::Skip { by, .. } => {
            *at = at.saturating_add_signed(by);
            vec![TrialStep::seek(*at)]
        }
        Step::Sizes { .. } | Step::Vectored { .. } | Step::Splice { .. } => return None,
    })
}
