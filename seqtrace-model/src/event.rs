//! What happened in the kernel, decoded: the input of everything that is not an edge.
//!
//! An [`Event`] is a value without a source: it came from the ring buffer, from a recording or from
//! a test's script, and nothing downstream can tell which. Numbers are the kernel's; whatever has to
//! be concluded (which record, what became of it) is [`crate::session`]'s work.

use std::fmt;

/// A value that start() or next() returned, or that show() and stop() were given.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Ptr(pub u64);

/// What a [`Ptr`] means to the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PtrKind {
    /// NULL: the end.
    Null,
    /// `SEQ_START_TOKEN`, `(void *)1` (include/linux/seq_file.h): a header is to be shown.
    Token,
    /// `ERR_PTR(-errno)`; the errno, 1 to 4095 (`MAX_ERRNO`, include/linux/err.h).
    Err(i32),
    /// Anything else: an address, or a small number that an iterator uses as one.
    Record(u64),
}

impl Ptr {
    /// NULL.
    pub const NULL: Self = Self(0);
    /// `SEQ_START_TOKEN`.
    pub const TOKEN: Self = Self(1);
    const MAX_ERRNO: u64 = 4095;

    /// The pointer's meaning.
    pub fn kind(self) -> PtrKind {
        match self.0 {
            0 => PtrKind::Null,
            1 => PtrKind::Token,
            // IS_ERR_VALUE(): the last MAX_ERRNO addresses.
            value if value >= 0u64.wrapping_sub(Self::MAX_ERRNO) => {
                PtrKind::Err(i32::try_from(value.wrapping_neg()).unwrap_or(i32::MAX))
            }
            value => PtrKind::Record(value),
        }
    }

    /// True for what ends a traversal of the core: NULL and ERR_PTR.
    pub fn is_end(self) -> bool {
        matches!(self.kind(), PtrKind::Null | PtrKind::Err(_))
    }
}

impl fmt::Debug for Ptr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            PtrKind::Null => write!(f, "NULL"),
            PtrKind::Token => write!(f, "TOKEN"),
            PtrKind::Err(errno) => write!(f, "ERR({errno})"),
            PtrKind::Record(value) => write!(f, "{value:016x}"),
        }
    }
}

/// The number by which the programs tell sessions apart; never 0, unique among open sessions.
pub type Key = u32;

/// A task as it was when it did something. Ids are those of the initial pid namespace.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Task {
    /// Thread group id, what user space calls the process id.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// Real user id.
    pub uid: u32,
    /// The task's name as the kernel has it: any bytes but NUL, at most 15. Not yet safe to print.
    pub comm: Vec<u8>,
}

/// Through which function a read came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// `seq_read()`, which calls `seq_read_iter()`: the file has no `read_iter`.
    SeqRead,
    /// `seq_read_iter()`, called by whoever else.
    ReadIter,
    /// `bpf_seq_read()`: a BPF iterator, with a loop of its own.
    BpfSeqRead,
}

impl Via {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::SeqRead, Self::ReadIter, Self::BpfSeqRead];

    /// Its name in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SeqRead => "seq_read",
            Self::ReadIter => "read_iter",
            Self::BpfSeqRead => "bpf_seq_read",
        }
    }
}

/// A function that opens or releases, as far as the difference matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wrapper {
    /// `single_open()`
    SingleOpen,
    /// `single_open_size()`
    SingleOpenSize,
    /// `seq_open_private()`
    SeqOpenPrivate,
    /// `__seq_open_private()`
    SeqOpenPrivateRaw,
    /// `seq_open()`, called directly
    SeqOpen,
    /// `seq_release()`
    SeqRelease,
    /// `single_release()`
    SingleRelease,
    /// `seq_release_private()`
    SeqReleasePrivate,
    /// `proc_reg_open()` of a plain file
    ProcRegOpen,
    /// `proc_reg_release()` of a plain file
    ProcRegRelease,
}

impl Wrapper {
    /// The function's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SingleOpen => "single_open",
            Self::SingleOpenSize => "single_open_size",
            Self::SeqOpenPrivate => "seq_open_private",
            Self::SeqOpenPrivateRaw => "__seq_open_private",
            Self::SeqOpen => "seq_open",
            Self::SeqRelease => "seq_release",
            Self::SingleRelease => "single_release",
            Self::SeqReleasePrivate => "seq_release_private",
            Self::ProcRegOpen => "proc_reg_open",
            Self::ProcRegRelease => "proc_reg_release",
        }
    }
}

/// The four addresses of a `struct seq_operations`; 0 where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct OpTable {
    /// `op->start`
    pub start: u64,
    /// `op->next`
    pub next: u64,
    /// `op->show`
    pub show: u64,
    /// `op->stop`
    pub stop: u64,
}

impl OpTable {
    /// The function for this callback.
    pub const fn of(&self, role: Role) -> u64 {
        match role {
            Role::Start => self.start,
            Role::Next => self.next,
            Role::Show => self.show,
            Role::Stop => self.stop,
        }
    }
}

/// Whether the file has callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A seq file. `op` is `None` where `m->op` is NULL (kernfs files that are not seq files).
    Seq {
        /// `struct seq_file *`
        m: u64,
        /// Address of the table: constant for most files, from the heap for single_open.
        op: u64,
        /// What the table holds.
        table: OpTable,
        /// `m->private` on open.
        private: u64,
        /// `m->size`, bytes: 0, or what single_open_size asked for.
        size: u64,
        /// What `table.show` calls in the end where that is a wrapper of kernfs: the show of a file of
        /// sysfs or of a control group. 0 if it is none; it may turn out to be no function.
        inner: u64,
    },
    /// A plain procfs file; its own handlers, 0 where there is none.
    Plain {
        /// `proc_ops::proc_read` or `proc_read_iter`
        read: u64,
        /// `proc_ops::proc_write`
        write: u64,
    },
}

/// An open of a file, or the first sight of one that was open already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The session's number.
    pub key: Key,
    /// 0, or the negative errno with which the open failed (then nothing else follows).
    pub ret: i32,
    /// Who opened; if `adopted`, who was first seen using it.
    pub task: Task,
    /// `struct file *`
    pub file: u64,
    /// Seq file or plain.
    pub kind: FileKind,
    /// Open before seqtrace attached.
    pub adopted: bool,
    /// Opened by seqtrace itself; no further events follow.
    pub own: bool,
    /// The names from the root of the file's filesystem to the file, without the mount point.
    pub names: Vec<Vec<u8>>,
    /// The first names are missing: the path was too deep or too long.
    pub path_cut: bool,
    /// `inode->i_ino`
    pub ino: u64,
    /// `super_block->s_dev`: major << 20 | minor
    pub dev: u32,
    /// `super_block->s_magic`
    pub magic: u32,
    /// `file->f_mode`: bit 0 read, bit 1 write, bit 2 lseek
    pub mode: u32,
    /// The outermost wrapper of seq_open() that it was opened through, if through any.
    pub via: Option<Wrapper>,
}

/// The fields of `struct seq_file` that the core's algorithm lives on (units as in the kernel: bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SeqState {
    /// Buffer size; 0 before the first read.
    pub size: u64,
    /// Where the bytes not yet delivered begin.
    pub from: u64,
    /// Bytes not yet delivered.
    pub count: u64,
    /// The core's position.
    pub index: i64,
    /// The core's file offset.
    pub read_pos: i64,
}

/// Which callback.
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
    /// The name of the member of `struct seq_operations`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Next => "next",
            Self::Show => "show",
            Self::Stop => "stop",
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// CLOCK_MONOTONIC, ns since boot.
    pub time: u64,
    /// On which CPU.
    pub cpu: u16,
    /// What.
    pub body: Body,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// An open returned.
    Open(Box<Open>),
    /// `seq_read_iter()` was entered. `state` is read before `m->lock` is taken.
    ReadEnter {
        /// The session.
        key: Key,
        /// The reader.
        task: Task,
        /// File offset of the read, bytes.
        pos: i64,
        /// Bytes asked for.
        want: u64,
        /// The seq_file on entry.
        state: SeqState,
        /// Through which function it came; `None` if that is not known.
        via: Option<Via>,
    },
    /// `seq_read_iter()` returned. `state` is read after `m->lock` was dropped.
    ReadExit {
        /// The session.
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
        /// The session.
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
        /// The session.
        key: Key,
        /// Thread id.
        tid: u32,
        /// The new offset, or a negative errno.
        ret: i64,
        /// The seq_file on return.
        state: SeqState,
    },
    /// `start()` is about to be called. All callbacks up to the next one of these are this task's.
    PassBegin {
        /// The session.
        key: Key,
        /// Thread id.
        tid: u32,
        /// `m->index`: the position start is asked for.
        index: i64,
        /// `m->size`, bytes.
        size: u32,
        /// `m->count`, bytes.
        count: u32,
        /// `m->from`, bytes.
        from: u32,
    },
    /// A callback returned.
    Callback {
        /// The session.
        key: Key,
        /// Which callback.
        role: Role,
        /// start, next: the record. show: the int, sign-extended. stop: 0.
        ret: u64,
        /// `m->index` on return.
        index: i64,
        /// `m->count` on return, bytes.
        count: u32,
        /// `m->count == m->size` on return: the record did not fit.
        full: bool,
        /// start only: `m->private` on return.
        private: Option<u64>,
    },
    /// The first bytes of the record that the session's last show rendered.
    Preview {
        /// The session.
        key: Key,
        /// At most as many bytes as were asked for. Any bytes: not yet safe to print.
        bytes: Vec<u8>,
    },
    /// A release function was entered.
    Release {
        /// The session.
        key: Key,
        /// Thread id.
        tid: u32,
        /// Which function.
        wrapper: Wrapper,
        /// `m->private` at that moment.
        private: u64,
        /// The descriptor is still open: the file itself goes away, with its module say.
        removed: bool,
    },
    /// The open of a session's file failed after `seq_open()` had succeeded, and no release function ran. The session
    /// is over.
    OpenFailed {
        /// The session.
        key: Key,
        /// Thread id.
        tid: u32,
        /// Negative errno.
        ret: i32,
    },
    /// A write returned.
    Write {
        /// The session.
        key: Key,
        /// Who.
        task: Task,
        /// File offset after the call.
        pos: i64,
        /// Bytes given.
        want: u64,
        /// Bytes taken, or a negative errno.
        ret: i64,
    },
    /// A read of a plain procfs file returned.
    PlainRead {
        /// The session.
        key: Key,
        /// Who.
        task: Task,
        /// File offset after the call.
        pos: i64,
        /// Bytes asked for.
        want: u64,
        /// Bytes returned, or a negative errno.
        ret: i64,
    },
    /// Events of this event's CPU were lost just before it.
    Gap {
        /// How many.
        lost: u64,
    },
    /// User space says that a callback function of a session's table is not seen.
    Blind {
        /// Address of the function.
        address: u64,
        /// Which callback it is.
        role: Role,
        /// Why, in words for a person.
        reason: String,
    },
    /// User space has attached probes to this table's callbacks only now: what happened in sessions
    /// that were open before is seen in part.
    TableAttached {
        /// What was attached.
        table: OpTable,
    },
}
