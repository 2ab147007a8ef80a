//! The callbacks that a thread is inside of, in a table of [`crate::table`]: inserting and removing a map element with
//! each callback would cost more than everything else.
//!
//! A thread owns its slot from its first callback of a traced file until its read or lseek returns. Inside a callback
//! of an untraced file, whose reads are not probed, its state is in the overflow map, and only until the callback
//! returns.

use aya_ebpf::maps::HashMap;

use crate::{
    maps::{CALLS, Calls, Missed, TASK_SLOT_OWNERS, TASK_SLOTS},
    table::{self, PerThread, ThreadSlot},
};

impl PerThread for Calls {
    const INITIAL: &'static Self = {
        static NONE: Calls = Calls::NONE;
        &NONE
    };

    #[inline(always)]
    fn table() -> *mut ThreadSlot<Self> {
        (&raw mut TASK_SLOTS).cast()
    }

    #[inline(always)]
    fn owners() -> &'static HashMap<u32, u64> {
        &TASK_SLOT_OWNERS
    }

    #[inline(always)]
    fn overflow() -> &'static HashMap<u64, Self> {
        &CALLS
    }
}

/// Records the first callback that the current thread is inside of. `m` is 0 for an untraced file.
#[inline(never)]
pub(crate) fn enter_first(tid: u32, m: u64, sp: u64) {
    let calls = if m != 0 { table::add::<Calls>(tid) } else { table::add_overflow(tid) };
    let Some(calls) = calls else {
        Missed::Call.count();
        return;
    };
    // Elements beyond the depth are never read.
    calls.depth = 1;
    calls.m[0] = m;
    calls.sp[0] = sp;
}

/// Frees the slot of a thread whose read or lseek returns.
#[inline(always)]
pub(crate) fn release_slot(tid: u32) {
    // A BPF iterator can be read inside a callback of another file.
    table::free_slot(tid, |calls: &Calls| calls.depth == 0);
}
