//! Gathers the rows of a trace.

use std::collections::HashMap;
use std::ops::Range;

use imara_diff::{Interner, Token};
use seqtrace_model::event::Role;
use seqtrace_model::session::update::{
    self, CallbackUpdate, Partial, SessionId, Summary, Update, UpdateKind,
};
use seqtrace_model::summary::Durations;
use seqtrace_model::trace::{Header, Shown, Sink};

use crate::durations::CallbackDurations;
use crate::row::{self, Row, State};

/// The distinct rows of both traces.
pub struct Rows(pub(crate) Interner<Row>);

impl Default for Rows {
    fn default() -> Self {
        Self(Interner::new(0))
    }
}

impl Rows {
    /// Returns the rows of a session in a range; those behind its end do not exist.
    pub fn range(&self, session: &Session, range: Range<usize>) -> impl Iterator<Item = &Row> {
        let end = range.end.min(session.rows.len());
        let rows = session.rows.get(range.start..end).unwrap_or_default();
        rows.iter().map(|row| &self.0[*row])
    }

    /// Returns a row of a session; `None` if the session is shorter.
    pub(crate) fn get(&self, session: &Session, index: usize) -> Option<&Row> {
        session.rows.get(index).map(|row| &self.0[*row])
    }
}

/// Properties that are not compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ignored {
    /// True if pointers to records are not compared.
    pub pointers: bool,
    /// True if numbers of bytes are not compared.
    pub sizes: bool,
}

/// A trace, as far as it is compared.
#[derive(Debug, Default)]
pub struct Recording {
    /// Circumstances of the trace.
    pub header: Header,
    /// Files, sorted by path.
    pub files: Vec<File>,
    /// Number of events that were lost.
    pub lost: u64,
    /// Number of probe hits for which no program ran.
    pub missed: u64,
    /// True if the recording ends before its trace.
    pub cut: bool,
}

/// The sessions of a file.
#[derive(Debug, Default)]
pub struct File {
    /// Path of the file. Can have any bytes.
    pub path: Vec<u8>,
    /// Sessions in the order of their opens.
    pub sessions: Vec<Session>,
    /// Durations of start, next, show and stop; `None`: not asked for, or there are none.
    durations: [Option<CallbackDurations>; 4],
}

/// A session, as far as it is compared.
#[derive(Debug)]
pub struct Session {
    /// Number of the session in its trace.
    pub id: SessionId,
    pub(crate) rows: Vec<Token>,
    /// Reasons why the session is not seen whole; empty: it is.
    pub partial: Vec<Partial>,
}

impl Recording {
    /// Returns true if a session of the trace may be missing.
    pub fn is_incomplete(&self) -> bool {
        self.lost > 0 || self.missed > 0 || self.cut
    }
}

impl Session {
    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }
}

impl File {
    /// Returns the durations of a callback; `None`: not asked for, or there are none.
    pub(crate) fn durations(&self, role: Role) -> Option<&CallbackDurations> {
        self.durations.get(role as usize)?.as_ref()
    }

    /// Returns true if a session of the file was not seen whole.
    pub(crate) fn is_partial(&self) -> bool {
        self.sessions.iter().any(|session| !session.partial.is_empty())
    }

    /// Adds the duration of a callback.
    fn add(&mut self, session: &update::Session, callback: &CallbackUpdate) {
        let slot = self.durations.get_mut(callback.role as usize);
        if let (Some(slot), Some(callbacks), Some(_)) =
            (slot, &session.callbacks, callback.duration)
        {
            let new = || CallbackDurations {
                function: row::name(callbacks.of(callback.role)).to_owned(),
                durations: Durations::coarse(),
            };
            slot.get_or_insert_with(new).durations.add(callback.duration);
        }
    }
}

/// Gathers the rows of one trace.
pub struct Gatherer<'a> {
    rows: &'a mut Rows,
    ignored: Ignored,
    with_durations: bool,
    recording: Recording,
    /// Index of each file, by path.
    files: HashMap<Vec<u8>, usize>,
    sessions: HashMap<SessionId, Known>,
}

/// A session that was seen.
struct Known {
    /// Index of its file.
    file: usize,
    /// Index among the sessions of the file.
    index: usize,
    /// `None`: the session is closed.
    state: Option<Box<State>>,
}

impl<'a> Gatherer<'a> {
    /// Greatest number of files whose durations are kept. A file takes up to 50 KB.
    pub const TIMED_FILES: usize = 1000;

    /// Creates a gatherer that adds its rows to `rows`.
    pub fn new(rows: &'a mut Rows, ignored: Ignored, with_durations: bool) -> Self {
        Self {
            rows,
            ignored,
            with_durations,
            recording: Recording::default(),
            files: HashMap::new(),
            sessions: HashMap::new(),
        }
    }

    /// Returns the trace. `cut`: true if the recording ends before its trace.
    pub fn finish(self, cut: bool) -> Recording {
        let Self { rows, mut recording, .. } = self;
        recording.cut = cut;
        if cut {
            let end = rows.0.intern(Row::Cut);
            let is_close = |row: &&mut Token| matches!(rows.0[**row], Row::Close { .. });
            for session in recording.files.iter_mut().flat_map(|file| &mut file.sessions) {
                let is_open = session.partial.contains(&Partial::StillOpen);
                let close = session.rows.iter_mut().rev().find(is_close);
                if let Some(close) = close.filter(|_| is_open) {
                    *close = end;
                }
            }
        }
        recording.files.sort_by(|a, b| a.path.cmp(&b.path));
        recording
    }

    fn push(&mut self, facts: &update::Session, update: &Update) {
        let Self { rows, recording, files, sessions, .. } = self;
        let known = sessions.entry(facts.id).or_insert_with(|| {
            let file = *files.entry(facts.path.clone()).or_insert_with(|| {
                let path = facts.path.clone();
                recording.files.push(File { path, ..File::default() });
                recording.files.len() - 1
            });
            let sessions = &mut recording.files[file].sessions;
            sessions.push(Session { id: facts.id, rows: Vec::new(), partial: Vec::new() });
            let state = Some(Box::new(State::new(facts)));
            Known { file, index: sessions.len() - 1, state }
        });
        let file = &mut recording.files[known.file];
        let row = match (&mut known.state, &update.what) {
            (_, UpdateKind::Finding(finding)) => row::of_finding(finding),
            (Some(state), _) => state.row(facts, update, self.ignored),
            (None, _) => None,
        };
        let session = &mut file.sessions[known.index];
        session.rows.extend(row.map(|row| rows.0.intern(row)));
        match &update.what {
            UpdateKind::Close { partial, .. } => {
                session.partial.clone_from(partial);
                session.rows.shrink_to_fit();
                known.state = None;
            }
            UpdateKind::Callback(callback)
                if self.with_durations && known.file < Self::TIMED_FILES =>
            {
                file.add(facts, callback);
            }
            _ => {}
        }
    }
}

impl Sink for Gatherer<'_> {
    fn header(&mut self, header: &Header) {
        self.recording.header = header.clone();
    }

    fn update(&mut self, update: &Update) -> Shown {
        if let Some(session) = &update.session {
            self.push(session, update);
        }
        Shown::No
    }

    fn end(&mut self, summary: &Summary) {
        (self.recording.lost, self.recording.missed) = (summary.lost, summary.missed);
    }
}
