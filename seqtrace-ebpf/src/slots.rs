//! The table in which callbacks find their session without a map lookup: the address of a seq_file determines its slot.
//! Most probe hits are for files that are not traced; they cost a dozen instructions.
//!
//! Two traced files may hash to the same slot. The first one owns it. The session of the other is found in the map
//! `SESSION`, which has all sessions; the slot counts such collisions.

use seqtrace_common::slots::{PendingBatch, SLOT_COUNT, SessionState, Slot};

use crate::{
    config::config,
    kernel,
    maps::{SLOT_OWNERS, SLOTS},
};

/// Returns the slot number of an address. Addresses of seq_files differ by multiples of 8.
#[inline(always)]
fn index(id: u64) -> u64 {
    (id >> 3) & (SLOT_COUNT as u64 - 1)
}

/// Returns the slot of a seq_file, or of a plain file.
#[inline(always)]
pub(crate) fn of(id: u64) -> *mut Slot {
    const SIZE: u64 = size_of::<Slot>() as u64;
    const MASK: i32 = ((SLOT_COUNT as u64 - 1) * SIZE) as i32;
    const { assert!(SIZE == 256) };
    // The same as `index(id) * SIZE`, in fewer instructions.
    let offset = kernel::opaque_mask::<MASK>(id << 5);
    // SAFETY: the offset is that of an element.
    unsafe { (&raw mut SLOTS).cast::<u8>().add(offset as usize).cast() }
}

/// Assigns a traced file its slot, if that is free; otherwise counts a collision.
#[inline(always)]
pub(crate) fn claim(id: u64, state: SessionState) {
    const NO_EXIST: u64 = 1;
    let slot = of(id);
    // With previews no slot is used: a preview must follow its show in the ring, so nothing may be buffered.
    // Two concurrent opens may hash to the same slot. BPF ISA v1 and v2 have no cmpxchg, so a BPF_NOEXIST map insert
    // decides the owner.
    if config!(preview) == 0 && SLOT_OWNERS.insert(index(id) as u32, id, NO_EXIST).is_ok() {
        // SAFETY: an element of the table, which this file owns. The file is not read yet.
        unsafe {
            (&raw mut (*slot).state).write(state);
            (*slot).batch.pairs = 0;
            (*slot).batch.pending_next = 0;
            (&raw mut (*slot).id).write_volatile(id);
        }
    } else {
        // SAFETY: the table's own element.
        unsafe { kernel::atomic_add_u32::<1>(&raw mut (*slot).collisions) };
    }
}

/// Frees the slot of a traced file, or removes its collision.
#[inline(always)]
pub(crate) fn release(id: u64) {
    let slot = of(id);
    // SAFETY: the table's own element.
    unsafe {
        if (*slot).id == id {
            (&raw mut (*slot).id).write_volatile(0);
            let _ = SLOT_OWNERS.remove(index(id) as u32);
        } else {
            kernel::atomic_add_u32::<-1>(&raw mut (*slot).collisions);
        }
    }
}

/// Returns the pending batch of a session; `None` if it owns no slot, so that each of its callbacks is submitted at
/// once.
#[inline(always)]
pub(crate) fn batch(id: u64) -> Option<&'static mut PendingBatch> {
    let slot = of(id);
    // SAFETY: an element of the table; only the task that holds m->lock writes to it.
    unsafe { ((*slot).id == id).then_some(&mut (*slot).batch) }
}
