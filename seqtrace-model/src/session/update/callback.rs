//! Conclusions about a returned callback.

use crate::event::{Callback, Ptr, Role};

/// Part of the core's loop (fs/seq_file.c) in which a callback runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Phase {
    /// `traverse()`, for a read or lseek to an offset that is not the core's.
    Traverse,
    /// The search for the first record that has bytes, in `seq_read_iter()`.
    First,
    /// The fill loop, in which `seq_read_iter()` adds records to a buffer that has one.
    Fill,
    /// Unknown, because the session is partial.
    Unknown,
}

/// The core's decision about a rendering. It is known when show returns, except around relative lseeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Fate {
    /// The core kept the rendering, at known file offsets. If no read fetches it, the session's
    /// [`undelivered`](super::UpdateKind::Close::undelivered) bytes count it.
    Emitted,
    /// The record alone overflowed the buffer. The core drops it, doubles the buffer and renders it again.
    DiscardedOverflow,
    /// The record did not fit into the buffer after the records before it. The core drops it, and the next read renders
    /// it again.
    DiscardedTail,
    /// show() returned a positive number (SEQ_SKIP), and the core dropped the rendering.
    Skipped,
    /// A traversal rendered the record and dropped it, because the record ends at or before the requested offset.
    PassedOver,
    /// show() returned 0 and wrote nothing.
    Empty,
    /// show() returned a negative errno, and the core dropped the rendering.
    Failed,
    /// Unknown, because the session is partial.
    Unknown,
}

/// A half-open range of file offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Range {
    /// File offset of the first byte.
    pub start: i64,
    /// File offset behind the last byte.
    pub end: i64,
}

/// The return of a callback. In every field `None` means that the value is unknown, or that it does not exist for this
/// callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CallbackUpdate {
    /// The callback that returned.
    pub role: Role,
    /// The part of the core's loop in which the callback ran.
    pub phase: Phase,
    /// Number of the pass within the session, from 1.
    pub pass: u32,
    /// Position (`m->index`) on entry.
    pub pos_in: Option<i64>,
    /// Position (`m->index`) on return.
    pub pos_out: i64,
    /// next, show, stop: the record that the core passed to it.
    pub v: Option<Ptr>,
    /// start, next: the record that it returned.
    pub ret_ptr: Option<Ptr>,
    /// show: the int that it returned.
    pub ret_int: Option<i32>,
    /// Number of bytes that the callback wrote; on overflow, the number of bytes that were free. start, next, stop:
    /// `None` if they wrote nothing, as is correct.
    pub bytes: Option<u64>,
    /// `m->count` on return, bytes.
    pub count: u64,
    /// `m->size`: buffer size, bytes.
    pub size: Option<u64>,
    /// True if the buffer was full on return: the rendering did not fit.
    pub full: bool,
    /// Time from the previous event of the pass to the return, ns.
    pub duration: Option<u64>,
    /// show: the core's decision about the rendering.
    pub fate: Option<Fate>,
    /// show: file offsets of the bytes that were emitted or passed over. If a traversal enters a record in the middle,
    /// this is the whole record, with fate `Emitted`. stop: file offsets of the bytes that stop wrote, if the core kept
    /// them.
    pub range: Option<Range>,
    /// stop: time since start was called, ns. The pass holds the locks of the file for this time.
    pub held: Option<u64>,
    /// next: true if next did not move the position and the core added 1 ("buggy .next function", seq_read_iter()).
    pub fixed_up: bool,
    /// start: `m->private` on return, if the probe reports it.
    pub private: Option<u64>,
}

impl CallbackUpdate {
    /// Creates the update of a callback from its event alone. It has no pass, its phase and the fate of a show are
    /// unknown.
    pub fn observed(seen: &Callback) -> Self {
        let fetches = matches!(seen.role, Role::Start | Role::Next);
        let show = seen.role == Role::Show;
        Self {
            role: seen.role,
            phase: Phase::Unknown,
            pass: 0,
            pos_in: None,
            pos_out: seen.index,
            v: None,
            ret_ptr: fetches.then_some(Ptr(seen.ret)),
            ret_int: show.then(|| seen.int()),
            bytes: None,
            count: u64::from(seen.count),
            size: None,
            full: seen.full,
            duration: None,
            fate: show.then_some(Fate::Unknown),
            range: None,
            held: None,
            fixed_up: false,
            private: seen.private,
        }
    }
}
