//! One open session: the state of its file, its calls in flight and its pass in progress.
//!
//! This file has the parts that all events of a session share. `super::reads` handles its reads and lseeks,
//! `super::passes` its callbacks.

use std::sync::Arc;

use crate::event::{FileKind, OpTable, Role, SeqState, Task, Wrapper};
use crate::session::call::InFlightCalls;
use crate::session::core_state::ModelMismatch;
use crate::session::deferred::{DeferredUpdates, SeekResult};
use crate::session::file_tracking::FileTracking;
use crate::session::pass_tracking::{PassTracking, TrackedPass};
use crate::session::tasks::RecentTasks;
use crate::session::update::{Fate, Partial, Session, Totals, Update, UpdateKind};

/// Closure that receives the updates.
pub(super) type Emit<'a> = &'a mut dyn FnMut(&Update);

/// Time and CPU of an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timestamp {
    /// CLOCK_MONOTONIC, ns since boot.
    pub(super) time: u64,
    pub(super) cpu: u16,
}

#[derive(Debug)]
pub(super) struct SessionState {
    pub(super) session: Arc<Session>,
    /// Time of the open, ns since boot; `None` if the session is adopted.
    opened: Option<u64>,
    pub(super) file: FileTracking,
    pub(super) pass: PassTracking,
    pub(super) calls: InFlightCalls,
    pub(super) tasks: RecentTasks,
    /// Number of the last read, from 1; 0 before the first.
    pub(super) reads: u32,
    pub(super) totals: Totals,
    /// Reasons why the session is not seen whole, each once.
    partial: Vec<Partial>,
    pub(super) deferred: DeferredUpdates,
    /// True if a callback of the session was seen, or if user space is known to have attached probes to its callbacks.
    pub(super) callbacks_seen: bool,
    /// True if the session had an event since the last gap.
    pub(super) active: bool,
}

impl SessionState {
    /// Creates the state of a session that `opener` opens at `time` (ns since boot).
    pub(super) fn new(session: Arc<Session>, time: u64, opener: Arc<Task>) -> Self {
        let size = match session.kind {
            FileKind::Seq { size, .. } => size,
            FileKind::Plain { .. } => 0,
        };
        let adopted = session.adopted;
        Self {
            session,
            opened: (!adopted).then_some(time),
            file: FileTracking::new(size, adopted),
            pass: PassTracking::new((!adopted).then_some(size)),
            calls: InFlightCalls::default(),
            tasks: RecentTasks::new(opener),
            reads: 0,
            totals: Totals::default(),
            partial: if adopted { vec![Partial::Adopted] } else { Vec::new() },
            deferred: DeferredUpdates::default(),
            callbacks_seen: false,
            active: true,
        }
    }

    /// Returns the addresses of the session's callbacks; `None` if it has none.
    pub(super) fn table(&self) -> Option<OpTable> {
        match self.session.kind {
            FileKind::Seq { op, table, .. } => (op != 0).then_some(table),
            FileKind::Plain { .. } => None,
        }
    }

    /// Emits an update of the session, after the deferred ones.
    pub(super) fn emit(
        &mut self,
        at: Timestamp,
        read: Option<u32>,
        task: Option<Arc<Task>>,
        what: UpdateKind,
        out: Emit<'_>,
    ) {
        let update = self.update(at, read, task, what);
        if self.deferred.is_empty() { out(&update) } else { self.deferred.push(update) }
    }

    /// Creates an update of the session without emitting it.
    pub(super) fn update(
        &self,
        at: Timestamp,
        read: Option<u32>,
        task: Option<Arc<Task>>,
        what: UpdateKind,
    ) -> Update {
        let session = Some(Arc::clone(&self.session));
        Update { time: at.time, cpu: at.cpu, session, read, task, what }
    }

    /// Emits the deferred updates and counts the record whose fate is decided now.
    pub(super) fn release_deferred(&mut self, result: SeekResult, out: Emit<'_>) {
        if self.deferred.is_empty() {
            return;
        }
        let owner = self.pass.owner;
        match self.deferred.release(result, out) {
            Some(Fate::Emitted) => self.count(owner, |totals| totals.emitted += 1),
            Some(Fate::PassedOver) => self.count(owner, |totals| totals.passed_over += 1),
            _ => {}
        }
    }

    /// Adds to the sums of the session, and of the read or lseek of thread `tid`.
    pub(super) fn count(&mut self, tid: u32, add: impl Fn(&mut Totals)) {
        add(&mut self.totals);
        if let Some(call) = self.calls.of_mut(tid) {
            add(&mut call.totals);
        }
    }

    /// Adds a reason why the session is not seen whole.
    pub(super) fn add_partial(&mut self, why: Partial) {
        if !self.partial.contains(&why) {
            self.partial.push(why);
        }
    }

    /// Marks the state of the seq_file as unknown until a read or lseek is entered while no other call is in flight.
    pub(super) fn lose_track(&mut self, why: Partial, out: Emit<'_>) {
        self.release_deferred(SeekResult::Unknown, out);
        self.add_partial(why);
        self.file.lose_track(why);
        self.pass.lose_track();
        self.calls.lose_track(why);
    }

    /// Replaces the computed state by the one that was observed at a read or lseek while no other one was in flight.
    pub(super) fn sync(&mut self, state: &SeqState) {
        self.pass.size = Some(state.size);
        self.pass.current = None;
        self.file.sync(state);
    }

    /// Handles an observation that contradicts the model.
    pub(super) fn mismatch(&mut self, at: Timestamp, mismatch: ModelMismatch, out: Emit<'_>) {
        if !self.callbacks_seen && self.table().is_some() {
            // The table is new, and user space has not attached probes to its callbacks yet.
            return self.lose_track(Partial::LateAttach, out);
        }
        self.report_mismatch(at, mismatch, out);
    }

    fn report_mismatch(&mut self, at: Timestamp, mismatch: ModelMismatch, out: Emit<'_>) {
        self.lose_track(Partial::Disagrees, out);
        let call = self.calls.of(self.pass.owner);
        let (read, task) = call.map_or((None, None), |call| (call.read_id(), call.task.clone()));
        let ModelMismatch { expected, observed } = mismatch;
        self.emit(at, read, task, UpdateKind::Disagreement { expected, observed }, out);
    }

    /// Handles a loss of events, on any CPU.
    pub(super) fn gap(&mut self, out: Emit<'_>) {
        self.lose_track(Partial::Gap, out);
        // Another thread may have begun a pass since.
        self.pass.owner = 0;
        for call in self.calls.iter_mut() {
            call.may_have_returned = true;
        }
    }

    /// Records that the function at `address` cannot be probed. Returns false and has no effect if the function is not a
    /// callback of the session.
    pub(super) fn blind(&mut self, address: u64, role: Role, out: Emit<'_>) -> bool {
        let Some(table) = self.table() else { return false };
        let blind = table.of(role) == address && address != 0;
        if blind {
            self.file.blind.insert(role);
            self.lose_track(Partial::Blind, out);
        }
        blind
    }

    /// Records that user space has attached probes to the session's callbacks.
    pub(super) fn attached(&mut self, out: Emit<'_>) {
        if self.reads > 0 {
            self.add_partial(Partial::LateAttach);
        }
        if !self.callbacks_seen && self.calls.any_without_callbacks() {
            self.lose_track(Partial::LateAttach, out);
        }
        self.callbacks_seen = true;
    }

    /// Handles the first bytes of the record that the last show rendered.
    pub(super) fn preview(&mut self, at: Timestamp, bytes: Vec<u8>, out: Emit<'_>) {
        let (read, task) = self.owner();
        self.emit(at, read, task, UpdateKind::Preview { bytes }, out);
    }

    /// Returns number and task of the read that owns the last pass, as far as they are known.
    pub(super) fn owner(&self) -> (Option<u32>, Option<Arc<Task>>) {
        let owner = self.pass.owner;
        match self.calls.of(owner) {
            Some(call) => (call.read_id(), call.task.clone()),
            None => (None, self.tasks.find(owner)),
        }
    }

    /// Handles the return of a write, or of a read of a plain file. `done`: number of bytes transferred, or a negative
    /// errno.
    pub(super) fn io(
        &mut self,
        at: Timestamp,
        task: &Task,
        done: i64,
        what: UpdateKind,
        out: Emit<'_>,
    ) {
        let task = self.tasks.remember(task);
        let bytes = u64::try_from(done).unwrap_or(0);
        let totals = &mut self.totals;
        if matches!(what, UpdateKind::Write { .. }) {
            totals.writes += 1;
            totals.written = totals.written.wrapping_add(bytes);
        } else {
            totals.reads += 1;
            totals.bytes = totals.bytes.wrapping_add(bytes);
            self.reads = self.reads.wrapping_add(1);
        }
        let read = matches!(what, UpdateKind::PlainRead { .. }).then_some(self.reads);
        self.emit(at, read, Some(task), what, out);
    }

    /// Handles a missed release: another session has got the key or the seq_file of this one.
    pub(super) fn release_missed(&mut self, at: Timestamp, out: Emit<'_>) {
        if self.file.desync_reason != Partial::Gap || self.file.synced {
            let mismatch = ModelMismatch::new("release", "another open in its place");
            self.report_mismatch(at, mismatch, out);
        }
    }

    /// Handles a release by thread `tid` while a read or lseek is in flight. The kernel calls release from fput() after
    /// the last of them, unless the task dies inside of one (an oops): then its exit closes the file (exit_files(),
    /// kernel/exit.c).
    fn released_in_call(&mut self, at: Timestamp, tid: u32, out: Emit<'_>) {
        let pos = self.file.m.index;
        match (self.calls.of(tid), self.pass.current) {
            (Some(call), Some(TrackedPass::Modelled(pass))) if self.pass.owner == tid => {
                let (read, task) = (call.read_id(), call.task.clone());
                let what = UpdateKind::ReaderDied { role: pass.next_callback(), pos };
                self.emit(at, read, task, what, out);
            }
            _ => {
                let mismatch = ModelMismatch::new("return of a read or lseek", "release");
                self.mismatch(at, mismatch, out);
            }
        }
    }

    /// Ends the session. `release` is `None` if no release was seen.
    pub(super) fn close(mut self, at: Timestamp, release: Option<Release>, out: Emit<'_>) {
        self.release_deferred(SeekResult::Unknown, out);
        if let Some(release) = release
            && self.file.synced
            && !self.calls.is_empty()
        {
            self.released_in_call(at, release.tid, out);
        }
        let what = UpdateKind::Close {
            by: release.map(|release| release.wrapper),
            private: release.map(|release| release.private),
            totals: self.totals,
            lifetime: self.opened.map(|opened| at.time.saturating_sub(opened)),
            undelivered: u64::try_from(self.file.undelivered_bytes).unwrap_or(0),
            partial: std::mem::take(&mut self.partial),
            removed: release.map(|release| release.removed),
            findings: Vec::new(),
        };
        let task = release.and_then(|release| self.tasks.find(release.tid));
        self.emit(at, None, task, what, out);
    }
}

/// The entry of a release function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Release {
    pub(super) wrapper: Wrapper,
    pub(super) tid: u32,
    /// `m->private` when the function was entered.
    pub(super) private: u64,
    /// True if the descriptor is still open: the file itself is removed.
    pub(super) removed: bool,
}
