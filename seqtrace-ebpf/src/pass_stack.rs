//! The passes that a thread is inside of: a callback may read another file. They are in a table of [`crate::table`]. A
//! thread owns its slot from the first pass of a read or lseek to the return of that call.

use aya_ebpf::maps::HashMap;
use seqtrace_common::slots::SessionState;

use crate::{
    config::config,
    kernel::{self, field},
    maps::{
        Missed, PASS_OVERFLOW, PASS_SLOT_OWNERS, PASS_SLOTS, PROBED, PROBES, Pass, PassState,
        Passes, UNTRACKED_PASSES,
    },
    table::{self, PerThread, ThreadSlot},
};

/// Depth to which nested passes of one thread are followed.
const DEPTH: u32 = 4;

/// Value of [`SessionState::in_pass`]: the pass could not be tracked, so none of its callbacks is emitted.
pub(crate) const UNTRACKED: u8 = 2;

impl PerThread for Passes {
    const INITIAL: &'static Self = {
        static NONE: Passes = Passes::NONE;
        &NONE
    };

    #[inline(always)]
    fn table() -> *mut ThreadSlot<Self> {
        (&raw mut PASS_SLOTS).cast()
    }

    #[inline(always)]
    fn owners() -> &'static HashMap<u32, u64> {
        &PASS_SLOT_OWNERS
    }

    #[inline(always)]
    fn overflow() -> &'static HashMap<u64, Self> {
        &PASS_OVERFLOW
    }
}

impl Passes {
    /// Removes the innermost pass.
    #[inline(always)]
    pub(crate) fn pop(&mut self) {
        match self.depth {
            2 => self.now = self.outer[0],
            3 => self.now = self.outer[1],
            4 => self.now = self.outer[2],
            _ => self.now.clear(),
        }
        self.depth = self.depth.saturating_sub(1);
    }

    /// Adds a pass within the innermost; the caller sets it. Returns false if the passes nest too deeply.
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
    /// Clears the fields by which callbacks are matched to a pass. The other fields are no longer used.
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
    pub(crate) fn count_missed_return(&self, function: u64) {
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
pub(crate) enum Entered {
    Begun,
    /// The entry is not a new pass: a callback of the same file called start.
    Nested,
    Untracked,
}

/// Handles an entry of `start()` of a traced file.
#[inline(never)]
pub(crate) fn enter(tid: u32, m: u64, sp: u64) -> Entered {
    let Some(passes) = table::current::<Passes>(tid) else { return enter_first(tid, m, sp) };
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

/// Begins the first pass of a thread.
#[inline(never)]
fn enter_first(tid: u32, m: u64, sp: u64) -> Entered {
    let Some(passes) = table::add::<Passes>(tid) else { return Entered::Untracked };
    passes.now.begin(m, sp);
    // The outer passes are not used at this depth.
    passes.depth = 1;
    Entered::Begun
}

/// Ends the current task's pass of `m`, if any: its read or lseek returns.
#[inline(always)]
pub(crate) fn leave(tid: u32, m: u64, state: &mut SessionState) {
    if state.in_pass == UNTRACKED && state.owner == tid {
        drop_untracked_pass(state);
    }
    if let Some(passes) = table::current::<Passes>(tid) {
        release_slot(tid, m, passes);
    }
}

/// Removes an unfinished pass of `m`, and frees the slot if the thread is inside of no pass.
#[inline(never)]
fn release_slot(tid: u32, m: u64, passes: &mut Passes) {
    // The stop of this pass was missed.
    if passes.depth != 0 && passes.now.m == m {
        passes.abandon();
    }
    // A BPF iterator can be read inside a callback of another file.
    if passes.depth == 0 {
        table::free_slot(tid, |_: &Passes| true);
        table::remove_overflow::<Passes>(tid);
    }
}

/// Begins a pass that cannot be tracked.
#[inline(always)]
pub(crate) fn begin_untracked_pass(state: &mut SessionState) {
    state.in_pass = UNTRACKED;
    // SAFETY: a static of ours.
    unsafe { kernel::atomic_add_u32::<1>(&raw mut UNTRACKED_PASSES) };
}

/// Ends a pass that was not tracked.
#[inline(always)]
pub(crate) fn drop_untracked_pass(state: &mut SessionState) {
    state.in_pass = 0;
    // SAFETY: a static of ours.
    unsafe { kernel::atomic_add_u32::<-1>(&raw mut UNTRACKED_PASSES) };
}

/// Counts the return of a callback that matches no pass, if untracked passes are in progress.
#[inline(always)]
pub(crate) fn count_unmatched_return() {
    // SAFETY: a static of ours.
    if unsafe { (&raw const UNTRACKED_PASSES).read_volatile() } != 0 {
        Missed::Call.count();
    }
}
