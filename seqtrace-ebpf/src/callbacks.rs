//! The callbacks, seen at the functions themselves: kprobe and kretprobe on the addresses that user
//! space found in `m->op`. For kernels whose text is not understood, and as the independent witness
//! of [`crate::iterate`], whose events it writes.
//!
//! A kretprobe does not know the arguments, so each entry leaves them in `CALLS` under the thread.

use aya_ebpf::{
    macros::{kprobe, kretprobe},
    programs::{ProbeContext, RetProbeContext},
};
use seqtrace_common::wire::Kind;

use crate::{
    config::config,
    iterate, kernel,
    maps::{CALL_DEPTH, CALLS, Calls, Missed},
    session,
};

/// Remembers that a callback of `m` was entered; `m` 0 for a call that is not the core's own.
#[inline(always)]
fn enter(sp: u64, m: u64, first: bool) {
    let (_, tid) = kernel::ids();
    let Some(calls) = CALLS.get_ptr_mut(tid) else {
        let calls = Calls { depth: 1, m: [m, 0, 0, 0], sp: [sp, 0, 0, 0] };
        if CALLS.insert(tid, calls, 0).is_err() {
            Missed::Call.count();
        }
        return;
    };
    // SAFETY: the element of this thread: no other thread touches it.
    let calls = unsafe { &mut *calls };
    // Calls whose return was missed have a stack pointer below ours: the stack grows down. The same
    // stack pointer is a tail call (x86's c_next() jumps to c_start()), unless a pass begins.
    let live = if first { sp.wrapping_add(1) } else { sp };
    for _ in 0..CALL_DEPTH {
        let depth = calls.depth as usize;
        if depth == 0 || depth > CALL_DEPTH || calls.sp[(depth - 1) & (CALL_DEPTH - 1)] >= live {
            break;
        }
        calls.depth -= 1;
    }
    let depth = calls.depth as usize;
    if depth >= CALL_DEPTH {
        Missed::Call.count();
        return;
    }
    calls.m[depth & (CALL_DEPTH - 1)] = m;
    calls.sp[depth & (CALL_DEPTH - 1)] = sp;
    calls.depth += 1;
}

/// The seq_file of the innermost callback, which has just returned; 0 if it is not to be told.
#[inline(always)]
fn leave() -> u64 {
    let (_, tid) = kernel::ids();
    let Some(calls) = CALLS.get_ptr_mut(tid) else { return 0 };
    // SAFETY: the element of this thread: no other thread touches it.
    let calls = unsafe { &mut *calls };
    let depth = calls.depth as usize;
    if depth == 0 || depth > CALL_DEPTH {
        return 0;
    }
    calls.depth -= 1;
    let m = calls.m[(depth - 1) & (CALL_DEPTH - 1)];
    if calls.depth == 0 {
        let _ = CALLS.remove(tid);
    }
    m
}

/// True if `m` is inside one of its own callbacks already: a wrapper calls another table's function.
#[inline(always)]
fn inside(m: u64) -> bool {
    let (_, tid) = kernel::ids();
    let Some(calls) = CALLS.get_ptr(tid) else { return false };
    // SAFETY: the element of this thread: no other thread touches it.
    let calls = unsafe { &*calls };
    let mut found = false;
    for depth in 0..CALL_DEPTH {
        found |= (depth as u64) < calls.depth && calls.m[depth] == m;
    }
    found
}

/// `m` if this call is the core's own and its file is traced, else 0.
#[inline(always)]
fn core_call(m: u64, pos: Option<u64>) -> u64 {
    // The core gives start and next &m->index (fs/seq_file.c since 4.19); any other pointer is
    // another iterator's nested call.
    let nested = match pos {
        Some(pos) => pos != m.wrapping_add(u64::from(config!(offsets.seq_file_index))),
        None => false,
    };
    if nested || session::traced(m).is_none() || inside(m) { 0 } else { m }
}

#[inline(always)]
fn stack_pointer(ctx: &ProbeContext) -> u64 {
    #[cfg(bpf_target_arch = "x86_64")]
    // SAFETY: the context is the probe's own.
    unsafe {
        (*ctx.regs).rsp
    }
    #[cfg(bpf_target_arch = "aarch64")]
    // SAFETY: the context is the probe's own.
    unsafe {
        (*ctx.regs).sp
    }
}

/// `void *start(struct seq_file *m, loff_t *pos)` was entered.
#[kprobe]
pub(crate) fn start_enter(ctx: ProbeContext) -> u32 {
    let m = kernel::arg(&ctx, 0);
    let first = session::traced(m).is_some_and(|state| state.passing == 0);
    let m = core_call(m, Some(kernel::arg(&ctx, 1)));
    enter(stack_pointer(&ctx), m, first);
    if m != 0 {
        iterate::pass_begin(m);
    }
    0
}

/// `void *next(struct seq_file *m, void *v, loff_t *pos)` was entered.
#[kprobe]
pub(crate) fn next_enter(ctx: ProbeContext) -> u32 {
    let m = core_call(kernel::arg(&ctx, 0), Some(kernel::arg(&ctx, 2)));
    enter(stack_pointer(&ctx), m, false);
    0
}

/// `int show(struct seq_file *m, void *v)` or `void stop(struct seq_file *m, void *v)` was entered.
#[kprobe]
pub(crate) fn show_or_stop_enter(ctx: ProbeContext) -> u32 {
    enter(stack_pointer(&ctx), core_call(kernel::arg(&ctx, 0), None), false);
    0
}

/// `start()` returned.
#[kretprobe]
pub(crate) fn start_return(ctx: RetProbeContext) -> u32 {
    let m = leave();
    if m != 0 {
        iterate::started(m, ctx.ret());
    }
    0
}

/// `next()` returned.
#[kretprobe]
pub(crate) fn next_return(ctx: RetProbeContext) -> u32 {
    let m = leave();
    if m != 0 {
        iterate::returned(Kind::Next, m, ctx.ret());
    }
    0
}

/// `show()` returned.
#[kretprobe]
pub(crate) fn show_return(ctx: RetProbeContext) -> u32 {
    let m = leave();
    if m != 0 {
        let ret: i32 = ctx.ret();
        iterate::returned(Kind::Show, m, i64::from(ret) as u64);
    }
    0
}

/// `stop()` returned.
#[kretprobe]
pub(crate) fn stop_return(_ctx: RetProbeContext) -> u32 {
    let m = leave();
    if m != 0 {
        iterate::returned(Kind::Stop, m, 0);
    }
    0
}
