//! Facts about a trace besides its events, and the trait of its consumers.

use crate::session::update::{Summary, Update};
use crate::symbol::Callbacks;

/// Facts about a trace that are known before it begins.
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
    /// Reason for this backend, in words; `None`: the backend is the preferred one.
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
    /// Callbacks of the file; `None` if they are unknown or the file has none.
    pub callbacks: Option<Callbacks>,
    /// Remark for the user; `None`: no remark.
    pub note: Option<String>,
}

/// The time at which all probes are attached, and their number. From this time on the trace is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ready {
    /// Zero point of relative times: CLOCK_MONOTONIC, ns since boot.
    pub begin: u64,
    /// Number of attached probes.
    pub probes: u32,
}

/// Result of a consumer for an update. `--max-events` counts the updates that were displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The update was displayed: it has a line, or a part of one.
    Yes,
    /// The update was not displayed: the consumer buffers it for a later line, or the output format has no line for it.
    No,
}

impl From<bool> for Shown {
    fn from(shown: bool) -> Self {
        if shown { Self::Yes } else { Self::No }
    }
}

/// Consumer of a trace, e.g. a renderer. The methods are called in the order of their declaration.
pub trait Sink {
    /// Handles the facts about the trace. Called before any probe is attached.
    fn header(&mut self, _header: &Header) {}

    /// Handles a target. Called once per target.
    fn target(&mut self, _target: &TargetInfo) {}

    /// Handles the time at which all probes are attached.
    fn ready(&mut self, _ready: &Ready) {}

    /// Handles an update of a selected session, or an update that belongs to no session.
    fn update(&mut self, update: &Update) -> Shown;

    /// Handles the summary at the end of the trace.
    fn end(&mut self, _summary: &Summary) {}
}
