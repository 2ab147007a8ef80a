//! The events that the programs submit to the ring buffer, one struct for each kind.
//!
//! Every event begins with a [`Head`]. Lengths and positions are the kernel's own; times are
//! `bpf_ktime_get_ns()` (CLOCK_MONOTONIC, ns since boot).
//!
//! A record (a next and its show) takes 40 bytes, and five records share one event. What an earlier event of the same
//! pass contains is not repeated: the task, the `struct seq_file`, the pointer given to show, the position before next.

use crate::plain_data;

/// Longest path that the programs collect, in bytes, including the NUL of each name.
pub const PATH_BYTES: usize = 512;
/// Number of directory levels that the programs walk up from a file, at most.
pub const PATH_DEPTH: usize = 16;
/// `TASK_COMM_LEN` (include/linux/sched.h).
pub const COMM_BYTES: usize = 16;
/// Longest preview of a record, in bytes.
pub const PREVIEW_BYTES: usize = 256;

/// Kind of an event: the value of [`Head::kind`].
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`Open`] of a seq file, or of a plain procfs file.
    Open = 2,
    /// [`ReadEnter`]: `seq_read_iter()` was entered.
    ReadEnter = 3,
    /// [`ReadExit`]: `seq_read_iter()` returned.
    ReadExit = 4,
    /// [`LseekEnter`]: `seq_lseek()` was entered.
    LseekEnter = 5,
    /// [`LseekExit`]: `seq_lseek()` returned.
    LseekExit = 6,
    /// [`PassBegin`]: `start()` is about to be called.
    PassBegin = 7,
    /// [`Started`]: `start()` returned.
    Start = 8,
    /// [`Callback`]: `next()` returned.
    Next = 9,
    /// [`Callback`]: `show()` returned.
    Show = 10,
    /// [`Callback`]: `stop()` returned.
    Stop = 11,
    /// [`Release`]: a release function was entered.
    Release = 12,
    /// [`Io`]: a write returned.
    Write = 13,
    /// [`Io`]: a read of a plain procfs file returned.
    PlainRead = 14,
    /// [`Batch`]: `next()` returned, and then `show()`, some times.
    Batch = 16,
    /// [`Preview`]: the first bytes of the record that the last show rendered.
    Preview = 15,
    /// [`OpenFailed`]: an open failed after `seq_open()` had succeeded.
    OpenFailed = 17,
}

impl Kind {
    /// Returns the kind with this number, if one has it.
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

/// Numbers of functions: of a wrapper of `seq_open()` in [`Open::via`], of a release function in [`Head::flags`] of a
/// [`Release`].
pub mod via {
    /// `single_open()`
    pub const SINGLE_OPEN: u8 = 1;
    /// `single_open_size()`
    pub const SINGLE_OPEN_SIZE: u8 = 2;
    /// `seq_open_private()`
    pub const SEQ_OPEN_PRIVATE: u8 = 3;
    /// `__seq_open_private()`
    pub const SEQ_OPEN_PRIVATE_RAW: u8 = 4;
    /// `seq_release()`
    pub const SEQ_RELEASE: u8 = 5;
    /// `single_release()`
    pub const SINGLE_RELEASE: u8 = 6;
    /// `seq_release_private()`
    pub const SEQ_RELEASE_PRIVATE: u8 = 7;
    /// `proc_reg_release()` of a plain procfs file
    pub const PROC_REG_RELEASE: u8 = 8;
}

/// Bit of [`Head::flags`] in a [`Release`], beside the [`via`]: the file is still referenced, so its
/// descriptor is open and it is procfs that releases it, because the file is being removed
/// (close_pdeo(), fs/proc/inode.c).
pub const FLAG_REMOVED: u8 = 0x80;

/// Bits of [`Head::flags`] in an [`Open`].
pub mod open_flag {
    /// The file was open before seqtrace attached: this is its first read since.
    pub const ADOPTED: u8 = 1;
    /// seqtrace itself opened the file, to learn its table; the session is not traced.
    pub const OWN: u8 = 2;
    /// A plain procfs file: no seq_file, no callbacks.
    pub const PLAIN: u8 = 4;
    /// The path is too long or too deep to be collected: its beginning is missing.
    pub const PATH_CUT: u8 = 8;
}

/// Bit of [`Head::flags`] in [`Started`] and [`Callback`]: `m->count == m->size` on return, by which the core
/// recognises that a record did not fit (`seq_has_overflowed()`, fs/seq_file.c).
pub const FLAG_FULL: u8 = 1;
/// Bit of [`Head::flags`] in [`ReadEnter`]: the read came through `seq_read()`.
pub const FLAG_VIA_SEQ_READ: u8 = 1;
/// Bit of [`Head::flags`] in [`ReadEnter`]: the read did not come through `seq_read()`.
pub const FLAG_VIA_OTHER: u8 = 2;
/// Bit of [`Head::flags`] in [`ReadEnter`]: the read is one of `bpf_seq_read()`, which has a loop of its own
/// (kernel/bpf/bpf_iter.c). If none of these bits is set, the function is not known.
pub const FLAG_VIA_BPF: u8 = 4;

plain_data! {
    /// The beginning of every event.
    pub struct Head [16] {
        /// CLOCK_MONOTONIC, ns.
        pub time: u64,
        /// Events that this CPU has dropped so far because the ring was full (wraps). An increase since the last event
        /// of this CPU is a gap just before this event.
        pub lost: u32,
        /// CPU that emitted the event.
        pub cpu: u16,
        /// A [`Kind`].
        pub kind: u8,
        /// Meaning depends on the kind: [`via`], [`open_flag`], [`FLAG_FULL`], [`FLAG_VIA_SEQ_READ`].
        pub flags: u8,
    }
}

plain_data! {
    /// A task.
    pub struct Task [32] {
        /// Thread group id ("process id") in the initial pid namespace.
        pub pid: u32,
        /// Thread id in the initial pid namespace.
        pub tid: u32,
        /// Real user id.
        pub uid: u32,
        /// Spelled-out padding, zero.
        pub pad: u32,
        /// `task->comm`, NUL-padded. May have any bytes: the task chooses them.
        pub comm: [u8; 16],
    }
}

plain_data! {
    /// `seq_open()` returned, or `proc_reg_open()` of a plain file. Followed in the ring record by `path_len` bytes:
    /// the names of the file's dentries from leaf to root, each NUL-terminated.
    pub struct Open [168] {
        /// Kind [`Kind::Open`], flags [`open_flag`].
        pub head: Head,
        /// The session's number: unique among open sessions, never 0.
        pub session: u32,
        /// Return value of `seq_open()`: 0 or a negative errno.
        pub ret: i32,
        /// The task that opened the file; if adopted, the task that read it first.
        pub task: Task,
        /// `struct file *`.
        pub file: u64,
        /// `struct seq_file *`; 0 for a plain file or a failed open.
        pub m: u64,
        /// `const struct seq_operations *`; 0 for none (kernfs, plain files).
        pub op: u64,
        /// `op->start`; for a plain file the read handler (`proc_ops::proc_read` or `proc_read_iter`).
        pub start: u64,
        /// `op->stop`; for a plain file the write handler (`proc_ops::proc_write`).
        pub stop: u64,
        /// `op->next`.
        pub next: u64,
        /// `op->show`.
        pub show: u64,
        /// `m->private` when `seq_open()` returned.
        pub private: u64,
        /// `inode->i_ino`.
        pub ino: u64,
        /// `super_block->s_dev`: major << 20 | minor (include/linux/kdev_t.h).
        pub dev: u32,
        /// `file->f_mode`: bit 0 read, bit 1 write, bit 2 lseek (include/linux/fs.h).
        pub mode: u32,
        /// `super_block->s_magic`, e.g. `PROC_SUPER_MAGIC` 0x9fa0.
        pub magic: u32,
        /// Bytes of path that follow; at most [`PATH_BYTES`].
        pub path_len: u32,
        /// `m->size`: size of the buffer in bytes; 0 before the first read, unless single_open_size() has set it.
        pub size: u64,
        /// The file's own show function, which the show of kernfs calls; 0 if show is no wrapper, or if it was not
        /// found. For a sysfs file it is a guess: the address may be that of no function.
        pub inner: u64,
        /// The outermost wrapper of `seq_open()` through which the file was opened ([`via`]); 0 for none.
        pub via: u32,
        /// Spelled-out padding, zero.
        pub pad: u32,
    }
}

plain_data! {
    /// The fields of a `struct seq_file` that the core's loop works on.
    pub struct SeqState [40] {
        /// `m->size`: bytes of buffer, 0 before the first read.
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
        /// Kind [`Kind::ReadEnter`], flags [`FLAG_VIA_SEQ_READ`], [`FLAG_VIA_OTHER`],
        /// [`FLAG_VIA_BPF`].
        pub head: Head,
        /// The session's number.
        pub session: u32,
        /// Spelled-out padding, zero.
        pub pad: u32,
        /// The reader.
        pub task: Task,
        /// `iocb->ki_pos`: file offset of the read, bytes.
        pub pos: i64,
        /// `iov_iter_count(iter)`: bytes requested.
        pub want: u64,
        /// The seq_file on entry.
        pub state: SeqState,
    }
}

plain_data! {
    /// `seq_read_iter()` returned. The state is read after the core dropped `m->lock`.
    pub struct ReadExit [72] {
        /// Kind [`Kind::ReadExit`].
        pub head: Head,
        /// The session's number.
        pub session: u32,
        /// Thread id.
        pub tid: u32,
        /// Bytes returned, or a negative errno.
        pub ret: i64,
        /// The seq_file on return.
        pub state: SeqState,
    }
}

plain_data! {
    /// `seq_lseek()` was entered.
    pub struct LseekEnter [80] {
        /// Kind [`Kind::LseekEnter`].
        pub head: Head,
        /// The session's number.
        pub session: u32,
        /// Thread id.
        pub tid: u32,
        /// The offset argument, bytes.
        pub offset: i64,
        /// 0 for SEEK_SET, 1 for SEEK_CUR; any other value fails.
        pub whence: u32,
        /// Spelled-out padding, zero.
        pub pad: u32,
        /// The seq_file on entry.
        pub state: SeqState,
    }
}

plain_data! {
    /// `seq_lseek()` returned.
    pub struct LseekExit [72] {
        /// Kind [`Kind::LseekExit`].
        pub head: Head,
        /// The session's number.
        pub session: u32,
        /// Thread id.
        pub tid: u32,
        /// The new offset, or a negative errno.
        pub ret: i64,
        /// The seq_file on return.
        pub state: SeqState,
    }
}

plain_data! {
    /// `start()` is about to be called: a pass begins. All callbacks up to the session's next PassBegin are those of
    /// this task, because the core holds `m->lock` from before start until after stop.
    pub struct PassBegin [48] {
        /// Kind [`Kind::PassBegin`].
        pub head: Head,
        /// The session's number.
        pub session: u32,
        /// Thread id.
        pub tid: u32,
        /// `m->index`: the position that start is given.
        pub index: i64,
        /// `m->size`, bytes.
        pub size: u32,
        /// `m->count`, bytes.
        pub count: u32,
        /// `m->from`, bytes.
        pub from: u32,
        /// Spelled-out padding, zero.
        pub pad: u32,
    }
}

plain_data! {
    /// `start()` returned.
    pub struct Started [48] {
        /// Kind [`Kind::Start`], flags [`FLAG_FULL`].
        pub head: Head,
        /// The session's number.
        pub session: u32,
        /// `m->count`, bytes.
        pub count: u32,
        /// The record: a pointer, `NULL`, `SEQ_START_TOKEN` (1) or an `ERR_PTR`.
        pub ret: u64,
        /// `m->index` on return.
        pub index: i64,
        /// `m->private` on return.
        pub private: u64,
    }
}

plain_data! {
    /// `next()`, `show()` or `stop()` returned.
    pub struct Callback [40] {
        /// Kind [`Kind::Next`], [`Kind::Show`] or [`Kind::Stop`], flags [`FLAG_FULL`].
        pub head: Head,
        /// The session's number.
        pub session: u32,
        /// `m->count` on return, bytes.
        pub count: u32,
        /// Return value. next: the record as in [`Started::ret`]; show: the int, sign-extended; stop: 0.
        pub ret: u64,
        /// `m->index` on return.
        pub index: i64,
    }
}

/// Number of records that one [`Batch`] holds, at most.
pub const PAIRS: usize = 5;

plain_data! {
    /// Some records of one session: for each, `next()` returned, and then `show()`. Followed in the ring record by
    /// [`PAIRS`] times [`Pair`], of which the first `pairs` are valid.
    pub struct Batch [32] {
        /// Kind [`Kind::Batch`]; the time is that of submission. A lost batch counts as two lost events for each pair.
        pub head: Head,
        /// The session's number.
        pub session: u32,
        /// Number of valid pairs.
        pub pairs: u16,
        /// CPU on which all of it happened.
        pub cpu: u16,
        /// Zero of the times of the pairs: CLOCK_MONOTONIC, ns.
        pub time: u64,
    }
}

plain_data! {
    /// `next()` returned, and then `show()`, with the same `m->index`: two [`Callback`]s in one.
    pub struct Pair [40] {
        /// Return value of next, as in [`Started::ret`].
        pub next: u64,
        /// `m->index` when either of them returned: a show that changed it is no part of a pair.
        pub index: i64,
        /// When next returned, ns from [`Batch::time`].
        pub next_after: u32,
        /// When show returned, ns from [`Batch::time`].
        pub show_after: u32,
        /// `m->count` when next returned, bytes.
        pub next_count: u32,
        /// `m->count` when show returned, bytes.
        pub count: u32,
        /// Return value of show.
        pub ret: i32,
        /// [`FLAG_FULL`] when next returned.
        pub next_flags: u8,
        /// [`FLAG_FULL`] when show returned.
        pub flags: u8,
        /// Spelled-out padding, zero.
        pub pad: u16,
    }
}

plain_data! {
    /// A release function was entered; [`Head::flags`] has its number ([`via`]).
    pub struct Release [32] {
        /// Kind [`Kind::Release`].
        pub head: Head,
        /// The session's number.
        pub session: u32,
        /// Thread id.
        pub tid: u32,
        /// `m->private` on entry; 0 for a plain file.
        pub private: u64,
    }
}

plain_data! {
    /// The open of a traced seq file returned an error, and no release function was called: what `seq_open()` allocated
    /// is leaked. Ends the session.
    pub struct OpenFailed [32] {
        /// Kind [`Kind::OpenFailed`].
        pub head: Head,
        /// The session's number.
        pub session: u32,
        /// Thread id.
        pub tid: u32,
        /// Negative errno.
        pub ret: i32,
        /// Spelled-out padding, zero.
        pub pad: u32,
    }
}

plain_data! {
    /// A write, or a read of a plain procfs file, returned.
    pub struct Io [80] {
        /// Kind [`Kind::Write`] or [`Kind::PlainRead`].
        pub head: Head,
        /// The session's number.
        pub session: u32,
        /// Spelled-out padding, zero.
        pub pad: u32,
        /// The reader or writer.
        pub task: Task,
        /// File offset after the call, bytes.
        pub pos: i64,
        /// Bytes requested.
        pub want: u64,
        /// Bytes transferred, or a negative errno.
        pub ret: i64,
    }
}

plain_data! {
    /// The first bytes of the record that show has just rendered. Followed in the ring record by `len` bytes.
    pub struct Preview [24] {
        /// Kind [`Kind::Preview`].
        pub head: Head,
        /// The session's number.
        pub session: u32,
        /// Bytes that follow; at most [`PREVIEW_BYTES`].
        pub len: u32,
    }
}
