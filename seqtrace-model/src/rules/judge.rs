//! All sessions before the judge: updates in, the same updates and findings out.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::finding::{Finding, FindingCount};
use crate::rules::case::Case;
use crate::rules::history::Histories;
use crate::session::update::{SessionId, Update, What};

/// Follows the updates of a trace and says which rules they break.
///
/// It derives everything from updates: live and from a recording it finds the same. Each update is
/// passed on, and what it proves right behind it. What is held grows with the open sessions, and in
/// each with the records of the current generation, up to a bound.
#[derive(Debug, Default)]
pub struct Judge {
    cases: FxHashMap<SessionId, Box<Case>>,
    /// Which open session a `struct file` belongs to.
    files: FxHashMap<u64, SessionId>,
    histories: Histories,
    /// The texts of records are in the stream: of each rendering, right behind it.
    texts: bool,
    #[cfg(test)]
    limit: Option<usize>,
}

impl Judge {
    /// A judge that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Smaller ledgers, for tests.
    #[cfg(test)]
    pub(super) fn limit(&mut self, entries: usize) {
        self.limit = Some(entries);
    }

    /// Takes an update, passes it on and tells what it proves.
    pub fn feed(&mut self, update: &Update, out: &mut dyn FnMut(&Update)) {
        match &update.what {
            What::Preview { .. } => self.texts = true,
            What::Gap { sessions, .. } => self.gap(sessions),
            What::OpenFailed { .. } => return out(update),
            _ => {}
        }
        let Some(session) = &update.session else { return out(update) };
        let (id, file) = (session.id, session.file);
        let found = self.see(update);
        if matches!(update.what, What::Close { .. }) {
            let case = self.cases.remove(&id);
            out(&with_findings(
                update,
                case.as_ref().map(|case| case.counts()).unwrap_or_default(),
            ));
            if self.files.get(&file) == Some(&id) {
                self.files.remove(&file);
            }
            tell(update, case.map(|mut case| case.take()).unwrap_or_default(), out);
        } else {
            out(update);
            if found {
                self.tell(update, out);
            }
        }
        if matches!(update.what, What::Open) {
            self.opened(update, id, file, out);
        }
    }

    /// Takes a callback's update. True if it proves anything, which is to be [told](Self::tell) when the update has
    /// been passed on. It is what [`feed`](Self::feed) does with any update, and callbacks are most of them.
    #[inline]
    pub fn see(&mut self, update: &Update) -> bool {
        let Some(session) = &update.session else { return false };
        #[cfg(test)]
        let limit = self.limit;
        let case = self.cases.entry(session.id).or_insert_with(|| {
            let case = Case::new(Rc::clone(session));
            #[cfg(test)]
            let case = case.limited(limit);
            Box::new(case)
        });
        if let Some(file) = &mut case.file {
            let file = self.histories.of(file);
            case.see(update, self.texts, file);
        }
        case.has_found()
    }

    /// Tells what an update proves.
    #[cold]
    pub fn tell(&mut self, update: &Update, out: &mut dyn FnMut(&Update)) {
        let Some(session) = &update.session else { return };
        let found = self.cases.get_mut(&session.id).map(|case| case.take()).unwrap_or_default();
        tell(update, found, out);
    }

    fn gap(&mut self, sessions: &[SessionId]) {
        for id in sessions {
            if let Some(case) = self.cases.get_mut(id) {
                case.gap();
            }
        }
    }

    /// A file was opened: was its `struct file` that of a session that was never released?
    fn opened(&mut self, update: &Update, id: SessionId, file: u64, out: &mut dyn FnMut(&Update)) {
        let Some(old) = self.files.insert(file, id).filter(|old| *old != id) else { return };
        let Some(case) = self.cases.get_mut(&old) else { return };
        let Some(known) = &mut case.file else { return };
        let history = self.histories.of(known);
        case.reused(update.time, history);
        let session = Rc::clone(case.session());
        for finding in case.take() {
            let session = Some(Rc::clone(&session));
            let what = What::Finding(Box::new(finding));
            let Update { time, cpu, .. } = *update;
            out(&Update { time, cpu, session, read: None, task: None, what });
        }
    }
}

/// The end of a session, with what was found in it.
fn with_findings(update: &Update, counts: Vec<FindingCount>) -> Update {
    let mut update = update.clone();
    if let What::Close { findings, .. } = &mut update.what {
        *findings = counts;
    }
    update
}

/// Findings that an update proves.
fn tell(update: &Update, found: Vec<Finding>, out: &mut dyn FnMut(&Update)) {
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
