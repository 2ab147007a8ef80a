//! State of a session that the programs keep while its callbacks run. User space only reads it, to find callbacks that
//! were not submitted to the ring yet.

use crate::plain_data;
use crate::wire::{PAIRS, Pair};

/// Number of slots in the table of sessions, a power of two. The address of a seq_file determines its slot, so that the
/// programs find the state of a session without a map lookup.
pub const SLOT_COUNT: usize = 1024;
/// [`SLOT_COUNT`] plus one guard slot: the verifier only knows that a pair index is below 8, so an access to the last
/// slot may appear to run past its end.
pub const SLOTS: usize = SLOT_COUNT + 1;

plain_data! {
    /// Slot of a session: its owner, its state and its pending batch. Fills four cache lines.
    pub struct Slot [256] {
        /// Owner: a `struct seq_file *`, or the `struct file *` of a plain file; 0 if the slot is free.
        pub id: u64,
        /// Number of other traced files that hash to this slot.
        pub collisions: u32,
        pub pad: u32,
        pub state: SessionState,
        /// Callbacks of the session that were not submitted yet.
        pub batch: PendingBatch,
    }
}

plain_data! {
    /// State of an open file that the programs know.
    pub struct SessionState [16] {
        /// The session's number on the wire; 0 for a file that is not traced.
        pub key: u32,
        /// 1 from the call of start to the return of stop, 2 if the pass could not be tracked, else 0. Distinguishes
        /// the return of stop from a later hit of the same probe: in code by gcc, the overflow path of traverse() calls
        /// stop and then runs through the instruction after another call of stop, on which a probe is, too.
        pub in_pass: u8,
        /// Nonzero while the passes are those of traverse(), which empties the buffer after each record without a call
        /// that a probe could see. Only maintained for previews.
        pub traversing: u8,
        /// 1 once the file has been read through bpf_seq_read(), else 0.
        pub iterator: u8,
        pub pad: u8,
        /// Last observed `m->count`, in bytes: offset in the buffer at which the next record begins. Only maintained
        /// for previews.
        pub count: u32,
        /// Id of the thread whose pass was the last to begin.
        pub owner: u32,
    }
}

impl SessionState {
    /// Returns the state of a session that has just begun.
    pub const fn new(key: u32) -> Self {
        Self { key, in_pass: 0, traversing: 0, iterator: 0, pad: 0, count: 0, owner: 0 }
    }
}

plain_data! {
    /// Pending callbacks of a session. They are submitted together, because reserving ring memory is half the cost of a
    /// submission.
    pub struct PendingBatch [224] {
        /// Number of pairs that are complete.
        pub pairs: u32,
        /// 1-based index of the pair whose next() has returned but whose show() has not; 0 if none.
        pub pending_next: u32,
        /// CPU on which all callbacks returned.
        pub cpu: u32,
        pub pad: u32,
        /// Time at which the first next() returned: CLOCK_MONOTONIC, ns.
        pub time: u64,
        /// The pairs, in the order of their callbacks.
        pub pair: [Pair; PAIRS],
    }
}

impl PendingBatch {
    /// Returns true if the batch has callbacks that are not submitted yet.
    pub const fn is_pending(&self) -> bool {
        self.pairs != 0 || self.pending_next != 0
    }

    /// A batch without pending callbacks.
    pub const EMPTY: Self = {
        let none = Pair {
            next: 0,
            index: 0,
            next_after: 0,
            show_after: 0,
            next_count: 0,
            count: 0,
            ret: 0,
            next_flags: 0,
            flags: 0,
            pad: 0,
        };
        Self { pairs: 0, pending_next: 0, cpu: 0, pad: 0, time: 0, pair: [none; PAIRS] }
    };
}
