//! The callbacks, seen at the functions themselves: kretprobes on the addresses that user space found in `m->op`, and
//! kprobes on the entries of start and stop. For kernels whose text is not understood, and as the independent witness of
//! [`crate::iterate`], whose events it writes.
//!
//! A kretprobe does not know the arguments. [`crate::callbacks`] notes them at each entry; here they are noted once a
//! pass, when start is entered, and of next and show, nearly all calls, nothing is probed but the return. It finds its
//! pass by the stack pointer: the core calls all callbacks of a pass from one call of one function, so behind all of
//! them it is the same, and as long as that function runs no other of the thread has it. A callback that calls another
//! table's function is deeper in the stack. One that ends in a jump to another (a tail call) is not: the function that
//! has returned tells, where the kernel tells it (`bpf_get_func_ip()` of kprobes, since 5.15).

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
        Last, Missed, PASS_CLAIMS, PASS_PLACES, PASSES_ELSEWHERE, PROBED, PROBES, Pass, PassPlace,
        Passes, ROOMLESS, TASK_SLOTS,
    },
    session, slots,
};

/// Passes in one another that are followed.
const DEPTH: u32 = 4;

/// [`SessionState::passing`]: there was no room for the pass, none of its callbacks is told.
const NO_ROOM: u8 = 2;

#[inline(always)]
fn of(tid: u32) -> *mut PassPlace {
    const SIZE: u64 = size_of::<PassPlace>() as u64;
    const MASK: i32 = ((TASK_SLOTS as u64 - 1) * SIZE) as i32;
    const { assert!(SIZE == 256) };
    let offset = kernel::masked::<MASK>(u64::from(tid) << 8);
    // SAFETY: the offset is that of an element.
    unsafe { (&raw mut PASS_PLACES).cast::<u8>().add(offset as usize).cast() }
}

/// The passes that the current task is inside of, if it is inside of any.
#[inline(always)]
fn passes(tid: u32) -> Option<&'static mut Passes> {
    let place = of(tid);
    // SAFETY: the element of this thread: no other thread touches it.
    unsafe {
        if (*place).tid == tid {
            return Some(&mut (*place).passes);
        }
        if (*place).others == 0 {
            return None;
        }
    }
    elsewhere(tid)
}

/// The passes of a task whose place is another's.
#[inline(never)]
fn elsewhere(tid: u32) -> Option<&'static mut Passes> {
    // SAFETY: the element of this thread: no other thread touches it.
    PASSES_ELSEWHERE.get_ptr_mut(tid).map(|passes| unsafe { &mut *passes })
}

impl Passes {
    /// The pass around the innermost becomes it.
    #[inline(always)]
    fn pop(&mut self) {
        match self.depth {
            2 => self.now = self.outer[0],
            3 => self.now = self.outer[1],
            4 => self.now = self.outer[2],
            _ => self.now.forget(),
        }
        self.depth = self.depth.saturating_sub(1);
    }

    /// Makes room for one more within the innermost; false if there is none.
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

    /// Removes the innermost pass, of which nothing more will be seen.
    #[inline(always)]
    fn abandon(&mut self) {
        if self.now.last == Last::Stopping {
            Missed::Return.count();
        }
        self.pop();
    }
}

impl Pass {
    /// It is over, and nothing is taken for a part of it any more. What is left of it is not looked at.
    #[inline(always)]
    fn forget(&mut self) {
        self.m = 0;
        self.back = 0;
        self.last = Last::End;
    }

    /// `start()` of `m` was entered.
    #[inline(never)]
    fn begin(&mut self, m: u64, sp: u64) {
        let op: u64 = field(m, config!(offsets.seq_file_op));
        let in_order = config!(offsets.seq_operations_start) == 0
            && config!(offsets.seq_operations_next) == 16
            && config!(offsets.seq_operations_show) == 24;
        if in_order {
            // Of a short read most is the call.
            [self.start, _, self.next, self.show] = field(op, 0);
        } else {
            self.start = field(op, config!(offsets.seq_operations_start));
            self.next = field(op, config!(offsets.seq_operations_next));
            self.show = field(op, config!(offsets.seq_operations_show));
        }
        self.m = m;
        self.sp = sp;
        self.back = 0;
        self.last = Last::Begun;
        // SAFETY: the map's own element.
        self.attached = PROBES.get_ptr(0).map_or(0, |probes| unsafe { *probes });
    }

    /// True if the returns of `function` were seen when the pass began.
    #[inline(never)]
    fn sees(&self, function: u64) -> bool {
        // SAFETY: an element of the map.
        PROBED.get_ptr(function).is_some_and(|number| unsafe { *number < self.attached })
    }

    /// The kernel had no room to note where `function` returns to, if it is probed at all.
    #[inline(always)]
    fn misses(&self, function: u64) {
        if self.sees(function) {
            Missed::Return.count();
        }
    }

    /// True if start may be called in its stead.
    #[inline(always)]
    fn may_be_over(&self) -> bool {
        match self.last {
            Last::Stopping => true,
            // c_next() of /proc/cpuinfo ends in a jump to c_start().
            Last::Begun | Last::More => false,
            Last::Found | Last::Next | Last::End => {
                let op: u64 = field(self.m, config!(offsets.seq_file_op));
                !self.sees(field(op, config!(offsets.seq_operations_stop)))
            }
        }
    }
}

/// What became of an entry of start.
#[derive(Clone, Copy, PartialEq)]
enum Entered {
    Begun,
    /// A callback of the same file called it.
    Nested,
    NoRoom,
}

/// `start()` of a traced file was entered.
#[inline(never)]
fn enter(tid: u32, m: u64, sp: u64) -> Entered {
    let Some(passes) = passes(tid) else {
        return first(tid, m, sp);
    };
    for _ in 0..DEPTH {
        let Passes { depth, now, .. } = passes;
        // The stack grows down: whoever was deeper in it has returned.
        let gone = now.sp < sp || now.sp == sp && (now.m != m || now.may_be_over());
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
        return Entered::NoRoom;
    }
    passes.now.begin(m, sp);
    Entered::Begun
}

/// The current task has no place yet.
#[inline(never)]
fn first(tid: u32, m: u64, sp: u64) -> Entered {
    const NO_EXIST: u64 = 1;
    let place = of(tid);
    if PASS_CLAIMS.insert(tid & (TASK_SLOTS as u32 - 1), tid, NO_EXIST).is_err() {
        return first_elsewhere(tid, m, sp);
    }
    // SAFETY: the table's own element, and ours now. What is around the first pass is looked at by nobody.
    unsafe {
        (*place).passes.now.begin(m, sp);
        (*place).passes.depth = 1;
        (&raw mut (*place).tid).write_volatile(tid);
    }
    Entered::Begun
}

/// The current task's place is another's.
#[inline(never)]
fn first_elsewhere(tid: u32, m: u64, sp: u64) -> Entered {
    // The stack has no room for them.
    static NONE: Passes =
        Passes { depth: 1, pad: 0, now: Pass::NONE, outer: [const { Pass::NONE }; 3] };
    if PASSES_ELSEWHERE.insert(tid, &NONE, 0).is_err() {
        return Entered::NoRoom;
    }
    let Some(passes) = elsewhere(tid) else { return Entered::NoRoom };
    passes.now.begin(m, sp);
    // SAFETY: an element of the table.
    unsafe { kernel::add::<1>(&raw mut (*of(tid)).others) };
    Entered::Begun
}

/// The current task's read or lseek of `m` returns.
#[inline(always)]
pub(crate) fn leave(tid: u32, m: u64, state: &mut SessionState) {
    if state.passing == NO_ROOM && state.owner == tid {
        seen_out(state);
    }
    if let Some(passes) = passes(tid) {
        give_back(tid, m, passes);
    }
}

#[inline(never)]
fn give_back(tid: u32, m: u64, passes: &mut Passes) {
    // Its stop was not seen.
    if passes.depth != 0 && passes.now.m == m {
        passes.abandon();
    }
    // Iterators are read inside of other reads.
    if passes.depth != 0 {
        return;
    }
    let place = of(tid);
    // SAFETY: an element of the table; another's is left alone.
    unsafe {
        if (*place).tid == tid {
            (&raw mut (*place).tid).write_volatile(0);
            let _ = PASS_CLAIMS.remove(tid & (TASK_SLOTS as u32 - 1));
        } else if PASSES_ELSEWHERE.remove(tid).is_ok() {
            kernel::add::<-1>(&raw mut (*place).others);
        }
    }
}

/// A pass that there was no room for is over.
#[inline(always)]
fn seen_out(state: &mut SessionState) {
    state.passing = 0;
    // SAFETY: a number of ours.
    unsafe { kernel::add::<-1>(&raw mut ROOMLESS) };
}

/// A callback has returned, and no pass is known that it is of: counted if that may be for lack of room.
#[inline(always)]
fn unknown() {
    // SAFETY: a number of ours.
    if unsafe { (&raw const ROOMLESS).read_volatile() } != 0 {
        Missed::Call.count();
    }
}

/// The stack pointer behind the call that has returned.
#[inline(always)]
fn back(ctx: &RetProbeContext) -> u64 {
    stack_pointer(ctx.regs)
}

/// True if what has returned is `function`, and no other that it has called.
#[inline(always)]
fn is(ctx: &RetProbeContext, function: u64) -> bool {
    // SAFETY: the context is the probe's own.
    unsafe { bpf_get_func_ip(ctx.as_ptr()) == function }
}

/// True if this was called where `sp` was the stack pointer at an entry: on x86 it is 8 more after the return.
#[inline(always)]
fn is_behind(back: u64, sp: u64) -> bool {
    back.wrapping_sub(sp) <= 16
}

/// True for a pointer to a record: what the core goes on with (`!p || IS_ERR(p)` in fs/seq_file.c; `MAX_ERRNO`,
/// include/linux/err.h).
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
    if state.passing == NO_ROOM {
        seen_out(state);
    }
    iterate::pass_begin(m, state, slots::staged(m));
    if entered == Entered::NoRoom {
        Missed::Call.count();
        state.passing = NO_ROOM;
        // SAFETY: a number of ours.
        unsafe { kernel::add::<1>(&raw mut ROOMLESS) };
    }
    0
}

/// `start()` returned.
#[kretprobe]
pub(crate) fn pass_start_return(ctx: RetProbeContext) -> u32 {
    let (_, tid) = kernel::ids();
    let Some(passes) = passes(tid) else { return 0 };
    let pass = &mut passes.now;
    let sp = back(&ctx);
    if pass.last != Last::Begun || !is_behind(sp, pass.sp) || !is(&ctx, pass.start) {
        return 0;
    }
    pass.back = sp;
    pass.last = if is_record(kernel::returned(ctx.regs)) { Last::Found } else { Last::End };
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
        unknown();
        return 0;
    };
    let pass = &mut passes.now;
    if pass.back != back(&ctx) || !is(&ctx, pass.next) {
        unknown();
        return 0;
    }
    if pass.last != Last::More {
        pass.misses(pass.show);
    }
    pass.last = Last::Next;
    let m = pass.m;
    if let Some(state) = session::traced(m) {
        iterate::next_returned(ctx.regs, m, state, slots::staged(m));
    }
    0
}

/// `show()` returned.
#[kretprobe]
pub(crate) fn pass_show_return(ctx: RetProbeContext) -> u32 {
    let (_, tid) = kernel::ids();
    let Some(passes) = passes(tid) else {
        unknown();
        return 0;
    };
    let pass = &mut passes.now;
    let sp = back(&ctx);
    if pass.back != sp && !start_was_missed(pass, sp) || !is(&ctx, pass.show) {
        unknown();
        return 0;
    }
    if !matches!(pass.last, Last::Next | Last::Found) {
        show_was_not_next(pass, sp);
    }
    let m = pass.m;
    if let Some(state) = session::traced(m) {
        pass.last = iterate::show_of_pass_returned(ctx.regs, m, state, slots::staged(m));
    }
    0
}

/// True if the kernel had no room to note where start returns to: show is not called before.
#[inline(always)]
fn start_was_missed(pass: &Pass, sp: u64) -> bool {
    pass.last == Last::Begun && is_behind(sp, pass.sp)
}

/// Something between show and what was seen before it was missed.
#[inline(never)]
fn show_was_not_next(pass: &mut Pass, sp: u64) {
    pass.back = sp;
    pass.misses(if pass.last == Last::Begun { pass.start } else { pass.next });
}

/// `void stop(struct seq_file *m, void *v)` was entered.
#[kprobe]
pub(crate) fn pass_stop_enter(ctx: ProbeContext) -> u32 {
    let m = core_call(kernel::arg(&ctx, 0), None);
    let Some(state) = session::traced(m) else { return 0 };
    let (_, tid) = kernel::ids();
    if state.passing == NO_ROOM && state.owner == tid {
        Missed::Call.count();
        seen_out(state);
        return 0;
    }
    let Some(passes) = passes(tid) else { return 0 };
    let pass = &mut passes.now;
    if pass.m != m || pass.sp != stack_pointer(ctx.regs) {
        return 0;
    }
    // What the core would have called before: see seq_read_iter() and traverse() (fs/seq_file.c).
    match pass.last {
        Last::Begun => pass.misses(pass.start),
        Last::Found => pass.misses(pass.show),
        Last::More => pass.misses(pass.next),
        Last::Next | Last::End | Last::Stopping => {}
    }
    pass.last = Last::Stopping;
    0
}

/// `stop()` returned.
#[kretprobe]
pub(crate) fn pass_stop_return(ctx: RetProbeContext) -> u32 {
    let (_, tid) = kernel::ids();
    let Some(passes) = passes(tid) else { return 0 };
    let (pass, sp) = (&passes.now, back(&ctx));
    let same = pass.back == sp || pass.back == 0 && is_behind(sp, pass.sp);
    if pass.last != Last::Stopping || !same {
        return 0;
    }
    let m = pass.m;
    passes.pop();
    if let Some(state) = session::traced(m) {
        iterate::stop_returned(m, state, slots::staged(m));
    }
    0
}
