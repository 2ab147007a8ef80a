//! The callbacks of a session: whose they are, and what each of them did.

use std::rc::Rc;

use crate::event::{Ptr, Role};
use crate::session::begin::{self, Begin, Decision};
use crate::session::held::Verdict;
use crate::session::live::{At, Live, Sink, Walk};
use crate::session::loose::Loose;
use crate::session::model::{EAGAIN, Outcome, Pass, Purpose, Returned, Surprise, Then, deliver};
use crate::session::op::{Kind, Op, Stage};
use crate::session::update::{CallbackUpdate, Fate, Partial, Phase, Session, Totals, Update, What};

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

    /// A callback returned. True if what is [`said`](Self::said) of it now is to be told; else it waits.
    #[inline]
    pub(super) fn callback(&mut self, at: At, seen: &Returned, out: Sink<'_>) -> bool {
        if seen.role == Role::Show && !self.held.is_empty() {
            // It went on behind the record that waits.
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
        let What::Callback(said) = &mut self.said.what else { return false };
        observe(said, seen);
        let then = match &mut self.walk {
            Some(Walk::Known(pass)) => pass.returned(&mut self.m, seen, said),
            Some(Walk::Loose(loose)) => {
                loose.returned(seen, self.blind, said);
                Then::On
            }
            None => Then::On,
        };
        said.pass = self.pass;
        said.size = size;
        said.duration = self.last.map(|last| at.time.saturating_sub(last));
        let (fate, phase) = (said.fate, said.phase);
        (self.said.time, self.said.cpu) = (at.time, at.cpu);
        self.watched = true;
        self.last = self.blind.is_empty().then_some(at.time);
        let undecided = then == Then::Undecided;
        self.sum(seen, fate, phase);
        let mut near = false;
        if seen.role == Role::Stop {
            self.walk = None;
            self.last = None;
            let began = self.began.take();
            if let What::Callback(said) = &mut self.said.what {
                said.held = began.map(|began| at.time.saturating_sub(began));
            }
            if let Then::Ended(outcome) = then {
                near = matches!(outcome, Outcome::LandedNear(_));
                self.pass_ended(outcome, phase);
            }
        }
        if self.held.is_empty() && !undecided && !near {
            return true;
        }
        self.held.push(self.said.clone());
        false
    }

    /// It is not what the core would have called: something was missed.
    #[cold]
    fn lost_in_pass(&mut self, at: At, surprise: Surprise, out: Sink<'_>) {
        self.disagree(at, surprise, out);
        self.walk = Some(Walk::Loose(Loose::unknown()));
    }

    /// The pass's beginning was not seen: it is the only reader's, if there is only one.
    #[cold]
    fn begun_unseen(&mut self, at: At, seen: &Returned, out: Sink<'_>) {
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

    /// Adds a callback to the sums, and says whose it is.
    #[inline]
    fn sum(&mut self, seen: &Returned, fate: Option<Fate>, phase: Phase) {
        let owner = self.owner;
        add(&mut self.totals, fate);
        let (read, task) = if let Some(op) = self.ops.iter_mut().find(|op| op.tid == owner) {
            add(&mut op.totals, fate);
            let main = phase != Phase::Traverse;
            let fetches = matches!(seen.role, Role::Start | Role::Next);
            op.end_seen |= main && fetches && seen.ret == 0;
            (op.read_id(), op.task.as_ref())
        } else {
            (None, self.tasks.iter().rev().find(|task| task.tid == owner))
        };
        let said = &mut self.said;
        said.read = read;
        if said.task.as_ref().map(Rc::as_ptr) != task.map(Rc::as_ptr) {
            said.task = task.cloned();
        }
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

/// What can be said of a callback at first sight; of a show, that its fate is not known.
#[inline]
fn observe(said: &mut CallbackUpdate, seen: &Returned) {
    let fetches = matches!(seen.role, Role::Start | Role::Next);
    let show = seen.role == Role::Show;
    said.role = seen.role;
    said.pos_out = seen.index;
    said.ret_ptr = fetches.then_some(Ptr(seen.ret));
    said.ret_int = show.then(|| seen.int());
    said.bytes = None;
    said.count = seen.count;
    said.full = seen.full;
    said.fate = show.then_some(Fate::Unknown);
    said.range = None;
    said.held = None;
    said.fixed_up = false;
    said.private = seen.private;
}

/// The update of a session's callbacks before there was one.
pub(super) fn nothing_said(session: &Rc<Session>) -> Update {
    let callback = CallbackUpdate {
        role: Role::Start,
        phase: Phase::Unknown,
        pass: 0,
        pos_in: None,
        pos_out: 0,
        v: None,
        ret_ptr: None,
        ret_int: None,
        bytes: None,
        count: 0,
        size: None,
        full: false,
        duration: None,
        fate: None,
        range: None,
        held: None,
        fixed_up: false,
        private: None,
    };
    let (session, what) = (Some(Rc::clone(session)), What::Callback(callback));
    Update { time: 0, cpu: 0, session, read: None, task: None, what }
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
