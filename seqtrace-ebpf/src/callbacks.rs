//! The callbacks, seen at the functions themselves: kprobe and kretprobe on the addresses that user
//! space found in `m->op`. Where a return cannot tell which function it is the return of (before 5.15), and for tables
//! whose start cannot be probed; otherwise [`crate::passes`] does it.
//!
//! A kretprobe does not know the arguments, so each entry leaves them for it ([`crate::tasks`]).

use aya_ebpf::{
    bindings::pt_regs,
    macros::{kprobe, kretprobe},
    programs::{ProbeContext, RetProbeContext},
};

use crate::{
    config::config,
    iterate, kernel,
    maps::{CALL_DEPTH, ITERATORS_ONLY, Missed},
    session, slots, tasks,
};

/// Which callback, as `Calls::sp` carries it.
mod role {
    pub(super) const START: u64 = 1;
    pub(super) const NEXT: u64 = 2;
    pub(super) const SHOW: u64 = 3;
    pub(super) const STOP: u64 = 4;
    pub(super) const MASK: u64 = 7;
}

/// True if the core calls `role` when `before` has returned. Callbacks that end in a jump to another do not
/// go this way: they go to their like, or from next to start (x86's c_next()).
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

/// Remembers that a callback of `m` was entered; `m` 0 for a call that is not the core's own. The same `m`,
/// or 0 if it is inside one of its own callbacks already: a wrapper calls another table's function.
#[inline(always)]
fn enter(sp: u64, mut m: u64, role: u64, first: bool) -> u64 {
    let (_, tid) = kernel::ids();
    let Some(calls) = tasks::calls(tid) else {
        tasks::enter_first(tid, m, sp | role);
        return m;
    };
    // The stack grows down: calls whose return was missed have a stack pointer below ours, or ours, if
    // they were the core's like this one. A jump from one callback to another (a tail call) leaves the stack
    // pointer as it is, too; but none comes before the first of a pass.
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

/// The seq_file of the innermost callback, which has just returned; 0 if it is not to be told.
#[inline(always)]
fn leave() -> u64 {
    let (_, tid) = kernel::ids();
    let Some(calls) = tasks::calls(tid) else { return 0 };
    let depth = calls.depth as usize;
    if depth == 0 || depth > CALL_DEPTH {
        return 0;
    }
    calls.depth -= 1;
    let m = calls.m[(depth - 1) & (CALL_DEPTH - 1)];
    if calls.depth == 0 {
        tasks::left(tid);
    }
    m
}

/// True if the core's own call sites tell of all files but BPF iterators.
#[inline(always)]
fn iterators_only() -> bool {
    // SAFETY: the map's own element.
    ITERATORS_ONLY.get_ptr(0).is_some_and(|only| unsafe { *only != 0 })
}

/// `m` if this call is the core's own and its file is traced, else 0.
#[inline(always)]
pub(crate) fn core_call(m: u64, pos: Option<u64>) -> u64 {
    // The core gives start and next &m->index (fs/seq_file.c since 4.19); any other pointer is
    // another iterator's nested call.
    let nested = match pos {
        Some(pos) => pos != m.wrapping_add(u64::from(config!(offsets.seq_file_index))),
        None => false,
    };
    match session::traced(m) {
        Some(state) if !nested && (state.iterator != 0 || !iterators_only()) => m,
        _ => 0,
    }
}

#[inline(always)]
pub(crate) fn stack_pointer(regs: *const pt_regs) -> u64 {
    #[cfg(bpf_target_arch = "x86_64")]
    // SAFETY: the context of a probe.
    unsafe {
        (*regs).rsp
    }
    #[cfg(bpf_target_arch = "aarch64")]
    // SAFETY: the context of a probe.
    unsafe {
        (*regs).sp
    }
}

/// `void *start(struct seq_file *m, loff_t *pos)` was entered.
#[kprobe]
pub(crate) fn start_enter(ctx: ProbeContext) -> u32 {
    let m = kernel::arg(&ctx, 0);
    let first = session::traced(m).is_some_and(|state| state.passing == 0);
    let m = core_call(m, Some(kernel::arg(&ctx, 1)));
    let m = enter(stack_pointer(ctx.regs), m, role::START, first);
    if let Some(state) = session::traced(m) {
        iterate::pass_begin(m, state, slots::staged(m));
    }
    0
}

/// `void *next(struct seq_file *m, void *v, loff_t *pos)` was entered.
#[kprobe]
pub(crate) fn next_enter(ctx: ProbeContext) -> u32 {
    let m = core_call(kernel::arg(&ctx, 0), Some(kernel::arg(&ctx, 2)));
    enter(stack_pointer(ctx.regs), m, role::NEXT, false);
    0
}

/// `int show(struct seq_file *m, void *v)` was entered.
#[kprobe]
pub(crate) fn show_enter(ctx: ProbeContext) -> u32 {
    enter(stack_pointer(ctx.regs), core_call(kernel::arg(&ctx, 0), None), role::SHOW, false);
    0
}

/// `void stop(struct seq_file *m, void *v)` was entered.
#[kprobe]
pub(crate) fn stop_enter(ctx: ProbeContext) -> u32 {
    enter(stack_pointer(ctx.regs), core_call(kernel::arg(&ctx, 0), None), role::STOP, false);
    0
}

/// `start()` returned.
#[kretprobe]
pub(crate) fn start_return(ctx: RetProbeContext) -> u32 {
    let m = leave();
    if let Some(state) = session::traced(m) {
        iterate::start_returned(ctx.regs, m, state);
    }
    0
}

/// `next()` returned.
#[kretprobe]
pub(crate) fn next_return(ctx: RetProbeContext) -> u32 {
    let m = leave();
    if let Some(state) = session::traced(m) {
        iterate::next_returned(ctx.regs, m, state, slots::staged(m));
    }
    0
}

/// `show()` returned.
#[kretprobe]
pub(crate) fn show_return(ctx: RetProbeContext) -> u32 {
    let m = leave();
    if let Some(state) = session::traced(m) {
        iterate::show_returned(ctx.regs, m, state, slots::staged(m));
    }
    0
}

/// `stop()` returned.
#[kretprobe]
pub(crate) fn stop_return(_ctx: RetProbeContext) -> u32 {
    let m = leave();
    if let Some(state) = session::traced(m) {
        iterate::stop_returned(m, state, slots::staged(m));
    }
    0
}
