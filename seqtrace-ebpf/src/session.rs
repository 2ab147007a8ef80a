//! Which open files are traced, and under which number.

use seqtrace_common::config::{FilterKey, Fnv, NAME_BYTES, flag};
use seqtrace_common::slots::SessionState;
use seqtrace_common::wire::{COMM_BYTES, Task};

use crate::{
    config::{config, has},
    kernel,
    maps::{FILTER, KEYS, Missed, NEXT_KEY, SESSION},
    slots,
};

/// The traced session of this `struct seq_file *` (or plain `struct file *`), if it is one.
#[inline(always)]
pub(crate) fn traced(id: u64) -> Option<&'static mut SessionState> {
    let slot = slots::of(id);
    // SAFETY: an element of the table; what is in it stays while the file is open, and only the task that
    // holds m->lock writes to it.
    unsafe {
        if (*slot).id == id && id != 0 {
            return Some(&mut (*slot).state);
        }
        if (*slot).others == 0 {
            return None;
        }
    }
    elsewhere(id)
}

/// The traced session of a file whose place is another's, if it is one.
#[inline(always)]
pub(crate) fn elsewhere(id: u64) -> Option<&'static mut SessionState> {
    let state = SESSION.get_ptr_mut(id)?;
    // SAFETY: an element of the map; it stays while the file is open, and only the task that holds
    // m->lock writes to it.
    let state = unsafe { &mut *state };
    (state.key != 0).then_some(state)
}

/// True if the file is known, traced or not.
#[inline(always)]
pub(crate) fn known(id: u64) -> bool {
    SESSION.get_ptr(id).is_some()
}

/// [`SessionState::new()`], of a zero that the compiler does not know: several in a row become a call of memset(),
/// which is a loop over bytes here, and the verifier goes through every round of it.
#[inline(always)]
fn fresh(key: u32) -> SessionState {
    let zero = kernel::masked::<0>(0) as u32;
    // SAFETY: it is numbers only.
    unsafe { core::mem::transmute::<[u32; 4], SessionState>([key, zero, zero, zero]) }
}

/// Remembers a file; its number is 0 if it is not to be traced. `None` if the maps are full.
#[inline(always)]
pub(crate) fn add(id: u64, key: u32) -> Option<()> {
    if let Some(old) = SESSION.get_ptr(id) {
        // The address was used before by a file whose release was not seen.
        // SAFETY: an element of the map.
        let old = unsafe { (*old).key };
        if old != 0 {
            slots::leave(id);
            let _ = KEYS.remove(old);
        }
    }
    let state = fresh(key);
    SESSION.insert(id, state, 0).ok()?;
    if key != 0 {
        slots::take(id, state);
    }
    Some(())
}

/// Remembers a file that is traced, under a number that no other has. `None` if the maps are full.
#[inline(always)]
pub(crate) fn begin(id: u64) -> Option<u32> {
    let key = new_key(id)?;
    if add(id, key).is_none() {
        let _ = KEYS.remove(key);
        Missed::Session.count();
        return None;
    }
    Some(key)
}

/// Forgets a file.
#[inline(always)]
pub(crate) fn remove(id: u64, key: u32) {
    if key != 0 {
        slots::leave(id);
    }
    let _ = SESSION.remove(id);
    let _ = KEYS.remove(key);
}

/// A number that no open session has. The counter is this CPU's own, but the program may be
/// preempted between reading and writing it: `KEYS` is what makes the number unique.
#[inline(always)]
fn new_key(id: u64) -> Option<u32> {
    const NO_EXIST: u64 = 1;
    let cpu = kernel::cpu();
    let next = NEXT_KEY.get_ptr_mut(cpu)?;
    for _ in 0..4 {
        // SAFETY: the map's own element.
        let value = unsafe {
            *next = (*next).wrapping_add(1);
            *next
        };
        let key = (value << 10) | (cpu & 1023);
        if key != 0 && KEYS.insert(key, id, NO_EXIST).is_ok() {
            return Some(key);
        }
    }
    Missed::Session.count();
    None
}

/// Whether what a task opens is traced, as far as the task decides.
#[inline(always)]
pub(crate) fn accepts_task(task: &Task) -> bool {
    (!has(flag::FILTER_PID) || allowed(flag::FILTER_PID, u64::from(task.pid)))
        && (!has(flag::FILTER_TID) || allowed(flag::FILTER_TID, u64::from(task.tid)))
        && (!has(flag::FILTER_UID) || allowed(flag::FILTER_UID, u64::from(task.uid)))
        // SAFETY: it has so many bytes.
        && (!has(flag::FILTER_COMM)
            || allowed(flag::FILTER_COMM, unsafe { hash::<COMM_BYTES>(task.comm.as_ptr()) }))
}

/// Whether a file of this name is traced.
///
/// # Safety
/// `name` must be NUL-terminated or have [`NAME_BYTES`].
#[inline(always)]
pub(crate) unsafe fn accepts_name(name: *const u8) -> bool {
    // SAFETY: the caller vouches for the name.
    !has(flag::FILTER_NAME) || allowed(flag::FILTER_NAME, unsafe { hash::<NAME_BYTES>(name) })
}

/// True if the current task is seqtrace itself and its files are not to be traced.
#[inline(always)]
pub(crate) fn own() -> bool {
    !has(flag::TRACE_OWN) && kernel::own_pid() == config!(own_pid)
}

#[inline(always)]
fn allowed(what: u32, value: u64) -> bool {
    FILTER.get_ptr(FilterKey { what, pad: 0, value }).is_some()
}

/// The hash of a text.
///
/// # Safety
/// `text` must be NUL-terminated or have N bytes.
#[inline(always)]
unsafe fn hash<const N: usize>(text: *const u8) -> u64 {
    const { assert!(N == COMM_BYTES || N == NAME_BYTES) };
    let mut hash = Fnv::new();
    for at in 0..N {
        // SAFETY: no NUL was before it.
        let byte = unsafe { *text.add(at) };
        if byte == 0 {
            break;
        }
        hash = hash.push(byte);
    }
    hash.finish()
}
