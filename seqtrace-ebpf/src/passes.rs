//! Callbacks, probed pass by pass: kretprobes on the functions whose addresses user space found in `m->op`, and kprobes
//! on the entries of start and stop. Used for kernels whose text is not understood, and as the independent witness of
//! [`crate::iterate`], whose functions emit the events.
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
use seqtrace_common::slots::SessionState;

use crate::{
    callbacks::{core_call, stack_pointer},
    config::config,
    iterate,
    kernel::{self, field},
    maps::{
        Missed, PASS_OVERFLOW, PASS_SLOT_OWNERS, PASS_SLOTS, PROBED, PROBES, Pass, PassSlot,
        PassState, Passes, TASK_SLOTS, UNTRACKED_PASSES,
    },
    session, slots,
};

/// Depth to which nested passes of one task are followed.
const DEPTH: u32 = 4;

/// Value of [`SessionState::in_pass`]: there was no room to track the pass, so none of its callbacks is emitted.
const UNTRACKED: u8 = 2;

/// Returns the slot of a thread.
#[inline(always)]
fn of(tid: u32) -> *mut PassSlot {
    const SIZE: u64 = size_of::<PassSlot>() as u64;
    const MASK: i32 = ((TASK_SLOTS as u64 - 1) * SIZE) as i32;
    const { assert!(SIZE == 256) };
    let offset = kernel::opaque_mask::<MASK>(u64::from(tid) << 8);
    // SAFETY: the offset is that of an element.
    unsafe { (&raw mut PASS_SLOTS).cast::<u8>().add(offset as usize).cast() }
}

/// Returns the passes of the current task, if it is inside of any.
#[inline(always)]
fn passes(tid: u32) -> Option<&'static mut Passes> {
    let slot = of(tid);
    // SAFETY: the slot of this thread: no other thread accesses its passes.
    unsafe {
        if (*slot).tid == tid {
            return Some(&mut (*slot).passes);
        }
        if (*slot).collisions == 0 {
            return None;
        }
    }
    lookup_overflow(tid)
}

/// Returns the passes of a task that owns no slot.
#[inline(never)]
fn lookup_overflow(tid: u32) -> Option<&'static mut Passes> {
    // SAFETY: the element of this thread: no other thread accesses it.
    PASS_OVERFLOW.get_ptr_mut(tid).map(|passes| unsafe { &mut *passes })
}

impl Passes {
    /// Removes the innermost pass.
    #[inline(always)]
    fn pop(&mut self) {
        match self.depth {
            2 => self.now = self.outer[0],
            3 => self.now = self.outer[1],
            4 => self.now = self.outer[2],
            _ => self.now.clear(),
        }
        self.depth = self.depth.saturating_sub(1);
    }

    /// Makes room for a pass within the innermost. Returns false if there is none.
    #[inline(always)]
    fn push(&mut self) -> bool {
        match self.depth {
            0 => {}
            1 => self.outer[0] = self.now,
            2 => self.outer[1] = self.now,
            3 => self.outer[2] = self.now,
            _ => return false,
        }
        self.depth += 1;
        true
    }

    /// Removes the innermost pass, which ended unobserved. Counts the return of stop as missed if stop was entered.
    #[inline(always)]
    fn abandon(&mut self) {
        if self.now.state == PassState::Stopping {
            Missed::Return.count();
        }
        self.pop();
    }
}

impl Pass {
    /// Clears the fields by which callbacks are matched to a pass. The others are not used any more.
    #[inline(always)]
    fn clear(&mut self) {
        self.m = 0;
        self.return_sp = 0;
        self.state = PassState::End;
    }

    /// Begins a pass: `start()` of `m` was entered.
    #[inline(never)]
    fn begin(&mut self, m: u64, sp: u64) {
        let op: u64 = field(m, config!(offsets.seq_file_op));
        let in_order = config!(offsets.seq_operations_start) == 0
            && config!(offsets.seq_operations_next) == 16
            && config!(offsets.seq_operations_show) == 24;
        if in_order {
            // For short reads the helper call dominates the cost, so all four pointers are read at once.
            [self.start, _, self.next, self.show] = field(op, 0);
        } else {
            self.start = field(op, config!(offsets.seq_operations_start));
            self.next = field(op, config!(offsets.seq_operations_next));
            self.show = field(op, config!(offsets.seq_operations_show));
        }
        self.m = m;
        self.sp = sp;
        self.return_sp = 0;
        self.state = PassState::Begun;
        // SAFETY: an element of the map.
        self.attached = PROBES.get_ptr(0).map_or(0, |probes| unsafe { *probes });
    }

    /// Returns true if `function` was probed when the pass began.
    #[inline(never)]
    fn is_probed(&self, function: u64) -> bool {
        // SAFETY: an element of the map.
        PROBED.get_ptr(function).is_some_and(|number| unsafe { *number < self.attached })
    }

    /// Counts a missed return of `function`, if it is probed: the kernel had no free instance of the kretprobe.
    #[inline(always)]
    fn count_missed_return(&self, function: u64) {
        if self.is_probed(function) {
            Missed::Return.count();
        }
    }

    /// Returns true if the pass may have ended, so that an entry of start with the same stack pointer begins another.
    #[inline(always)]
    fn may_have_ended(&self) -> bool {
        match self.state {
            PassState::Stopping => true,
            // c_next() of /proc/cpuinfo ends in a tail call of c_start().
            PassState::Begun | PassState::More => false,
            PassState::Found | PassState::Next | PassState::End => {
                let op: u64 = field(self.m, config!(offsets.seq_file_op));
                !self.is_probed(field(op, config!(offsets.seq_operations_stop)))
            }
        }
    }
}

/// Result of an entry of start.
#[derive(Clone, Copy, PartialEq)]
enum Entered {
    Begun,
    /// A callback of the same file called start.
    Nested,
    Untracked,
}

/// Handles an entry of `start()` of a traced file.
#[inline(never)]
fn enter(tid: u32, m: u64, sp: u64) -> Entered {
    let Some(passes) = passes(tid) else {
        return claim_slot(tid, m, sp);
    };
    for _ in 0..DEPTH {
        let Passes { depth, now, .. } = passes;
        // The stack grows down: a call that was deeper in it has returned.
        let gone = now.sp < sp || now.sp == sp && (now.m != m || now.may_have_ended());
        if *depth == 0 || !gone {
            break;
        }
        passes.abandon();
    }
    let Passes { depth, now, outer: [first, second, third], .. } = passes;
    let inside = |around: &Pass, than: u32| *depth > than && around.m == m;
    if inside(now, 0) || inside(first, 1) || inside(second, 2) || inside(third, 3) {
        return Entered::Nested;
    }
    if !passes.push() {
        return Entered::Untracked;
    }
    passes.now.begin(m, sp);
    Entered::Begun
}

/// Begins the first pass of the current task, which owns no slot yet.
#[inline(never)]
fn claim_slot(tid: u32, m: u64, sp: u64) -> Entered {
    const NO_EXIST: u64 = 1;
    let slot = of(tid);
    if PASS_SLOT_OWNERS.insert(tid & (TASK_SLOTS as u32 - 1), tid, NO_EXIST).is_err() {
        return claim_overflow(tid, m, sp);
    }
    // SAFETY: an element of the table, which this thread owns now. The outer passes are not used at depth 1.
    unsafe {
        (*slot).passes.now.begin(m, sp);
        (*slot).passes.depth = 1;
        (&raw mut (*slot).tid).write_volatile(tid);
    }
    Entered::Begun
}

/// Begins the first pass of the current task, whose slot has another owner.
#[inline(never)]
fn claim_overflow(tid: u32, m: u64, sp: u64) -> Entered {
    // Static, because the BPF stack has 512 bytes.
    static NONE: Passes =
        Passes { depth: 1, pad: 0, now: Pass::NONE, outer: [const { Pass::NONE }; 3] };
    if PASS_OVERFLOW.insert(tid, &NONE, 0).is_err() {
        return Entered::Untracked;
    }
    let Some(passes) = lookup_overflow(tid) else { return Entered::Untracked };
    passes.now.begin(m, sp);
    // SAFETY: an element of the table.
    unsafe { kernel::atomic_add_u32::<1>(&raw mut (*of(tid)).collisions) };
    Entered::Begun
}

/// Ends the current task's pass of `m`, if any: its read or lseek returns.
#[inline(always)]
pub(crate) fn leave(tid: u32, m: u64, state: &mut SessionState) {
    if state.in_pass == UNTRACKED && state.owner == tid {
        drop_untracked_pass(state);
    }
    if let Some(passes) = passes(tid) {
        release_slot(tid, m, passes);
    }
}

/// Removes an unfinished pass of `m`, and frees the slot if the task is inside of no pass.
#[inline(never)]
fn release_slot(tid: u32, m: u64, passes: &mut Passes) {
    // The stop of this pass was missed.
    if passes.depth != 0 && passes.now.m == m {
        passes.abandon();
    }
    // A BPF iterator can be read inside a callback of another file.
    if passes.depth != 0 {
        return;
    }
    let slot = of(tid);
    // SAFETY: an element of the table; it is changed only if this thread owns it.
    unsafe {
        if (*slot).tid == tid {
            (&raw mut (*slot).tid).write_volatile(0);
            let _ = PASS_SLOT_OWNERS.remove(tid & (TASK_SLOTS as u32 - 1));
        } else if PASS_OVERFLOW.remove(tid).is_ok() {
            kernel::atomic_add_u32::<-1>(&raw mut (*slot).collisions);
        }
    }
}

/// Ends a pass that was not tracked.
#[inline(always)]
fn drop_untracked_pass(state: &mut SessionState) {
    state.in_pass = 0;
    // SAFETY: a static of ours.
    unsafe { kernel::atomic_add_u32::<-1>(&raw mut UNTRACKED_PASSES) };
}

/// Counts the return of a callback that matches no pass, if untracked passes are in progress.
#[inline(always)]
fn count_unmatched_return() {
    // SAFETY: a static of ours.
    if unsafe { (&raw const UNTRACKED_PASSES).read_volatile() } != 0 {
        Missed::Call.count();
    }
}

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

/// Returns true if a function that was entered with stack pointer `sp` has returned to `return_sp`: on x86 that is 8
/// more.
#[inline(always)]
fn same_frame(return_sp: u64, sp: u64) -> bool {
    return_sp.wrapping_sub(sp) <= 16
}

/// Returns true for a pointer with which the core continues the pass (not `!p || IS_ERR(p)` in fs/seq_file.c;
/// `MAX_ERRNO`, include/linux/err.h).
#[inline(always)]
fn is_record(pointer: u64) -> bool {
    const MAX_ERRNO: u64 = 4095;
    pointer != 0 && pointer < 0_u64.wrapping_sub(MAX_ERRNO)
}

/// `void *start(struct seq_file *m, loff_t *pos)` was entered.
#[kprobe]
pub(crate) fn pass_start_enter(ctx: ProbeContext) -> u32 {
    let m = core_call(kernel::arg(&ctx, 0), Some(kernel::arg(&ctx, 1)));
    let Some(state) = session::traced(m) else { return 0 };
    let (_, tid) = kernel::ids();
    let entered = enter(tid, m, stack_pointer(ctx.regs));
    if entered == Entered::Nested {
        return 0;
    }
    if state.in_pass == UNTRACKED {
        drop_untracked_pass(state);
    }
    iterate::pass_begin(m, state, slots::batch(m));
    if entered == Entered::Untracked {
        Missed::Call.count();
        state.in_pass = UNTRACKED;
        // SAFETY: a static of ours.
        unsafe { kernel::atomic_add_u32::<1>(&raw mut UNTRACKED_PASSES) };
    }
    0
}

/// `start()` returned.
#[kretprobe]
pub(crate) fn pass_start_return(ctx: RetProbeContext) -> u32 {
    let (_, tid) = kernel::ids();
    let Some(passes) = passes(tid) else { return 0 };
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
        if is_record(kernel::returned(ctx.regs)) { PassState::Found } else { PassState::End };
    if let Some(state) = session::traced(pass.m) {
        iterate::start_returned(ctx.regs, pass.m, state);
    }
    0
}

/// `next()` returned.
#[kretprobe]
pub(crate) fn pass_next_return(ctx: RetProbeContext) -> u32 {
    let (_, tid) = kernel::ids();
    let Some(passes) = passes(tid) else {
        count_unmatched_return();
        return 0;
    };
    let pass = &mut passes.now;
    if pass.return_sp != return_sp(&ctx) || !returned_from(&ctx, pass.next) {
        count_unmatched_return();
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

/// `show()` returned.
#[kretprobe]
pub(crate) fn pass_show_return(ctx: RetProbeContext) -> u32 {
    let (_, tid) = kernel::ids();
    let Some(passes) = passes(tid) else {
        count_unmatched_return();
        return 0;
    };
    let pass = &mut passes.now;
    let sp = return_sp(&ctx);
    if pass.return_sp != sp && !start_was_missed(pass, sp) || !returned_from(&ctx, pass.show) {
        count_unmatched_return();
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

/// `void stop(struct seq_file *m, void *v)` was entered.
#[kprobe]
pub(crate) fn pass_stop_enter(ctx: ProbeContext) -> u32 {
    let m = core_call(kernel::arg(&ctx, 0), None);
    let Some(state) = session::traced(m) else { return 0 };
    let (_, tid) = kernel::ids();
    if state.in_pass == UNTRACKED && state.owner == tid {
        Missed::Call.count();
        drop_untracked_pass(state);
        return 0;
    }
    let Some(passes) = passes(tid) else { return 0 };
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

/// `stop()` returned.
#[kretprobe]
pub(crate) fn pass_stop_return(ctx: RetProbeContext) -> u32 {
    let (_, tid) = kernel::ids();
    let Some(passes) = passes(tid) else { return 0 };
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
