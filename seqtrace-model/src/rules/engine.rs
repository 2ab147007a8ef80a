//! The rule engine: updates of all sessions in, the same updates and findings out.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::finding::{Finding, FindingCount};
use crate::fixed::FixedRanges;
use crate::recent::RecentMap;
use crate::rules::analysis::SessionAnalysis;
use crate::rules::history::Histories;
use crate::session::update::{SessionId, Update, UpdateKind};

/// Follows the updates of a trace and reports broken rules.
///
/// Findings follow from updates alone, so they are the same live and from a recording. Each update is forwarded,
/// directly followed by its findings. Memory grows with the number of open sessions, and for each session with the
/// number of records in its current generation, up to a bound.
#[derive(Debug, Default)]
pub struct RuleEngine {
    sessions: RecentMap<SessionId, Box<SessionAnalysis>>,
    /// Open session of each `struct file`, by address.
    files: FxHashMap<u64, SessionId>,
    histories: Histories,
    /// True if the trace contains record bytes: a preview after each rendering.
    previews: bool,
    /// Address ranges of the traced kernel's image and modules.
    fixed: FixedRanges,
    #[cfg(test)]
    limit: Option<usize>,
}

impl RuleEngine {
    /// Creates an engine for a new trace.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the address ranges of the traced kernel's image and modules, for sessions that begin from now on.
    pub fn set_fixed(&mut self, fixed: FixedRanges) {
        self.fixed = fixed;
    }

    /// Lowers the maximum number of entries of a ledger.
    #[cfg(test)]
    pub(super) fn limit(&mut self, entries: usize) {
        self.limit = Some(entries);
    }

    /// Processes an update: forwards it, and emits the findings that it proves.
    pub fn feed(&mut self, update: &Update, out: &mut dyn FnMut(&Update)) {
        match &update.what {
            UpdateKind::Preview { .. } => self.previews = true,
            UpdateKind::Gap { sessions, .. } => self.gap(sessions),
            UpdateKind::OpenFailed { .. } => return out(update),
            _ => {}
        }
        let Some(session) = &update.session else { return out(update) };
        let (id, file) = (session.id, session.file);
        if !self.sessions.contains_key(&id) {
            let analysis = SessionAnalysis::new(Arc::clone(session), self.fixed.clone());
            #[cfg(test)]
            let analysis = analysis.limited(self.limit);
            self.sessions.insert(id, Box::new(analysis));
        }
        let found = self.observe(update) == Some(true);
        if matches!(update.what, UpdateKind::Close { .. }) {
            let analysis = self.sessions.swap_remove(&id);
            out(&with_findings(
                update,
                analysis.as_ref().map(|analysis| analysis.counts()).unwrap_or_default(),
            ));
            if self.files.get(&file) == Some(&id) {
                self.files.remove(&file);
            }
            emit_findings(
                update,
                analysis.map(|mut analysis| analysis.take()).unwrap_or_default(),
                out,
            );
        } else {
            out(update);
            if found {
                self.emit_findings(update, out);
            }
        }
        if matches!(update.what, UpdateKind::Open) {
            self.opened(update, id, file, out);
        }
    }

    /// Processes the update of a callback like [`feed`](Self::feed), but does not forward it: nearly all updates are
    /// callbacks without findings. Returns true if the update proves findings. The caller must then forward the update
    /// and call [`emit_findings`](Self::emit_findings). Returns `None` if no earlier update of the session was fed.
    #[inline]
    pub fn observe(&mut self, update: &Update) -> Option<bool> {
        let analysis = self.sessions.get_recent(update.session.as_ref()?.id)?;
        if let Some(file) = &mut analysis.file {
            let file = self.histories.of(file);
            analysis.observe(update, self.previews, file);
        }
        Some(analysis.has_findings())
    }

    /// Emits the new findings of the session that an update belongs to.
    #[cold]
    pub fn emit_findings(&mut self, update: &Update, out: &mut dyn FnMut(&Update)) {
        let Some(session) = &update.session else { return };
        let found =
            self.sessions.get_mut(&session.id).map(|analysis| analysis.take()).unwrap_or_default();
        emit_findings(update, found, out);
    }

    fn gap(&mut self, sessions: &[SessionId]) {
        for id in sessions {
            if let Some(analysis) = self.sessions.get_mut(id) {
                analysis.gap();
            }
        }
    }

    /// Looks for a session that had the `struct file` of a new session and was never released.
    fn opened(&mut self, update: &Update, id: SessionId, file: u64, out: &mut dyn FnMut(&Update)) {
        let Some(earlier) = self.files.insert(file, id).filter(|earlier| *earlier != id) else {
            return;
        };
        let Some(analysis) = self.sessions.get_mut(&earlier) else { return };
        let Some(known) = &mut analysis.file else { return };
        let history = self.histories.of(known);
        analysis.reused(update.time, history);
        let session = Arc::clone(analysis.session());
        for finding in analysis.take() {
            let session = Some(Arc::clone(&session));
            let what = UpdateKind::Finding(Box::new(finding));
            let Update { time, cpu, .. } = *update;
            out(&Update { time, cpu, session, read: None, task: None, what });
        }
    }
}

/// Returns the last update of a session with the counts of its findings.
fn with_findings(update: &Update, counts: Vec<FindingCount>) -> Update {
    let mut update = update.clone();
    if let UpdateKind::Close { findings, .. } = &mut update.what {
        *findings = counts;
    }
    update
}

/// Emits findings with the time and the task of an update.
fn emit_findings(update: &Update, found: Vec<Finding>, out: &mut dyn FnMut(&Update)) {
    let Update { time, cpu, session, read, task, what: _ } = update;
    for finding in found {
        out(&Update {
            time: *time,
            cpu: *cpu,
            session: session.clone(),
            read: *read,
            task: task.clone(),
            what: UpdateKind::Finding(Box::new(finding)),
        });
    }
}
