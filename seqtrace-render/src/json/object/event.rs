//! Objects of what happened to a session, and of what happened to the trace.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use super::finding::FindingCount;
use super::value::{Function, Functions, Of, Partial, Range, Role, Totals, mirror};
use crate::json::text::{
    Address, BootTime, Device, ErrorName, Raw, ReadName, SessionName, Version,
};
use crate::session::update;

/// When, where and in which session and read.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct At {
    pub(crate) v: Version,
    /// ns since tracing began (ready).
    pub(crate) t: i64,
    pub(crate) time: BootTime,
    pub(crate) cpu: u16,
    pub(crate) session: Option<SessionName>,
    pub(crate) read: Option<ReadName>,
    /// Process id, in the initial namespace.
    pub(crate) pid: Option<u32>,
    /// Thread id, in the initial namespace.
    pub(crate) tid: Option<u32>,
}

/// Who did it and to which file.
#[derive(Clone, Serialize, JsonSchema)]
pub(crate) struct Who<'a> {
    pub(crate) uid: Option<u32>,
    /// The task's name.
    pub(crate) comm: Option<Cow<'a, str>>,
    /// The name's bytes if it is not UTF-8.
    pub(crate) comm_bytes: Option<Raw<'a>>,
    /// The file's path.
    pub(crate) path: Option<Cow<'a, str>>,
    /// The path's bytes if it is not UTF-8.
    pub(crate) path_bytes: Option<Raw<'a>>,
}

/// A session began, or (`ret` < 0) an open failed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Open<'a> {
    #[serde(flatten)]
    pub(crate) at: At,
    #[serde(flatten)]
    pub(crate) who: Who<'a>,
    /// The path's beginning is missing.
    pub(crate) path_cut: bool,
    /// 0 or a negative errno.
    pub(crate) ret: i32,
    pub(crate) errno: Option<ErrorName>,
    /// The function that opened: single_open, …
    pub(crate) opened_by: &'static str,
    /// It was open before tracing began.
    pub(crate) adopted: bool,
    pub(crate) kind: Kind,
    /// struct seq_file *
    pub(crate) m: Option<Address>,
    /// m->op
    pub(crate) op: Option<Address>,
    /// m->private on open.
    pub(crate) private: Option<Address>,
    /// m->size on open.
    pub(crate) size: Option<u64>,
    #[serde(flatten)]
    pub(crate) functions: Functions<'a>,
    /// A plain file's own read function.
    pub(crate) plain_read: Option<Function<'a>>,
    /// A plain file's own write function.
    pub(crate) plain_write: Option<Function<'a>>,
    /// struct file *
    pub(crate) file: Address,
    pub(crate) ino: u64,
    pub(crate) dev: Device,
}

/// Whether a file has callbacks.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Seq,
    Plain,
}

/// A read returned.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Read<'a> {
    #[serde(flatten)]
    pub(crate) at: At,
    #[serde(flatten)]
    pub(crate) who: Who<'a>,
    /// When it began, ns since tracing began.
    pub(crate) began: Option<i64>,
    /// File offset of the read.
    pub(crate) pos: Option<i64>,
    /// Bytes asked for.
    pub(crate) want: Option<u64>,
    /// The core was at this other offset, so it traversed from 0 to `pos`.
    pub(crate) traverse_from: Option<i64>,
    /// A read at 0 after earlier ones.
    pub(crate) rewind: Option<bool>,
    /// seq_read or read_iter.
    pub(crate) via: Option<&'static str>,
    /// Bytes returned or a negative errno.
    pub(crate) ret: i64,
    pub(crate) errno: Option<ErrorName>,
    /// Bytes returned.
    pub(crate) bytes: u64,
    /// File offsets delivered.
    pub(crate) range: Range,
    #[serde(flatten)]
    pub(crate) totals: ReadTotals,
    /// Bytes that stay in the buffer for the next read.
    pub(crate) leftover: u64,
    /// Bytes taken from what an earlier read left.
    pub(crate) from_leftover: u64,
    pub(crate) duration: Option<u64>,
    /// The end of the file was reached.
    pub(crate) eof: bool,
    /// Why not everything of it was seen.
    pub(crate) partial: Option<Partial>,
}

mirror! {
    /// Sums over a read.
    struct ReadTotals
    with {}
    // 1, the bytes of `ret`, and what has nothing to do with a read.
    without { reads, bytes, writes, written }
    of update::Totals {
        /// Records kept for the reader.
        emitted: u64,
        /// Renderings dropped.
        discarded: u64,
        /// Records rendered by a traversal and dropped.
        passed_over: u64,
        callbacks: u64,
        /// start … stop.
        passes: u64,
        /// Times that the buffer was doubled.
        restarts: u64,
    }
}

/// The first bytes of what the cb before rendered.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Preview<'a> {
    #[serde(flatten)]
    pub(crate) at: At,
    pub(crate) text: Cow<'a, str>,
    /// The bytes, if they are not UTF-8.
    pub(crate) text_bytes: Option<Raw<'a>>,
}

/// A record overflowed the buffer: it was doubled, and the pass begins again.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Grow {
    #[serde(flatten)]
    pub(crate) at: At,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// How often this read has begun again.
    pub(crate) restart: u32,
    /// It happened in a traversal.
    pub(crate) traverse: bool,
}

/// A lseek returned.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Lseek<'a> {
    #[serde(flatten)]
    pub(crate) at: At,
    #[serde(flatten)]
    pub(crate) who: Who<'a>,
    /// When it began, ns since tracing began.
    pub(crate) began: Option<i64>,
    pub(crate) offset: Option<i64>,
    /// 0 SEEK_SET, 1 SEEK_CUR, 2 SEEK_END.
    pub(crate) whence: Option<u32>,
    /// The new offset or a negative errno.
    pub(crate) ret: i64,
    pub(crate) errno: Option<ErrorName>,
    /// Records rendered on the way and dropped.
    pub(crate) passed_over: u64,
    /// Bytes that stay in the buffer.
    pub(crate) leftover: u64,
    pub(crate) duration: Option<u64>,
}

/// A write, or a read of a plain file, returned.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Transfer<'a> {
    #[serde(flatten)]
    pub(crate) at: At,
    #[serde(flatten)]
    pub(crate) who: Who<'a>,
    /// File offset after the call.
    pub(crate) pos: i64,
    /// Bytes asked for.
    pub(crate) want: u64,
    /// Bytes or a negative errno.
    pub(crate) ret: i64,
    pub(crate) errno: Option<ErrorName>,
    /// Bytes.
    pub(crate) bytes: u64,
}

/// Something about the trace itself.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Note<'a> {
    #[serde(flatten)]
    pub(crate) at: At,
    pub(crate) kind: NoteKind,
    /// blind, reader_died: which callback.
    pub(crate) role: Option<Role>,
    /// blind: which function.
    pub(crate) function: Option<Function<'a>>,
    /// blind: why.
    pub(crate) reason: Option<&'a str>,
    /// disagreement: what the core does.
    pub(crate) expected: Option<&'a str>,
    /// disagreement: what was seen.
    pub(crate) observed: Option<&'a str>,
}

/// What a note is about.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoteKind {
    /// A callback cannot be traced.
    Blind,
    /// What was observed is not what the core does: events were missed.
    Disagreement,
    /// A task died inside a callback; its read never returned.
    ReaderDied,
}

/// Events were lost here.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Gap {
    #[serde(flatten)]
    pub(crate) at: At,
    /// How many; 0: an unknown number, because the probes were silent.
    pub(crate) lost: u64,
    /// Sessions that are incomplete now.
    pub(crate) sessions: Vec<SessionName>,
}

/// A session ended, or tracing did.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Close<'a> {
    #[serde(flatten)]
    pub(crate) at: At,
    #[serde(flatten)]
    pub(crate) who: Who<'a>,
    /// The function that released it; null if it was still open at the end, or if its open failed.
    pub(crate) by: Option<&'static str>,
    #[serde(flatten)]
    pub(crate) totals: Totals,
    pub(crate) lifetime: Option<u64>,
    /// Bytes kept that no read fetched.
    pub(crate) undelivered: u64,
    /// Why not everything of it was seen.
    pub(crate) partial: Vec<Partial>,
    /// The file went away while it was open.
    pub(crate) removed: Option<bool>,
    /// m->private when it was released.
    pub(crate) private: Option<Address>,
    /// The rules that it broke, the worst first.
    pub(crate) findings: Vec<FindingCount>,
}
