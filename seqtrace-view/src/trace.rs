//! A trace in memory: sessions, findings, and the limit.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use seqtrace_model::finding::Finding;
use seqtrace_model::session::update::{SessionId, Summary, Update, UpdateKind};
use seqtrace_model::trace::{Header, Ready, Shown, Sink, TargetInfo};

use crate::session::Session;

/// Greatest number of sessions of a trace with a limit, unless more are open at once.
const SESSIONS: usize = 100_000;
/// Greatest number of updates that belong to no session, of a trace with a limit.
const LOOSE: usize = 100_000;

/// A trace that is kept whole or, with a limit, without its oldest rows.
#[derive(Debug, Default)]
pub struct Trace {
    /// Circumstances of the trace.
    pub header: Header,
    /// The traced files, as the command line names them.
    pub targets: Vec<TargetInfo>,
    /// The time from which the trace is complete; `None`: not yet.
    pub ready: Option<Ready>,
    /// All sessions, in the order of their opens.
    pub sessions: Vec<Session>,
    /// All findings, in order.
    pub findings: Vec<Found>,
    /// Updates that belong to no session or to several: gaps, callbacks that cannot be probed.
    pub loose: Vec<Update>,
    /// Sums over the trace; `None`: it goes on.
    pub summary: Option<Summary>,
    /// Number of rows that were dropped to keep the limit.
    pub dropped: u64,
    /// The last time that sessions were dropped to keep the limit; `None`: never.
    pub compaction: Option<Compaction>,
    /// Time of the last update, ns since boot; 0: there was none.
    pub last: u64,
    /// Number of updates so far.
    pub updates: u64,
    /// Index in `sessions` by session number.
    index: FxHashMap<SessionId, usize>,
    /// Greatest number of bytes in blocks of rows; `None`: no limit.
    limit: Option<usize>,
    bytes: usize,
    /// For each block of rows, the index of its session, the oldest first.
    blocks: VecDeque<u32>,
}

/// New indices of sessions after the oldest closed ones were dropped.
#[derive(Clone, Debug)]
pub struct Compaction {
    /// Number of this compaction, from 1.
    pub number: u64,
    /// Number of sessions that all compactions have dropped.
    pub dropped: u64,
    /// New index of each session by its index before; `None`: it was dropped.
    pub moved: Arc<[Option<u32>]>,
}

/// A finding and its position in the trace.
#[derive(Clone, Debug)]
pub struct Found {
    /// Index of its session in [`Trace::sessions`].
    pub session: usize,
    /// Row of the session.
    pub row: u32,
    /// Time, ns since boot.
    pub time: u64,
    /// The finding itself, without its update.
    pub finding: Arc<Finding>,
}

impl Trace {
    /// Creates an empty trace whose rows take at most `bytes` bytes, besides the last 512 rows of each open session.
    pub fn with_limit(bytes: usize) -> Self {
        Self { limit: Some(bytes), ..Self::default() }
    }

    /// Returns the index of a session.
    pub fn position(&self, id: SessionId) -> Option<usize> {
        self.index.get(&id).copied()
    }

    /// Returns the number of bytes in blocks of rows.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn push(&mut self, facts: &Arc<seqtrace_model::session::update::Session>, update: &Update) {
        if self.limit.is_some() && self.sessions.len() >= SESSIONS {
            self.compact(SESSIONS / 4);
        }
        let at = *self.index.entry(facts.id).or_insert_with(|| {
            self.sessions.push(Session::new(Arc::clone(facts), update.time));
            self.sessions.len() - 1
        });
        let session = &mut self.sessions[at];
        if let UpdateKind::Finding(finding) = &update.what {
            let (row, finding) = (session.rows.end(), Arc::new(Finding::clone(finding)));
            self.findings.push(Found { session: at, row, time: update.time, finding });
        }
        if let Some(bytes) = session.push(update) {
            self.bytes += bytes;
            self.blocks.push_back(u32::try_from(at).unwrap_or(u32::MAX));
            self.trim();
        }
    }

    /// Drops the oldest closed sessions, up to this number.
    fn compact(&mut self, most: usize) {
        let (mut moved, mut kept, mut left) = (Vec::with_capacity(self.sessions.len()), 0, most);
        for session in &self.sessions {
            let drops = left > 0 && session.closed.is_some();
            left -= usize::from(drops);
            moved.push((!drops).then_some(kept));
            kept += u32::from(!drops);
        }
        let moved: Arc<[Option<u32>]> = moved.into();
        let new = |at: usize| moved.get(at).copied().flatten();
        let mut at = 0;
        self.sessions.retain(|session| {
            let keeps = new(at).is_some();
            at += 1;
            self.dropped +=
                if keeps { 0 } else { u64::from(session.rows.end() - session.rows.first()) };
            self.bytes -= if keeps { 0 } else { session.rows.bytes() };
            keeps
        });
        self.index.retain(|_, at| new(*at).inspect(|new| *at = *new as usize).is_some());
        self.findings.retain_mut(|found| {
            new(found.session).inspect(|new| found.session = *new as usize).is_some()
        });
        self.blocks.retain_mut(|at| new(*at as usize).inspect(|new| *at = *new).is_some());
        let before = self.compaction.as_ref().map_or((0, 0), |last| (last.number, last.dropped));
        let dropped = before.1 + (most - left) as u64;
        self.compaction = Some(Compaction { number: before.0 + 1, dropped, moved });
    }

    /// Drops the oldest blocks until the limit is kept.
    fn trim(&mut self) {
        while self.limit.is_some_and(|limit| self.bytes > limit) {
            let Some(session) = self.blocks.pop_front() else { return };
            let (rows, bytes) = self.sessions[session as usize].drop_block();
            self.dropped += u64::from(rows);
            self.bytes -= bytes;
        }
    }
}

impl Sink for Trace {
    fn header(&mut self, header: &Header) {
        self.header = header.clone();
    }

    fn target(&mut self, target: &TargetInfo) {
        self.targets.push(target.clone());
    }

    fn ready(&mut self, ready: &Ready) {
        self.ready = Some(*ready);
    }

    fn update(&mut self, update: &Update) -> Shown {
        (self.last, self.updates) = (update.time, self.updates + 1);
        if let Some(session) = &update.session {
            self.push(session, update);
        } else {
            if self.limit.is_some() && self.loose.len() >= LOOSE {
                self.loose.drain(..LOOSE / 4);
            }
            self.loose.push(update.clone());
        }
        Shown::Yes
    }

    fn end(&mut self, summary: &Summary) {
        self.summary = Some(summary.clone());
    }
}
