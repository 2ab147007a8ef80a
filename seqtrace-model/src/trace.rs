//! Facts about a trace besides its events, and the trait of its consumers.

use std::cell::RefCell;
use std::rc::Rc;

use crate::session::update::{Summary, Update, UpdateKind};
use crate::symbol::{Callbacks, Locate};

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

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn header(&mut self, header: &Header) {
        (**self).header(header);
    }

    fn target(&mut self, target: &TargetInfo) {
        (**self).target(target);
    }

    fn ready(&mut self, ready: &Ready) {
        (**self).ready(ready);
    }

    fn update(&mut self, update: &Update) -> Shown {
        (**self).update(update)
    }

    fn end(&mut self, summary: &Summary) {
        (**self).end(summary);
    }
}

/// A consumer behind a step that fills in the source lines of findings.
pub struct Located<'a, S> {
    /// Consumer of the updates.
    pub sink: &'a mut S,
    /// Source of the lines. It is asked for findings only.
    pub lines: &'a mut dyn Locate,
}

impl<S: Sink> Sink for Located<'_, S> {
    fn header(&mut self, header: &Header) {
        self.sink.header(header);
    }

    fn target(&mut self, target: &TargetInfo) {
        self.sink.target(target);
    }

    fn ready(&mut self, ready: &Ready) {
        self.sink.ready(ready);
    }

    #[inline]
    fn update(&mut self, update: &Update) -> Shown {
        let UpdateKind::Finding(finding) = &update.what else { return self.sink.update(update) };
        let mut finding = finding.clone();
        finding.locate(self.lines);
        self.sink.update(&Update { what: UpdateKind::Finding(finding), ..update.clone() })
    }

    fn end(&mut self, summary: &Summary) {
        self.sink.end(summary);
    }
}

/// A consumer that its owner examines when the trace has ended.
impl<S: Sink> Sink for Rc<RefCell<S>> {
    fn header(&mut self, header: &Header) {
        self.borrow_mut().header(header);
    }

    fn target(&mut self, target: &TargetInfo) {
        self.borrow_mut().target(target);
    }

    fn ready(&mut self, ready: &Ready) {
        self.borrow_mut().ready(ready);
    }

    fn update(&mut self, update: &Update) -> Shown {
        self.borrow_mut().update(update)
    }

    fn end(&mut self, summary: &Summary) {
        self.borrow_mut().end(summary);
    }
}

/// Two consumers, in this order. An update counts as displayed if the first displays it.
impl<A: Sink, B: Sink> Sink for (A, B) {
    fn header(&mut self, header: &Header) {
        self.0.header(header);
        self.1.header(header);
    }

    fn target(&mut self, target: &TargetInfo) {
        self.0.target(target);
        self.1.target(target);
    }

    fn ready(&mut self, ready: &Ready) {
        self.0.ready(ready);
        self.1.ready(ready);
    }

    fn update(&mut self, update: &Update) -> Shown {
        let shown = self.0.update(update);
        self.1.update(update);
        shown
    }

    fn end(&mut self, summary: &Summary) {
        self.0.end(summary);
        self.1.end(summary);
    }
}

/// A consumer that may be missing.
impl<S: Sink> Sink for Option<S> {
    fn header(&mut self, header: &Header) {
        if let Some(sink) = self {
            sink.header(header);
        }
    }

    fn target(&mut self, target: &TargetInfo) {
        if let Some(sink) = self {
            sink.target(target);
        }
    }

    fn ready(&mut self, ready: &Ready) {
        if let Some(sink) = self {
            sink.ready(ready);
        }
    }

    fn update(&mut self, update: &Update) -> Shown {
        self.as_mut().map_or(Shown::No, |sink| sink.update(update))
    }

    fn end(&mut self, summary: &Summary) {
        if let Some(sink) = self {
            sink.end(summary);
        }
    }
}
