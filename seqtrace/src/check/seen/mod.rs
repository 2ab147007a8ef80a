//! Sessions and findings that the trace records while a plan is carried out.

pub(crate) mod log;

use std::{cell::Cell, mem, rc::Rc, sync::Arc};

use log::Log;
use seqtrace_model::session::update::Summary;
use seqtrace_model::trace::{Header, Ready, Shown, Sink};

use crate::{
    rules::Finding,
    session::update::{Fate, Partial, Session, SessionId, Update, UpdateKind},
};

/// Largest number of ends of records that are stored for a session.
pub(super) const RECORD_ENDS: usize = 1 << 16;

/// One open of the file, by a reading process.
#[derive(Clone, Debug)]
pub(crate) struct SeenSession {
    pub(crate) session: Arc<Session>,
    /// File offsets at which the records of the first generation end, ascending.
    pub(crate) record_ends: Vec<u64>,
    /// Number of renderings with bytes that were dropped because show() returned SEQ_SKIP.
    pub(crate) skipped: u64,
    pub(crate) log: Log,
    /// True if the release of the session was traced.
    pub(crate) closed: bool,
    /// Reasons why not all events of the session are known.
    pub(crate) partial: Vec<Partial>,
}

/// Sessions and findings since the last call of [`Collector::take`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Sessions, in the order of opening.
    pub(crate) sessions: Vec<SeenSession>,
    /// Findings, in the order in which they were reported; some belong to sessions of an earlier plan.
    pub(crate) findings: Vec<Finding>,
    /// Number of lost events.
    pub(crate) lost: u64,
}

/// Collects sessions and findings from a trace.
#[derive(Default)]
pub(crate) struct Collector {
    seen: Seen,
    returned: Rc<Cell<u64>>,
    /// Another consumer of the whole trace; `None`: there is none.
    pub(crate) also: Option<Box<dyn Sink>>,
}

impl Collector {
    /// Removes and returns the sessions and findings since the last call.
    pub(crate) fn take(&mut self) -> Seen {
        mem::take(&mut self.seen)
    }

    /// Returns the counter of system calls that have returned, modulo 2^64. Only its changes matter.
    pub(crate) fn returned(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.returned)
    }
}

impl Sink for Collector {
    fn header(&mut self, header: &Header) {
        self.also.header(header);
    }

    fn ready(&mut self, ready: &Ready) {
        self.also.ready(ready);
    }

    fn end(&mut self, summary: &Summary) {
        self.also.end(summary);
    }

    fn update(&mut self, update: &Update) -> Shown {
        self.also.update(update);
        let returns = matches!(
            update.what,
            UpdateKind::Open
                | UpdateKind::ReadEnd(_)
                | UpdateKind::LseekEnd { .. }
                | UpdateKind::Close { .. }
        );
        self.returned.set(self.returned.get().wrapping_add(u64::from(returns)));
        self.seen.update(update);
        Shown::No
    }
}

impl Seen {
    fn update(&mut self, update: &Update) {
        match &update.what {
            UpdateKind::Gap { lost, .. } => self.lost += lost,
            UpdateKind::Finding(finding) => self.findings.push(Finding::clone(finding)),
            UpdateKind::Open => {
                if let Some(session) = &update.session {
                    self.sessions.push(SeenSession {
                        session: Arc::clone(session),
                        record_ends: Vec::new(),
                        skipped: 0,
                        log: Log::default(),
                        closed: false,
                        partial: Vec::new(),
                    });
                }
            }
            _ => {
                if let Some(seen) = self.session(update) {
                    seen.update(&update.what);
                }
            }
        }
    }

    fn session(&mut self, update: &Update) -> Option<&mut SeenSession> {
        let id: SessionId = update.session.as_ref()?.id;
        self.sessions.iter_mut().rev().find(|seen| seen.session.id == id)
    }
}

impl SeenSession {
    fn update(&mut self, what: &UpdateKind) {
        match what {
            UpdateKind::ReadBegin { pos, .. } => self.log.read(*pos),
            UpdateKind::Preview { bytes } => self.log.text(bytes),
            UpdateKind::Callback(callback) => {
                self.log.callback(callback);
                let skipped = callback.fate == Some(Fate::Skipped);
                self.skipped += u64::from(skipped && callback.bytes.is_some_and(|n| n > 0));
                let kept = callback.fate == Some(Fate::Emitted);
                let end = callback.range.filter(|_| kept).map(|range| range.end);
                if let Some(end) = end.and_then(|end| u64::try_from(end).ok())
                    && self.record_ends.last().is_none_or(|last| *last < end)
                    && self.record_ends.len() < RECORD_ENDS
                {
                    self.record_ends.push(end);
                }
            }
            UpdateKind::Close { partial, by, .. } => {
                self.closed = by.is_some();
                self.partial.clone_from(partial);
            }
            _ => {}
        }
    }
}
