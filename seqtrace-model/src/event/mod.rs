//! Decoded kernel events: the input of the model.
//!
//! An [`Event`] is a plain value. It comes from the ring buffer, from a recording or from a test's script, and the model
//! cannot distinguish these sources. Numbers are the kernel's own. Conclusions (which record, emitted or discarded) are
//! made by [`crate::session`].

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
    /// Thread id.
    pub tid: u32,
    /// Real user id.
    pub uid: u32,
    /// `task->comm`: at most 15 bytes, any but NUL, not yet escaped for a terminal.
    pub comm: Vec<u8>,
}

/// The function through which a read reached the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// `seq_read()`, which calls `seq_read_iter()`: the file has no `read_iter`.
    SeqRead,
    /// `seq_read_iter()`, not called by `seq_read()`.
    ReadIter,
    /// `bpf_seq_read()`: a BPF iterator, with a loop of its own.
    BpfSeqRead,
}

impl Via {
    /// All values.
    pub const ALL: &'static [Self] = &[Self::SeqRead, Self::ReadIter, Self::BpfSeqRead];

    /// Returns the name in output.
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
pub struct SeqState {
    /// Buffer size, bytes; 0 before the first read.
    pub size: u64,
    /// Offset of the first byte in the buffer that was not delivered yet.
    pub from: u64,
    /// Bytes in the buffer that were not delivered yet.
    pub count: u64,
    /// Position of the iterator.
    pub index: i64,
    /// File offset up to which the core has delivered.
    pub read_pos: i64,
}

/// One of the four callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// `op->start`
    Start,
    /// `op->next`
    Next,
    /// `op->show`
    Show,
    /// `op->stop`
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

/// A returned callback. `Copy`, because most events are callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Callback {
    /// Key of the session.
    pub key: Key,
    /// The callback that returned.
    pub role: Role,
    /// Returned value. start, next: the record. show: the int, sign-extended. stop: 0.
    pub ret: u64,
    /// `m->index` on return.
    pub index: i64,
    /// `m->count` on return, bytes.
    pub count: u32,
    /// `m->count == m->size` on return: the record did not fit.
    pub full: bool,
    /// start only: `m->private` on return; `None` if the probe does not report it.
    pub private: Option<u64>,
}

impl Callback {
    /// Returns show's int.
    #[expect(clippy::cast_possible_truncation, reason = "an int, sign-extended on the wire")]
    pub const fn int(&self) -> i32 {
        self.ret as i32
    }
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// CLOCK_MONOTONIC, ns since boot.
    pub time: u64,
    /// CPU on which it happened.
    pub cpu: u16,
    /// What happened.
    pub body: Body,
}

/// Kinds of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// An open returned.
    Open(Box<Open>),
    /// `seq_read_iter()` was entered. `state` is read before `m->lock` is taken.
    ReadEnter {
        /// Key of the session.
        key: Key,
        /// The reader.
        task: Task,
        /// File offset of the read, bytes.
        pos: i64,
        /// Bytes requested.
        want: u64,
        /// The seq_file on entry.
        state: SeqState,
        /// The function through which the read came; `None` if unknown.
        via: Option<Via>,
    },
    /// `seq_read_iter()` returned. `state` is read after `m->lock` was dropped.
    ReadExit {
        /// Key of the session.
        key: Key,
        /// Thread id.
        tid: u32,
        /// Bytes returned, or a negative errno.
        ret: i64,
        /// The seq_file on return.
        state: SeqState,
    },
    /// `seq_lseek()` was entered.
    LseekEnter {
        /// Key of the session.
        key: Key,
        /// Thread id.
        tid: u32,
        /// The offset argument.
        offset: i64,
        /// SEEK_SET 0, SEEK_CUR 1.
        whence: u32,
        /// The seq_file on entry.
        state: SeqState,
    },
    /// `seq_lseek()` returned.
    LseekExit {
        /// Key of the session.
        key: Key,
        /// Thread id.
        tid: u32,
        /// The new offset, or a negative errno.
        ret: i64,
        /// The seq_file on return.
        state: SeqState,
    },
    /// `start()` is about to be called. All callbacks of the session up to the next `PassBegin` are made by this task.
    PassBegin {
        /// Key of the session.
        key: Key,
        /// Thread id.
        tid: u32,
        /// `m->index`: the position that start is given.
        index: i64,
        /// `m->size`, bytes.
        size: u32,
        /// `m->count`, bytes.
        count: u32,
        /// `m->from`, bytes.
        from: u32,
    },
    /// A callback returned.
    Callback(Callback),
    /// The first bytes of the record that the session's last show rendered.
    Preview {
        /// Key of the session.
        key: Key,
        /// At most as many bytes as the trace requested. Any bytes, not yet escaped for a terminal.
        bytes: Vec<u8>,
    },
    /// A release function was entered.
    Release {
        /// Key of the session.
        key: Key,
        /// Thread id.
        tid: u32,
        /// The release function.
        wrapper: Wrapper,
        /// `m->private` on entry.
        private: u64,
        /// True if the descriptor is still open: the file itself is removed, for example with its module.
        removed: bool,
    },
    /// The open of a session's file failed after `seq_open()` had succeeded, and no release function ran. The session
    /// is over.
    OpenFailed {
        /// Key of the session.
        key: Key,
        /// Thread id.
        tid: u32,
        /// Negative errno.
        ret: i32,
    },
    /// A write returned.
    Write {
        /// Key of the session.
        key: Key,
        /// The caller.
        task: Task,
        /// File offset after the call.
        pos: i64,
        /// Bytes passed in.
        want: u64,
        /// Bytes accepted, or a negative errno.
        ret: i64,
    },
    /// A read of a plain procfs file returned.
    PlainRead {
        /// Key of the session.
        key: Key,
        /// The caller.
        task: Task,
        /// File offset after the call.
        pos: i64,
        /// Bytes requested.
        want: u64,
        /// Bytes returned, or a negative errno.
        ret: i64,
    },
    /// Events of this event's CPU were lost just before it.
    Gap {
        /// Number of lost events.
        lost: u64,
    },
    /// User space reports that a callback function cannot be probed.
    Blind {
        /// The function.
        function: Symbol,
        /// The callback that the function implements.
        role: Role,
        /// Reason, for the user.
        reason: String,
    },
    /// User space attached probes to the callbacks of this table. Sessions that were open before are seen in part.
    TableAttached {
        /// The table.
        table: OpTable,
    },
}
