//! The callbacks of a session: whose they are, and what each of them did.

use std::sync::Arc;

use crate::event::{Callback, Ptr, Role, Task};
use crate::session::begin::{self, Begin, Decision};
use crate::session::held::Verdict;
use crate::session::live::{At, Live, Sink, Walk};
use crate::session::loose::Loose;
use crate::session::model::{EAGAIN, Outcome, Pass, Purpose, Surprise, Then, deliver};
use crate::session::op::{Kind, Op, Stage};
use crate::session::update::{CallbackUpdate, Fate, Partial, Phase, Totals, What};

impl Live {
    /// start is about to be called.
    pub(super) fn pass_begin(&mut self, at: At, seen: &Begin, out: Sink<'_>) {
        let retries = self.op(seen.tid).is_some_and(|op| matches!(op.stage, Stage::LandedNear(_)));
        self.release_held(if retries { Verdict::Failed } else { Verdict::Unknown }, out);
        let decision = self.decide(seen);
        let before = self.m.size;
        self.owner = seen.tid;
        self.pass = self.pass.wrapping_add(1);
        self.walk = None;
        let decision = match decision {
            Ok(decision) => decision,
            Err(surprise) => {
                self.disagree(at, surprise, out);
                Decision::Lost
            }
        };
        self.watched = true;
        self.walk = Some(match decision {
            Decision::Known { purpose, drained } => {
                self.enter(at, seen, purpose, drained, before, out);
                Walk::Known(Pass::begin(purpose))
            }
            Decision::Unclear => {
                self.lose_track(Partial::Overlap, out);
                Walk::Loose(Loose::begin(seen.index))
            }
            Decision::Lost => Walk::Loose(Loose::begin(seen.index)),
        });
        self.size = Some(seen.size);
        self.began = Some(at.time);
        self.last = Some(at.time);
        self.count(seen.tid, |totals| totals.passes += 1);
    }

    /// The core is where it calls start: `m` becomes what it has there.
    fn enter(
        &mut self,
        at: At,
        seen: &Begin,
        purpose: Purpose,
        drained: u64,
        before: u64,
        out: Sink<'_>,
    ) {
        self.m.index = seen.index;
        self.m.count = 0;
        self.m.size = seen.size;
        if let Purpose::Read { base, .. } = purpose {
            self.m.read_pos = base;
        }
        let Some(op) = self.op(seen.tid) else { return };
        let again = matches!(op.stage, Stage::TraverseAgain | Stage::ReadAgain);
        op.stage = Stage::InPass;
        op.drained = drained;
        if again {
            op.restarts += 1;
            let (restart, read, task) = (op.restarts, op.read_id(), op.task.clone());
            let traverse = matches!(purpose, Purpose::Traverse { .. });
            let what = What::Grow { from: before / 2, to: seen.size, restart, traverse };
            self.count(seen.tid, |totals| totals.restarts += 1);
            self.tell(at, read, task, what, out);
        }
    }

    /// Why start is called, and that it is called as the core would.
    fn decide(&mut self, seen: &Begin) -> Result<Decision, Surprise> {
        if !self.synced || !self.blind.is_empty() {
            return Ok(Decision::Lost);
        }
        let near = self.overtake_lseek(seen.tid);
        let Some(op) = self.ops.iter().find(|op| op.tid == seen.tid) else {
            return Err(Surprise::new("a read or an lseek", "start"));
        };
        if self.walk.is_some() {
            return Err(Surprise::new("the rest of the pass", "start"));
        }
        begin::decide(op, &self.m, near, seen)
    }

    /// Another thread's relative lseek that has not told yet where it went: where `m` is, is not
    /// known until it is told, and now it never is.
    fn overtake_lseek(&mut self, tid: u32) -> bool {
        let near = |op: &&mut Op| op.tid != tid && matches!(op.stage, Stage::LandedNear(_));
        let Some(op) = self.ops.iter_mut().find(near) else { return false };
        op.stage = Stage::Lost;
        op.partial = Some(Partial::Overlap);
        self.mark(Partial::Overlap);
        true
    }

    /// Takes a returned callback and emits its update, or defers it while a relative lseek is undecided.
    pub(super) fn callback(&mut self, at: At, seen: &Callback, out: Sink<'_>) {
        if seen.role == Role::Show && !self.held.is_empty() {
            // The lseek went on behind the deferred record.
            self.release_held(Verdict::WentOn, out);
        }
        let size = match &self.walk {
            Some(Walk::Known(pass)) => {
                let size = self.m.size;
                if let Err(surprise) = pass.check(&self.m, seen) {
                    self.lost_in_pass(at, surprise, out);
                }
                Some(size)
            }
            Some(Walk::Loose(_)) => self.size,
            None => {
                self.begun_unseen(at, seen, out);
                None
            }
        };
        let mut update = observe(seen);
        let then = match &mut self.walk {
            Some(Walk::Known(pass)) => pass.returned(&mut self.m, seen, &mut update),
            Some(Walk::Loose(loose)) => {
                loose.returned(seen, self.blind, &mut update);
                Then::On
            }
            None => Then::On,
        };
        update.pass = self.pass;
        update.size = size;
        update.duration = self.last.map(|last| at.time.saturating_sub(last));
        self.watched = true;
        self.heard = at.time;
        self.last = self.blind.is_empty().then_some(at.time);
        let (read, task) = self.sum(seen, update.fate, update.phase);
        let mut undecided = then == Then::Undecided;
        if seen.role == Role::Stop {
            self.walk = None;
            self.last = None;
            update.held = self.began.take().map(|began| at.time.saturating_sub(began));
            if let Then::Ended(outcome) = then {
                undecided |= matches!(outcome, Outcome::LandedNear(_));
                self.pass_ended(outcome, update.phase);
            }
        }
        let what = What::Callback(update);
        if undecided {
            let update = self.update(at, read, task, what);
            self.held.push(update);
        } else {
            self.tell(at, read, task, what, out);
        }
    }

    /// It is not what the core would have called: something was missed.
    #[cold]
    fn lost_in_pass(&mut self, at: At, surprise: Surprise, out: Sink<'_>) {
        self.disagree(at, surprise, out);
        self.walk = Some(Walk::Loose(Loose::unknown()));
    }

    /// The pass's beginning was not seen: it is the only reader's, if there is only one.
    #[cold]
    fn begun_unseen(&mut self, at: At, seen: &Callback, out: Sink<'_>) {
        if self.synced {
            return self.lost_in_pass(at, Surprise::new("start", seen.role.name()), out);
        }
        self.owner = match self.ops.as_slice() {
            [op] if !op.doubtful => op.tid,
            _ => 0,
        };
        self.pass = self.pass.wrapping_add(1);
        self.walk = Some(Walk::Loose(Loose::unknown()));
        self.began = None;
        self.last = None;
        self.size = None;
    }

    /// Adds a callback to the sums. Returns the read it belongs to and its task, as far as they are known.
    fn sum(
        &mut self,
        seen: &Callback,
        fate: Option<Fate>,
        phase: Phase,
    ) -> (Option<u32>, Option<Arc<Task>>) {
        let owner = self.owner;
        add(&mut self.totals, fate);
        let Some(op) = self.op(owner) else { return (None, self.task(owner)) };
        add(&mut op.totals, fate);
        let main = phase != Phase::Traverse;
        let fetches = matches!(seen.role, Role::Start | Role::Next);
        op.end_seen |= main && fetches && seen.ret == 0;
        (op.read_id(), op.task.clone())
    }

    /// A pass is over: what the core does next with what is in the buffer.
    fn pass_ended(&mut self, outcome: Outcome, phase: Phase) {
        let count = self.m.count;
        let Some(op) = self.ops.iter_mut().find(|op| op.tid == self.owner) else { return };
        op.stage = match outcome {
            Outcome::Grow if phase == Phase::Traverse => Stage::TraverseAgain,
            Outcome::Grow => Stage::ReadAgain,
            Outcome::Landed => Stage::Landed { leftover: count },
            Outcome::LandedNear(landing) => Stage::LandedNear(landing),
            Outcome::TraverseFailed(EAGAIN) => Stage::TraverseRetry,
            Outcome::TraverseFailed(error) => Stage::TraverseFailed { error },
            Outcome::Dry(error) => Stage::Dry { error },
            Outcome::Filled(error) => Stage::Filled { kept: count, error },
        };
        if matches!(outcome, Outcome::Landed | Outcome::Filled(_)) {
            self.pending = self.pending.saturating_add_unsigned(count);
        }
        // The bytes are copied out before m->lock is dropped, whenever the return is seen.
        if let Kind::Read { pos, want, .. } = op.kind {
            let copied = match outcome {
                Outcome::Landed if count > want => want,
                Outcome::Filled(_) => op.drained.saturating_add(count.min(want - op.drained)),
                _ => return,
            };
            deliver(&mut self.m, pos, copied);
        }
    }
}

/// Makes the update of a callback from its event alone: the fate of a show is unknown.
fn observe(seen: &Callback) -> CallbackUpdate {
    let fetches = matches!(seen.role, Role::Start | Role::Next);
    let show = seen.role == Role::Show;
    CallbackUpdate {
        role: seen.role,
        phase: Phase::Unknown,
        pass: 0,
        pos_in: None,
        pos_out: seen.index,
        v: None,
        ret_ptr: fetches.then_some(Ptr(seen.ret)),
        ret_int: show.then(|| seen.int()),
        bytes: None,
        count: u64::from(seen.count),
        size: None,
        full: seen.full,
        duration: None,
        fate: show.then_some(Fate::Unknown),
        range: None,
        held: None,
        fixed_up: false,
        private: seen.private,
    }
}

/// A callback, and what became of what it rendered.
fn add(totals: &mut Totals, fate: Option<Fate>) {
    totals.callbacks += 1;
    match fate {
        Some(Fate::Emitted) => totals.emitted += 1,
        Some(Fate::PassedOver) => totals.passed_over += 1,
        Some(Fate::DiscardedOverflow | Fate::DiscardedTail | Fate::Skipped) => {
            totals.discarded += 1;
        }
        Some(Fate::Empty | Fate::Failed | Fate::Unknown) | None => {}
    }
}
