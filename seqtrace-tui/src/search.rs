//! A search through the rows of the listed sessions, in slices between frames.

use seqtrace_model::event::Role;
use seqtrace_model::session::update::{Range, Update, UpdateKind};

use crate::app::App;
use crate::model::Model;
use crate::text::Texts;

/// Number of rows that are searched at a time: a few milliseconds.
const SLICE: u32 = 4096;

/// Condition that a row fulfils when the search ends there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A row whose text contains this.
    Text(String),
    /// The show() that was emitted or passed over at these file offsets.
    Shown(Range),
    /// A callback that found or left this position.
    Position(i64),
}

impl Wanted {
    fn is(&self, update: &Update, texts: &mut Texts) -> bool {
        match (self, &update.what) {
            (Self::Text(text), _) => texts.plain(update).contains(text.as_str()),
            (Self::Shown(range), UpdateKind::Callback(callback)) => callback.range == Some(*range),
            (Self::Position(position), UpdateKind::Callback(callback)) => {
                callback.role != Role::Stop
                    && callback.pos_in.unwrap_or(callback.pos_out) == *position
            }
            _ => false,
        }
    }
}

/// A search in progress.
#[derive(Clone, Debug)]
struct Running {
    wanted: Wanted,
    forward: bool,
    /// Position in the list of sessions.
    at: usize,
    /// Row to be searched next; `None`: all of the session, from its end in this direction.
    row: Option<u32>,
    /// Number of sessions that may still be searched, this one included.
    left: usize,
    /// Number of rows that were searched.
    searched: u64,
}

/// The search and the last searched text.
#[derive(Debug, Default)]
pub(crate) struct Search {
    running: Option<Running>,
    pub(crate) text: String,
}

impl Search {
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub(crate) fn cancel(&mut self) {
        self.running = None;
    }
}

impl App {
    /// Begins a search behind the selected row, or before it.
    pub(crate) fn begin_search(
        &mut self,
        wanted: Wanted,
        forward: bool,
        here: bool,
        model: &Model,
    ) {
        let Some((session, row)) = self.selection(model) else { return };
        let Some(at) = self.list.position(session) else { return };
        // Rows that are closed below the selected line are searched forward, too.
        let row = if forward { Some(row + 1) } else { row.checked_sub(1) };
        let left = if here { 1 } else { self.list.listed.len() + 1 };
        let nothing = !forward && row.is_none();
        let mut running = Running { wanted, forward, at, row, left, searched: 0 };
        if nothing && !self.next_session(&mut running) {
            self.message = Some("not found".to_owned());
            return;
        }
        self.search.running = Some(running);
        self.continue_search(model);
    }

    /// Moves a search to the next listed session. Returns false if all were searched.
    fn next_session(&self, running: &mut Running) -> bool {
        running.left -= 1;
        let count = self.list.listed.len();
        if running.left == 0 || count == 0 {
            return false;
        }
        let step = if running.forward { 1 } else { count - 1 };
        (running.at, running.row) = ((running.at + step) % count, None);
        true
    }

    /// Searches a bounded number of rows.
    pub(crate) fn continue_search(&mut self, model: &Model) {
        let Some(mut running) = self.search.running.take() else { return };
        let mut budget = SLICE;
        while budget > 0 {
            let Some(session) = self.list.listed.get(running.at).copied() else { return };
            let end = self.end_of(session, model);
            if let Some(row) = self.search_session(&mut running, session, end, &mut budget, model) {
                self.message = None;
                self.go_to(session, row, model);
                return;
            }
            if budget > 0 && !self.next_session(&mut running) {
                self.message = Some("not found".to_owned());
                return;
            }
            budget = budget.saturating_sub(1);
        }
        self.message = Some(format!("searching: {} rows (Esc cancels)", running.searched));
        self.search.running = Some(running);
    }

    /// Searches rows of a session until one is found, the session is searched, or the budget is spent.
    fn search_session(
        &mut self,
        running: &mut Running,
        session: usize,
        end: u32,
        budget: &mut u32,
        model: &Model,
    ) -> Option<u32> {
        let rows = &model.trace.sessions[session].rows;
        let mut next = if running.forward {
            Some(running.row.unwrap_or(0).max(rows.first()))
        } else {
            running.row.or(Some(u32::MAX)).map(|row| row.min(end.saturating_sub(1)))
        };
        while *budget > 0 {
            let row = next.filter(|row| (rows.first()..end).contains(row))?;
            let update = rows.get(row, &mut self.window)?;
            if running.wanted.is(update, &mut self.texts) {
                return Some(row);
            }
            (*budget, running.searched) = (*budget - 1, running.searched + 1);
            next = if running.forward { Some(row + 1) } else { row.checked_sub(1) };
            if next.is_none() && *budget == 0 {
                // The session is searched, which the caller sees by a budget that is not spent.
                *budget = 1;
                return None;
            }
            running.row = next;
        }
        None
    }
}
