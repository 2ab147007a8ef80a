//! What the trace tells of a plan while it is carried out.

pub(super) mod log;

use std::{
    cell::{Cell, RefCell},
    mem,
    rc::Rc,
};

use log::Log;

use crate::{
    render::{Sink, Updates},
    rules::Finding,
    session::update::{Fate, Partial, Session, SessionId, Update, What},
};

/// Borders of records that are remembered of one session.
pub(super) const RECORD_ENDS: usize = 1 << 16;

/// One open of the file, by a reading process.
#[derive(Clone, Debug)]
pub struct SeenSession {
    /// What is known of it.
    pub session: Rc<Session>,
    /// Where its records end in the file: of the first generation, ascending.
    pub record_ends: Vec<u64>,
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

/// Keeps what a check needs of a trace.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    seen: Rc<RefCell<Seen>>,
    returned: Rc<Cell<u64>>,
}

impl Collector {
    /// What it collects from.
    pub fn sink(&self) -> Box<dyn Sink> {
        let Self { seen, returned } = self.clone();
        Box::new(Updates(move |update: &Update| {
            let returns = matches!(
                update.what,
                What::Open | What::ReadEnd(_) | What::LseekEnd { .. } | What::Close { .. }
            );
            returned.set(returned.get().wrapping_add(u64::from(returns)));
            seen.borrow_mut().update(update);
        }))
    }

    /// What was seen since this was asked last.
    pub fn take(&self) -> Seen {
        mem::take(&mut *self.seen.borrow_mut())
    }

    /// How many calls have returned; it only matters whether that is another number than before.
    pub fn returned(&self) -> u64 {
        self.returned.get()
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
                        session: Rc::clone(session),
                        record_ends: Vec::new(),
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
                    && seen.record_ends.last().is_none_or(|last| *last < end)
                    && seen.record_ends.len() < RECORD_ENDS
                {
                    seen.record_ends.push(end);
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
