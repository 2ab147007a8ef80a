//! The core's loop for one pass, as a state machine. The state of the seq_file and the value that the last callback
//! returned determine the next callback, the state in which it is called, and the fate of a rendering.
//!
//! The source is `seq_read_iter()` and `traverse()` in fs/seq_file.c, 6.12 (5.10 to 7.2 have the same loop). Events
//! carry values *on return* of a callback only. Changes that the core makes between two callbacks (`m->count` put back,
//! `m->index` corrected, a record of a traversal dropped) are computed here.
//!
//! ```text
//!             ┌──────────── empty, skipped ───────────┐
//! begin ─► Start ─► Show ─────────────────────────► Next ─► Show … ─► Stop ─► PassOutcome
//!             └ NULL, ERR ─► Stop   └ full, ret < 0 ─► Stop   └ NULL, ERR, enough ─► Stop
//! ```
//!
//! [`super::untracked`] follows a pass without a known beginning.

use crate::event::{Callback, Ptr, PtrKind, Role};
use crate::session::core_state::{CoreState, ModelMismatch, add, distance};
use crate::session::update::{CallbackUpdate, Fate, Phase, Range};

// include/uapi/asm-generic/errno-base.h
pub(super) const EAGAIN: i32 = -11;

/// Purpose of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// `traverse()` up to a file offset; `None` for a relative lseek, because no event carries the offset that it is
    /// relative to.
    Traverse { target: Option<i64> },
    /// The main part of a read. Its buffer begins at file offset `base`, and `remaining` bytes are still requested.
    Read { base: i64, remaining: u64 },
}

/// The next action of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Start,
    Show,
    Next,
    /// The traversal of a relative lseek continues or ends, depending on the unknown offset.
    ShowOrStop,
    Stop(PassOutcome),
}

/// The end of a traversal to an unknown offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AmbiguousSeekEnd {
    /// File offset of the last record.
    pub(super) start: i64,
    /// File offset behind the last record.
    pub(super) end: i64,
    /// True if no record follows: the offset may also be behind `end`.
    pub(super) last: bool,
    /// True if the traversal begins again, unless it has reached its offset: the next callback returned -EAGAIN.
    pub(super) retry: bool,
    /// Number of bytes that start wrote, which is a fault. They are left over whatever the offset is.
    pub(super) start_bytes: u64,
}

/// The result of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PassOutcome {
    /// A single record overflowed the buffer. The core doubles the buffer and begins again.
    Grow,
    /// A traversal reached its offset. `m->count` bytes of the last record are left over.
    Traversed,
    /// A traversal to an unknown offset ended.
    AmbiguousSeekEnd(AmbiguousSeekEnd),
    /// A traversal ended with this negative errno.
    TraverseFailed(i32),
    /// No record had bytes. Holds 0 at the end of the file, or a negative errno.
    NoRecord(i32),
    /// The buffer has bytes for the reader. Holds the negative errno of the show that ended the pass, or 0. The core
    /// returns this errno only if it copies no bytes to the reader.
    Filled(i32),
}

/// A pass that began in a known state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    /// The callback that the core calls next.
    step: Step,
    phase: Phase,
    /// Read: file offset of the buffer's first byte. Traversal: file offset of the record being rendered.
    base: i64,
    /// Read: bytes that are still requested. Traversal: 0.
    remaining: u64,
    /// Traversal: the file offset to reach; `None` if unknown. Read: `None`.
    target: Option<i64>,
    /// The pointer that start or next returned last.
    v: Ptr,
    /// `m->count` before the last next (`offs` in seq_read_iter()). The fill loop resets it to this value when it drops
    /// a record.
    offs: u64,
}

/// The consequence of a returned callback for its pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StepOutcome {
    /// The pass continues: the core calls a further callback.
    Continue,
    /// The pass continues. The fate of the rendered record depends on the unknown offset of a relative lseek.
    Undecided,
    /// The pass is over, because stop returned.
    Ended(PassOutcome),
}

impl Pass {
    /// Begins a pass: start is about to be called, with `m->count` 0.
    pub(super) fn begin(purpose: Purpose) -> Self {
        let (phase, base, remaining, target) = match purpose {
            Purpose::Traverse { target } => (Phase::Traverse, 0, 0, target),
            Purpose::Read { base, remaining } => (Phase::First, base, remaining, None),
        };
        Self { step: Step::Start, phase, base, remaining, target, v: Ptr::NULL, offs: 0 }
    }

    /// Checks that a returned callback is the one that the core calls in this state.
    pub(super) fn check(&self, m: &CoreState, seen: &Callback) -> Result<(), ModelMismatch> {
        let fits = match seen.role {
            Role::Start => self.step == Step::Start,
            Role::Show => matches!(self.step, Step::Show | Step::ShowOrStop),
            Role::Next => self.step == Step::Next,
            Role::Stop => matches!(self.step, Step::Stop(_) | Step::ShowOrStop),
        };
        // The core passes &m->index to start and next only. If it differs at a show or a stop, a next was missed.
        let stays = matches!(seen.role, Role::Show | Role::Stop);
        if fits && !(stays && seen.index != m.index) {
            return Ok(());
        }
        Err(self.mismatch(m, seen, fits))
    }

    #[cold]
    fn mismatch(&self, m: &CoreState, seen: &Callback, fits: bool) -> ModelMismatch {
        let role = seen.role.name();
        if !fits {
            return ModelMismatch::new(self.expectation(), role);
        }
        ModelMismatch::new(
            format!("{role} at position {}", m.index),
            format!("{role} at position {}", seen.index),
        )
    }

    /// Processes the return of a callback that was [checked](Self::check), and adds the conclusions to `update`. `m`
    /// becomes the state in which the core calls the next callback.
    #[inline]
    pub(super) fn returned(
        &mut self,
        m: &mut CoreState,
        seen: &Callback,
        update: &mut CallbackUpdate,
    ) -> StepOutcome {
        update.phase = self.phase;
        update.pos_in = Some(m.index);
        update.v = Some(self.v);
        match seen.role {
            Role::Start => self.started(m, seen, update),
            Role::Show => return self.rendered(m, seen, update),
            Role::Next => self.advanced(m, seen, update),
            Role::Stop => return StepOutcome::Ended(self.stopped(m, seen, update)),
        }
        StepOutcome::Continue
    }

    /// Returns the callback that the core calls next; `None` if that depends on the unknown offset of a relative lseek.
    pub(super) fn next_callback(&self) -> Option<Role> {
        match self.step {
            Step::Start => Some(Role::Start),
            Step::Show => Some(Role::Show),
            Step::Next => Some(Role::Next),
            Step::Stop(_) => Some(Role::Stop),
            Step::ShowOrStop => None,
        }
    }

    fn expectation(&self) -> &'static str {
        self.next_callback().map_or("show or stop", Role::name)
    }

    fn started(&mut self, m: &mut CoreState, seen: &Callback, update: &mut CallbackUpdate) {
        update.v = None;
        update.bytes = unexpected_bytes(m.count, u64::from(seen.count));
        m.index = seen.index;
        m.count = u64::from(seen.count);
        self.v = Ptr(seen.ret);
        self.step = self.fetched(m);
    }

    /// Returns the step after start, or after next outside of the fill loop: show or stop, depending on `self.v`.
    fn fetched(&self, m: &CoreState) -> Step {
        let error = match self.v.kind() {
            PtrKind::Null => 0,
            PtrKind::Err(errno) => -errno,
            PtrKind::Token | PtrKind::Record(_) => return Step::Show,
        };
        Step::Stop(match (self.phase, error) {
            (Phase::Traverse, 0) => match self.target {
                Some(_) => PassOutcome::Traversed,
                None => self.ambiguous_end(self.base, true, m.count),
            },
            (Phase::Traverse, error) => PassOutcome::TraverseFailed(error),
            (_, error) => PassOutcome::NoRecord(error),
        })
    }

    fn ambiguous_end(&self, end: i64, last: bool, start_bytes: u64) -> PassOutcome {
        let retry = self.v.kind() == PtrKind::Err(-EAGAIN);
        PassOutcome::AmbiguousSeekEnd(AmbiguousSeekEnd {
            start: self.base,
            end,
            last,
            retry,
            start_bytes,
        })
    }

    #[inline]
    fn rendered(
        &mut self,
        m: &mut CoreState,
        seen: &Callback,
        update: &mut CallbackUpdate,
    ) -> StepOutcome {
        if self.step == Step::ShowOrStop {
            // The traversal continues, so it passed over the previous record.
            self.base = add(self.base, m.count);
            m.count = 0;
        }
        let bytes = u64::from(seen.count).saturating_sub(m.count);
        let range =
            Range { start: add(self.base, m.count), end: add(self.base, u64::from(seen.count)) };
        m.count = u64::from(seen.count);
        let (fate, step) = if self.phase == Phase::Fill {
            self.rendered_filling(m, seen, bytes)
        } else {
            self.rendered_first(m, seen, bytes, range.end)
        };
        self.step = step;
        update.bytes = Some(bytes);
        if matches!(fate, None | Some(Fate::Emitted | Fate::PassedOver)) {
            update.range = Some(range);
        }
        let Some(fate) = fate else { return StepOutcome::Undecided };
        update.fate = Some(fate);
        StepOutcome::Continue
    }

    /// Decides the fate of a rendering in `traverse()`, or of the first record of a read. `end` is the file offset
    /// behind the rendering. The fate is `None` if it depends on the unknown offset of a relative lseek.
    fn rendered_first(
        &mut self,
        m: &mut CoreState,
        seen: &Callback,
        bytes: u64,
        end: i64,
    ) -> (Option<Fate>, Step) {
        let traverse = self.phase == Phase::Traverse;
        let ret = seen.int();
        if ret < 0 {
            let outcome = if traverse {
                PassOutcome::TraverseFailed(ret)
            } else {
                PassOutcome::NoRecord(ret)
            };
            return (Some(Fate::Failed), Step::Stop(outcome));
        }
        if ret > 0 {
            m.count = 0;
            return (Some(Fate::Skipped), Step::Next);
        }
        if seen.full && seen.count > 0 {
            return (Some(Fate::DiscardedOverflow), Step::Stop(PassOutcome::Grow));
        }
        if !traverse && m.count > 0 {
            self.phase = Phase::Fill;
        }
        let fate = match (bytes, traverse, self.target) {
            (0, ..) => Some(Fate::Empty),
            (_, false, _) => Some(Fate::Emitted),
            (_, true, Some(target)) if end > target => Some(Fate::Emitted),
            (_, true, Some(_)) => Some(Fate::PassedOver),
            (_, true, None) => None,
        };
        (fate, Step::Next)
    }

    /// Decides the fate of a rendering in the fill loop.
    fn rendered_filling(
        &self,
        m: &mut CoreState,
        seen: &Callback,
        bytes: u64,
    ) -> (Option<Fate>, Step) {
        match seen.int() {
            0 if !seen.full => {
                let fate = if bytes == 0 { Fate::Empty } else { Fate::Emitted };
                (Some(fate), Step::Next)
            }
            ret => {
                m.count = self.offs;
                match ret {
                    1.. => (Some(Fate::Skipped), Step::Next),
                    0 => (Some(Fate::DiscardedTail), Step::Stop(PassOutcome::Filled(0))),
                    _ => (Some(Fate::Failed), Step::Stop(PassOutcome::Filled(ret))),
                }
            }
        }
    }

    #[inline]
    fn advanced(&mut self, m: &mut CoreState, seen: &Callback, update: &mut CallbackUpdate) {
        update.bytes = unexpected_bytes(m.count, u64::from(seen.count));
        self.offs = m.count;
        m.count = u64::from(seen.count);
        self.v = Ptr(seen.ret);
        if self.phase == Phase::Fill && seen.index == m.index {
            // Only the fill loop corrects this ("buggy .next function … did not update position index").
            update.fixed_up = true;
            m.index = m.index.wrapping_add(1);
        } else {
            m.index = seen.index;
        }
        self.step = match self.phase {
            Phase::Traverse => self.traversed(m),
            Phase::Fill if self.v.is_end() || m.count >= self.remaining => {
                Step::Stop(PassOutcome::Filled(0))
            }
            Phase::Fill => Step::Show,
            Phase::First | Phase::Unknown => self.fetched(m),
        };
    }

    /// Returns the step after next in `traverse()`. The core drops the previous record, unless the target offset is
    /// inside that record. The core checks this before it examines the pointer that next returned.
    fn traversed(&mut self, m: &mut CoreState) -> Step {
        let end = add(self.base, m.count);
        let Some(target) = self.target else {
            if self.v.is_end() {
                return Step::Stop(self.ambiguous_end(end, true, 0));
            }
            return Step::ShowOrStop;
        };
        if end > target {
            m.count = distance(target, end);
            return Step::Stop(PassOutcome::Traversed);
        }
        self.base = end;
        m.count = 0;
        if end == target { Step::Stop(PassOutcome::Traversed) } else { self.fetched(m) }
    }

    fn stopped(
        &mut self,
        m: &mut CoreState,
        seen: &Callback,
        update: &mut CallbackUpdate,
    ) -> PassOutcome {
        let outcome = if let Step::Stop(outcome) = self.step {
            outcome
        } else {
            self.ambiguous_end(add(self.base, m.count), false, 0)
        };
        let written =
            Range { start: add(self.base, m.count), end: add(self.base, u64::from(seen.count)) };
        match outcome {
            // The leftover of a relative lseek is unknown, and so is the number of bytes that stop added to it.
            PassOutcome::AmbiguousSeekEnd(_) => {}
            _ => update.bytes = unexpected_bytes(m.count, u64::from(seen.count)),
        }
        m.count = u64::from(seen.count);
        match outcome {
            PassOutcome::Grow => {
                m.count = 0;
                m.size = m.size.saturating_mul(2);
            }
            // The core drops any bytes that stop wrote.
            PassOutcome::NoRecord(_) => m.count = 0,
            // A callback's -EAGAIN is mistaken for that of traverse()
            // ("while ((err = traverse(m, iocb->ki_pos)) == -EAGAIN)").
            PassOutcome::TraverseFailed(EAGAIN) | PassOutcome::AmbiguousSeekEnd(_) => {}
            PassOutcome::TraverseFailed(_) => m.reset(),
            PassOutcome::Filled(_) => update.range = update.bytes.map(|_| written),
            PassOutcome::Traversed => m.read_pos = self.target.unwrap_or(m.read_pos),
        }
        outcome
    }
}

/// Returns the number of bytes that a start, next or stop wrote although they should not write; `None`: none.
fn unexpected_bytes(before: u64, after: u64) -> Option<u64> {
    after.checked_sub(before).filter(|&bytes| bytes > 0)
}
