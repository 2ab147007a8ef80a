//! Callbacks, probed call by call: kprobe and kretprobe on the functions whose addresses user space found in `m->op`.
//! Used where a kretprobe cannot identify the function that returned (before 5.15), and for tables whose start cannot
//! be probed; otherwise [`crate::passes`] is used.
//!
//! A kretprobe has no access to the arguments, so the probe on the entry stores them ([`crate::tasks`]).

use aya_ebpf::{
    macros::{kprobe, kretprobe},
    programs::{ProbeContext, RetProbeContext},
};

use crate::{
    arch::stack_pointer,
    config::config,
    iterate, kernel,
    maps::{CALL_DEPTH, Calls, ITERATORS_ONLY, Missed},
    session, slots, table, tasks,
};

/// Numbers that identify callbacks, as stored in [`Calls::sp`](crate::maps::Calls::sp).
mod role {
    pub(super) const START: u64 = 1;
    pub(super) const NEXT: u64 = 2;
    pub(super) const SHOW: u64 = 3;
    pub(super) const STOP: u64 = 4;
    pub(super) const MASK: u64 = 7;
}

/// Returns true if the core can call `role` after `before` has returned. The result is false for a tail call from a
/// callback to another: that is a call of the same kind, or of start by next (c_next() of x86).
#[inline(always)]
fn follows(before: u64, role: u64) -> bool {
    match role {
        role::STOP => before != role::STOP,
        role::SHOW => before == role::START || before == role::NEXT,
        role::NEXT => before == role::SHOW,
        role::START => before == role::STOP,
        _ => false,
    }
}

/// Records the entry of a callback of `m`; `m` is 0 for a call that is not made by the core. `first`: true if no pass
/// of the session is in progress. Returns `m`; 0 if the task is already inside a callback of `m`, which then is a
/// wrapper that calls a function of another table.
#[inline(always)]
fn enter(sp: u64, mut m: u64, role: u64, first: bool) -> u64 {
    let (_, tid) = kernel::ids();
    let Some(calls) = table::current::<Calls>(tid) else {
        tasks::enter_first(tid, m, sp | role);
        return m;
    };
    // The stack grows down: a call whose return was missed has a stack pointer below the current one, or an equal one
    // if it was made by the same function of the core. A tail call from one callback to another keeps the stack
    // pointer, too, but no tail call precedes the first callback of a pass.
    for _ in 0..CALL_DEPTH {
        let depth = calls.depth as usize;
        if depth == 0 || depth > CALL_DEPTH {
            break;
        }
        let top = (depth - 1) & (CALL_DEPTH - 1);
        let (before, at) = (calls.sp[top] & role::MASK, calls.sp[top] & !role::MASK);
        if at > sp || at == sp && !first && (calls.m[top] != m || !follows(before, role)) {
            break;
        }
        if calls.m[top] != 0 {
            Missed::Return.count();
        }
        calls.depth -= 1;
    }
    let depth = calls.depth as usize;
    for outer in 0..CALL_DEPTH {
        if outer < depth && calls.m[outer] == m {
            m = 0;
        }
    }
    if depth >= CALL_DEPTH {
        Missed::Call.count();
        return m;
    }
    calls.m[depth & (CALL_DEPTH - 1)] = m;
    calls.sp[depth & (CALL_DEPTH - 1)] = sp | role;
    calls.depth += 1;
    m
}

/// Removes the innermost callback, which has just returned. Returns its seq_file; 0 if its return is not to be emitted.
#[inline(always)]
fn leave() -> u64 {
    let (_, tid) = kernel::ids();
    let Some(calls) = table::current::<Calls>(tid) else { return 0 };
    let depth = calls.depth as usize;
    if depth == 0 || depth > CALL_DEPTH {
        return 0;
    }
    calls.depth -= 1;
    let m = calls.m[(depth - 1) & (CALL_DEPTH - 1)];
    if calls.depth == 0 {
        // The slot is kept until the read or lseek returns.
        table::remove_overflow::<Calls>(tid);
    }
    m
}

/// Returns true if all files but BPF iterators are observed at the core's call sites.
#[inline(always)]
fn iterators_only() -> bool {
    // SAFETY: an element of the map.
    ITERATORS_ONLY.get_ptr(0).is_some_and(|only| unsafe { *only != 0 })
}

/// Returns `m` if this call is made by the core and the file is traced; else 0.
#[inline(always)]
pub(crate) fn core_call(m: u64, pos: Option<u64>) -> u64 {
    // The core passes &m->index to start and next (fs/seq_file.c since 4.19). With any other pointer, the caller is a
    // callback of another iterator.
    let nested = match pos {
        Some(pos) => pos != m.wrapping_add(u64::from(config!(offsets.seq_file_index))),
        None => false,
    };
    match session::traced(m) {
        Some(state) if !nested && (state.iterator != 0 || !iterators_only()) => m,
        _ => 0,
    }
}

/// Does nothing. Attaching and detaching it repairs a record of ftrace (`kernel::ftrace` in user space).
#[kprobe]
pub(crate) fn repair(_: ProbeContext) -> u32 {
    0
}

/// Handles the entry of `void *start(struct seq_file *m, loff_t *pos)`.
#[kprobe]
pub(crate) fn start_enter(ctx: ProbeContext) -> u32 {
    let m = kernel::arg(&ctx, 0);
    let first = session::traced(m).is_some_and(|state| state.in_pass == 0);
    let m = core_call(m, Some(kernel::arg(&ctx, 1)));
    let m = enter(stack_pointer(ctx.regs), m, role::START, first);
    if let Some(state) = session::traced(m) {
        iterate::pass_begin(m, state, slots::batch(m));
    }
    0
}

/// Handles the entry of `void *next(struct seq_file *m, void *v, loff_t *pos)`.
#[kprobe]
pub(crate) fn next_enter(ctx: ProbeContext) -> u32 {
    let m = core_call(kernel::arg(&ctx, 0), Some(kernel::arg(&ctx, 2)));
    enter(stack_pointer(ctx.regs), m, role::NEXT, false);
    0
}

/// Handles the entry of `int show(struct seq_file *m, void *v)`.
#[kprobe]
pub(crate) fn show_enter(ctx: ProbeContext) -> u32 {
    enter(stack_pointer(ctx.regs), core_call(kernel::arg(&ctx, 0), None), role::SHOW, false);
    0
}

/// Handles the entry of `void stop(struct seq_file *m, void *v)`.
#[kprobe]
pub(crate) fn stop_enter(ctx: ProbeContext) -> u32 {
    enter(stack_pointer(ctx.regs), core_call(kernel::arg(&ctx, 0), None), role::STOP, false);
    0
}

/// Handles the return of `start()`.
#[kretprobe]
pub(crate) fn start_return(ctx: RetProbeContext) -> u32 {
    let m = leave();
    if let Some(state) = session::traced(m) {
        iterate::start_returned(ctx.regs, m, state);
    }
    0
}

/// Handles the return of `next()`.
#[kretprobe]
pub(crate) fn next_return(ctx: RetProbeContext) -> u32 {
    let m = leave();
    if let Some(state) = session::traced(m) {
        iterate::next_returned(ctx.regs, m, state, slots::batch(m));
    }
    0
}

/// Handles the return of `show()`.
#[kretprobe]
pub(crate) fn show_return(ctx: RetProbeContext) -> u32 {
    let m = leave();
    if let Some(state) = session::traced(m) {
        iterate::show_returned(ctx.regs, m, state, slots::batch(m));
    }
    0
}

/// Handles the return of `stop()`.
#[kretprobe]
pub(crate) fn stop_return(_ctx: RetProbeContext) -> u32 {
    let m = leave();
    if let Some(state) = session::traced(m) {
        iterate::stop_returned(m, state, slots::batch(m));
    }
    0
}
