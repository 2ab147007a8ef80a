//! Lines for what neither coreutils nor busybox can show: backward seeks, pread(2), readv(2) and
//! sendfile(2).

use super::{facts::Facts, list::failure, ops::Op, script::Script};
use crate::check::{
    call::Syscall,
    oracle::What,
    plan::{Kind, LARGE, PAGE, Shape, Slot, Step},
    verdict::{Failure, Report},
};

/// Bytes that a line prints at an offset.
const SHOWN: u64 = 64;
/// Calls of a line.
const CALLS: usize = 12;

/// Lines for the plans that differ, the shortest first.
pub(super) fn scripts(report: &Report, shape: &Shape, facts: &Facts) -> Vec<Script> {
    let mut scripts = Vec::new();
    for plan in &report.plans {
        let Some(failure) = failure(plan) else { continue };
        if let What::Astray { .. } = failure.difference.what {
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

/// Ways to come to an offset.
fn at(at: u64, facts: &Facts) -> impl Iterator<Item = Vec<Op>> + use<> {
    let hidden = |want| Op::Read { want, shown: false };
    let shown = Op::Read { want: facts.record.clamp(1, SHOWN), shown: true };
    let pread = |at| Op::Pread { at, want: facts.record.clamp(1, SHOWN), shown: true };
    let seek = |to| Op::Seek { to };
    let mut ways = vec![vec![pread(at)], vec![pread(facts.middle)]];
    for first in [facts.record, LARGE] {
        ways.push(vec![hidden(first), seek(0), shown.clone()]);
        ways.push(vec![hidden(first), seek(at), shown.clone()]);
        ways.push(vec![hidden(first), pread(at)]);
        ways.push(vec![hidden(first), pread(0)]);
    }
    ways.push(vec![hidden(facts.record), Op::Pread { at, want: 1, shown: false }, shown.clone()]);
    ways.push(vec![hidden(LARGE), hidden(LARGE), seek(0), shown]);
    ways.into_iter()
}

/// What a plan does up to the call that differed.
fn from_plan(shape: &Shape, kind: Kind, failure: &Failure) -> Option<Vec<Op>> {
    let plan = crate::check::plan::all(shape).into_iter().find(|plan| plan.kind == kind)?;
    let mut places: Vec<(Slot, u64)> = Vec::new();
    let mut ops: Vec<(Slot, Op)> = Vec::new();
    for act in plan.acts {
        let slot = act.step.slot();
        let place = match places.iter_mut().find(|(other, _)| *other == slot) {
            Some((_, place)) => place,
            None => {
                places.push((slot, 0));
                &mut places.last_mut()?.1
            }
        };
        let at = *place;
        let moved = |want: u64| at.saturating_add(want).min(shape.len.max(at));
        let (op, syscall) = match act.step {
            Step::Open { .. } | Step::Close { .. } => continue,
            Step::Read { want, .. } => {
                *place = moved(want);
                (Op::Read { want, shown: false }, Syscall::Read)
            }
            Step::Until { block, to, .. } => {
                let times = to.saturating_sub(at).div_ceil(block.clamp(1, PAGE)) + 1;
                for _ in 0..times.min(CALLS as u64 + 1) {
                    ops.push((slot, Op::Read { want: block, shown: false }));
                }
                *place = moved(to - at.min(to));
                continue;
            }
            Step::Pread { at, want, .. } => (Op::Pread { at, want, shown: false }, Syscall::Pread),
            Step::Seek { to, .. } => {
                *place = to;
                (Op::Seek { to }, Syscall::Lseek)
            }
            Step::Skip { by, .. } => {
                *place = at.saturating_add_signed(by);
                (Op::Seek { to: *place }, Syscall::Lseek)
            }
            Step::Sizes { .. } | Step::Vectored { .. } | Step::Splice { .. } => return None,
        };
        let (offset, want) = match op {
            Op::Pread { at, want, .. } => (at, want),
            Op::Read { want, .. } => (at, want),
            _ => (0, 0),
        };
        let is_it = syscall == failure.syscall && offset == failure.at && want == failure.want;
        ops.push((slot, op));
        if is_it {
            let own = ops.into_iter().filter(|(other, _)| *other == slot).map(|(_, op)| op);
            let mut ops: Vec<Op> = own.collect();
            if let Some(Op::Read { shown, want } | Op::Pread { shown, want, .. }) = ops.last_mut() {
                *shown = true;
                *want = (*want).min(SHOWN);
            }
            return (ops.len() <= CALLS).then_some(ops);
        }
    }
    None
}
