//! Facts about a trace that are no events, and the consumers of a trace.

use crate::session::update::{Summary, Update};
use crate::symbol::Callbacks;

/// The circumstances of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Header {
    /// Version of seqtrace.
    pub version: String,
    /// Kernel release (`uname -r`).
    pub kernel: String,
    /// Machine (`uname -m`).
    pub machine: String,
    /// `core` or `callbacks`.
    pub backend: String,
    /// Why this backend was used. `None`: it was the first choice.
    pub backend_reason: Option<String>,
    /// Size of the ring buffer in bytes.
    pub ring_bytes: u64,
    /// Command line. Not escaped.
    pub command: Vec<Vec<u8>>,
}

/// A target of the command line.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TargetInfo {
    /// Word of the command line. Not escaped.
    pub word: Vec<u8>,
    /// Callbacks of the file. `None`: unknown, or it has none.
    pub callbacks: Option<Callbacks>,
    /// Remark for the user.
    pub note: Option<String>,
}

/// The moment when all probes are attached. From here on the trace is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ready {
    /// Zero of relative times, ns since boot (CLOCK_MONOTONIC).
    pub begin: u64,
    /// Number of attached probes.
    pub probes: u32,
}

/// Whether a consumer showed an update. `--max-events` counts those that were shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The user sees something of it.
    Yes,
    /// It was kept for a later line, or the format has no line for it.
    No,
}

impl From<bool> for Shown {
    fn from(shown: bool) -> Self {
        if shown { Self::Yes } else { Self::No }
    }
}

/// Consumes a trace: a renderer, a collector. The methods are called in the order of their declaration.
pub trait Sink {
    /// Takes the circumstances, before probes are attached.
    fn header(&mut self, _header: &Header) {}

    /// Takes a target.
    fn target(&mut self, _target: &TargetInfo) {}

    /// Takes the moment when all probes are attached.
    fn ready(&mut self, _ready: &Ready) {}

    /// Takes an update of a selected session, or one of no session.
    fn update(&mut self, update: &Update) -> Shown;

    /// Takes the summary. Nothing follows.
    fn end(&mut self, _summary: &Summary) {}
}
