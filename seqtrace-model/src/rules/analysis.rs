//! Analysis of one session: adds its updates to the ledger and calls the hooks of the rules.

pub(super) mod calls;

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use self::calls::Calls;
use super::Rules;
use super::collector::FindingCollector;
use super::history::{self, FileKey, History, KnownFile};
use super::hooks::{Accepted, Closed, Context, Delivery, Hooks, PassStart, Returned};
use super::ledger::pass::Origin;
use super::ledger::{Ledger, NewEntry, RenderingResult};
use crate::event::{FileKind, Role};
use crate::finding::{Finding, FindingCount};
use crate::fixed::FixedRanges;
use crate::session::update::{CallbackUpdate, Phase, ReadEnd, Session, Update, UpdateKind};

/// State of one open session.
#[derive(Debug)]
pub(super) struct SessionAnalysis {
    /// The session's file, as the history knows it; `None` if the file has no callbacks.
    pub(super) file: Option<KnownFile>,
    facts: Facts,
    rules: Rules,
    calls: Calls,
    /// True if events were lost while the session was open.
    has_gaps: bool,
    pending_show: Option<PendingShow>,
    /// True if the previous update was a record that the ledger accepted without its bytes. The current update may
    /// contain them.
    bytes_pending: bool,
    /// True if the reader has reached the end of the file in this generation.
    complete: bool,
}

/// Facts of the session that the rules share.
#[derive(Debug)]
struct Facts {
    session: Arc<Session>,
    ledger: Ledger,
    findings: FindingCollector,
    previews: bool,
}

impl Facts {
    #[inline]
    fn with<'a>(&'a mut self, history: &'a mut History) -> Context<'a> {
        let Self { session, ledger, findings, previews } = self;
        Context { session, ledger, history, findings, previews: *previews }
    }
}

/// A show that returned. The next update may contain the bytes of its record.
#[derive(Debug)]
struct PendingShow {
    callback: CallbackUpdate,
    read: Option<u32>,
    time: u64,
}

impl SessionAnalysis {
    /// Creates the state of a session that was opened, or that is seen for the first time. `fixed`: address ranges of the
    /// kernel's image and modules.
    pub(super) fn new(session: Arc<Session>, fixed: FixedRanges) -> Self {
        let m = match session.kind {
            FileKind::Seq { m, .. } => m,
            FileKind::Plain { .. } => 0,
        };
        Self {
            file: FileKey::of(&session).map(KnownFile::new),
            facts: Facts {
                ledger: Ledger::new(m, session.adopted, fixed),
                findings: FindingCollector::new(Arc::clone(&session)),
                session,
                previews: false,
            },
            rules: Rules::default(),
            calls: Calls::default(),
            has_gaps: false,
            pending_show: None,
            bytes_pending: false,
            complete: false,
        }
    }

    /// Lowers the maximum number of entries of the ledger.
    #[cfg(test)]
    pub(super) fn limited(mut self, entries: Option<usize>) -> Self {
        if let Some(entries) = entries {
            self.facts.ledger.limit(entries);
        }
        self
    }

    pub(super) fn session(&self) -> &Arc<Session> {
        &self.facts.session
    }

    /// Returns true if there are findings that [`Self::take`] has not returned yet.
    pub(super) fn has_findings(&self) -> bool {
        self.facts.findings.has_new()
    }

    /// Removes and returns the new findings.
    pub(super) fn take(&mut self) -> Vec<Finding> {
        self.facts.findings.take()
    }

    /// Returns the counts of all rules.
    pub(super) fn counts(&self) -> Vec<FindingCount> {
        self.facts.findings.counts()
    }

    /// Handles the loss of events: the generation is no longer known whole.
    pub(super) fn gap(&mut self) {
        self.pending_show = None;
        self.has_gaps = true;
        self.taint();
    }

    /// Handles the reuse of the session's `struct file` by another open at `time` (ns since boot). If events were lost,
    /// the release of this session may be one of them.
    pub(super) fn reused(&mut self, time: u64, history: &mut History) {
        if !self.has_gaps {
            self.rules.on_reused(&mut self.facts.with(history), time);
        }
    }

    fn taint(&mut self) {
        self.facts.ledger.taint();
        self.rules.forget();
    }

    /// Processes an update of this session. `previews`: true if the trace contains record bytes.
    #[inline]
    pub(super) fn observe(&mut self, update: &Update, previews: bool, history: &mut History) {
        if self.pending_show.is_some() {
            self.complete_pending_show(update, history);
        }
        self.facts.previews = previews;
        let bytes_pending = std::mem::take(&mut self.bytes_pending);
        self.facts.findings.read = update.read;
        match &update.what {
            UpdateKind::Callback(callback) => self.callback(update, callback, previews, history),
            // The first preview of the trace: its record is already in the ledger.
            UpdateKind::Preview { bytes } if bytes_pending => {
                self.facts.ledger.entries.set_hash(hash(bytes));
            }
            UpdateKind::ReadBegin { pos, .. } => self.calls.enter(update, *pos),
            UpdateKind::LseekBegin { .. } => self.calls.enter(update, 0),
            UpdateKind::Grow { to, .. } => self.rules.on_grow(&mut self.facts.with(history), *to),
            UpdateKind::ReadEnd(end) => self.read_end(update, end, history),
            UpdateKind::LseekEnd { ret, .. } => {
                if let Some(failure) = self.calls.leave(update).and_then(|call| call.failure) {
                    self.rules.on_call_end(&mut self.facts.with(history), &failure, *ret);
                }
            }
            UpdateKind::Disagreement { .. } => {
                self.has_gaps = true;
                self.taint();
            }
            UpdateKind::ReaderDied { role, pos } => {
                self.rules.on_reader_died(&mut self.facts.with(history), *role, *pos);
            }
            UpdateKind::OpenLeaked { ret } => {
                self.rules.on_open_failed(&mut self.facts.with(history), *ret);
            }
            UpdateKind::Close { by, totals, partial, private, .. } => {
                self.keep(history);
                let closed = Closed { by: *by, totals, partial, private: *private };
                self.rules.on_close(&mut self.facts.with(history), &closed);
            }
            _ => {}
        }
        if self.facts.findings.has_new() {
            history.root_cause = history.root_cause.or(self.facts.findings.root_cause());
        }
    }

    /// Completes the pending show: with the record bytes in the update, or without bytes if the update has none.
    fn complete_pending_show(&mut self, update: &Update, history: &mut History) {
        let hash = match &update.what {
            UpdateKind::Preview { bytes } => hash(bytes),
            _ => 0,
        };
        let Some(PendingShow { callback, read, time }) = self.pending_show.take() else { return };
        self.rendered(&callback, read, time, hash, history);
        self.bytes_pending = false;
    }

    #[inline]
    fn callback(
        &mut self,
        update: &Update,
        callback: &CallbackUpdate,
        previews: bool,
        history: &mut History,
    ) {
        if callback.phase == Phase::Unknown {
            self.taint();
            return;
        }
        if callback.role == Role::Start {
            self.begin(update, callback, history);
        }
        if !self.facts.ledger.is_known() {
            return;
        }
        self.calls.note_failure(update, callback);
        let (read, time) = (update.read, update.time);
        let returned = Returned { callback, ptr: callback.ret_ptr.unwrap_or_default(), time };
        match callback.role {
            Role::Start => self.start(&returned, read, history),
            Role::Next => self.next(&returned, read, history),
            Role::Show => {
                self.rules.on_show(&mut self.facts.with(history), callback);
                if previews && callback.bytes.unwrap_or(0) > 0 {
                    let callback = *callback;
                    self.pending_show = Some(PendingShow { callback, read, time });
                } else {
                    self.rendered(callback, read, time, 0, history);
                }
            }
            Role::Stop => {
                self.rules.on_stop(&mut self.facts.with(history), &returned);
                self.facts.ledger.record_stop(callback);
            }
        }
    }

    /// Begins a generation, if this start is the first of one.
    fn begin(&mut self, update: &Update, callback: &CallbackUpdate, history: &mut History) {
        let rewound = self.calls.begin_pass(update) && callback.phase == Phase::First;
        if rewound || callback.phase == Phase::Traverse {
            self.keep(history);
            self.rules.forget();
            self.rules.on_generation(&mut self.facts.with(history));
            self.facts.ledger.begin();
            self.complete = false;
        }
    }

    /// Stores the first records of the generation in the history of the file, if they are a better sample.
    fn keep(&self, history: &mut History) {
        let ledger = &self.facts.ledger;
        if ledger.is_known() {
            let first = ledger.entries.first(history::SAMPLE);
            history.keep(first, ledger.private(), self.complete);
        }
    }

    fn start(&mut self, start: &Returned<'_>, read: Option<u32>, history: &mut History) {
        let Returned { callback, ptr, .. } = *start;
        if callback.bytes.is_some() {
            self.facts.ledger.ignore_offsets();
        }
        let root_cause = self.facts.ledger.root_cause();
        self.rules.before_start(&mut self.facts.with(history), start);
        let ledger = &mut self.facts.ledger;
        let (set_back, was_set_back) = (ledger.sets_back(callback, ptr), ledger.set_back);
        let resume = ledger.record_start(start, read, &mut history.pointers);
        let mut pass = PassStart { root_cause, set_back, was_set_back, resume, explained: false };
        self.rules.on_start(&mut self.facts.with(history), start, &mut pass);
    }

    fn next(&mut self, next: &Returned<'_>, read: Option<u32>, history: &mut History) {
        if next.callback.bytes.is_some() {
            self.facts.ledger.ignore_offsets();
        }
        self.rules.before_next(&mut self.facts.with(history), next);
        self.facts.ledger.record_next(next, read, &mut history.pointers);
        self.rules.on_next(&mut self.facts.with(history), next);
    }

    /// Handles a rendering. `hash`: hash of the record bytes; 0: unknown.
    fn rendered(
        &mut self,
        callback: &CallbackUpdate,
        read: Option<u32>,
        time: u64,
        hash: u64,
        history: &mut History,
    ) {
        let read = read.unwrap_or(0);
        match &self.facts.ledger.record_show(callback, read, hash, &mut history.pointers) {
            RenderingResult::Accepted(new_entry) => {
                self.bytes_pending = hash == 0;
                self.accepted(new_entry, time, history);
            }
            RenderingResult::Consumed | RenderingResult::Again => {}
            RenderingResult::Unknown => self.taint(),
        }
    }

    fn accepted(&mut self, new_entry: &NewEntry, time: u64, history: &mut History) {
        self.rules.before_accept(&mut self.facts.with(history), new_entry);
        let ledger = &mut self.facts.ledger;
        let expected = ledger.end().unwrap_or(0);
        if !ledger.is_contiguous(&new_entry.entry) {
            return self.not_contiguous(expected, new_entry.entry.start, history);
        }
        let behind = ledger.pass.as_ref().is_some_and(|pass| pass.origin == Origin::AfterEnd);
        let last = if behind { ledger.entries.last().copied() } else { None };
        let number = ledger.entries.total();
        let early = ledger.pass.as_mut().and_then(|pass| pass.early.take());
        let early = early.filter(|_| ledger.is_new(new_entry));
        let duplicate = ledger.accept(new_entry, time, &history.pointers);
        let early = early.filter(|_| duplicate.is_none());
        let accepted =
            Accepted { new_entry, number, last, early, duplicate: duplicate.as_ref(), time };
        self.rules.on_accept(&mut self.facts.with(history), &accepted);
    }

    /// Reports that the ledger ends at another file offset than the core's buffer. The rest of the generation is not
    /// checked.
    fn not_contiguous(&mut self, expected: i64, observed: i64, history: &mut History) {
        self.rules.on_not_contiguous(&mut self.facts.with(history), expected, observed);
        self.taint();
    }

    fn read_end(&mut self, update: &Update, end: &ReadEnd, history: &mut History) {
        let call = self.calls.leave(update);
        if end.partial.is_some() {
            self.taint();
        }
        if !self.facts.ledger.is_known() {
            return;
        }
        let (failure, shared) = call.map_or((None, true), |call| (call.failure, call.shared));
        if let Some(failure) = failure {
            self.rules.on_call_end(&mut self.facts.with(history), &failure, end.ret);
        }
        if end.ret > 0 {
            self.delivered(end, shared, history);
        } else if end.ret == 0 && end.eof {
            self.complete = true;
            self.rules.on_end_of_file(&mut self.facts.with(history));
            if self.facts.ledger.root_cause().is_none() {
                let whole_bytes = u64::try_from(end.range.end).unwrap_or(0);
                history.whole_bytes = history.whole_bytes.max(Some(whole_bytes));
            }
        }
    }

    fn delivered(&mut self, end: &ReadEnd, shared: bool, history: &mut History) {
        let Facts { ledger, findings, .. } = &self.facts;
        let root_cause = ledger.root_cause().or(findings.root_cause());
        if let Some(kept) = ledger.end().filter(|_| !shared) {
            let core = end.range.end.saturating_add_unsigned(end.leftover);
            if kept != core {
                return self.not_contiguous(kept, core, history);
            }
        }
        let bytes = u64::try_from(end.ret).unwrap_or(0);
        let mut delivery = Delivery { bytes, range: end.range, root_cause, duplicates: 0 };
        self.rules.on_delivered(&mut self.facts.with(history), &mut delivery);
    }
}

/// Returns the hash of the first bytes of a record; never 0.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish() | 1
}
