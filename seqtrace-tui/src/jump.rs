//! Moves the selection: to a session, a row, a finding, a piece of evidence.

use crate::app::{App, Pane, Paused, Viewed};
use crate::detail::Jump;
use crate::folds::{Tree, reveal};
use crate::model::Model;
use crate::search::Wanted;

/// A move of the cursor within the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// By a number of lines.
    Lines(i64),
    First,
    Last,
}

impl App {
    /// Selects the session at a position of the list; the last one if there are fewer.
    pub(crate) fn select_listed(&mut self, at: usize, model: &Model) {
        let Some(last) = self.list.listed.len().checked_sub(1) else {
            self.session = None;
            return;
        };
        let at = at.min(last);
        self.list.scroll.cursor = at;
        self.select_session(self.list.listed[at], model);
    }

    fn select_session(&mut self, session: usize, model: &Model) {
        if self.session != Some(session) {
            self.session = Some(session);
            self.detail = crate::app::Scroll::default();
            let first = model.trace.sessions[session].rows.first();
            self.viewed.entry(session).or_insert_with(|| Viewed {
                row: first,
                top: first,
                ..Viewed::default()
            });
        }
    }

    /// Selects a row of a session, and opens the branches around it.
    pub(crate) fn go_to(&mut self, session: usize, row: u32, model: &Model) {
        let Some(at) = self.list.position(session) else { return };
        self.select_listed(at, model);
        let end = self.end_of(session, model);
        let rows = &model.trace.sessions[session].rows;
        if row < rows.first() {
            self.message =
                Some("this row was dropped from the view to bound its memory".to_owned());
        }
        let viewed = self.viewed.entry(session).or_default();
        let row = row.clamp(rows.first(), end.saturating_sub(1).max(rows.first()));
        reveal(&mut viewed.folds, &model.trace.sessions[session], row);
        viewed.row = row;
        (self.follow, self.detail) = (false, crate::app::Scroll::default());
    }

    /// Selects the last line of the newest listed session.
    pub(crate) fn follow_newest(&mut self, model: &Model) {
        let Some(last) = self.list.listed.len().checked_sub(1) else { return };
        self.select_listed(last, model);
        self.move_in_tree(Move::Last, model);
    }

    /// Moves the cursor of the timeline.
    pub(crate) fn move_in_tree(&mut self, by: Move, model: &Model) {
        let Some(session) = self.session else { return };
        let before = self.selection(model);
        self.with_tree(session, model, |tree, row, _| *row = moved(tree, *row, by));
        if self.selection(model) != before {
            self.detail = crate::app::Scroll::default();
        }
    }

    /// Selects the next finding, or the previous one, in the order of sessions and rows.
    pub(crate) fn next_finding(&mut self, forward: bool, model: &Model) {
        let Some(here) = self.selection(model) else { return };
        let known = self.shown_sessions(model);
        let listed = |found: &&seqtrace_view::Found| {
            found.session < known && self.list.position(found.session).is_some()
        };
        let at = model.trace.findings.iter().filter(listed).map(|found| (found.session, found.row));
        let found = if forward {
            let all: Vec<_> = at.collect();
            let behind = all.iter().filter(|at| **at > here).min();
            behind.or(all.iter().min()).copied()
        } else {
            let all: Vec<_> = at.collect();
            let before = all.iter().filter(|at| **at < here).max();
            before.or(all.iter().max()).copied()
        };
        match found {
            Some((session, row)) => {
                self.go_to(session, row, model);
                self.focus = Pane::Timeline;
            }
            None => self.message = Some("there are no findings".to_owned()),
        }
    }

    /// Selects what a line of the detail refers to.
    pub(crate) fn jump(&mut self, jump: Jump, model: &Model) {
        let Some((session, _)) = self.selection(model) else { return };
        match jump {
            Jump::Row(row) => self.go_to(session, row, model),
            Jump::Time(time) => {
                let rows = &model.trace.sessions[session].rows;
                let behind = rows.after(time, &mut self.window);
                self.go_to(session, behind.saturating_sub(1), model);
            }
            Jump::Range(range) => self.begin_search(Wanted::Shown(range), false, true, model),
            Jump::Position(at) => self.begin_search(Wanted::Position(at), false, true, model),
        }
        self.focus = Pane::Timeline;
    }

    /// Freezes the view, or lets it go on.
    pub(crate) fn toggle_pause(&mut self, model: &Model) {
        self.paused = match self.paused {
            Some(_) => None,
            None => Some(Paused { time: model.trace.last, sessions: model.trace.sessions.len() }),
        };
    }
}

/// Returns the line after a move.
fn moved(tree: Tree<'_>, row: u32, by: Move) -> u32 {
    match by {
        Move::First => tree.first().map_or(row, |first| tree.head(first)),
        Move::Last => tree.last().unwrap_or(row),
        Move::Lines(lines) => {
            let mut row = row;
            for _ in 0..lines.unsigned_abs().min(1000) {
                let next = if lines < 0 { tree.above(row) } else { tree.below(row) };
                let Some(next) = next else { break };
                row = next;
            }
            row
        }
    }
}
