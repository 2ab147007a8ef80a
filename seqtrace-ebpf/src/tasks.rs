//! Which callbacks a task is inside of, found without a lookup: as [`crate::slots`], by thread id. To make and to
//! remove an element of a map with each callback costs more than all the rest.
//!
//! A task has its place from its first callback of a traced file until its read or lseek returns. Of two with the
//! same place one has it; the other, and who calls back for files that nobody traces, is in the map `CALLS` while it
//! is inside of a callback.

use crate::{
    kernel,
    maps::{CALLS, Calls, Missed, TASK_CLAIMS, TASK_SLOTS, TASKS_INSIDE, TaskSlot},
};

#[inline(always)]
fn of(tid: u32) -> *mut TaskSlot {
    const SIZE: u64 = size_of::<TaskSlot>() as u64;
    const MASK: i32 = ((TASK_SLOTS as u64 - 1) * SIZE) as i32;
    const { assert!(SIZE == 128) };
    let offset = kernel::masked::<MASK>(u64::from(tid) << 7);
    // SAFETY: the offset is that of an element.
    unsafe { (&raw mut TASKS_INSIDE).cast::<u8>().add(offset as usize).cast() }
}

/// The calls of the current task, if there are any.
#[inline(always)]
pub(crate) fn calls(tid: u32) -> Option<&'static mut Calls> {
    let slot = of(tid);
    // SAFETY: the element of this thread: no other thread touches it.
    unsafe {
        if (*slot).tid == tid {
            return Some(&mut (*slot).calls);
        }
    }
    // SAFETY: as above.
    CALLS.get_ptr_mut(tid).map(|calls| unsafe { &mut *calls })
}

/// The current task's first call.
#[inline(never)]
pub(crate) fn enter_first(tid: u32, m: u64, sp: u64) {
    const NO_EXIST: u64 = 1;
    // What is beyond the depth is looked at by nobody: it is not cleared, which the compiler does byte by byte.
    static ONE: Calls = Calls { depth: 1, ..Calls::NONE };
    let slot = of(tid);
    // Nobody sees the end of a read that is not traced: a place would not be given back.
    let traced = m != 0;
    if traced && TASK_CLAIMS.insert(tid & (TASK_SLOTS as u32 - 1), tid, NO_EXIST).is_ok() {
        // SAFETY: the table's own element, and ours now.
        unsafe {
            (*slot).calls.depth = 1;
            (*slot).calls.m[0] = m;
            (*slot).calls.sp[0] = sp;
            (&raw mut (*slot).tid).write_volatile(tid);
        }
    } else if CALLS.insert(tid, &ONE, 0).is_err() {
        Missed::Call.count();
    } else if let Some(calls) = CALLS.get_ptr_mut(tid) {
        // SAFETY: the element of this thread: no other thread touches it.
        unsafe {
            (*calls).m[0] = m;
            (*calls).sp[0] = sp;
        }
    }
}

/// The current task has left its last callback.
#[inline(always)]
pub(crate) fn left(tid: u32) {
    // SAFETY: an element of the table.
    if unsafe { (*of(tid)).tid } != tid {
        let _ = CALLS.remove(tid);
    }
}

/// The current task's read or lseek returns: it needs no place.
#[inline(always)]
pub(crate) fn leave(tid: u32) {
    let slot = of(tid);
    // SAFETY: an element of the table; another's is left alone.
    unsafe {
        // Iterators are read inside of other reads.
        if (*slot).tid == tid && (*slot).calls.depth == 0 {
            (&raw mut (*slot).tid).write_volatile(0);
            let _ = TASK_CLAIMS.remove(tid & (TASK_SLOTS as u32 - 1));
        }
    }
}
