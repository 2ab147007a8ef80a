//! The events within a pass.
//!
//! The returns of next and show for one record take 40 bytes, and up to five such pairs share one event. Values that an
//! earlier event of the same pass contains are not repeated: the task, the `struct seq_file`, the pointer passed to
//! show, the position before next.

use crate::plain_data;

use super::Head;

/// Maximum number of pairs in one [`Batch`].
pub const PAIRS: usize = 5;
/// Longest preview of a record, in bytes.
pub const PREVIEW_BYTES: usize = 256;

/// Bit of [`Head::flags`] in [`Started`] and [`Callback`]: `m->count == m->size` on return, by which the core
/// recognises that a record did not fit (`seq_has_overflowed()`, fs/seq_file.c).
pub const FLAG_FULL: u8 = 1;

plain_data! {
    /// `start()` is about to be called: a pass begins. All callbacks up to the session's next PassBegin run in this
    /// task, because the core holds `m->lock` from before start until after stop. `size`, `count` and `from` are those
    /// of `m`, in bytes.
    pub struct PassBegin [48] {
        pub head: Head,
        pub session: u32,
        pub tid: u32,
        /// `m->index`: the position that the core passes to start.
        pub index: i64,
        pub size: u32,
        pub count: u32,
        pub from: u32,
        pub pad: u32,
    }
}

plain_data! {
    /// `start()` returned. `count` (bytes), `index` and `private` are those of `m` on return.
    pub struct Started [48] {
        /// The only flag is [`FLAG_FULL`].
        pub head: Head,
        pub session: u32,
        pub count: u32,
        /// Return value: the pointer to a record, `NULL`, `SEQ_START_TOKEN` (1) or an `ERR_PTR`.
        pub ret: u64,
        pub index: i64,
        pub private: u64,
    }
}

plain_data! {
    /// `next()`, `show()` or `stop()` returned. `count` (bytes) and `index` are those of `m` on return.
    pub struct Callback [40] {
        /// The only flag is [`FLAG_FULL`].
        pub head: Head,
        pub session: u32,
        pub count: u32,
        /// Return value. next: a pointer as in [`Started::ret`]; show: the int, sign-extended; stop: 0.
        pub ret: u64,
        pub index: i64,
    }
}

plain_data! {
    /// Several pairs of callbacks of one session. The event is followed in the ring record by an array of [`PAIRS`]
    /// [`Pair`]s, of which the first `pairs` are valid.
    pub struct Batch [32] {
        /// The time is that of submission. A lost batch counts as two lost events for each pair.
        pub head: Head,
        pub session: u32,
        /// Number of valid pairs.
        pub pairs: u16,
        /// CPU on which all callbacks returned.
        pub cpu: u16,
        /// Time at which the first next returned: CLOCK_MONOTONIC, ns.
        pub time: u64,
    }
}

plain_data! {
    /// The return of a `next()` and that of the `show()` after it, with the same `m->index`: two [`Callback`]s in one
    /// struct.
    pub struct Pair [40] {
        /// Return value of next, as in [`Started::ret`].
        pub next: u64,
        /// `m->index` on both returns. A show that changed it is submitted as an event of its own.
        pub index: i64,
        /// Time at which next returned, ns after [`Batch::time`].
        pub next_after: u32,
        /// Time at which show returned, ns after [`Batch::time`].
        pub show_after: u32,
        /// `m->count` when next returned, bytes.
        pub next_count: u32,
        /// `m->count` when show returned, bytes.
        pub count: u32,
        /// Return value of show.
        pub ret: i32,
        /// [`FLAG_FULL`] if it was set when next returned, else 0.
        pub next_flags: u8,
        /// [`FLAG_FULL`] if it was set when show returned, else 0.
        pub flags: u8,
        pub pad: u16,
    }
}

plain_data! {
    /// The first bytes of the record that show has just rendered. Followed in the ring record by `len` bytes.
    pub struct Preview [24] {
        pub head: Head,
        pub session: u32,
        /// Number of bytes that follow; at most [`PREVIEW_BYTES`].
        pub len: u32,
    }
}
