//! The table of the callbacks that a task is inside of. Like in [`crate::slots`], no map lookup is needed: the thread
//! id determines the slot. Inserting and removing a map element with each callback costs more than all the rest.
//!
//! A task owns its slot from its first callback of a traced file until its read or lseek returns. A task whose slot is
//! owned by another, and a task inside a callback of an untraced file, is in the map `CALLS` while it is inside a
//! callback.

use crate::{
    kernel,
    maps::{CALLS, Calls, Missed, TASK_SLOT_OWNERS, TASK_SLOTS, TASKS_INSIDE, TaskSlot},
};

/// Returns the slot of a thread.
#[inline(always)]
fn of(tid: u32) -> *mut TaskSlot {
    const SIZE: u64 = size_of::<TaskSlot>() as u64;
    const MASK: i32 = ((TASK_SLOTS as u64 - 1) * SIZE) as i32;
    const { assert!(SIZE == 128) };
    let offset = kernel::opaque_mask::<MASK>(u64::from(tid) << 7);
    // SAFETY: the offset is that of an element.
    unsafe { (&raw mut TASKS_INSIDE).cast::<u8>().add(offset as usize).cast() }
}

/// Returns the callbacks that the current task is inside of, if any are noted.
#[inline(always)]
pub(crate) fn calls(tid: u32) -> Option<&'static mut Calls> {
    let slot = of(tid);
    // SAFETY: the slot of this thread: no other thread accesses its calls.
    unsafe {
        if (*slot).tid == tid {
            return Some(&mut (*slot).calls);
        }
    }
    // SAFETY: as above.
    CALLS.get_ptr_mut(tid).map(|calls| unsafe { &mut *calls })
}

/// Notes that the current task, which is inside no callback, has entered one.
#[inline(never)]
pub(crate) fn enter_first(tid: u32, m: u64, sp: u64) {
    const NO_EXIST: u64 = 1;
    // Elements beyond the depth are never read. They are not cleared: the compiler would do that byte by byte.
    static ONE: Calls = Calls { depth: 1, ..Calls::NONE };
    let slot = of(tid);
    // The end of a read of an untraced file is not seen: its slot would never be freed.
    let traced = m != 0;
    if traced && TASK_SLOT_OWNERS.insert(tid & (TASK_SLOTS as u32 - 1), tid, NO_EXIST).is_ok() {
        // SAFETY: an element of the table, which this thread owns now.
        unsafe {
            (*slot).calls.depth = 1;
            (*slot).calls.m[0] = m;
            (*slot).calls.sp[0] = sp;
            (&raw mut (*slot).tid).write_volatile(tid);
        }
    } else if CALLS.insert(tid, &ONE, 0).is_err() {
        Missed::Call.count();
    } else if let Some(calls) = CALLS.get_ptr_mut(tid) {
        // SAFETY: the element of this thread: no other thread accesses it.
        unsafe {
            (*calls).m[0] = m;
            (*calls).sp[0] = sp;
        }
    }
}

/// Removes the current task from `CALLS`, after it has returned from its outermost callback.
#[inline(always)]
pub(crate) fn left_last(tid: u32) {
    // SAFETY: an element of the table.
    if unsafe { (*of(tid)).tid } != tid {
        let _ = CALLS.remove(tid);
    }
}

/// Frees the slot of the current task, whose read or lseek returns.
#[inline(always)]
pub(crate) fn release_slot(tid: u32) {
    let slot = of(tid);
    // SAFETY: an element of the table; it is changed only if this thread owns it.
    unsafe {
        // A BPF iterator can be read inside a callback of another file.
        if (*slot).tid == tid && (*slot).calls.depth == 0 {
            (&raw mut (*slot).tid).write_volatile(0);
            let _ = TASK_SLOT_OWNERS.remove(tid & (TASK_SLOTS as u32 - 1));
        }
    }
}
