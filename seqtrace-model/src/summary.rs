//! The summary of a trace, as data: sums per file and per callback function, durations, findings, ledgers.
//!
//! A [`TraceSummary`] is a [`Sink`] that keeps sums instead of updates. It is complete after [`Sink::end`]. It holds
//! values only; their text is up to renderers, and two summaries can be compared field by field. Its memory grows with
//! the number of files and functions, not with events; with ledgers it grows with records.

mod activity;
mod durations;
mod findings;
mod ledger;

use std::cmp::Reverse;
use std::collections::BTreeMap;

pub use activity::{Activity, FileActivity};
pub use durations::Durations;
pub use findings::FindingSummary;
pub use ledger::{Ledger, LedgerEntry};

use crate::event::Role;
use crate::session::update::{
    CallbackUpdate, Callbacks, Fate, Session, SessionId, Summary, Symbol, Totals, Update,
    UpdateKind,
};
use crate::trace::{Header, Ready, Shown, Sink};

/// Sums over a whole trace.
#[derive(Clone, Debug, Default)]
pub struct TraceSummary {
    /// Circumstances of the trace.
    pub header: Header,
    /// Begin of the trace, ns since boot. `None`: it is unknown, and there was no update.
    pub begin: Option<u64>,
    /// Time of the last update, ns since boot; 0 if there was none.
    pub last: u64,
    /// Sums over all sessions, and how much of the trace was lost.
    pub sums: Summary,
    /// Number of gaps: points in time at which events were lost.
    pub gaps: u64,
    /// Number of events that the core's algorithm cannot produce.
    pub disagreements: u64,
    /// Number of failed opens, by negative errno.
    pub failed_opens: BTreeMap<i32, u64>,
    /// Number of failed reads, by negative errno.
    pub failed_reads: BTreeMap<i64, u64>,
    /// Findings, one entry per rule, file and function. Sorted at the end of the trace: the greatest severity first,
    /// causes before their consequences.
    pub findings: Vec<FindingSummary>,
    /// Indices of `findings` before they are sorted.
    index: findings::Index,
    /// Closed sessions, by path.
    pub files: BTreeMap<Vec<u8>, FileSummary>,
    /// Number and bytes of renderings, by fate.
    pub renderings: Renderings,
    /// Calls of callback functions, by role and address.
    pub functions: Functions,
    /// Distribution of the durations of reads.
    pub reads: Durations,
    /// Distribution of the durations of lseeks.
    pub lseeks: Durations,
    /// Distribution of the durations of passes: the time from the call of start() to the return of stop().
    pub passes: Durations,
    /// Ledger of each session. `None`: not asked for.
    pub ledgers: Option<BTreeMap<SessionId, Ledger>>,
}

/// Sums over the closed sessions of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileSummary {
    /// Number of closed sessions.
    pub sessions: u64,
    /// Number of sessions that are known in part.
    pub partial: u64,
    /// Bytes emitted that no read fetched.
    pub undelivered: u64,
    /// Sums over the sessions.
    pub totals: Totals,
}

/// The calls of one callback function.
#[derive(Clone, Debug)]
pub struct FunctionSummary {
    /// The function by name.
    pub function: Symbol,
    /// Distribution of the durations of its calls.
    pub durations: Durations,
}

/// Callback functions, by role and address.
pub type Functions = BTreeMap<(Role, u64), FunctionSummary>;

fn slowest(functions: &Functions) -> Vec<(Role, &FunctionSummary)> {
    let mut all: Vec<_> = functions.iter().map(|((role, _), sum)| (*role, sum)).collect();
    all.sort_by_key(|(_, sum)| Reverse(sum.durations.sum()));
    all
}

fn add_call(functions: &mut Functions, role: Role, function: &Symbol, duration: Option<u64>) {
    let sum = functions.entry((role, function.address)).or_insert_with(|| FunctionSummary {
        function: function.clone(),
        durations: Durations::default(),
    });
    sum.durations.add(duration);
}

/// Renderings of one fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rendering {
    /// Decision of the core about these renderings.
    pub fate: Fate,
    /// Number of renderings with this fate.
    pub count: u64,
    /// Bytes that show() wrote.
    pub bytes: u64,
}

/// One [`Rendering`] for each fate: first what a reader or a traversal got, then what the core dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renderings(pub [Rendering; 8]);

impl Default for Renderings {
    fn default() -> Self {
        let fates = [
            Fate::Emitted,
            Fate::PassedOver,
            Fate::DiscardedOverflow,
            Fate::DiscardedTail,
            Fate::Skipped,
            Fate::Empty,
            Fate::Failed,
            Fate::Unknown,
        ];
        Self(fates.map(|fate| Rendering { fate, count: 0, bytes: 0 }))
    }
}

impl Renderings {
    fn add(&mut self, fate: Fate, bytes: u64) {
        if let Some(sum) = self.0.iter_mut().find(|sum| sum.fate == fate) {
            sum.count += 1;
            sum.bytes = sum.bytes.saturating_add(bytes);
        }
    }
}

impl TraceSummary {
    /// Makes an empty summary that keeps the ledger of each session, too.
    pub fn with_ledgers() -> Self {
        Self { ledgers: Some(BTreeMap::new()), ..Self::default() }
    }

    /// Returns the time from the begin of the trace to its last update, in ns.
    pub fn duration(&self) -> u64 {
        self.last.saturating_sub(self.begin.unwrap_or(self.last))
    }

    /// Returns the files, those with the most callbacks first.
    pub fn busiest_files(&self) -> Vec<(&[u8], &FileSummary)> {
        let mut all: Vec<_> =
            self.files.iter().map(|(path, file)| (path.as_slice(), file)).collect();
        all.sort_by_key(|(_, file)| Reverse((file.totals.callbacks, file.sessions)));
        all
    }

    /// Returns the callback functions with their roles, those that took the most time first.
    pub fn slowest_functions(&self) -> Vec<(Role, &FunctionSummary)> {
        slowest(&self.functions)
    }

    fn callback(&mut self, callbacks: Option<&Callbacks>, update: &CallbackUpdate) {
        let CallbackUpdate { role, duration, held, fate, bytes, .. } = update;
        self.passes.add(*held);
        if let Some(fate) = fate {
            self.renderings.add(*fate, bytes.unwrap_or(0));
        }
        let Some(callbacks) = callbacks else { return };
        add_call(&mut self.functions, *role, callbacks.of(*role), *duration);
    }

    fn close(&mut self, path: &[u8], totals: &Totals, undelivered: u64, partial: bool) {
        let file = self.files.entry(path.to_vec()).or_default();
        file.sessions += 1;
        file.partial += u64::from(partial);
        file.undelivered = file.undelivered.saturating_add(undelivered);
        file.totals.add(totals);
    }

    fn ledger(&mut self, session: &Session, update: &Update) {
        if let (Some(ledgers), Some(entry)) = (&mut self.ledgers, LedgerEntry::of(update)) {
            let new = || Ledger { path: session.path.clone(), entries: Vec::new() };
            ledgers.entry(session.id).or_insert_with(new).entries.push(entry);
        }
    }
}

impl Sink for TraceSummary {
    fn header(&mut self, header: &Header) {
        self.header = header.clone();
    }

    fn ready(&mut self, ready: &Ready) {
        self.begin = Some(ready.begin);
    }

    fn update(&mut self, update: &Update) -> Shown {
        self.begin.get_or_insert(update.time);
        self.last = self.last.max(update.time);
        let session = update.session.as_deref();
        let path = session.map(|session| session.path.as_slice()).unwrap_or_default();
        match &update.what {
            UpdateKind::Callback(callback) => {
                self.callback(session.and_then(|session| session.callbacks.as_ref()), callback);
                if let Some(session) = session {
                    self.ledger(session, update);
                }
            }
            UpdateKind::ReadEnd(end) => {
                self.reads.add(end.duration);
                if end.ret < 0 {
                    *self.failed_reads.entry(end.ret).or_default() += 1;
                }
            }
            UpdateKind::PlainRead { ret, .. } if *ret < 0 => {
                *self.failed_reads.entry(*ret).or_default() += 1;
            }
            UpdateKind::LseekEnd { duration, .. } => self.lseeks.add(*duration),
            UpdateKind::OpenFailed { ret } | UpdateKind::OpenLeaked { ret } => {
                *self.failed_opens.entry(*ret).or_default() += 1;
            }
            UpdateKind::Close { totals, undelivered, partial, .. } => {
                self.close(path, totals, *undelivered, !partial.is_empty());
            }
            UpdateKind::Finding(finding) => {
                findings::add(&mut self.findings, &mut self.index, path, finding);
            }
            UpdateKind::Gap { .. } => self.gaps += 1,
            UpdateKind::Disagreement { .. } => self.disagreements += 1,
            _ => {}
        }
        Shown::No
    }

    fn end(&mut self, summary: &Summary) {
        self.sums = summary.clone();
        self.index.clear();
        self.findings.sort_by_key(|sum| {
            let finding = &sum.finding;
            (Reverse(finding.severity), finding.cause.is_some(), finding.id)
        });
    }
}

#[cfg(test)]
mod tests;
