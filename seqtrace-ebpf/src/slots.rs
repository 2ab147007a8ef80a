//! Where a callback finds its session without a lookup: a table with a place for each seq_file that its address
//! alone decides. Most probes hit files that nobody traces; what that costs is a dozen instructions.
//!
//! Of two traced files with the same place one has it; the other's session is in the map `SESSION`, where all
//! are, and the place says that there are such ones.

use seqtrace_common::slots::{SLOT_COUNT, SessionState, Slot, Staged};

use crate::{
    config::config,
    iterate, kernel,
    maps::{CLAIMS, SLOTS},
};

/// seq_files are multiples of 8 apart.
#[inline(always)]
fn index(id: u64) -> u64 {
    (id >> 3) & (SLOT_COUNT as u64 - 1)
}

/// The place of a seq_file, or plain file.
#[inline(always)]
pub(crate) fn of(id: u64) -> *mut Slot {
    const SIZE: u64 = size_of::<Slot>() as u64;
    const MASK: i32 = ((SLOT_COUNT as u64 - 1) * SIZE) as i32;
    const { assert!(SIZE == 256) };
    // As `index(id) * SIZE`, in fewer instructions.
    let offset = kernel::masked::<MASK>(id << 5);
    // SAFETY: the offset is that of an element.
    unsafe { (&raw mut SLOTS).cast::<u8>().add(offset as usize).cast() }
}

/// A traced file gets its place, if that is free.
#[inline(always)]
pub(crate) fn take(id: u64, state: SessionState) {
    const NO_EXIST: u64 = 1;
    let slot = of(id);
    // A preview is told right behind its show: nothing may wait. Two opens at once may want the same place: of BPF's
    // older instruction sets nothing could decide between them but a map.
    if config!(preview) == 0 && CLAIMS.insert(index(id) as u32, id, NO_EXIST).is_ok() {
        // SAFETY: the table's own element, and ours. The file is not read yet.
        unsafe {
            (&raw mut (*slot).state).write(state);
            (*slot).staged.pairs = 0;
            (*slot).staged.open = 0;
            (&raw mut (*slot).id).write_volatile(id);
        }
    } else {
        // SAFETY: the table's own element.
        unsafe { kernel::add::<1>(&raw mut (*slot).others) };
    }
}

/// A traced file gives its place back.
#[inline(always)]
pub(crate) fn leave(id: u64) {
    let slot = of(id);
    // SAFETY: the table's own element.
    unsafe {
        if (*slot).id == id {
            (&raw mut (*slot).id).write_volatile(0);
            let _ = CLAIMS.remove(index(id) as u32);
        } else {
            kernel::add::<-1>(&raw mut (*slot).others);
        }
    }
}

/// Where callbacks of a session wait to be told together; `None` if it has no place, and all are told at once.
#[inline(always)]
pub(crate) fn staged(id: u64) -> Option<&'static mut Staged> {
    let slot = of(id);
    // SAFETY: an element of the table; only the task that holds m->lock writes to it.
    unsafe { ((*slot).id == id).then_some(&mut (*slot).staged) }
}

/// Tells what waits, if the session's user is the only one.
#[inline(always)]
pub(crate) fn tell(id: u64, key: u32) {
    if let Some(staged) = staged(id) {
        iterate::tell_staged(key, staged);
    }
}

/// A read or lseek of thread `tid` has returned: tells what waits of a pass of its whose stop was not seen. Any other
/// pass is under way in another thread, which writes there, or was told by its stop: m->lock has been dropped.
#[inline(always)]
pub(crate) fn tell_own(id: u64, state: &mut SessionState, tid: u32) {
    // SAFETY: fields of ours, in the order that pass_begin() needs.
    let own = unsafe {
        (&raw const state.passing).read_volatile() != 0
            && (&raw const state.owner).read_volatile() == tid
    };
    if own {
        state.passing = 0;
        tell(id, state.key);
    }
}
