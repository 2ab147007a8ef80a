//! The open files that are known, the numbers of their sessions, and the filters that decide which files are traced.

use seqtrace_common::config::{FilterKey, Fnv, NAME_BYTES, flag, heartbeat};
use seqtrace_common::slots::{SessionState, Slot};
use seqtrace_common::wire::{COMM_BYTES, Task};

use crate::{
    config::{config, has},
    kernel,
    maps::{FILTER, HEARTBEAT, KEYS, NEXT_KEY, SESSION},
    slots,
    table::{self, Lookup},
};

/// Returns the session of this `struct seq_file *` (or `struct file *` of a plain file), if it is traced.
#[inline(always)]
pub(crate) fn traced(id: u64) -> Option<&'static mut SessionState> {
    match table::find::<Slot>(id) {
        // A free slot has the owner 0.
        // SAFETY: an element of the table. The file owns the slot while it is open, and only the task that holds
        // m->lock writes to the state.
        Lookup::Owned(slot) => (id != 0).then_some(unsafe { &mut (*slot).state }),
        Lookup::Overflow => lookup_overflow(id),
        Lookup::Absent => None,
    }
}

/// Returns the session of a file that owns no slot, if it is traced.
#[inline(always)]
pub(crate) fn lookup_overflow(id: u64) -> Option<&'static mut SessionState> {
    let state = SESSION.get_ptr_mut(id)?;
    // SAFETY: an element of the map. It exists while the file is open, and only the task that holds m->lock writes to
    // it.
    let state = unsafe { &mut *state };
    (state.key != 0).then_some(state)
}

/// Returns true if the file is known, traced or not.
#[inline(always)]
pub(crate) fn known(id: u64) -> bool {
    SESSION.get_ptr(id).is_some()
}

/// Returns the same value as [`SessionState::new()`], built from a zero that is opaque to the compiler. Otherwise the
/// compiler would call memset(), which is a loop over bytes here, and the verifier would explore each iteration.
#[inline(always)]
fn fresh(key: u32) -> SessionState {
    let zero = kernel::opaque_mask!(0, 0) as u32;
    // SAFETY: a struct of integers, of the same size.
    unsafe { core::mem::transmute::<[u32; 4], SessionState>([key, zero, zero, zero]) }
}

/// Adds a file to the known ones; `key` is 0 if it is not traced. Returns `None` if the maps are full.
#[inline(always)]
pub(crate) fn add(id: u64, key: u32) -> Option<()> {
    if let Some(old) = SESSION.get_ptr(id) {
        // An earlier file had this address, and its release was not seen. SAFETY: an element of the map.
        let old = unsafe { (*old).key };
        if old != 0 {
            slots::release(id);
            let _ = KEYS.remove(old);
        }
    }
    let state = fresh(key);
    SESSION.insert(id, state, 0).ok()?;
    if key != 0 {
        slots::claim(id, state);
    }
    Some(())
}

/// Adds a file that is traced and returns its number, which no other session has. `mark`: [`heartbeat::SESSION`] for a
/// heartbeat, else 0. Returns `None` if the maps are full.
#[inline(always)]
pub(crate) fn begin(id: u64, mark: u32) -> Option<u32> {
    let key = new_key(id, mark)?;
    if add(id, key).is_none() {
        let _ = KEYS.remove(key);
        return None;
    }
    Some(key)
}

/// Removes a file from the known ones.
#[inline(always)]
pub(crate) fn remove(id: u64, key: u32) {
    if key != 0 {
        slots::release(id);
    }
    let _ = SESSION.remove(id);
    let _ = KEYS.remove(key);
}

/// Returns a number that no open session has. Each CPU has a counter, but the program may be preempted between reading
/// and writing it: the insertion into `KEYS` makes the number unique.
#[inline(always)]
fn new_key(id: u64, mark: u32) -> Option<u32> {
    const NO_EXIST: u64 = 1;
    let cpu = kernel::cpu();
    let next = NEXT_KEY.get_ptr_mut(cpu)?;
    for _ in 0..4 {
        // SAFETY: an element of the map.
        let value = unsafe {
            *next = (*next).wrapping_add(1);
            *next
        };
        let key = (value << 10) & !heartbeat::SESSION | (cpu & 1023) | mark;
        if key != 0 && KEYS.insert(key, id, NO_EXIST).is_ok() {
            return Some(key);
        }
    }
    None
}

/// Returns true if the filters accept files opened by this task.
#[inline(always)]
pub(crate) fn accepts_task(task: &Task) -> bool {
    (!has(flag::FILTER_PID) || allowed(flag::FILTER_PID, u64::from(task.pid)))
        && (!has(flag::FILTER_TID) || allowed(flag::FILTER_TID, u64::from(task.tid)))
        && (!has(flag::FILTER_UID) || allowed(flag::FILTER_UID, u64::from(task.uid)))
        // SAFETY: a comm has COMM_BYTES.
        && (!has(flag::FILTER_COMM)
            || allowed(flag::FILTER_COMM, unsafe { hash::<COMM_BYTES>(task.comm.as_ptr()) }))
}

/// Returns true if the filters accept files of this name.
///
/// # Safety
/// `name` must be NUL-terminated or have [`NAME_BYTES`].
#[inline(always)]
pub(crate) unsafe fn accepts_name(name: *const u8) -> bool {
    // SAFETY: the caller guarantees it.
    !has(flag::FILTER_NAME) || allowed(flag::FILTER_NAME, unsafe { hash::<NAME_BYTES>(name) })
}

/// Returns true if the current task is seqtrace itself and its files are not to be traced.
#[inline(always)]
pub(crate) fn own() -> bool {
    !has(flag::TRACE_OWN) && kernel::own_pid() == config!(own_pid)
}

/// Returns true if the files that seqtrace itself opens now are heartbeats.
#[inline(always)]
pub(crate) fn in_heartbeat() -> bool {
    // SAFETY: an element of the map.
    HEARTBEAT.get_ptr(0).is_some_and(|on| unsafe { *on } != heartbeat::NONE)
}

/// Handles a loss, or a lack of memory, in a task of seqtrace itself, whose files are no part of the trace: a heartbeat
/// in progress then proves nothing. Returns false if the current task is not one of seqtrace.
#[inline(always)]
pub(crate) fn lose_own() -> bool {
    if !own() {
        return false;
    }
    if let Some(state) = HEARTBEAT.get_ptr_mut(0) {
        // SAFETY: an element of the map.
        unsafe {
            if *state != heartbeat::NONE {
                *state = heartbeat::LOST;
            }
        }
    }
    true
}

/// Returns true if the value is in the filter map.
#[inline(always)]
fn allowed(what: u32, value: u64) -> bool {
    FILTER.get_ptr(FilterKey { what, pad: 0, value }).is_some()
}

/// Returns the hash of a string.
///
/// # Safety
/// `text` must be NUL-terminated or have N bytes.
#[inline(always)]
unsafe fn hash<const N: usize>(text: *const u8) -> u64 {
    const { assert!(N == COMM_BYTES || N == NAME_BYTES) };
    let mut hash = Fnv::new();
    for at in 0..N {
        // SAFETY: below N, and no NUL precedes it.
        let byte = unsafe { *text.add(at) };
        if byte == 0 {
            break;
        }
        hash = hash.push(byte);
    }
    hash.finish()
}
