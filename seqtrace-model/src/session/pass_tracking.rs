//! The pass in progress, and the times from which the durations of its callbacks are computed.

use crate::session::model::Pass;
use crate::session::untracked::UntrackedPass;

/// A pass in progress, with or without a known beginning.
#[derive(Clone, Copy, Debug)]
pub(super) enum TrackedPass {
    /// The pass began in a known state, so the model predicts its callbacks.
    Modelled(Pass),
    /// The pass began unseen or in an unknown state.
    Untracked(UntrackedPass),
}

#[derive(Debug, Default)]
pub(super) struct PassTracking {
    /// The pass in progress; `None` between two passes.
    pub(super) current: Option<TrackedPass>,
    /// Thread id of the task that runs the last pass; 0 if unknown.
    pub(super) owner: u32,
    /// Number of the last pass of the session, from 1; 0 before the first.
    pub(super) number: u32,
    /// `m->size` in bytes; `None` if unknown.
    pub(super) size: Option<u64>,
    /// Time just before start was called, ns since boot; `None` if it was not seen or no pass is in progress.
    began: Option<u64>,
    /// Time of the pass's previous event, ns since boot; `None` if events may be missing since.
    last_event: Option<u64>,
    /// Time of the last callback, ns since boot; 0 before the first one.
    last_callback: u64,
}

impl PassTracking {
    /// Creates the state before the first pass. `size` is the size of the buffer in bytes; `None` if unknown.
    pub(super) fn new(size: Option<u64>) -> Self {
        Self { size, ..Self::default() }
    }

    /// Counts a new pass. Its state is not known yet.
    pub(super) fn next(&mut self, owner: u32) {
        self.current = None;
        self.owner = owner;
        self.number = self.number.wrapping_add(1);
    }

    /// Begins the pass at `time` (ns since boot), with a buffer of `size` bytes.
    pub(super) fn begin(&mut self, pass: TrackedPass, time: u64, size: u64) {
        self.current = Some(pass);
        self.size = Some(size);
        self.began = Some(time);
        self.last_event = Some(time);
    }

    /// Begins a pass whose start was not seen.
    pub(super) fn begin_unseen(&mut self, owner: u32) {
        self.next(owner);
        self.current = Some(TrackedPass::Untracked(UntrackedPass::default()));
        self.forget();
    }

    /// Continues the pass without predictions, because the state of the seq_file is unknown from now on.
    pub(super) fn lose_track(&mut self) {
        self.current = self.current.map(|_| TrackedPass::Untracked(UntrackedPass::default()));
        self.forget();
    }

    fn forget(&mut self) {
        self.size = None;
        self.began = None;
        self.last_event = None;
    }

    /// Records the return of a callback at `time` (ns since boot). Returns the duration of the callback in ns; `None`
    /// if events before it may be missing. `complete` is false if callbacks may run unseen after this one.
    pub(super) fn returned(&mut self, time: u64, complete: bool) -> Option<u64> {
        let duration = self.last_event.map(|last| time.saturating_sub(last));
        self.last_callback = time;
        self.last_event = complete.then_some(time);
        duration
    }

    /// Ends the pass at `time` (ns since boot). Returns its duration in ns; `None` if its beginning was not seen.
    pub(super) fn end(&mut self, time: u64) -> Option<u64> {
        self.current = None;
        self.last_event = None;
        self.began.take().map(|began| time.saturating_sub(began))
    }

    /// Returns true if a pass is in progress and had no event since `time` (ns since boot).
    pub(super) fn is_quiet_since(&self, time: u64) -> bool {
        self.current.is_some() && self.began.unwrap_or(0).max(self.last_callback) <= time
    }
}
