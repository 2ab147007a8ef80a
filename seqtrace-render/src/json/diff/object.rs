//! The objects of a comparison. They define the format, as those of a trace do.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use crate::json::object::{Fate, Partial, Role, Severity};
use crate::json::text::{Raw, RuleName, SessionName, Version};

/// One line of `seqtrace diff --format json`. Every key of a type is always there; null where the value does not apply.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(rename = "diff", title = "One line of seqtrace diff --format json")]
pub(super) enum Object<'a> {
    #[serde(rename = "diff")]
    Begin(Begin<'a>),
    #[serde(rename = "diff_file")]
    File(File<'a>),
    #[serde(rename = "diff_session")]
    Session(Session<'a>),
    #[serde(rename = "diff_line")]
    Line(Line<'a>),
    #[serde(rename = "diff_duration")]
    Duration(Duration<'a>),
    #[serde(rename = "diff_end")]
    End(End),
}

/// The two recordings that are compared.
#[derive(Serialize, JsonSchema)]
pub(super) struct Begin<'a> {
    pub(super) v: Version,
    pub(super) a: Trace<'a>,
    pub(super) b: Trace<'a>,
}

/// Circumstances of a recording.
#[derive(Serialize, JsonSchema)]
pub(super) struct Trace<'a> {
    /// Name of the recording, with control characters escaped.
    pub(super) recording: &'a str,
    /// Version of seqtrace that recorded it.
    pub(super) version: &'a str,
    /// Release of the traced kernel.
    pub(super) kernel: &'a str,
    /// Architecture of the traced machine.
    pub(super) machine: &'a str,
    /// Set of probes: core or callbacks.
    pub(super) backend: &'a str,
    /// Number of events that were lost.
    pub(super) lost: u64,
    /// Number of probe hits for which no program ran.
    pub(super) missed: u64,
    /// True if the recording is cut off.
    pub(super) cut: bool,
}

/// One of the two recordings.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Side {
    A,
    B,
}

pub(super) const SIDES: [Side; 2] = [Side::A, Side::B];

/// A file that only one recording has.
#[derive(Serialize, JsonSchema)]
pub(super) struct File<'a> {
    pub(super) v: Version,
    /// The recording that has it.
    pub(super) only: Side,
    /// The path of the file.
    pub(super) path: Cow<'a, str>,
    /// The path's bytes if it is not UTF-8.
    pub(super) path_bytes: Option<Raw<'a>>,
    /// Number of its sessions.
    pub(super) sessions: usize,
}

/// A session that differs, that only one recording has, or that was not seen whole. Its `diff_line` objects follow.
#[derive(Serialize, JsonSchema)]
pub(super) struct Session<'a> {
    pub(super) v: Version,
    #[serde(flatten)]
    pub(super) at: At<'a>,
    /// The recording that has it; null: both.
    pub(super) only: Option<Side>,
    /// Reasons why not everything of it was seen in A.
    pub(super) partial_a: Vec<Partial>,
    /// Reasons why not everything of it was seen in B.
    pub(super) partial_b: Vec<Partial>,
    /// Number of lines that only A has.
    pub(super) removed: usize,
    /// Number of lines that only B has.
    pub(super) added: usize,
}

/// The file and session of an object.
#[derive(Clone, Serialize, JsonSchema)]
pub(super) struct At<'a> {
    /// The file's path in A.
    pub(super) path: Cow<'a, str>,
    /// The path's bytes if it is not UTF-8.
    pub(super) path_bytes: Option<Raw<'a>>,
    /// The file's path in B.
    pub(super) path_b: Cow<'a, str>,
    /// The path's bytes in B if it is not UTF-8.
    pub(super) path_b_bytes: Option<Raw<'a>>,
    /// Number of the session among those of the file, from 1.
    pub(super) number: usize,
    /// The session in A; null if A does not have it.
    pub(super) session_a: Option<SessionName>,
    /// The session in B; null if B does not have it.
    pub(super) session_b: Option<SessionName>,
}

/// A line of a session that only one recording has.
#[derive(Serialize, JsonSchema)]
pub(super) struct Line<'a> {
    pub(super) v: Version,
    #[serde(flatten)]
    pub(super) at: At<'a>,
    /// The recording that has it.
    pub(super) only: Side,
    /// Number of the line in its session, from 1.
    #[serde(rename = "line")]
    pub(super) row: usize,
    pub(super) kind: Kind,
    /// The line as the text shows it.
    pub(super) text: String,
    /// callback, reader_died: kind of the callback.
    pub(super) role: Option<Role>,
    /// callback: m->index on entry.
    pub(super) pos_in: Option<i64>,
    /// callback: m->index on return.
    pub(super) pos_out: Option<i64>,
    /// callback: number of bytes written.
    pub(super) bytes: Option<u64>,
    /// callback: what became of a rendering.
    pub(super) fate: Option<Fate>,
    /// Result of a call: bytes, file offset or negative errno.
    pub(super) ret: Option<i64>,
    /// finding: id of the rule.
    pub(super) id: Option<RuleName>,
    /// finding: severity of the violation.
    pub(super) severity: Option<Severity>,
    /// finding: the function to look at.
    pub(super) blame: Option<&'a str>,
}

/// What a line is about.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Open,
    /// A read was entered.
    Read,
    /// A read returned to its caller.
    ReadEnd,
    Callback,
    Grow,
    /// An lseek was entered.
    Lseek,
    /// An lseek returned to its caller.
    LseekEnd,
    Write,
    PlainRead,
    Close,
    /// The recording is cut off here.
    Cut,
    Finding,
    ReaderDied,
}

/// Durations of a callback of a file in both recordings, ns.
#[derive(Serialize, JsonSchema)]
pub(super) struct Duration<'a> {
    pub(super) v: Version,
    /// The file's path in A.
    pub(super) path: Cow<'a, str>,
    /// The path's bytes if it is not UTF-8.
    pub(super) path_bytes: Option<Raw<'a>>,
    pub(super) role: Role,
    /// Name of the function in A.
    pub(super) function_a: &'a str,
    /// Name of the function in B.
    pub(super) function_b: &'a str,
    /// Number of calls in A.
    pub(super) count_a: u64,
    /// Number of calls in B.
    pub(super) count_b: u64,
    /// Median of the durations in A.
    pub(super) p50_a: u64,
    /// Median of the durations in B.
    pub(super) p50_b: u64,
    /// The median in B as a multiple of that in A; null if that is 0.
    pub(super) ratio: Option<f64>,
}

/// Sums and verdict, the last line.
#[derive(Serialize, JsonSchema)]
pub(super) struct End {
    pub(super) v: Version,
    pub(super) verdict: Answer,
    /// Files in both recordings.
    pub(super) files: u64,
    /// Sessions in both recordings.
    pub(super) sessions: u64,
    /// How many of them differ.
    pub(super) different: u64,
    /// What only A has.
    pub(super) only_a: Only,
    /// What only B has.
    pub(super) only_b: Only,
    /// Sessions not seen whole in A.
    pub(super) partial_a: u64,
    /// Sessions not seen whole in B.
    pub(super) partial_b: u64,
}

/// What only one recording has.
#[derive(Serialize, JsonSchema)]
pub(super) struct Only {
    pub(super) files: u64,
    /// Sessions of files that both have.
    pub(super) sessions: u64,
    /// Lines of sessions that both have.
    pub(super) lines: u64,
}

/// Whether the recordings differ.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Same,
    Different,
    /// No difference between sessions that were seen whole, but something was not seen.
    Inconclusive,
}
