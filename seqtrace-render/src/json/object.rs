//! The objects of the JSON stream.
//!
//! They define the format: the schema is made from these types and their comments. A key, once published, is never
//! renamed or removed. Durations and relative times are ns, sizes bytes.

mod event;
mod finding;
mod value;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

pub(super) use self::event::{
    At, Close, Gap, Grow, Kind, Lseek, Note, NoteKind, Open, Preview, Read, ReadTotals, Transfer,
    Who,
};
pub(super) use self::finding::{Finding, FindingCount};
pub(super) use self::value::{
    Fate, Function, Functions, Of, Partial, Phase, Range, Role, Severity, SourceLine, Totals,
    mirror,
};
pub(super) use super::callback::Cb;
use super::text::{BootTime, Raw, Version};
use crate::session::update;

/// One line of `--format json`. Every key of a type is always there; null where the value is unknown
/// or does not apply. The only exception is `source` of a finding.
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

mirror! {
    /// The last line.
    struct End
    with {
        v: Version,
    }
    of update::Summary {
        /// Sessions seen.
        sessions: u64,
        #[serde(flatten)]
        totals: Totals,
        /// Events that the ring buffer had no room for.
        lost: u64,
        /// Probe hits that were missed.
        missed: u64,
        /// Sessions seen in part.
        partial: u64,
        /// The rules that were broken, the worst first.
        findings: Vec<FindingCount>,
    }
}
