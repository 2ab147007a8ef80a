//! Decoded kernel events: the input of the model.
//!
//! An [`Event`] is a plain value. It comes from the ring buffer, from a recording or from a test, and the model cannot
//! distinguish these sources. Numbers are the kernel's own. [`crate::session`] draws the conclusions.

mod file;
mod ptr;

pub use file::{FileKind, Functions, OpTable, Open, Wrapper};
pub use ptr::{Ptr, PtrKind};

use crate::symbol::Symbol;

/// Session number that the eBPF programs assign. Never 0, unique among open sessions.
pub type Key = u32;

/// A task at the time of an event. Ids are those of the initial pid namespace.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Task {
    /// Thread group id, which user space calls the process id.
    pub pid: u32,
    /// Thread id of the task.
    pub tid: u32,
    /// Real user id of the task.
    pub uid: u32,
    /// `task->comm`: at most 15 bytes, any but NUL, not yet escaped for a terminal.
    pub comm: Vec<u8>,
}

/// The function through which a read reached the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Via {
    /// `seq_read()`, which calls `seq_read_iter()`: the file has no `read_iter`.
    SeqRead,
    /// `seq_read_iter()`, not called by `seq_read()`.
    ReadIter,
    /// `bpf_seq_read()`: a BPF iterator, with a loop of its own.
    BpfSeqRead,
}

impl Via {
    /// All values, in the order of their declaration.
    pub const ALL: &'static [Self] = &[Self::SeqRead, Self::ReadIter, Self::BpfSeqRead];

    /// Returns the name in the output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SeqRead => "seq_read",
            Self::ReadIter => "read_iter",
            Self::BpfSeqRead => "bpf_seq_read",
        }
    }
}

/// The fields of `struct seq_file` that the core's algorithm depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SeqState {
    /// `m->size`: size of the buffer in bytes; 0: the core has not allocated it yet.
    pub size: u64,
    /// `m->from`: offset in the buffer of the first byte that was not delivered yet.
    pub from: u64,
    /// `m->count`: number of bytes in the buffer that were not delivered yet.
    pub count: u64,
    /// `m->index`: position of the iterator.
    pub index: i64,
    /// `m->read_pos`: file offset up to which the core has delivered.
    pub read_pos: i64,
}

/// One of the four callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Role {
    /// Positions the iterator at `*pos`, and takes the locks of the file.
    Start,
    /// Moves to the record after the one that is passed to it, and advances `*pos`.
    Next,
    /// Renders the record that is passed to it into the buffer.
    Show,
    /// Ends the pass, and drops the locks of the file.
    Stop,
}

impl Role {
    /// Returns the name of the member of `struct seq_operations`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Next => "next",
            Self::Show => "show",
            Self::Stop => "stop",
        }
    }
}

/// The return of a callback. `Copy`, because most events are callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Callback {
    /// Key of the session.
    pub key: Key,
    /// The callback that returned.
    pub role: Role,
    /// Returned value. start, next: the record's pointer. show: the int, sign-extended. stop: 0.
    pub ret: u64,
    /// Position (`m->index`) on return.
    pub index: i64,
    /// `m->count` on return, bytes.
    pub count: u32,
    /// True if `m->count == m->size` on return: the record did not fit.
    pub full: bool,
    /// start only: `m->private` on return; `None` if the probe does not report it.
    pub private: Option<u64>,
}

impl Callback {
    /// Creates the return of a callback that left the position 0 and an empty buffer. Optional values are `None`.
    pub const fn new(key: Key, role: Role, ret: u64) -> Self {
        Self { key, role, ret, index: 0, count: 0, full: false, private: None }
    }

    /// Returns the int that show returned: 0, a positive number (SEQ_SKIP) or a negative errno.
    #[expect(clippy::cast_possible_truncation, reason = "an int, sign-extended on the wire")]
    pub(crate) const fn int(&self) -> i32 {
        self.ret as i32
    }
}

/// An observation by a probe, or a notice from user space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Time of the observation: CLOCK_MONOTONIC, ns since boot.
    pub time: u64,
    /// CPU on which the probe ran. A notice from user space has the CPU of the event that follows it.
    pub cpu: u16,
    /// Kind of the observation, with its values.
    pub body: EventKind,
}

/// Kind of an event, with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The open of a file returned.
    Open(Box<Open>),
    /// `seq_read_iter()` was entered. `state` is read before `m->lock` is taken.
    ReadEnter {
        /// Key of the session.
        key: Key,
        /// Task that made the call.
        task: Task,
        /// File offset of the read, bytes.
        pos: i64,
        /// Number of requested bytes.
        want: u64,
        /// State of the seq_file on entry.
        state: SeqState,
        /// The function through which the read came; `None` if unknown.
        via: Option<Via>,
    },
    /// `seq_read_iter()` returned. `state` is read after `m->lock` was dropped.
    ReadExit {
        /// Key of the session.
        key: Key,
        /// Thread id of the caller.
        tid: u32,
        /// Number of bytes returned, or a negative errno.
        ret: i64,
        /// State of the seq_file on return.
        state: SeqState,
    },
    /// An lseek entered `seq_lseek()`.
    LseekEnter {
        /// Key of the session.
        key: Key,
        /// Thread id of the caller.
        tid: u32,
        /// The offset argument, bytes.
        offset: i64,
        /// The whence argument: 0 SEEK_SET, 1 SEEK_CUR, other values are rejected.
        whence: u32,
        /// State of the seq_file on entry.
        state: SeqState,
    },
    /// An lseek returned from `seq_lseek()`.
    LseekExit {
        /// Key of the session.
        key: Key,
        /// Thread id of the caller.
        tid: u32,
        /// The new offset, or a negative errno.
        ret: i64,
        /// State of the seq_file on return.
        state: SeqState,
    },
    /// `start()` is about to be called. All callbacks of the session up to the next `PassBegin` run in this task.
    PassBegin {
        /// Key of the session.
        key: Key,
        /// Thread id of the caller.
        tid: u32,
        /// `m->index`: the position that the core passes to start.
        index: i64,
        /// Buffer size (`m->size`), bytes.
        size: u32,
        /// Number of bytes in the buffer (`m->count`).
        count: u32,
        /// Offset of the first of these bytes in the buffer (`m->from`).
        from: u32,
    },
    /// A callback of a seq file returned.
    Callback(Callback),
    /// The first bytes of the record that the session's last show rendered.
    Preview {
        /// Key of the session.
        key: Key,
        /// The bytes, at most as many as the trace requested. They can have any values and are not yet escaped for a
        /// terminal.
        bytes: Vec<u8>,
    },
    /// A release function was entered.
    Release {
        /// Key of the session.
        key: Key,
        /// Thread id of the caller.
        tid: u32,
        /// The function that releases the file.
        wrapper: Wrapper,
        /// `m->private` when the function was entered.
        private: u64,
        /// True if the descriptor is still open: the file itself is removed, for example with its module.
        removed: bool,
    },
    /// The open of a session's file failed after `seq_open()` had succeeded, and no release function ran. The session
    /// is over.
    OpenFailed {
        /// Key of the session.
        key: Key,
        /// Thread id of the caller.
        tid: u32,
        /// Negative errno of the open.
        ret: i32,
    },
    /// A write to a traced file returned.
    Write {
        /// Key of the session.
        key: Key,
        /// Task that made the call.
        task: Task,
        /// File offset after the call.
        pos: i64,
        /// Number of bytes passed in.
        want: u64,
        /// Number of bytes accepted, or a negative errno.
        ret: i64,
    },
    /// A read of a plain procfs file returned.
    PlainRead {
        /// Key of the session.
        key: Key,
        /// Task that made the call.
        task: Task,
        /// File offset after the call.
        pos: i64,
        /// Number of requested bytes.
        want: u64,
        /// Number of bytes returned, or a negative errno.
        ret: i64,
    },
    /// Events of this event's CPU were lost just before it, or the probes were silent before it.
    Gap {
        /// Number of events that were lost; 0: an unknown number, because the probes were silent.
        lost: u64,
    },
    /// User space reports that a callback function cannot be probed.
    Blind {
        /// The kernel function that no probe sees.
        function: Symbol,
        /// The callback that the function implements.
        role: Role,
        /// Reason in words, for the user.
        reason: String,
    },
    /// User space attached probes to the callbacks of this table. Sessions that were opened earlier are seen only in
    /// part.
    TableAttached {
        /// Addresses of the callbacks in the table.
        table: OpTable,
    },
}
