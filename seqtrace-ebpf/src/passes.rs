//! Callbacks, probed pass by pass: kretprobes on the functions whose addresses user space found in `m->op`, and kprobes
//! on the entries of start and stop. Used for kernels whose code user space cannot analyse, and to check the results of
//! [`crate::iterate`] independently. The functions of that module emit the events.
//!
//! A kretprobe has no access to the arguments. [`crate::callbacks`] stores them at each entry. Here they are stored
//! once for each pass, when start is entered; of next and show, which are nearly all calls, only the return is probed.
//! The stack pointer identifies the pass: the core calls all callbacks of a pass from one invocation of one function,
//! so the stack pointer after their return is the same, and no other frame of the thread has it while that function
//! runs. A function of another table, called by a callback, runs deeper in the stack. A tail call keeps the stack
//! pointer; there the address of the function that returned distinguishes the two (`bpf_get_func_ip()` for kprobes,
//! since 5.15).

use aya_ebpf::{
    EbpfContext as _,
    helpers::generated::bpf_get_func_ip,
    macros::{kprobe, kretprobe},
    programs::{ProbeContext, RetProbeContext},
};

use crate::{
    arch::{self, stack_pointer},
    callbacks::core_call,
    frames::same_frame,
    iterate, kernel,
    maps::{Missed, Pass, PassState, Passes},
    pass_stack::{self, Entered, UNTRACKED},
    session, slots,
    table::current,
};

/// Returns the stack pointer after the return of the probed function.
#[inline(always)]
fn return_sp(ctx: &RetProbeContext) -> u64 {
    stack_pointer(ctx.regs)
}

/// Returns true if `function` itself has returned, not a function that it has tail-called.
#[inline(always)]
fn returned_from(ctx: &RetProbeContext, function: u64) -> bool {
    // SAFETY: the context of a probe.
    unsafe { bpf_get_func_ip(ctx.as_ptr()) == function }
}

/// Returns true for a pointer with which the core continues the pass (not `!p || IS_ERR(p)` in fs/seq_file.c;
/// `MAX_ERRNO`, include/linux/err.h).
#[inline(always)]
fn is_record(pointer: u64) -> bool {
    const MAX_ERRNO: u64 = 4095;
    pointer != 0 && pointer < 0_u64.wrapping_sub(MAX_ERRNO)
}

/// Handles the entry of `void *start(struct seq_file *m, loff_t *pos)`.
#[kprobe]
pub(crate) fn pass_start_enter(ctx: ProbeContext) -> u32 {
    let m = core_call(kernel::arg(&ctx, 0), Some(kernel::arg(&ctx, 1)));
    let Some(state) = session::traced(m) else { return 0 };
    let (_, tid) = kernel::ids();
    let entered = pass_stack::enter(tid, m, stack_pointer(ctx.regs));
    if entered == Entered::Nested {
        return 0;
    }
    if state.in_pass == UNTRACKED {
        pass_stack::drop_untracked_pass(state);
    }
    iterate::pass_begin(m, state, slots::batch(m));
    if entered == Entered::Untracked {
        Missed::Call.count();
        pass_stack::begin_untracked_pass(state);
    }
    0
}

/// Handles the return of `start()`.
#[kretprobe]
pub(crate) fn pass_start_return(ctx: RetProbeContext) -> u32 {
    let (_, tid) = kernel::ids();
    let Some(passes) = current::<Passes>(tid) else { return 0 };
    let pass = &mut passes.now;
    let sp = return_sp(&ctx);
    if pass.state != PassState::Begun
        || !same_frame(sp, pass.sp)
        || !returned_from(&ctx, pass.start)
    {
        return 0;
    }
    pass.return_sp = sp;
    pass.state =
        if is_record(arch::returned(ctx.regs)) { PassState::Found } else { PassState::End };
    if let Some(state) = session::traced(pass.m) {
        iterate::start_returned(ctx.regs, pass.m, state);
    }
    0
}

/// Handles the return of `next()`.
#[kretprobe]
pub(crate) fn pass_next_return(ctx: RetProbeContext) -> u32 {
    let (_, tid) = kernel::ids();
    let Some(passes) = current::<Passes>(tid) else {
        pass_stack::count_unmatched_return();
        return 0;
    };
    let pass = &mut passes.now;
    if pass.return_sp != return_sp(&ctx) || !returned_from(&ctx, pass.next) {
        pass_stack::count_unmatched_return();
        return 0;
    }
    if pass.state != PassState::More {
        pass.count_missed_return(pass.show);
    }
    pass.state = PassState::Next;
    let m = pass.m;
    if let Some(state) = session::traced(m) {
        iterate::next_returned(ctx.regs, m, state, slots::batch(m));
    }
    0
}

/// Handles the return of `show()`.
#[kretprobe]
pub(crate) fn pass_show_return(ctx: RetProbeContext) -> u32 {
    let (_, tid) = kernel::ids();
    let Some(passes) = current::<Passes>(tid) else {
        pass_stack::count_unmatched_return();
        return 0;
    };
    let pass = &mut passes.now;
    let sp = return_sp(&ctx);
    if pass.return_sp != sp && !start_was_missed(pass, sp) || !returned_from(&ctx, pass.show) {
        pass_stack::count_unmatched_return();
        return 0;
    }
    if !matches!(pass.state, PassState::Next | PassState::Found) {
        show_was_not_next(pass, sp);
    }
    let m = pass.m;
    if let Some(state) = session::traced(m) {
        pass.state = iterate::show_of_pass_returned(ctx.regs, m, state, slots::batch(m));
    }
    0
}

/// Returns true if the return of start was missed: show is not called before it.
#[inline(always)]
fn start_was_missed(pass: &Pass, sp: u64) -> bool {
    pass.state == PassState::Begun && same_frame(sp, pass.sp)
}

/// Counts the missed return that must have preceded this return of show.
#[inline(never)]
fn show_was_not_next(pass: &mut Pass, sp: u64) {
    pass.return_sp = sp;
    pass.count_missed_return(if pass.state == PassState::Begun { pass.start } else { pass.next });
}

/// Handles the entry of `void stop(struct seq_file *m, void *v)`.
#[kprobe]
pub(crate) fn pass_stop_enter(ctx: ProbeContext) -> u32 {
    let m = core_call(kernel::arg(&ctx, 0), None);
    let Some(state) = session::traced(m) else { return 0 };
    let (_, tid) = kernel::ids();
    if state.in_pass == UNTRACKED && state.owner == tid {
        Missed::Call.count();
        pass_stack::drop_untracked_pass(state);
        return 0;
    }
    let Some(passes) = current::<Passes>(tid) else { return 0 };
    let pass = &mut passes.now;
    if pass.m != m || pass.sp != stack_pointer(ctx.regs) {
        return 0;
    }
    // Counts the callback that the core must have called since (seq_read_iter() and traverse(), fs/seq_file.c).
    match pass.state {
        PassState::Begun => pass.count_missed_return(pass.start),
        PassState::Found => pass.count_missed_return(pass.show),
        PassState::More => pass.count_missed_return(pass.next),
        PassState::Next | PassState::End | PassState::Stopping => {}
    }
    pass.state = PassState::Stopping;
    0
}

/// Handles the return of `stop()`.
#[kretprobe]
pub(crate) fn pass_stop_return(ctx: RetProbeContext) -> u32 {
    let (_, tid) = kernel::ids();
    let Some(passes) = current::<Passes>(tid) else { return 0 };
    let (pass, sp) = (&passes.now, return_sp(&ctx));
    let same = pass.return_sp == sp || pass.return_sp == 0 && same_frame(sp, pass.sp);
    if pass.state != PassState::Stopping || !same {
        return 0;
    }
    let m = pass.m;
    passes.pop();
    if let Some(state) = session::traced(m) {
        iterate::stop_returned(m, state, slots::batch(m));
    }
    0
}
