//! The events that the programs submit to the ring buffer, one struct for each kind.
//!
//! Every event begins with a [`Head`]. Lengths (bytes) and positions are the kernel's own; times are
//! `bpf_ktime_get_ns()` (CLOCK_MONOTONIC, ns since boot). A field `session` has the number of the session: unique among
//! open sessions, never 0. `tid` is the id of the current thread in the initial pid namespace.

use crate::plain_data;

mod callbacks;

pub use callbacks::*;

/// Longest path that the programs collect, in bytes, including the NUL of each name.
pub const PATH_BYTES: usize = 512;
/// Number of directory levels that the programs walk up from a file, at most.
pub const PATH_DEPTH: usize = 16;
/// Length of a task's name, with its NUL: `TASK_COMM_LEN` (include/linux/sched.h).
pub const COMM_BYTES: usize = 16;

/// Kind of an event: the value of [`Head::kind`]. The event is a struct of the same name, except where the variant's
/// doc names another.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Open = 2,
    ReadEnter = 3,
    ReadExit = 4,
    LseekEnter = 5,
    LseekExit = 6,
    PassBegin = 7,
    /// `start()` returned: a [`Started`].
    Start = 8,
    /// `next()` returned: a [`Callback`].
    Next = 9,
    /// `show()` returned: a [`Callback`].
    Show = 10,
    /// `stop()` returned: a [`Callback`].
    Stop = 11,
    Release = 12,
    /// A write returned: an [`Io`].
    Write = 13,
    /// A read of a plain procfs file returned: an [`Io`].
    PlainRead = 14,
    Preview = 15,
    Batch = 16,
    OpenFailed = 17,
}

impl Kind {
    /// Returns the kind with this number; `None` if there is no such kind.
    pub const fn from_u8(value: u8) -> Option<Self> {
        Some(match value {
            2 => Self::Open,
            3 => Self::ReadEnter,
            4 => Self::ReadExit,
            5 => Self::LseekEnter,
            6 => Self::LseekExit,
            7 => Self::PassBegin,
            8 => Self::Start,
            9 => Self::Next,
            10 => Self::Show,
            11 => Self::Stop,
            12 => Self::Release,
            13 => Self::Write,
            14 => Self::PlainRead,
            15 => Self::Preview,
            16 => Self::Batch,
            17 => Self::OpenFailed,
            _ => return None,
        })
    }
}

/// Numbers that identify kernel functions: wrappers of `seq_open()` in [`Open::via`], release functions in
/// [`Head::flags`] of a [`Release`].
pub mod via {
    pub const SINGLE_OPEN: u8 = 1;
    pub const SINGLE_OPEN_SIZE: u8 = 2;
    pub const SEQ_OPEN_PRIVATE: u8 = 3;
    /// `__seq_open_private()`, which is also the inner function of `seq_open_private()`.
    pub const SEQ_OPEN_PRIVATE_RAW: u8 = 4;
    pub const SEQ_RELEASE: u8 = 5;
    pub const SINGLE_RELEASE: u8 = 6;
    pub const SEQ_RELEASE_PRIVATE: u8 = 7;
    /// `proc_reg_release()` of a plain procfs file.
    pub const PROC_REG_RELEASE: u8 = 8;
}

/// Bit of [`Head::flags`] in a [`Release`], besides the number in [`via`]: the file is still referenced. Its descriptor
/// is open, and procfs calls the release function because the file is being removed (close_pdeo(), fs/proc/inode.c).
pub const FLAG_REMOVED: u8 = 0x80;

/// Bits of [`Head::flags`] in an [`Open`].
pub mod open_flag {
    /// The file was open before seqtrace attached. The event is emitted when the file is read for the first time after
    /// that.
    pub const ADOPTED: u8 = 1;
    /// seqtrace itself opened the file, to find its callbacks; the session is not traced.
    pub const OWN: u8 = 2;
    /// The file is a plain procfs file: it has no seq_file and no callbacks.
    pub const PLAIN: u8 = 4;
    /// The path is too long or too deep to be collected: its beginning is missing.
    pub const PATH_CUT: u8 = 8;
}

/// Bit of [`Head::flags`] in [`ReadEnter`]: the read came through `seq_read()`.
pub const FLAG_VIA_SEQ_READ: u8 = 1;
/// Bit of [`Head::flags`] in [`ReadEnter`]: the read did not come through `seq_read()`.
pub const FLAG_VIA_OTHER: u8 = 2;
/// Bit of [`Head::flags`] in [`ReadEnter`]: the read came through `bpf_seq_read()`, which has its own loop
/// (kernel/bpf/bpf_iter.c). If none of the three `FLAG_VIA_…` bits is set, the function is unknown.
pub const FLAG_VIA_BPF: u8 = 4;

plain_data! {
    /// The beginning of every event.
    pub struct Head [16] {
        pub time: u64,
        /// Events that this CPU has dropped so far because the ring was full (wraps). An increase since the last event
        /// of this CPU is a gap just before this event.
        pub lost: u32,
        /// CPU that emitted the event.
        pub cpu: u16,
        /// A [`Kind`], as a number.
        pub kind: u8,
        /// Meaning depends on the kind: [`via`], [`open_flag`], [`FLAG_FULL`], [`FLAG_VIA_SEQ_READ`].
        pub flags: u8,
    }
}

plain_data! {
    /// Identity of a task at the time of the event.
    pub struct Task [32] {
        /// Thread group id ("process id") in the initial pid namespace.
        pub pid: u32,
        /// Thread id in the initial pid namespace.
        pub tid: u32,
        /// Real user id in the initial user namespace.
        pub uid: u32,
        pub pad: u32,
        /// `task->comm`, NUL-padded. May have any bytes: the task chooses them.
        pub comm: [u8; 16],
    }
}

plain_data! {
    /// `seq_open()` returned, or `proc_reg_open()` of a plain file. Followed in the ring record by `path_len` bytes:
    /// the names of the file's dentries from leaf to root, each NUL-terminated.
    pub struct Open [168] {
        /// The flags are those of [`open_flag`].
        pub head: Head,
        /// Number of the session; 0 if it is not traced (failed, or [`open_flag::OWN`] and no heartbeat).
        pub session: u32,
        /// Return value of `seq_open()`: 0 or a negative errno.
        pub ret: i32,
        /// The task that opened the file; if adopted, the task that read it first.
        pub task: Task,
        /// Address of the `struct file`.
        pub file: u64,
        /// Address of the `struct seq_file`; 0 for a plain file or a failed open.
        pub m: u64,
        /// Address of the `struct seq_operations`; 0 for none (kernfs, plain files).
        pub op: u64,
        /// `op->start`; for a plain file the read handler (`proc_ops::proc_read` or `proc_read_iter`).
        pub start: u64,
        /// `op->stop`; for a plain file the write handler (`proc_ops::proc_write`).
        pub stop: u64,
        pub next: u64,
        pub show: u64,
        /// `m->private` when `seq_open()` returned.
        pub private: u64,
        pub ino: u64,
        /// `super_block->s_dev`: major << 20 | minor (include/linux/kdev_t.h).
        pub dev: u32,
        /// `file->f_mode`: bit 0 read, bit 1 write, bit 2 lseek (include/linux/fs.h).
        pub mode: u32,
        /// `super_block->s_magic`, e.g. `PROC_SUPER_MAGIC` 0x9fa0.
        pub magic: u32,
        /// Length of the path that follows, in bytes; at most [`PATH_BYTES`].
        pub path_len: u32,
        /// `m->size`: size of the buffer in bytes; 0 before the first read, unless single_open_size() has set it.
        pub size: u64,
        /// Address of the show function that the show of kernfs finally calls; 0 if `show` is not that of kernfs, or if
        /// the function was not found. For a sysfs file the value is a guess: there may be no function at this address.
        pub inner: u64,
        /// The outermost wrapper of `seq_open()` through which the file was opened ([`via`]); 0 for none.
        pub via: u32,
        pub pad: u32,
    }
}

plain_data! {
    /// The fields of a `struct seq_file` that the core's loop works on.
    pub struct SeqState [40] {
        /// `m->size`: size of the buffer in bytes; 0 before the first read.
        pub size: u64,
        /// `m->from`: offset in the buffer of the first byte not yet delivered.
        pub from: u64,
        /// `m->count`: number of bytes in the buffer not yet delivered.
        pub count: u64,
        /// `m->index`: the core's position.
        pub index: i64,
        /// `m->read_pos`: the core's file offset, bytes.
        pub read_pos: i64,
    }
}

plain_data! {
    /// `seq_read_iter()` was entered. The state is read before the core takes `m->lock`: a concurrent reader may be
    /// changing it.
    pub struct ReadEnter [112] {
        /// The flags are [`FLAG_VIA_SEQ_READ`], [`FLAG_VIA_OTHER`] and [`FLAG_VIA_BPF`].
        pub head: Head,
        pub session: u32,
        pub pad: u32,
        pub task: Task,
        /// `iocb->ki_pos`: file offset of the read, bytes.
        pub pos: i64,
        /// Number of bytes requested: `iov_iter_count(iter)`.
        pub want: u64,
        /// The seq_file on entry.
        pub state: SeqState,
    }
}

plain_data! {
    /// `seq_read_iter()` returned. The state is read after the core dropped `m->lock`.
    pub struct ReadExit [72] {
        pub head: Head,
        pub session: u32,
        pub tid: u32,
        /// Number of bytes returned, or a negative errno.
        pub ret: i64,
        /// The seq_file on return.
        pub state: SeqState,
    }
}

plain_data! {
    /// `seq_lseek()` was entered. The state is read before the core takes `m->lock`.
    pub struct LseekEnter [80] {
        pub head: Head,
        pub session: u32,
        pub tid: u32,
        /// The offset argument, bytes.
        pub offset: i64,
        /// 0 for SEEK_SET, 1 for SEEK_CUR; any other value fails.
        pub whence: u32,
        pub pad: u32,
        /// The seq_file on entry.
        pub state: SeqState,
    }
}

plain_data! {
    /// `seq_lseek()` returned. The state is read after the core dropped `m->lock`.
    pub struct LseekExit [72] {
        pub head: Head,
        pub session: u32,
        pub tid: u32,
        /// The new offset, or a negative errno.
        pub ret: i64,
        /// The seq_file on return.
        pub state: SeqState,
    }
}

plain_data! {
    /// A release function was entered; [`Head::flags`] has its number ([`via`]).
    pub struct Release [32] {
        pub head: Head,
        pub session: u32,
        pub tid: u32,
        /// `m->private` on entry; 0 for a plain file.
        pub private: u64,
    }
}

plain_data! {
    /// The open of a traced seq file returned an error, and no release function was called: the memory that
    /// `seq_open()` allocated is leaked. The event ends the session.
    pub struct OpenFailed [32] {
        pub head: Head,
        pub session: u32,
        pub tid: u32,
        /// The error, a negative errno.
        pub ret: i32,
        pub pad: u32,
    }
}

plain_data! {
    /// A write, or a read of a plain procfs file, returned.
    pub struct Io [80] {
        pub head: Head,
        pub session: u32,
        pub pad: u32,
        pub task: Task,
        /// File offset after the call, bytes.
        pub pos: i64,
        /// Number of bytes requested.
        pub want: u64,
        /// Number of bytes transferred, or a negative errno.
        pub ret: i64,
    }
}
