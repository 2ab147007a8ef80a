//! The callbacks of a session: determines the read or lseek that each belongs to, and its effect.

use std::sync::Arc;

use crate::event::{Callback, Role, Task};
use crate::session::call::{CallKind, CallState, InFlightCall};
use crate::session::core_state::ModelMismatch;
use crate::session::deferred::SeekResult;
use crate::session::model::{EAGAIN, Pass, PassOutcome, Purpose, StepOutcome};
use crate::session::pass_tracking::TrackedPass;
use crate::session::purpose::{self, Decision, PassBegin};
use crate::session::state::{Emit, SessionState, Timestamp};
use crate::session::untracked::UntrackedPass;
use crate::session::update::{CallbackUpdate, Fate, Partial, Phase, UpdateKind};

impl SessionState {
    /// Begins a pass: start is about to be called.
    pub(super) fn pass_begin(&mut self, at: Timestamp, seen: &PassBegin, out: Emit<'_>) {
        let call = self.calls.of(seen.tid);
        let retries = call.is_some_and(|call| matches!(call.state, CallState::AmbiguousSeekEnd(_)));
        self.release_deferred(if retries { SeekResult::Failed } else { SeekResult::Unknown }, out);
        let decision = self.decide(seen);
        self.pass.next(seen.tid);
        let decision = decision.unwrap_or_else(|mismatch| {
            self.mismatch(at, mismatch, out);
            Decision::Unknown
        });
        self.callbacks_seen = true;
        let untracked = TrackedPass::Untracked(UntrackedPass::begin(seen.index));
        let pass = match decision {
            Decision::Known { purpose, drained } => {
                self.enter_pass(at, seen, purpose, drained, out);
                TrackedPass::Modelled(Pass::begin(purpose))
            }
            Decision::OrderAmbiguous => {
                self.lose_track(Partial::Overlap, out);
                untracked
            }
            Decision::Unknown => untracked,
        };
        self.pass.begin(pass, at.time, seen.size);
        self.count(seen.tid, |totals| totals.passes += 1);
    }

    /// Moves the model to the point where the core calls start for `purpose`.
    fn enter_pass(
        &mut self,
        at: Timestamp,
        seen: &PassBegin,
        purpose: Purpose,
        drained: u64,
        out: Emit<'_>,
    ) {
        let m = &mut self.file.m;
        let size_before = m.size / 2;
        m.index = seen.index;
        m.count = 0;
        m.size = seen.size;
        if let Purpose::Read { base, .. } = purpose {
            m.read_pos = base;
        }
        let Some(call) = self.calls.of_mut(seen.tid) else { return };
        let again = matches!(call.state, CallState::TraverseAgain | CallState::ReadAgain);
        call.state = CallState::InPass;
        call.drained = drained;
        if again {
            call.restarts += 1;
            let (restart, read, task) = (call.restarts, call.read_id(), call.task.clone());
            let traverse = matches!(purpose, Purpose::Traverse { .. });
            let what = UpdateKind::Grow { from: size_before, to: seen.size, restart, traverse };
            self.count(seen.tid, |totals| totals.restarts += 1);
            self.emit(at, read, task, what, out);
        }
    }

    /// Decides the purpose of a pass, and checks that the core would call start in this state.
    fn decide(&mut self, seen: &PassBegin) -> Result<Decision, ModelMismatch> {
        if !self.file.synced {
            return Ok(Decision::Unknown);
        }
        let ambiguous = self.overtake_lseek(seen.tid);
        let Some(call) = self.calls.of(seen.tid) else {
            return Err(ModelMismatch::new("a read or an lseek", "start"));
        };
        if self.pass.current.is_some() {
            return Err(ModelMismatch::new("the rest of the pass", "start"));
        }
        purpose::decide(call, &self.file.m, ambiguous, seen)
    }

    /// Handles a pass of thread `tid` that begins while a SEEK_CUR of another thread has not reported its offset yet:
    /// the offset can no longer be determined. Returns true if there is such a SEEK_CUR.
    fn overtake_lseek(&mut self, tid: u32) -> bool {
        let ambiguous = |call: &&mut InFlightCall| {
            call.tid != tid && matches!(call.state, CallState::AmbiguousSeekEnd(_))
        };
        let Some(call) = self.calls.iter_mut().find(ambiguous) else { return false };
        call.state = CallState::Unknown;
        call.partial_reason = Some(Partial::Overlap);
        self.add_partial(Partial::Overlap);
        true
    }

    /// Processes the return of a callback and emits its update, or defers the update while a relative lseek is
    /// undecided.
    pub(super) fn callback(&mut self, at: Timestamp, seen: &Callback, out: Emit<'_>) {
        if seen.role == Role::Show && !self.deferred.is_empty() {
            self.release_deferred(SeekResult::PassedRecord, out);
        }
        let size = match &self.pass.current {
            Some(TrackedPass::Modelled(pass)) => {
                let size = self.file.m.size;
                if let Err(mismatch) = pass.check(&self.file.m, seen) {
                    self.mismatch_in_pass(at, mismatch, out);
                }
                Some(size)
            }
            Some(TrackedPass::Untracked(_)) => self.pass.size,
            None => {
                self.begin_unseen(at, seen, out);
                None
            }
        };
        // The update is built where the consumers read it: it is too large to be moved for each callback.
        let what = UpdateKind::Callback(CallbackUpdate::observed(seen));
        let mut update = self.update(at, None, None, what);
        let UpdateKind::Callback(callback) = &mut update.what else { return };
        let outcome = match &mut self.pass.current {
            Some(TrackedPass::Modelled(pass)) => pass.returned(&mut self.file.m, seen, callback),
            Some(TrackedPass::Untracked(pass)) => {
                pass.returned(seen, self.file.blind, callback);
                StepOutcome::Continue
            }
            None => StepOutcome::Continue,
        };
        callback.pass = self.pass.number;
        callback.size = size;
        callback.duration = self.pass.returned(at.time, self.file.blind.is_empty());
        self.callbacks_seen = true;
        (update.read, update.task) = self.count_callback(seen, callback.fate, callback.phase);
        let mut undecided = outcome == StepOutcome::Undecided;
        if seen.role == Role::Stop {
            callback.held = self.pass.end(at.time);
            if let StepOutcome::Ended(outcome) = outcome {
                undecided |= matches!(outcome, PassOutcome::AmbiguousSeekEnd(_));
                self.pass_ended(outcome, callback.phase);
            }
        }
        if undecided || !self.deferred.is_empty() {
            self.deferred.push(update);
        } else {
            out(&update);
        }
    }

    /// Handles a callback that the core would not have called here: an event was missed.
    #[cold]
    fn mismatch_in_pass(&mut self, at: Timestamp, mismatch: ModelMismatch, out: Emit<'_>) {
        self.mismatch(at, mismatch, out);
        self.pass.current = Some(TrackedPass::Untracked(UntrackedPass::default()));
    }

    /// Begins a pass at a callback, because its beginning was not seen. The pass belongs to the only call in flight;
    /// its owner is unknown if there are several.
    #[cold]
    fn begin_unseen(&mut self, at: Timestamp, seen: &Callback, out: Emit<'_>) {
        if self.file.synced {
            let mismatch = ModelMismatch::new("start", seen.role.name());
            return self.mismatch_in_pass(at, mismatch, out);
        }
        self.pass.begin_unseen(self.calls.only().map_or(0, |call| call.tid));
    }

    /// Adds a callback to the sums. Returns number and task of the read that it belongs to, as far as they are known.
    fn count_callback(
        &mut self,
        seen: &Callback,
        fate: Option<Fate>,
        phase: Phase,
    ) -> (Option<u32>, Option<Arc<Task>>) {
        let owner = self.pass.owner;
        self.totals.add_callback(fate);
        let Some(call) = self.calls.of_mut(owner) else { return (None, self.tasks.find(owner)) };
        call.totals.add_callback(fate);
        let main = phase != Phase::Traverse;
        let fetches = matches!(seen.role, Role::Start | Role::Next);
        call.end_seen |= main && fetches && seen.ret == 0;
        (call.read_id(), call.task.clone())
    }

    /// Processes the result of a modelled pass, and delivers the buffered bytes as the core does next.
    fn pass_ended(&mut self, outcome: PassOutcome, phase: Phase) {
        let count = self.file.m.count;
        let Some(call) = self.calls.of_mut(self.pass.owner) else { return };
        call.state = match outcome {
            PassOutcome::Grow if phase == Phase::Traverse => CallState::TraverseAgain,
            PassOutcome::Grow => CallState::ReadAgain,
            PassOutcome::Traversed => CallState::Traversed { leftover: count },
            PassOutcome::AmbiguousSeekEnd(end) => CallState::AmbiguousSeekEnd(end),
            PassOutcome::TraverseFailed(EAGAIN) => CallState::TraverseRetry,
            PassOutcome::TraverseFailed(error) => CallState::TraverseFailed { error },
            PassOutcome::NoRecord(error) => CallState::NoRecord { error },
            PassOutcome::Filled(error) => CallState::Filled { kept: count, error },
        };
        if matches!(outcome, PassOutcome::Traversed | PassOutcome::Filled(_)) {
            self.file.keep(count);
        }
        // The core copies the bytes before it drops m->lock. The probe may observe the return of the read later.
        if let CallKind::Read { pos, want, .. } = call.kind {
            let copied = match outcome {
                PassOutcome::Traversed if count > want => want,
                PassOutcome::Filled(_) => {
                    call.drained.saturating_add(count.min(want - call.drained))
                }
                _ => return,
            };
            self.file.m.deliver(pos, copied);
        }
    }
}
