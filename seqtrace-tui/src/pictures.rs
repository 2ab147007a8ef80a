//! The file map and the position plot of the selected session, built in slices between frames.

use seqtrace_view::Window;
use seqtrace_view::map::FileMap;
use seqtrace_view::plot::PositionPlot;

use crate::model::Model;

/// Number of rows that are added at a time: a few milliseconds.
const SLICE: u32 = 16_384;

/// Number of rows that each tick adds without being asked to go on.
const NEWEST: u32 = 1024;

/// Pictures of a session, as far as they are built.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    /// Index of the session; `None`: there is none.
    session: Option<usize>,
    /// Row to be added next.
    pub(crate) next: u32,
    pub(crate) map: FileMap,
    pub(crate) plot: PositionPlot,
    window: Window,
}

impl Pictures {
    /// Returns true if many rows of a session are not in the pictures yet. The newest ones of a live trace may be missing.
    pub(crate) fn is_behind(&self, model: &Model, session: Option<usize>) -> bool {
        let end = session.map(|session| model.trace.sessions[session].rows.end());
        self.session != session || end.is_some_and(|end| self.next.saturating_add(NEWEST) < end)
    }

    /// Adds a slice of the rows of a session. Begins anew if it is another session.
    pub(crate) fn advance(&mut self, model: &Model, session: Option<usize>) {
        if self.session != session {
            *self = Self { session, ..Self::default() };
        }
        let Some(session) = session else { return };
        let rows = &model.trace.sessions[session].rows;
        let begin = self.next.max(rows.first());
        let end = rows.end().min(begin.saturating_add(SLICE));
        let Self { map, plot, window, .. } = self;
        rows.visit(begin..end, window, |row, update| {
            map.add(row, update);
            plot.add(row, update);
        });
        self.next = end;
    }
}
