//! The objects of the JSON stream. They are the format: a change here is a change for those who read
//! it, and keys are only ever added. Durations and relative times are ns, sizes bytes.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use super::text::{
    Address, BootTime, Device, ErrorName, Pointer, Raw, ReadName, RuleName, SessionName, Version,
};

/// One line of `--format json`. Every key of a type is always there; null where the value is unknown
/// or does not apply.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(rename = "seqtrace", title = "One line of seqtrace --format json")]
pub(super) enum Object<'a> {
    Header(Header<'a>),
    Target(Target<'a>),
    Ready(Ready),
    Open(Box<Open<'a>>),
    Read(Box<Read<'a>>),
    Cb(Cb),
    Preview(Preview<'a>),
    Grow(Grow),
    Lseek(Box<Lseek<'a>>),
    Write(Transfer<'a>),
    PlainRead(Transfer<'a>),
    Note(Note<'a>),
    Finding(Box<Finding<'a>>),
    Gap(Gap),
    Close(Box<Close<'a>>),
    End(End),
}

/// When, where and in which session and read.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(super) struct At {
    pub(super) v: Version,
    /// ns since tracing began (ready).
    pub(super) t: i64,
    pub(super) time: BootTime,
    pub(super) cpu: u16,
    pub(super) session: Option<SessionName>,
    pub(super) read: Option<ReadName>,
    /// Process id, in the initial namespace.
    pub(super) pid: Option<u32>,
    /// Thread id, in the initial namespace.
    pub(super) tid: Option<u32>,
}

/// Who did it and to which file.
#[derive(Clone, Serialize, JsonSchema)]
pub(super) struct Who<'a> {
    pub(super) uid: Option<u32>,
    /// The task's name.
    pub(super) comm: Option<Cow<'a, str>>,
    /// The name's bytes if it is not UTF-8.
    pub(super) comm_bytes: Option<Raw<'a>>,
    /// The file's path.
    pub(super) path: Option<Cow<'a, str>>,
    /// The path's bytes if it is not UTF-8.
    pub(super) path_bytes: Option<Raw<'a>>,
}

/// What runs and where.
#[derive(Serialize, JsonSchema)]
pub(super) struct Header<'a> {
    pub(super) v: Version,
    /// seqtrace's version.
    pub(super) version: &'a str,
    /// The kernel's release.
    pub(super) kernel: &'a str,
    /// The machine's architecture.
    pub(super) machine: &'a str,
    /// core or callbacks.
    pub(super) backend: &'a str,
    /// Why this one, if it was not the first choice.
    pub(super) backend_reason: Option<&'a str>,
    /// Size of the ring buffer.
    pub(super) ring_bytes: u64,
    /// The command line.
    pub(super) command: Vec<Cow<'a, str>>,
    /// The command line's bytes, if not all of it is UTF-8.
    pub(super) command_bytes: Option<Vec<Raw<'a>>>,
}

/// What was found for a target of the command line.
#[derive(Serialize, JsonSchema)]
pub(super) struct Target<'a> {
    pub(super) v: Version,
    /// As it was written.
    #[serde(rename = "target")]
    pub(super) word: Cow<'a, str>,
    /// Its bytes if it is not UTF-8.
    #[serde(rename = "target_bytes")]
    pub(super) word_bytes: Option<Raw<'a>>,
    #[serde(flatten)]
    pub(super) functions: Functions<'a>,
    /// What is wrong or special with it.
    pub(super) note: Option<&'a str>,
}

/// Everything is attached.
#[derive(Serialize, JsonSchema)]
pub(super) struct Ready {
    pub(super) v: Version,
    /// The zero of `t`.
    pub(super) begin: BootTime,
    /// The same by the wall clock, UTC.
    pub(super) wall: String,
    /// Probes attached.
    pub(super) probes: u32,
}

/// A function or a table.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(super) struct Function<'a> {
    pub(super) address: Address,
    pub(super) name: Option<&'a str>,
    /// null for the kernel itself.
    pub(super) module: Option<&'a str>,
    /// Bytes from the beginning of its module's code; null for the kernel itself.
    pub(super) offset: Option<u64>,
}

/// The callbacks of a seq file.
#[derive(Clone, Copy, Default, Serialize, JsonSchema)]
pub(super) struct Functions<'a> {
    /// The seq_operations, where it has a symbol.
    pub(super) table: Option<Function<'a>>,
    pub(super) start: Option<Function<'a>>,
    pub(super) next: Option<Function<'a>>,
    pub(super) show: Option<Function<'a>>,
    pub(super) stop: Option<Function<'a>>,
}

/// A session began, or (`ret` < 0) an open failed.
#[derive(Serialize, JsonSchema)]
pub(super) struct Open<'a> {
    #[serde(flatten)]
    pub(super) at: At,
    #[serde(flatten)]
    pub(super) who: Who<'a>,
    /// The path's beginning is missing.
    pub(super) path_cut: bool,
    /// 0 or a negative errno.
    pub(super) ret: i32,
    pub(super) errno: Option<ErrorName>,
    /// The function that opened: single_open, …
    pub(super) opened_by: &'static str,
    /// It was open before tracing began.
    pub(super) adopted: bool,
    pub(super) kind: Kind,
    /// struct seq_file *
    pub(super) m: Option<Address>,
    /// m->op
    pub(super) op: Option<Address>,
    /// m->private on open.
    pub(super) private: Option<Address>,
    /// m->size on open.
    pub(super) size: Option<u64>,
    #[serde(flatten)]
    pub(super) functions: Functions<'a>,
    /// A plain file's own read function.
    pub(super) plain_read: Option<Function<'a>>,
    /// A plain file's own write function.
    pub(super) plain_write: Option<Function<'a>>,
    /// struct file *
    pub(super) file: Address,
    pub(super) ino: u64,
    pub(super) dev: Device,
}

/// Whether a file has callbacks.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Seq,
    Plain,
}

/// A half-open range of file offsets.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(super) struct Range {
    pub(super) start: i64,
    pub(super) end: i64,
}

/// A read returned.
#[derive(Serialize, JsonSchema)]
pub(super) struct Read<'a> {
    #[serde(flatten)]
    pub(super) at: At,
    #[serde(flatten)]
    pub(super) who: Who<'a>,
    /// When it began, ns since tracing began.
    pub(super) began: Option<i64>,
    /// File offset of the read.
    pub(super) pos: Option<i64>,
    /// Bytes asked for.
    pub(super) want: Option<u64>,
    /// The core was at this other offset, so it traversed from 0 to `pos`.
    pub(super) traverse_from: Option<i64>,
    /// A read at 0 after earlier ones.
    pub(super) rewind: Option<bool>,
    /// seq_read or read_iter.
    pub(super) via: Option<&'static str>,
    /// Bytes returned or a negative errno.
    pub(super) ret: i64,
    pub(super) errno: Option<ErrorName>,
    /// Bytes returned.
    pub(super) bytes: u64,
    /// File offsets delivered.
    pub(super) range: Range,
    /// Records kept for the reader.
    pub(super) emitted: u64,
    /// Renderings dropped.
    pub(super) discarded: u64,
    /// Records rendered by a traversal and dropped.
    pub(super) passed_over: u64,
    pub(super) callbacks: u64,
    /// start … stop.
    pub(super) passes: u64,
    /// Times that the buffer was doubled.
    pub(super) restarts: u64,
    /// Bytes that stay in the buffer for the next read.
    pub(super) leftover: u64,
    /// Bytes taken from what an earlier read left.
    pub(super) from_leftover: u64,
    pub(super) duration: Option<u64>,
    /// The end of the file was reached.
    pub(super) eof: bool,
    /// Why not everything of it was seen.
    pub(super) partial: Option<Partial>,
}

/// A callback returned.
#[derive(Serialize, JsonSchema)]
pub(super) struct Cb {
    #[serde(flatten)]
    pub(super) at: At,
    pub(super) role: Role,
    pub(super) phase: Phase,
    /// Which start … stop of the session, from 1.
    pub(super) pass: u32,
    /// m->index on entry.
    pub(super) pos_in: Option<i64>,
    /// m->index on return.
    pub(super) pos_out: i64,
    /// The record given to next, show and stop.
    pub(super) ptr_in: Option<Pointer>,
    /// The record returned by start and next.
    pub(super) ptr_out: Option<Pointer>,
    /// What show returned.
    pub(super) ret: Option<i32>,
    /// Bytes written; the sum over fate "emitted" is what the reads of a whole file return.
    pub(super) bytes: Option<u64>,
    /// m->count on return.
    pub(super) count: u64,
    /// m->size on return.
    pub(super) size: Option<u64>,
    /// What was rendered did not fit.
    pub(super) full: bool,
    pub(super) duration: Option<u64>,
    /// What became of what show rendered.
    pub(super) fate: Option<Fate>,
    /// File offsets of what was emitted or passed over.
    pub(super) range: Option<Range>,
    /// stop: ns since start was called.
    pub(super) held: Option<u64>,
    /// next left the position alone and the core added 1.
    pub(super) fixed_up: bool,
    /// start: m->private on return.
    pub(super) private: Option<Address>,
}

/// A member of seq_operations.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    Start,
    Next,
    Show,
    Stop,
}

/// Where in the core's algorithm.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    Traverse,
    First,
    Fill,
    Unknown,
}

/// What became of a rendering.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fate {
    Emitted,
    DiscardedOverflow,
    DiscardedTail,
    Skipped,
    PassedOver,
    Empty,
    Failed,
    Unknown,
}

/// Why not everything was seen.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Partial {
    Adopted,
    LateAttach,
    Gap,
    Blind,
    Disagrees,
    /// Two used the descriptor at once; which of them was first cannot be told.
    Overlap,
    StillOpen,
    /// A BPF iterator: its loop is not the core's, nothing is concluded of it.
    BpfIterator,
}

/// The first bytes of what the cb before rendered.
#[derive(Serialize, JsonSchema)]
pub(super) struct Preview<'a> {
    #[serde(flatten)]
    pub(super) at: At,
    pub(super) text: Cow<'a, str>,
    /// The bytes, if they are not UTF-8.
    pub(super) text_bytes: Option<Raw<'a>>,
}

/// A record overflowed the buffer: it was doubled, and the pass begins again.
#[derive(Serialize, JsonSchema)]
pub(super) struct Grow {
    #[serde(flatten)]
    pub(super) at: At,
    pub(super) from: u64,
    pub(super) to: u64,
    /// How often this read has begun again.
    pub(super) restart: u32,
    /// It happened in a traversal.
    pub(super) traverse: bool,
}

/// A lseek returned.
#[derive(Serialize, JsonSchema)]
pub(super) struct Lseek<'a> {
    #[serde(flatten)]
    pub(super) at: At,
    #[serde(flatten)]
    pub(super) who: Who<'a>,
    /// When it began, ns since tracing began.
    pub(super) began: Option<i64>,
    pub(super) offset: Option<i64>,
    /// 0 SEEK_SET, 1 SEEK_CUR, 2 SEEK_END.
    pub(super) whence: Option<u32>,
    /// The new offset or a negative errno.
    pub(super) ret: i64,
    pub(super) errno: Option<ErrorName>,
    /// Records rendered on the way and dropped.
    pub(super) passed_over: u64,
    /// Bytes that stay in the buffer.
    pub(super) leftover: u64,
    pub(super) duration: Option<u64>,
}

/// A write, or a read of a plain file, returned.
#[derive(Serialize, JsonSchema)]
pub(super) struct Transfer<'a> {
    #[serde(flatten)]
    pub(super) at: At,
    #[serde(flatten)]
    pub(super) who: Who<'a>,
    /// File offset after the call.
    pub(super) pos: i64,
    /// Bytes asked for.
    pub(super) want: u64,
    /// Bytes or a negative errno.
    pub(super) ret: i64,
    pub(super) errno: Option<ErrorName>,
    /// Bytes.
    pub(super) bytes: u64,
}

/// Something about the trace itself.
#[derive(Serialize, JsonSchema)]
pub(super) struct Note<'a> {
    #[serde(flatten)]
    pub(super) at: At,
    pub(super) kind: NoteKind,
    /// blind: which callback.
    pub(super) role: Option<Role>,
    /// blind: which function.
    pub(super) function: Option<Function<'a>>,
    /// blind: why.
    pub(super) reason: Option<&'a str>,
    /// disagreement: what the core does.
    pub(super) expected: Option<&'a str>,
    /// disagreement: what was seen.
    pub(super) observed: Option<&'a str>,
}

/// What a note is about.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum NoteKind {
    /// A callback cannot be traced.
    Blind,
    /// What was observed is not what the core does: events were missed.
    Disagreement,
}

/// A rule is broken; the line before proves it. Told once a session, and again only where it has
/// become worse.
#[derive(Serialize, JsonSchema)]
pub(super) struct Finding<'a> {
    #[serde(flatten)]
    pub(super) at: At,
    #[serde(flatten)]
    pub(super) who: Who<'a>,
    pub(super) id: RuleName,
    /// The rule's name.
    pub(super) name: &'static str,
    pub(super) severity: Severity,
    /// The function to look at.
    pub(super) blame: Option<Blame<'a>>,
    /// What was seen, for a person.
    pub(super) message: &'a str,
    /// The finding that explains this one.
    pub(super) cause: Option<Cause<'a>>,
    /// How often in this session, so far.
    pub(super) times: u64,
    pub(super) evidence: Vec<Evidence>,
}

/// How bad.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    Info,
    Warning,
    Error,
}

/// A function to look at.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(super) struct Blame<'a> {
    pub(super) role: Role,
    pub(super) function: Function<'a>,
}

/// What explains a finding.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(super) struct Cause<'a> {
    pub(super) id: RuleName,
    pub(super) blame: Option<Blame<'a>>,
}

/// One thing that was seen: one of the keys behind `label` is not null, or two for an event.
#[derive(Clone, Default, Serialize, JsonSchema)]
pub(super) struct Evidence {
    /// What it is.
    pub(super) label: &'static str,
    /// A position, m->index.
    pub(super) pos: Option<i64>,
    pub(super) ptr: Option<Pointer>,
    /// File offsets.
    pub(super) range: Option<Range>,
    /// When.
    pub(super) time: Option<BootTime>,
    /// In which read of the session.
    pub(super) read: Option<u32>,
    pub(super) count: Option<u64>,
    /// A signed number.
    pub(super) delta: Option<i64>,
    pub(super) errno: Option<ErrorName>,
    /// What agrees: position, pointer, bytes, length.
    pub(super) witnesses: Option<Vec<&'static str>>,
}

/// How often a rule was broken.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(super) struct FindingCount {
    pub(super) id: RuleName,
    pub(super) name: &'static str,
    /// The worst of them.
    pub(super) severity: Severity,
    /// In how many sessions.
    pub(super) sessions: u64,
    /// How often in all.
    pub(super) times: u64,
}

/// Events were lost here.
#[derive(Serialize, JsonSchema)]
pub(super) struct Gap {
    #[serde(flatten)]
    pub(super) at: At,
    /// How many.
    pub(super) lost: u64,
    /// Sessions that are incomplete now.
    pub(super) sessions: Vec<SessionName>,
}

/// A session ended, or tracing did.
#[derive(Serialize, JsonSchema)]
pub(super) struct Close<'a> {
    #[serde(flatten)]
    pub(super) at: At,
    #[serde(flatten)]
    pub(super) who: Who<'a>,
    /// The function that released it; null if it was still open at the end, or if its open failed.
    pub(super) by: Option<&'static str>,
    #[serde(flatten)]
    pub(super) totals: Totals,
    pub(super) lifetime: Option<u64>,
    /// Bytes kept that no read fetched.
    pub(super) undelivered: u64,
    /// Why not everything of it was seen.
    pub(super) partial: Vec<Partial>,
    /// The file went away while it was open.
    pub(super) removed: Option<bool>,
    /// m->private when it was released.
    pub(super) private: Option<Address>,
    /// The rules that it broke, the worst first.
    pub(super) findings: Vec<FindingCount>,
}

/// Sums over a session or a trace.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(super) struct Totals {
    pub(super) reads: u64,
    /// Bytes returned to readers.
    pub(super) bytes: u64,
    pub(super) emitted: u64,
    pub(super) discarded: u64,
    pub(super) passed_over: u64,
    pub(super) callbacks: u64,
    pub(super) passes: u64,
    pub(super) restarts: u64,
    pub(super) writes: u64,
    /// Bytes written.
    pub(super) written: u64,
}

/// The last line.
#[derive(Serialize, JsonSchema)]
pub(super) struct End {
    pub(super) v: Version,
    /// Sessions seen.
    pub(super) sessions: u64,
    #[serde(flatten)]
    pub(super) totals: Totals,
    /// Events that the ring buffer had no room for.
    pub(super) lost: u64,
    /// Probe hits that were missed.
    pub(super) missed: u64,
    /// Sessions seen in part.
    pub(super) partial: u64,
    /// The rules that were broken, the worst first.
    pub(super) findings: Vec<FindingCount>,
}
