//! What the session model concludes from events: the input of every renderer.
//!
//! Renderers derive nothing: whatever a line or a JSON object says stands in one of these values.
//! A value that could not be known is `None`, never a guess.

use std::sync::Arc;

use crate::event::{FileKind, Ptr, Role, SeqState, Task, Via, Wrapper};
use crate::finding::{Finding, FindingCount};
pub use crate::symbol::{Callbacks, Symbol};

/// `s3`: the third session of a trace. Counts from 1 in the order of opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u32);

/// What is known of a session for its whole life; shared by all its updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// The path as a user would type it, e.g. `/proc/net/tcp`. Any bytes: not yet safe to print.
    pub path: Vec<u8>,
    /// The path's beginning is missing.
    pub path_cut: bool,
    /// Who opened it, or if adopted was first seen using it.
    pub opener: Task,
    /// The function that made it: `single_open`, …
    pub opened_by: Wrapper,
    /// Open before seqtrace attached: what happened before is unknown.
    pub adopted: bool,
    /// Addresses of the seq_file and its table, or the plain handlers.
    pub kind: FileKind,
    /// Callbacks by name; `None` for a plain file and where `m->op` is NULL.
    pub callbacks: Option<Callbacks>,
    /// The read and the write handler of a plain file by name; `None` for a seq file.
    pub handlers: Option<[Symbol; 2]>,
    /// `struct file *`
    pub file: u64,
    /// `inode->i_ino`
    pub ino: u64,
    /// major << 20 | minor
    pub dev: u32,
}

/// Where in the core's algorithm a callback runs (fs/seq_file.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Inside `traverse()`, for a read at an offset that is not the core's.
    Traverse,
    /// `seq_read_iter()` looks for the first record that gives bytes.
    First,
    /// `seq_read_iter()` fills the buffer.
    Fill,
    /// Not known: part of the session was not seen.
    Unknown,
}

/// What became of what a show rendered. Decided when show returns; `Emitted` means kept for the
/// reader at a known file range: what a reader never fetches of it is told when the session closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Kept, at these file offsets.
    Emitted,
    /// The record alone overflowed the buffer: dropped, the buffer doubles, it is shown again.
    DiscardedOverflow,
    /// It did not fit behind the records already there: dropped, shown again by the next read.
    DiscardedTail,
    /// show() returned a positive number (SEQ_SKIP): dropped.
    Skipped,
    /// Rendered by a traversal and dropped, being before the wanted offset.
    PassedOver,
    /// show() returned 0 and wrote nothing.
    Empty,
    /// show() returned a negative errno.
    Failed,
    /// Not known: part of the session was not seen.
    Unknown,
}

/// A half-open range of file offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    /// First offset.
    pub start: i64,
    /// Offset behind the last.
    pub end: i64,
}

/// One returned callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallbackUpdate {
    /// Which callback.
    pub role: Role,
    /// Where in the core's algorithm.
    pub phase: Phase,
    /// Which pass (start … stop) of the session, from 1.
    pub pass: u32,
    /// The position on entry (`m->index`).
    pub pos_in: Option<i64>,
    /// The position on return.
    pub pos_out: i64,
    /// The record it was given: next, show, stop.
    pub v: Option<Ptr>,
    /// The record it returned: start, next.
    pub ret_ptr: Option<Ptr>,
    /// What show returned.
    pub ret_int: Option<i32>,
    /// Bytes it wrote. On overflow: what was free. Of a start, next or stop only if it wrote any,
    /// which it should not.
    pub bytes: Option<u64>,
    /// `m->count` on return, bytes.
    pub count: u64,
    /// Buffer size, bytes.
    pub size: Option<u64>,
    /// The buffer is full: what was rendered did not fit.
    pub full: bool,
    /// How long it ran, ns.
    pub duration: Option<u64>,
    /// show only: what became of what it rendered.
    pub fate: Option<Fate>,
    /// show only, where bytes were kept or passed over: their file offsets. Of a record that a
    /// traversal enters in the middle, the whole range, with fate `Emitted` for its rest. Also of
    /// a stop that wrote, where that was kept.
    pub range: Option<Range>,
    /// stop only: time since start was called, ns: how long the pass held the file's locks.
    pub held: Option<u64>,
    /// The core had to add 1 to a position that next left alone (it prints "buggy .next function").
    pub fixed_up: bool,
    /// start only: `m->private` on return, where the probe tells it.
    pub private: Option<u64>,
}

/// Sums over a read or a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Totals {
    /// Reads.
    pub reads: u64,
    /// Bytes returned to the reader.
    pub bytes: u64,
    /// Records kept.
    pub emitted: u64,
    /// Renderings dropped: overflow, tail, skip.
    pub discarded: u64,
    /// Records rendered by traversals and dropped.
    pub passed_over: u64,
    /// Callbacks seen.
    pub callbacks: u64,
    /// Passes.
    pub passes: u64,
    /// Times the buffer was doubled and the pass begun again.
    pub restarts: u64,
    /// Writes.
    pub writes: u64,
    /// Bytes written.
    pub written: u64,
}

/// Why what is said of a session, a read or a number is not all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Partial {
    /// It was open before seqtrace attached.
    Adopted,
    /// Its callbacks were attached only after it had begun.
    LateAttach,
    /// Events were lost while it was open.
    Gap,
    /// One of its callbacks cannot be traced.
    Blind,
    /// What was observed contradicts the core's algorithm: events were missed.
    Disagrees,
    /// Two used the descriptor at once, and which of them was first cannot be told.
    Overlap,
    /// It was still open when tracing ended.
    StillOpen,
    /// It is a BPF iterator: bpf_seq_read() has a loop of its own, of which nothing is concluded.
    BpfIterator,
}

/// How a read ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadEnd {
    /// Bytes returned, or a negative errno.
    pub ret: i64,
    /// File offsets delivered; empty at the end of the file.
    pub range: Range,
    /// Sums of this read (`reads` is 1).
    pub totals: Totals,
    /// Bytes that stay in the buffer for the next read. Where several read one descriptor at once,
    /// as far as their order can be told.
    pub leftover: u64,
    /// Bytes that were taken from what an earlier read left.
    pub from_leftover: u64,
    /// From entry to return, ns.
    pub duration: Option<u64>,
    /// The end of the file was reached: start or next returned NULL and nothing was left over.
    pub eof: bool,
    /// Not everything of it was seen.
    pub partial: Option<Partial>,
}

/// Something worth a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// CLOCK_MONOTONIC, ns since boot.
    pub time: u64,
    /// On which CPU.
    pub cpu: u16,
    /// The session it belongs to; `None` for a gap and the like.
    pub session: Option<Arc<Session>>,
    /// The read it belongs to (`s3.r2` is read 2), from 1.
    pub read: Option<u32>,
    /// Who did it, as far as known.
    pub task: Option<Arc<Task>>,
    /// What.
    pub what: What,
}

/// What an [`Update`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A session began.
    Open,
    /// `seq_open()` failed with this negative errno. The session has no further updates.
    OpenFailed {
        /// Negative errno.
        ret: i32,
    },
    /// The open failed after `seq_open()` had succeeded, and no release function ran: what `seq_open()` allocated is
    /// leaked. [`What::Close`] follows.
    OpenLeaked {
        /// Negative errno.
        ret: i32,
    },
    /// A read began.
    ReadBegin {
        /// File offset, bytes.
        pos: i64,
        /// Bytes asked for.
        want: u64,
        /// The offset is not the core's: it will traverse from 0 up to `pos`. Holds the offset that
        /// the core had.
        traverse_from: Option<i64>,
        /// A read at 0 after earlier ones: position and buffer are reset.
        rewind: bool,
        /// Through which function it came; `None` if that is not known.
        via: Option<Via>,
        /// The seq_file on entry.
        state: SeqState,
    },
    /// A callback returned.
    Callback(CallbackUpdate),
    /// The first bytes of the record that the callback before rendered. Not yet safe to print.
    Preview {
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A record overflowed the buffer; the core doubled it and begins again.
    Grow {
        /// Bytes before.
        from: u64,
        /// Bytes after.
        to: u64,
        /// How often this read has begun again.
        restart: u32,
        /// Inside traverse().
        traverse: bool,
    },
    /// A read ended.
    ReadEnd(Box<ReadEnd>),
    /// `seq_lseek()` was entered.
    LseekBegin {
        /// The offset argument.
        offset: i64,
        /// 0 SEEK_SET, 1 SEEK_CUR, else another.
        whence: u32,
    },
    /// `seq_lseek()` returned.
    LseekEnd {
        /// New offset or negative errno.
        ret: i64,
        /// Records rendered and dropped on the way.
        passed_over: u64,
        /// Bytes that stay in the buffer, the rest of a record entered in the middle.
        leftover: u64,
        /// ns.
        duration: Option<u64>,
    },
    /// A write returned.
    Write {
        /// File offset after the call.
        pos: i64,
        /// Bytes given.
        want: u64,
        /// Bytes taken or negative errno.
        ret: i64,
    },
    /// A read of a plain procfs file returned.
    PlainRead {
        /// File offset after the call.
        pos: i64,
        /// Bytes asked for.
        want: u64,
        /// Bytes returned or negative errno.
        ret: i64,
    },
    /// A session ended: its release function was entered.
    Close {
        /// Which function released it; `None` if it was still open at the end of the trace, its release was missed, or
        /// its open failed ([`What::OpenLeaked`]).
        by: Option<Wrapper>,
        /// Sums over the session.
        totals: Totals,
        /// From open to release, ns.
        lifetime: Option<u64>,
        /// Bytes rendered and kept that no read fetched.
        undelivered: u64,
        /// Reasons why this is not all that happened, each once.
        partial: Vec<Partial>,
        /// Its release ran because the file went away (module unloaded) while it was open. `None`
        /// where that cannot be told.
        removed: Option<bool>,
        /// `m->private` when it was released.
        private: Option<u64>,
        /// What the rules found in it, the worst first. The session model leaves this empty: the
        /// judge fills it in.
        findings: Vec<FindingCount>,
    },
    /// Events were lost here.
    Gap {
        /// How many.
        lost: u64,
        /// Sessions that were open and are incomplete now.
        sessions: Vec<SessionId>,
    },
    /// A rule is broken: the update before proves it.
    Finding(Box<Finding>),
    /// A callback function cannot be traced.
    Blind {
        /// The function.
        function: Symbol,
        /// Which callback it is.
        role: Role,
        /// Why.
        reason: String,
    },
    /// What was observed is not what the core's algorithm does from the state before: events were
    /// missed, or this kernel differs. The session is marked [`Partial::Disagrees`].
    Disagreement {
        /// What the model expected, in words: "show, next or stop".
        expected: String,
        /// What came.
        observed: String,
    },
}

/// The last word of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Summary {
    /// Sessions seen.
    pub sessions: u64,
    /// Sums over all sessions.
    pub totals: Totals,
    /// Events the ring buffer had no room for.
    pub lost: u64,
    /// Probe hits that the kernel or a full map made us miss.
    pub missed: u64,
    /// Sessions seen in part. One that was merely still open at the end does not count.
    pub partial: u64,
    /// What the rules found, the worst first.
    pub findings: Vec<FindingCount>,
}
