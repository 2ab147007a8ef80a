//! The table of sessions ([`crate::table`]): the address of a seq_file determines its slot. Most probe hits are for
//! files that are not traced; they cost a dozen instructions. The overflow map is `SESSION`, which has all sessions.

use core::mem::offset_of;

use aya_ebpf::maps::HashMap;
use seqtrace_common::slots::{PendingBatch, SessionState, Slot};

use crate::{
    config::config,
    maps::{SLOT_OWNERS, SLOTS},
    table::{self, Lookup, TableSlot},
};

const _: () = assert!(offset_of!(Slot, id) == 0 && offset_of!(Slot, collisions) == 8);

// SAFETY: `repr(C)`, and begins with the fields of a `SlotHead`; the table has SLOT_COUNT slots and a guard slot.
unsafe impl TableSlot for Slot {
    /// A seq_file is aligned to 8 bytes.
    const EQUAL_BITS: u32 = 3;

    #[inline(always)]
    fn table() -> *mut Self {
        (&raw mut SLOTS).cast()
    }

    #[inline(always)]
    fn owners() -> &'static HashMap<u32, u64> {
        &SLOT_OWNERS
    }
}

/// Assigns a traced file its slot, if that is free; otherwise counts a collision.
#[inline(always)]
pub(crate) fn claim(id: u64, state: SessionState) {
    let fill = |slot: *mut Slot| {
        // SAFETY: an element of the table, which this file owns. The file is not read yet.
        unsafe {
            (&raw mut (*slot).state).write(state);
            (*slot).batch.pairs = 0;
            (*slot).batch.pending_next = 0;
        }
    };
    // With previews no slot is used: a preview must follow its show in the ring, so nothing may be buffered.
    if config!(preview) != 0 || table::claim(id, fill).is_none() {
        table::add_collisions::<Slot, 1>(id);
    }
}

/// Frees the slot of a traced file, or removes its collision.
#[inline(always)]
pub(crate) fn release(id: u64) {
    match table::find::<Slot>(id) {
        Lookup::Owned(slot) => table::free(slot, id),
        Lookup::Overflow | Lookup::Absent => table::add_collisions::<Slot, -1>(id),
    }
}

/// Returns the pending batch of a session; `None` if it owns no slot, so that each of its callbacks is submitted at
/// once.
#[inline(always)]
pub(crate) fn batch(id: u64) -> Option<&'static mut PendingBatch> {
    match table::find::<Slot>(id) {
        // SAFETY: an element of the table; only the task that holds m->lock writes to it.
        Lookup::Owned(slot) => Some(unsafe { &mut (*slot).batch }),
        Lookup::Overflow | Lookup::Absent => None,
    }
}
