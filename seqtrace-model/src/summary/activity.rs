use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Durations, FunctionSummary, Functions};
use crate::event::Role;
use crate::session::update::{CallbackUpdate, Session, Update, UpdateKind};
use crate::trace::{Shown, Sink};

/// Greatest number of files that are counted one by one. The durations of a file take about 17 KB.
const FILES: usize = 1024;

/// Totals of a trace so far, per file and per callback function. They include sessions that are still open.
///
/// The memory is bounded: files beyond the first 1024 are counted as one.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    /// Totals of the first 1024 files, by path.
    pub files: BTreeMap<Vec<u8>, FileActivity>,
    /// Sums over all further files.
    pub others: FileActivity,
    /// Calls of callback functions, by role and address.
    functions: Functions,
    /// True if there was an update since [`Self::take_changed`] was called.
    changed: bool,
}

/// Totals of a file.
#[derive(Clone, Debug)]
pub struct FileActivity {
    /// Number of reads that have returned.
    pub reads: u64,
    /// Distribution of the durations of reads.
    pub durations: Durations,
    /// Number of bytes that reads returned.
    pub bytes: u64,
    /// Number of passes that began again with a buffer of twice the size.
    pub restarts: u64,
    /// Number of findings in sessions of the file.
    pub findings: u64,
}

impl Default for FileActivity {
    fn default() -> Self {
        let durations = Durations::coarse();
        Self { reads: 0, durations, bytes: 0, restarts: 0, findings: 0 }
    }
}

impl Activity {
    /// Returns the files: those with findings first, then those whose reads took the most time.
    pub fn busiest_files(&self) -> Vec<(&[u8], &FileActivity)> {
        let files = self.files.iter().map(|(path, file)| (path.as_slice(), file));
        let mut all: Vec<_> = files.collect();
        all.sort_by_key(|(_, file)| Reverse((file.findings > 0, file.durations.sum(), file.reads)));
        all
    }

    /// Returns the callback functions with their roles, those that took the most time first.
    pub fn slowest_functions(&self) -> Vec<(Role, &FunctionSummary)> {
        super::slowest(&self.functions)
    }

    /// Returns true if there was an update since the last call.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Returns the totals of the file of a session.
    fn file(&mut self, session: &Session) -> &mut FileActivity {
        let is_known = self.files.contains_key(&session.path);
        if !is_known && self.files.len() >= FILES {
            return &mut self.others;
        }
        if !is_known {
            self.files.insert(session.path.clone(), FileActivity::default());
        }
        self.files.get_mut(&session.path).unwrap_or(&mut self.others)
    }

    fn callback(&mut self, session: &Session, callback: &CallbackUpdate) {
        let Some(callbacks) = &session.callbacks else { return };
        super::add_call(
            &mut self.functions,
            callback.role,
            callbacks.of(callback.role),
            callback.duration,
        );
    }
}

impl Sink for Activity {
    fn update(&mut self, update: &Update) -> Shown {
        self.changed = true;
        let Some(session) = &update.session else { return Shown::No };
        match &update.what {
            UpdateKind::Callback(callback) => self.callback(session, callback),
            UpdateKind::ReadEnd(end) => {
                let file = self.file(session);
                file.reads += 1;
                file.durations.add(end.duration);
                file.bytes = file.bytes.saturating_add(end.totals.bytes);
            }
            UpdateKind::PlainRead { ret, .. } => {
                let file = self.file(session);
                file.reads += 1;
                file.bytes = file.bytes.saturating_add(u64::try_from(*ret).unwrap_or(0));
            }
            UpdateKind::Grow { .. } => self.file(session).restarts += 1,
            UpdateKind::Finding(_) => self.file(session).findings += 1,
            _ => {}
        }
        Shown::No
    }
}
