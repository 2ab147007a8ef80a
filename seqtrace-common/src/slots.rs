//! What the programs know of sessions while callbacks come. User space only looks, for callbacks that were not told
//! yet.

use crate::plain_data;
use crate::wire::{PAIRS, Pair};

/// Places for sessions that callbacks find by address alone; a power of two.
pub const SLOT_COUNT: usize = 1024;
/// With one more behind them that is nobody's: all that the verifier knows of the number of a pair is that it is below
/// 8.
pub const SLOTS: usize = SLOT_COUNT + 1;

plain_data! {
    /// A place for a session; as long as four lines of the cache.
    pub struct Slot [256] {
        /// Whose it is: a `struct seq_file *`, or a plain file's `struct file *`; 0 for nobody's.
        pub id: u64,
        /// How many traced files should be here too.
        pub others: u32,
        /// Spelled-out padding, zero.
        pub pad: u32,
        /// Its session.
        pub state: SessionState,
        /// Callbacks that were not told yet.
        pub staged: Staged,
    }
}

plain_data! {
    /// What the programs know of an open file.
    pub struct SessionState [16] {
        /// The session's number on the wire; 0 for a file that is not to be traced.
        pub key: u32,
        /// 1 (or 2: not told, for lack of room) from the call of start to the return of stop. gcc lets the overflow path of traverse(),
        /// which has called stop elsewhere, run through the instruction behind another call of stop: the
        /// second hit is no second stop.
        pub passing: u8,
        /// The passes are traverse()'s, which empties the buffer behind each record without calling
        /// anything. Only kept for previews.
        pub traversing: u8,
        /// 1 once it has been read through bpf_seq_read().
        pub iterator: u8,
        /// Spelled-out padding, zero.
        pub pad: u8,
        /// `m->count` as last seen, bytes: where the bytes of the next record begin. Only kept for
        /// previews.
        pub count: u32,
        /// The thread whose pass was the last to begin.
        pub owner: u32,
    }
}

impl SessionState {
    /// Nothing has happened yet.
    pub const fn new(key: u32) -> Self {
        Self { key, passing: 0, traversing: 0, iterator: 0, pad: 0, count: 0, owner: 0 }
    }
}

plain_data! {
    /// Records that wait to be told together: half of what telling one costs is getting room in the ring.
    pub struct Staged [224] {
        /// How many are complete.
        pub pairs: u32,
        /// If of one more next has returned, and show has not: its number, counted from 1.
        pub open: u32,
        /// On which CPU all of it happened.
        pub cpu: u32,
        /// Spelled-out padding, zero.
        pub pad: u32,
        /// When the first next returned: CLOCK_MONOTONIC, ns.
        pub time: u64,
        /// The records.
        pub pair: [Pair; PAIRS],
    }
}

impl Staged {
    /// Whether anything waits.
    pub const fn waits(&self) -> bool {
        self.pairs != 0 || self.open != 0
    }

    /// Nothing waits.
    pub const NONE: Self = {
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
        Self { pairs: 0, open: 0, cpu: 0, pad: 0, time: 0, pair: [none; PAIRS] }
    };
}
