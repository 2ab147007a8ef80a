//! The list of sessions, as far as the filter accepts them.

use seqtrace_model::filter::Filter;
use seqtrace_view::Session;

use crate::app::Scroll;

/// Number of sessions that are examined at a time.
const SLICE: usize = 50_000;

/// The sessions that are listed.
#[derive(Debug, Default)]
pub(crate) struct SessionList {
    /// Indices in the trace, ascending.
    pub(crate) listed: Vec<usize>,
    /// Number of sessions of the trace that were examined.
    pub(crate) seen: usize,
    /// `None`: all sessions are listed.
    pub(crate) filter: Option<Filter>,
    /// The words of the filter.
    pub(crate) words: String,
    pub(crate) scroll: Scroll,
}

impl SessionList {
    /// Examines further sessions of the trace.
    pub(crate) fn extend(&mut self, sessions: &[Session]) {
        let end = sessions.len().min(self.seen + SLICE);
        for (index, session) in sessions.iter().enumerate().take(end).skip(self.seen) {
            if self.filter.as_ref().is_none_or(|filter| filter.accepts(&session.facts)) {
                self.listed.push(index);
            }
        }
        self.seen = self.seen.max(end);
    }

    pub(crate) fn is_behind(&self, sessions: usize) -> bool {
        self.seen < sessions
    }

    /// Applies another filter to all sessions.
    pub(crate) fn set_filter(&mut self, filter: Option<Filter>, words: String) {
        *self = Self { filter, words, ..Self::default() };
    }

    /// Replaces the indices of sessions; `None` for those that were dropped.
    pub(crate) fn renumber(&mut self, new: impl Fn(usize) -> Option<usize>) {
        let top = self.listed.get(self.scroll.top).copied();
        let dropped = self.listed.iter().take_while(|at| Some(**at) != top);
        let dropped = dropped.filter(|at| new(**at).is_none()).count();
        self.scroll.top = self.scroll.top.saturating_sub(dropped);
        self.seen = (0..self.seen).filter(|at| new(*at).is_some()).count();
        self.listed = self.listed.iter().filter_map(|at| new(*at)).collect();
    }

    /// Returns the position of a session in the list; `None` if it is not listed.
    pub(crate) fn position(&self, session: usize) -> Option<usize> {
        self.listed.binary_search(&session).ok()
    }
}
