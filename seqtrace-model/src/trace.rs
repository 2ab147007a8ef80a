//! Facts about a trace besides its events, and the trait of its consumers.

use crate::session::update::{Summary, Update};
use crate::symbol::Callbacks;

/// The circumstances of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Header {
    /// Version of seqtrace, e.g. `0.1.0`.
    pub version: String,
    /// Release of the traced kernel (`uname -r`).
    pub kernel: String,
    /// Architecture of the traced machine (`uname -m`).
    pub machine: String,
    /// Backend: `core` or `callbacks`.
    pub backend: String,
    /// Reason for this backend, in words; `None`: it is the first choice.
    pub backend_reason: Option<String>,
    /// Size of the ring buffer in bytes.
    pub ring_bytes: u64,
    /// Words of the command line. Any bytes, not yet escaped for a terminal.
    pub command: Vec<Vec<u8>>,
}

/// A traced file, as the command line names it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TargetInfo {
    /// Word of the command line. Any bytes, not yet escaped for a terminal.
    pub word: Vec<u8>,
    /// Callbacks of the file; `None` if they are unknown or it has none.
    pub callbacks: Option<Callbacks>,
    /// Remark for the user; `None`: there is none.
    pub note: Option<String>,
}

/// The moment when all probes are attached. From here on the trace is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ready {
    /// Time that relative times count from: CLOCK_MONOTONIC, ns since boot.
    pub begin: u64,
    /// Number of attached probes.
    pub probes: u32,
}

/// Answer of a consumer to an update. `--max-events` counts the updates that were shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The user sees a line for the update, or a part of one.
    Yes,
    /// The update is kept for a later line, or the format has no line for it.
    No,
}

impl From<bool> for Shown {
    fn from(shown: bool) -> Self {
        if shown { Self::Yes } else { Self::No }
    }
}

/// Consumer of a trace, e.g. a renderer. The methods are called in the order of their declaration.
pub trait Sink {
    /// Takes the circumstances, before any probe is attached.
    fn header(&mut self, _header: &Header) {}

    /// Takes a target. It is called once per target.
    fn target(&mut self, _target: &TargetInfo) {}

    /// Takes the moment when all probes are attached.
    fn ready(&mut self, _ready: &Ready) {}

    /// Takes an update of a selected session, or one of no session.
    fn update(&mut self, update: &Update) -> Shown;

    /// Takes the summary at the end of the trace.
    fn end(&mut self, _summary: &Summary) {}
}
