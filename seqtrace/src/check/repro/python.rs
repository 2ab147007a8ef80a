//! Creates Python commands, for system calls that the tools of coreutils and busybox cannot make: backward seeks,
//! pread(2), readv(2) and sendfile(2).

use std::collections::BTreeMap;

use super::{facts::Facts, list::failure, ops::Op, script::Script};
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
                let readv = |wants: &[u64]| vec![Op::Readv { wants: wants.to_vec() }];
                let record = facts.record;
                scripts.extend(
                    [&[record, record][..], &[1, 26, 100], &[1, record, record]]
                        .map(readv)
                        .map(Script::Python),
                );
            }
            Kind::Splice => scripts.push(Script::Python(vec![Op::Sendfile])),
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
fn at(at: u64, facts: &Facts) -> impl Iterator<Item = Vec<Op>> + use<> {
    let hidden = |want| Op::Read { want, is_printed: false };
    let printed = Op::Read { want: facts.record.clamp(1, MAX_PRINTED), is_printed: true };
    let pread = |at| Op::Pread { at, want: facts.record.clamp(1, MAX_PRINTED), is_printed: true };
    let seek = |to| Op::Seek { to };
    let mut ways = vec![vec![pread(at)], vec![pread(facts.middle)]];
    for first in [facts.record, LARGE] {
        ways.push(vec![hidden(first), seek(0), printed.clone()]);
        ways.push(vec![hidden(first), seek(at), printed.clone()]);
        ways.push(vec![hidden(first), pread(at)]);
        ways.push(vec![hidden(first), pread(0)]);
    }
    ways.push(vec![
        hidden(facts.record),
        Op::Pread { at, want: 1, is_printed: false },
        printed.clone(),
    ]);
    ways.push(vec![hidden(LARGE), hidden(LARGE), seek(0), printed]);
    ways.into_iter()
}

/// Returns the calls of a plan on the descriptor whose bytes differed, up to the call that got these bytes; `None` if
/// the calls are unknown or too many.
fn from_plan(shape: &Shape, kind: Kind, failure: &Failure) -> Option<Vec<Op>> {
    let plan = plan::all(shape).into_iter().find(|plan| plan.kind == kind)?;
    // The file offset of each descriptor.
    let mut offsets: BTreeMap<Slot, u64> = BTreeMap::new();
    let mut ops: Vec<(Slot, Op)> = Vec::new();
    for act in plan.acts {
        let slot = act.step.slot();
        let at = offsets.entry(slot).or_insert(0);
        let before = *at;
        let step = ops_of(&act.step, shape, at)?;
        let is_it = match step.last() {
            Some(Op::Read { want, .. }) => {
                (Syscall::Read, before, *want) == (failure.syscall, failure.at, failure.want)
            }
            Some(Op::Pread { at, want, .. }) => {
                (Syscall::Pread, *at, *want) == (failure.syscall, failure.at, failure.want)
            }
            _ => false,
        };
        ops.extend(step.into_iter().map(|op| (slot, op)));
        if is_it {
            let own = ops.into_iter().filter(|(other, _)| *other == slot).map(|(_, op)| op);
            let mut ops: Vec<Op> = own.collect();
            if let Some(Op::Read { is_printed, want } | Op::Pread { is_printed, want, .. }) =
                ops.last_mut()
            {
                *is_printed = true;
                *want = (*want).min(MAX_PRINTED);
            }
            return (ops.len() <= MAX_CALLS).then_some(ops);
        }
    }
    None
}

/// Returns the calls of a step, which print nothing; `None` if the calls are not known. Advances `at`, the file offset,
/// as the step does for a correct file.
fn ops_of(step: &Step, shape: &Shape, at: &mut u64) -> Option<Vec<Op>> {
    let read = |want| Op::Read { want, is_printed: false };
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
        Step::Pread { at, want, .. } => vec![Op::Pread { at, want, is_printed: false }],
        Step::Seek { to, .. } => {
            *at = to;
            vec![Op::Seek { to }]
        }
        Step::Skip { by, .. } => {
            *at = at.saturating_add_signed(by);
            vec![Op::Seek { to: *at }]
        }
        Step::Sizes { .. } | Step::Vectored { .. } | Step::Splice { .. } => return None,
    })
}
