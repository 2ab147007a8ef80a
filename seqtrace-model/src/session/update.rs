//! Conclusions of the session model: the input of the rules and of every renderer.
//!
//! Renderers derive nothing: each line and each JSON object contains values of one [`Update`]. A value that is not
//! known is `None`, never a guess.

mod callback;
mod totals;

use std::sync::Arc;

pub use self::callback::{CallbackUpdate, Fate, Phase, Range};
pub use self::totals::{Partial, ReadEnd, Summary, Totals};
use crate::event::{FileKind, Role, SeqState, Task, Via, Wrapper};
use crate::finding::{Finding, FindingCount};
pub use crate::symbol::{Callbacks, Symbol};

/// Number of a session, printed as `s3`. Counts opens from 1 in the order of their events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u32);

/// The facts about a session that do not change. All updates of the session share them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Number of the session.
    pub id: SessionId,
    /// Path as a user would type it, e.g. `/proc/net/tcp`. Any bytes, not yet escaped for a terminal.
    pub path: Vec<u8>,
    /// True if the beginning of the path is missing.
    pub path_cut: bool,
    /// The task that opened the file; if `adopted`, the first task that was seen using it.
    pub opener: Task,
    /// The function that opened the file, e.g. `single_open`.
    pub opened_by: Wrapper,
    /// True if the file was open before seqtrace attached: earlier events are unknown.
    pub adopted: bool,
    /// Addresses of the seq_file and its callbacks, or of the plain handlers.
    pub kind: FileKind,
    /// Callbacks by name; `None` for a plain file and for a NULL `m->op`.
    pub callbacks: Option<Callbacks>,
    /// Read and write handler of a plain file by name; `None` for a seq file.
    pub handlers: Option<[Symbol; 2]>,
    /// Address of the `struct file`.
    pub file: u64,
    /// Inode number of the file (`inode->i_ino`).
    pub ino: u64,
    /// Device number (`super_block->s_dev`): major << 20 | minor.
    pub dev: u32,
}

/// A conclusion from an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Time of the event: CLOCK_MONOTONIC, ns since boot.
    pub time: u64,
    /// CPU of the event.
    pub cpu: u16,
    /// The session that the update belongs to; `None` if it belongs to no session or to several, e.g. a gap.
    pub session: Option<Arc<Session>>,
    /// Number of the read within the session (2 in `s3.r2`), from 1; `None` outside of reads or if unknown.
    pub read: Option<u32>,
    /// The task that caused the event; `None` if unknown.
    pub task: Option<Arc<Task>>,
    /// Kind of the conclusion, with its values.
    pub what: UpdateKind,
}

/// Kind of an update, with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateKind {
    /// A session began, by its open or by the first event of a file that was open before seqtrace attached.
    Open,
    /// `seq_open()` failed. The session has no further updates.
    OpenFailed {
        /// Negative errno of the open.
        ret: i32,
    },
    /// The open failed after `seq_open()` had succeeded, and no release function ran: the memory that `seq_open()`
    /// allocated is leaked. [`UpdateKind::Close`] follows.
    OpenLeaked {
        /// Negative errno of the open.
        ret: i32,
    },
    /// A read entered the core.
    ReadBegin {
        /// File offset of the read, bytes.
        pos: i64,
        /// Number of requested bytes.
        want: u64,
        /// The core's file offset, if it differs from `pos`: the core then traverses the file from 0 to `pos`. `None`
        /// if there is no traversal, or if that is unknown.
        traverse_from: Option<i64>,
        /// True for a read at file offset 0 of a session that was read earlier: the core resets position and buffer.
        rewind: bool,
        /// The function through which the read came; `None` if unknown.
        via: Option<Via>,
        /// State of the seq_file on entry.
        state: SeqState,
    },
    /// A callback of the session returned.
    Callback(CallbackUpdate),
    /// The first bytes of the record that the previous callback rendered.
    Preview {
        /// Any bytes, not yet escaped for a terminal.
        bytes: Vec<u8>,
    },
    /// A record overflowed the buffer. The core has doubled the buffer and begins again.
    Grow {
        /// Previous size of the buffer, bytes.
        from: u64,
        /// New size of the buffer, bytes.
        to: u64,
        /// Number of times that this read or lseek has begun again, from 1.
        restart: u32,
        /// True inside `traverse()`, false in the main part of a read.
        traverse: bool,
    },
    /// A read returned to its caller.
    ReadEnd(Box<ReadEnd>),
    /// An lseek entered `seq_lseek()`.
    LseekBegin {
        /// The offset argument, bytes.
        offset: i64,
        /// The whence argument: 0 SEEK_SET, 1 SEEK_CUR, other values are rejected.
        whence: u32,
    },
    /// An lseek returned from `seq_lseek()`.
    LseekEnd {
        /// New file offset, or a negative errno.
        ret: i64,
        /// Number of records that the traversal rendered and dropped.
        passed_over: u64,
        /// Number of bytes that stay in the buffer: the rest of the record that contains the new file offset.
        leftover: u64,
        /// Time from entry to return, ns; `None` if the entry was not seen.
        duration: Option<u64>,
    },
    /// A write to the file returned.
    Write {
        /// File offset after the call, bytes.
        pos: i64,
        /// Number of bytes passed in.
        want: u64,
        /// Number of bytes accepted, or a negative errno.
        ret: i64,
    },
    /// A read of a plain procfs file returned.
    PlainRead {
        /// File offset after the call, bytes.
        pos: i64,
        /// Number of requested bytes.
        want: u64,
        /// Number of bytes returned, or a negative errno.
        ret: i64,
    },
    /// A session ended, by its release or with the trace.
    Close {
        /// The release function; `None` if the session was still open at the end of the trace, its release was missed,
        /// or its open failed ([`UpdateKind::OpenLeaked`]).
        by: Option<Wrapper>,
        /// Sums over the session.
        totals: Totals,
        /// Time from open to the end of the session, ns: to its release or, if none was seen, to the event that ended it or
        /// the end of the trace; `None` if the session is adopted.
        lifetime: Option<u64>,
        /// Number of bytes that the core kept for the reader and that no read fetched.
        undelivered: u64,
        /// Reasons why the session is not seen whole, each once; empty: the session is seen whole.
        partial: Vec<Partial>,
        /// True if the release ran with the descriptor still open, because the file was removed (e.g. with its module).
        /// `None` if no release was seen.
        removed: Option<bool>,
        /// `m->private` on entry of the release function; `None` if no release was seen.
        private: Option<u64>,
        /// The rules that the session broke, the most severe first. The session model leaves it empty, the rules fill
        /// it in.
        findings: Vec<FindingCount>,
    },
    /// Events were lost before this update.
    Gap {
        /// Number of lost events.
        lost: u64,
        /// Open sessions that are partial from here on, ascending: those that had an event since the last gap. The
        /// pipeline forwards the selected ones.
        sessions: Vec<SessionId>,
    },
    /// A rule is broken. The previous update proves it.
    Finding(Box<Finding>),
    /// A callback function cannot be probed.
    Blind {
        /// The kernel function that no probe sees.
        function: Symbol,
        /// The callback that the function implements.
        role: Role,
        /// Reason in words, for the user.
        reason: String,
    },
    /// An observation contradicts the core's loop: events were missed, or this kernel differs. The session is marked
    /// [`Partial::Disagrees`].
    Disagreement {
        /// The observation that the model expected, in words: "show or stop".
        expected: String,
        /// The actual observation, in words.
        observed: String,
    },
    /// A task died inside a callback of its read or lseek, so that neither returned. [`UpdateKind::Close`] follows.
    ReaderDied {
        /// The callback that did not return; `None` if the core was about to call show or stop, and which is unknown.
        role: Option<Role>,
        /// Position of the iterator (`m->index`) when the callback was called.
        pos: i64,
    },
}
