//! What the trace tells of a plan while it is carried out.

pub(super) mod log;

use std::{cell::Cell, mem, rc::Rc, sync::Arc};

use log::Log;
use seqtrace_model::trace::{Shown, Sink};

use crate::{
    rules::Finding,
    session::update::{Fate, Partial, Session, SessionId, Update, What},
};

/// Borders of records that are remembered of one session.
pub(super) const BORDERS: usize = 1 << 16;

/// One open of the file, by a reading process.
#[derive(Clone, Debug)]
pub struct SeenSession {
    /// What is known of it.
    pub session: Arc<Session>,
    /// Where its records end in the file: of the first generation, ascending.
    pub borders: Vec<u64>,
    /// Renderings that were dropped because show() said so, with bytes.
    pub skipped: u64,
    /// Its passes and what they rendered.
    pub(crate) log: Log,
    /// It was released.
    pub closed: bool,
    /// Why not all of it was seen.
    pub partial: Vec<Partial>,
}

/// Everything since [`Collector::take`] was asked last.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// In the order of opening.
    pub sessions: Vec<SeenSession>,
    /// In the order they were told; some belong to sessions of an earlier plan.
    pub findings: Vec<Finding>,
    /// Events that were lost.
    pub lost: u64,
}

/// Collects what a check needs of a trace.
#[derive(Debug, Default)]
pub struct Collector {
    seen: Seen,
    returned: Rc<Cell<u64>>,
}

impl Collector {
    /// Returns what was collected since the last call.
    pub fn take(&mut self) -> Seen {
        mem::take(&mut self.seen)
    }

    /// Returns the counter of system calls that have returned. It wraps around.
    pub fn returned(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.returned)
    }
}

impl Sink for Collector {
    fn update(&mut self, update: &Update) -> Shown {
        let returns = matches!(
            update.what,
            What::Open | What::ReadEnd(_) | What::LseekEnd { .. } | What::Close { .. }
        );
        self.returned.set(self.returned.get().wrapping_add(u64::from(returns)));
        self.seen.update(update);
        Shown::No
    }
}

impl Seen {
    fn update(&mut self, update: &Update) {
        match &update.what {
            What::Gap { lost, .. } => self.lost += lost,
            What::Finding(finding) => self.findings.push(Finding::clone(finding)),
            What::Open => {
                if let Some(session) = &update.session {
                    self.sessions.push(SeenSession {
                        session: Arc::clone(session),
                        borders: Vec::new(),
                        skipped: 0,
                        log: Log::default(),
                        closed: false,
                        partial: Vec::new(),
                    });
                }
            }
            What::ReadBegin { pos, .. } => {
                if let Some(seen) = self.session(update) {
                    seen.log.read(*pos);
                }
            }
            What::Preview { bytes } => {
                if let Some(seen) = self.session(update) {
                    seen.log.text(bytes);
                }
            }
            What::Callback(callback) => {
                let Some(seen) = self.session(update) else { return };
                seen.log.callback(callback);
                seen.skipped += u64::from(
                    callback.fate == Some(Fate::Skipped) && callback.bytes.is_some_and(|n| n > 0),
                );
                let kept = callback.fate == Some(Fate::Emitted);
                let end = callback.range.filter(|_| kept).map(|range| range.end);
                if let Some(end) = end.and_then(|end| u64::try_from(end).ok())
                    && seen.borders.last().is_none_or(|last| *last < end)
                    && seen.borders.len() < BORDERS
                {
                    seen.borders.push(end);
                }
            }
            What::Close { partial, by, .. } => {
                if let Some(seen) = self.session(update) {
                    seen.closed = by.is_some();
                    seen.partial.clone_from(partial);
                }
            }
            _ => {}
        }
    }

    fn session(&mut self, update: &Update) -> Option<&mut SeenSession> {
        let id: SessionId = update.session.as_ref()?.id;
        self.sessions.iter_mut().rev().find(|seen| seen.session.id == id)
    }
}
