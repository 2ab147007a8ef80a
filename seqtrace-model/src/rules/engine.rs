//! The rule engine: updates of all sessions in, the same updates and findings out.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::finding::{Finding, FindingCount};
use crate::rules::analysis::SessionAnalysis;
use crate::rules::history::Histories;
use crate::session::update::{SessionId, Update, What};

/// Follows the updates of a trace and reports broken rules.
///
/// Findings follow from updates alone, so they are the same live and from a recording. Each update
/// is forwarded, and its findings right behind it. Memory grows with the number of open sessions,
/// and in each with the records of the current generation, up to a bound.
#[derive(Debug, Default)]
pub struct RuleEngine {
    sessions: FxHashMap<SessionId, Box<SessionAnalysis>>,
    /// Open session of each `struct file`, by address.
    files: FxHashMap<u64, SessionId>,
    histories: Histories,
    /// True if the trace has the texts of records: a preview behind each rendering.
    texts: bool,
    #[cfg(test)]
    limit: Option<usize>,
}

impl RuleEngine {
    /// Returns an engine that has seen no update.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lowers the maximum number of entries of a ledger.
    #[cfg(test)]
    pub(super) fn limit(&mut self, entries: usize) {
        self.limit = Some(entries);
    }

    /// Takes an update, forwards it, and emits the findings that it proves.
    pub fn feed(&mut self, update: &Update, out: &mut dyn FnMut(&Update)) {
        match &update.what {
            What::Preview { .. } => self.texts = true,
            What::Gap { sessions, .. } => self.gap(sessions),
            What::OpenFailed { .. } => return out(update),
            _ => {}
        }
        let Some(session) = &update.session else { return out(update) };
        let (id, file) = (session.id, session.file);
        let found = self.observe(update);
        if matches!(update.what, What::Close { .. }) {
            let analysis = self.sessions.remove(&id);
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
        if matches!(update.what, What::Open) {
            self.opened(update, id, file, out);
        }
    }

    /// Takes the update of a callback, as [`feed`](Self::feed) does, but does not forward it.
    /// Returns true if it proves findings: forward the update, then call
    /// [`emit_findings`](Self::emit_findings). Callbacks are most of all updates.
    #[inline]
    pub fn observe(&mut self, update: &Update) -> bool {
        let Some(session) = &update.session else { return false };
        #[cfg(test)]
        let limit = self.limit;
        let analysis = self.sessions.entry(session.id).or_insert_with(|| {
            let analysis = SessionAnalysis::new(Arc::clone(session));
            #[cfg(test)]
            let analysis = analysis.limited(limit);
            Box::new(analysis)
        });
        if let Some(file) = &mut analysis.file {
            let file = self.histories.of(file);
            analysis.observe(update, self.texts, file);
        }
        analysis.has_findings()
    }

    /// Emits the findings of the session of an update.
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
            let what = What::Finding(Box::new(finding));
            let Update { time, cpu, .. } = *update;
            out(&Update { time, cpu, session, read: None, task: None, what });
        }
    }
}

/// Adds the counts of findings to the end of a session.
fn with_findings(update: &Update, counts: Vec<FindingCount>) -> Update {
    let mut update = update.clone();
    if let What::Close { findings, .. } = &mut update.what {
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
            what: What::Finding(Box::new(finding)),
        });
    }
}
