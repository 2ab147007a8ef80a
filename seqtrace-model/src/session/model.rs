//! The core's algorithm for one session, as a state machine: given what `m` was and what the last
//! callback returned, which callback comes next, what does it find, and what becomes of its output.
//!
//! The source is `seq_read_iter()` and `traverse()` in fs/seq_file.c, 6.12 (5.10 to 7.2 have the
//! same loop). The events only carry values *on return* of a callback; what the core does between
//! two callbacks (`m->count` put back, `m->index` corrected, a record of a traversal dropped) is
//! computed here.
//!
//! ```text
//!             ┌──────────── empty, skipped ───────────┐
//! begin ─► Start ─► Show ─────────────────────────► Next ─► Show … ─► Stop ─► Outcome
//!             └ NULL, ERR ─► Stop   └ full, ret < 0 ─► Stop   └ NULL, ERR, enough ─► Stop
//! ```
//!
//! A pass that is not known from its beginning is walked by [`super::loose`] instead.

use crate::event::{Callback, Ptr, PtrKind, Role, SeqState};
use crate::session::update::{CallbackUpdate, Fate, Phase, Range};

/// `struct seq_file` as the core leaves it between two passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// `m->index`
    pub(super) index: i64,
    /// `m->count`: bytes not yet delivered.
    pub(super) count: u64,
    /// `m->size`; 0 while there is no buffer.
    pub(super) size: u64,
    /// `m->read_pos`
    pub(super) read_pos: i64,
}

impl State {
    /// The file offset behind the last byte in the buffer. Deliveries do not change it.
    pub(super) fn end(&self) -> i64 {
        add(self.read_pos, self.count)
    }

    /// Is this what was observed?
    pub(super) fn compare(&self, seen: &SeqState) -> Result<(), Surprise> {
        let fits =
            (self.index, self.count, self.read_pos) == (seen.index, seen.count, seen.read_pos);
        if fits { Ok(()) } else { Err(self.differs(seen)) }
    }

    /// As [`State::compare`], where parts of the buffer may have been delivered unseen.
    pub(super) fn compare_end(&self, seen: &SeqState) -> Result<(), Surprise> {
        let fits = (self.index, self.end()) == (seen.index, add(seen.read_pos, seen.count));
        if fits { Ok(()) } else { Err(self.differs(seen)) }
    }

    fn differs(&self, seen: &SeqState) -> Surprise {
        let say = |index, count, read_pos| {
            format!("position {index}, {count} bytes left over at file offset {read_pos}")
        };
        Surprise::new(
            say(self.index, self.count, self.read_pos),
            say(seen.index, seen.count, seen.read_pos),
        )
    }

    /// What the core does "with extreme prejudice" when a traversal failed.
    pub(super) fn reset(&mut self) {
        self.read_pos = 0;
        self.rewind();
    }

    /// What a read at offset 0 does first.
    pub(super) fn rewind(&mut self) {
        self.index = 0;
        self.count = 0;
    }
}

/// -EAGAIN (include/uapi/asm-generic/errno-base.h).
pub(super) const EAGAIN: i32 = -11;

/// Why the core calls start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// `traverse()` up to a file offset; `None` for an lseek relative to a file position that the
    /// events do not tell.
    Traverse { target: Option<i64> },
    /// The main part of a read: its buffer begins at file offset `base`, `room` bytes are still
    /// asked for.
    Read { base: i64, room: u64 },
}

/// What is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Start,
    Show,
    Next,
    /// A relative lseek: it depends on an offset that is not known yet.
    ShowOrStop,
    Stop(Outcome),
}

/// Where a traversal to an unknown offset ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Landing {
    /// File offsets of the last record.
    pub(super) start: i64,
    pub(super) end: i64,
    /// It was the last of the file: the offset may also be behind it.
    pub(super) last: bool,
    /// If it did not get there, the next callback's error has it begin again.
    pub(super) retry: bool,
    /// Bytes that are left over wherever it went: what start wrote.
    pub(super) stray: u64,
}

/// How a pass ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The record alone overflowed the buffer: twice the size, and again.
    Grow,
    /// A traversal is at its offset; `m->count` bytes of the last record are left over.
    Landed,
    /// A traversal to an unknown offset ended.
    LandedNear(Landing),
    /// A traversal ended with this negative errno.
    TraverseFailed(i32),
    /// No record that gives bytes: end of file (0) or a negative errno.
    Dry(i32),
    /// The buffer has bytes for the reader; the errno of the show that ended it, which the core
    /// only tells if it has no bytes to give.
    Filled(i32),
}

/// A pass known from its beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    step: Step,
    phase: Phase,
    /// Reads: file offset of the buffer's first byte. Traversals: of the record being rendered.
    base: i64,
    /// Reads: bytes still asked for.
    room: u64,
    /// Traversals: up to where.
    target: Option<i64>,
    /// What start or next returned last.
    v: Ptr,
    /// `m->count` before the last next: what the fill loop puts it back to.
    offs: u64,
}

/// What follows from a returned callback, besides what is said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The pass goes on.
    On,
    /// So it does, and a relative lseek has not decided yet what becomes of what show wrote.
    Undecided,
    /// stop: the pass is over.
    Ended(Outcome),
}

/// What was observed is not what the algorithm does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Surprise {
    pub(super) expected: String,
    pub(super) observed: String,
}

impl Surprise {
    pub(super) fn new(expected: impl Into<String>, observed: impl Into<String>) -> Self {
        Self { expected: expected.into(), observed: observed.into() }
    }
}

impl Pass {
    /// A pass begins: start is about to be called, with `m->count` 0.
    pub(super) fn begin(purpose: Purpose) -> Self {
        let (phase, base, room, target) = match purpose {
            Purpose::Traverse { target } => (Phase::Traverse, 0, 0, target),
            Purpose::Read { base, room } => (Phase::First, base, room, None),
        };
        Self { step: Step::Start, phase, base, room, target, v: Ptr::NULL, offs: 0 }
    }

    /// A callback returned: is it what the core calls there?
    pub(super) fn check(&self, m: &State, seen: &Callback) -> Result<(), Surprise> {
        let fits = match seen.role {
            Role::Start => self.step == Step::Start,
            Role::Show => matches!(self.step, Step::Show | Step::ShowOrStop),
            Role::Next => self.step == Step::Next,
            Role::Stop => matches!(self.step, Step::Stop(_) | Step::ShowOrStop),
        };
        // The core hands &m->index to start and next only: where show or stop finds it moved,
        // a next in between was missed.
        let stays = matches!(seen.role, Role::Show | Role::Stop);
        if fits && !(stays && seen.index != m.index) {
            return Ok(());
        }
        Err(self.surprise(m, seen, fits))
    }

    #[cold]
    fn surprise(&self, m: &State, seen: &Callback, fits: bool) -> Surprise {
        let role = seen.role.name();
        if !fits {
            return Surprise::new(self.expectation(), role);
        }
        Surprise::new(
            format!("{role} at position {}", m.index),
            format!("{role} at position {}", seen.index),
        )
    }

    /// A callback returned that was [checked](Self::check). `m` becomes what the core makes of it
    /// before it calls the next one; what is concluded goes into `update`, which has what was seen.
    #[inline]
    pub(super) fn returned(
        &mut self,
        m: &mut State,
        seen: &Callback,
        update: &mut CallbackUpdate,
    ) -> Then {
        update.phase = self.phase;
        update.pos_in = Some(m.index);
        update.v = Some(self.v);
        match seen.role {
            Role::Start => self.started(m, seen, update),
            Role::Show => return self.shown(m, seen, update),
            Role::Next => self.advanced(m, seen, update),
            Role::Stop => return Then::Ended(self.stopped(m, seen, update)),
        }
        Then::On
    }

    fn expectation(&self) -> String {
        match self.step {
            Step::Start => "start",
            Step::Show => "show",
            Step::Next => "next",
            Step::ShowOrStop => "show or stop",
            Step::Stop(_) => "stop",
        }
        .to_owned()
    }

    fn started(&mut self, m: &mut State, seen: &Callback, update: &mut CallbackUpdate) {
        update.v = None;
        update.bytes = misplaced(m.count, u64::from(seen.count));
        m.index = seen.index;
        m.count = u64::from(seen.count);
        self.v = Ptr(seen.ret);
        self.step = self.fetched(m);
    }

    /// start, or next outside of the fill loop, gave `self.v`: show it or end.
    fn fetched(&self, m: &State) -> Step {
        let error = match self.v.kind() {
            PtrKind::Null => 0,
            PtrKind::Err(errno) => -errno,
            PtrKind::Token | PtrKind::Record(_) => return Step::Show,
        };
        Step::Stop(match (self.phase, error) {
            (Phase::Traverse, 0) => match self.target {
                Some(_) => Outcome::Landed,
                None => self.near(self.base, true, m.count),
            },
            (Phase::Traverse, error) => Outcome::TraverseFailed(error),
            (_, error) => Outcome::Dry(error),
        })
    }

    fn near(&self, end: i64, last: bool, stray: u64) -> Outcome {
        let retry = self.v.kind() == PtrKind::Err(-EAGAIN);
        Outcome::LandedNear(Landing { start: self.base, end, last, retry, stray })
    }

    #[inline]
    fn shown(&mut self, m: &mut State, seen: &Callback, update: &mut CallbackUpdate) -> Then {
        if self.step == Step::ShowOrStop {
            // It went on behind the record before: that one was passed over.
            self.base = add(self.base, m.count);
            m.count = 0;
        }
        let bytes = u64::from(seen.count).saturating_sub(m.count);
        let range =
            Range { start: add(self.base, m.count), end: add(self.base, u64::from(seen.count)) };
        m.count = u64::from(seen.count);
        let (fate, step) = if self.phase == Phase::Fill {
            self.shown_filling(m, seen, bytes)
        } else {
            self.shown_first(m, seen, bytes, range.end)
        };
        self.step = step;
        update.bytes = Some(bytes);
        if matches!(fate, None | Some(Fate::Emitted | Fate::PassedOver)) {
            update.range = Some(range);
        }
        let Some(fate) = fate else { return Then::Undecided };
        update.fate = Some(fate);
        Then::On
    }

    /// In `traverse()`, and for the first record of a read.
    fn shown_first(
        &mut self,
        m: &mut State,
        seen: &Callback,
        bytes: u64,
        end: i64,
    ) -> (Option<Fate>, Step) {
        let traverse = self.phase == Phase::Traverse;
        let ret = seen.int();
        if ret < 0 {
            let outcome = if traverse { Outcome::TraverseFailed(ret) } else { Outcome::Dry(ret) };
            return (Some(Fate::Failed), Step::Stop(outcome));
        }
        if ret > 0 {
            m.count = 0;
            return (Some(Fate::Skipped), Step::Next);
        }
        if seen.full && seen.count > 0 {
            return (Some(Fate::DiscardedOverflow), Step::Stop(Outcome::Grow));
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

    /// In the fill loop.
    fn shown_filling(&self, m: &mut State, seen: &Callback, bytes: u64) -> (Option<Fate>, Step) {
        match seen.int() {
            0 if !seen.full => {
                let fate = if bytes == 0 { Fate::Empty } else { Fate::Emitted };
                (Some(fate), Step::Next)
            }
            ret => {
                m.count = self.offs;
                match ret {
                    1.. => (Some(Fate::Skipped), Step::Next),
                    0 => (Some(Fate::DiscardedTail), Step::Stop(Outcome::Filled(0))),
                    _ => (Some(Fate::Failed), Step::Stop(Outcome::Filled(ret))),
                }
            }
        }
    }

    #[inline]
    fn advanced(&mut self, m: &mut State, seen: &Callback, update: &mut CallbackUpdate) {
        update.bytes = misplaced(m.count, u64::from(seen.count));
        self.offs = m.count;
        m.count = u64::from(seen.count);
        self.v = Ptr(seen.ret);
        if self.phase == Phase::Fill && seen.index == m.index {
            // "buggy .next function … did not update position index": only the fill loop helps.
            update.fixed_up = true;
            m.index = m.index.wrapping_add(1);
        } else {
            m.index = seen.index;
        }
        self.step = match self.phase {
            Phase::Traverse => self.traversed(m),
            Phase::Fill if self.v.is_end() || m.count >= self.room => {
                Step::Stop(Outcome::Filled(0))
            }
            Phase::Fill => Step::Show,
            Phase::First | Phase::Unknown => self.fetched(m),
        };
    }

    /// next returned in `traverse()`: the record before it is dropped, unless the wanted offset is
    /// inside of it. This is asked before what next returned is looked at.
    fn traversed(&mut self, m: &mut State) -> Step {
        let end = add(self.base, m.count);
        let Some(target) = self.target else {
            if self.v.is_end() {
                return Step::Stop(self.near(end, true, 0));
            }
            return Step::ShowOrStop;
        };
        if end > target {
            m.count = distance(target, end);
            return Step::Stop(Outcome::Landed);
        }
        self.base = end;
        m.count = 0;
        if end == target { Step::Stop(Outcome::Landed) } else { self.fetched(m) }
    }

    fn stopped(&mut self, m: &mut State, seen: &Callback, update: &mut CallbackUpdate) -> Outcome {
        let outcome = if let Step::Stop(outcome) = self.step {
            outcome
        } else {
            self.near(add(self.base, m.count), false, 0)
        };
        let written =
            Range { start: add(self.base, m.count), end: add(self.base, u64::from(seen.count)) };
        match outcome {
            // What a relative lseek left over is not known, so neither is what stop added to it.
            Outcome::LandedNear(_) => {}
            _ => update.bytes = misplaced(m.count, u64::from(seen.count)),
        }
        m.count = u64::from(seen.count);
        match outcome {
            Outcome::Grow => {
                m.count = 0;
                m.size = m.size.saturating_mul(2);
            }
            // Whatever stop wrote is dropped.
            Outcome::Dry(_) => m.count = 0,
            // "while ((err = traverse(m, iocb->ki_pos)) == -EAGAIN)": a callback's own -EAGAIN is
            // taken for traverse()'s.
            Outcome::TraverseFailed(EAGAIN) | Outcome::LandedNear(_) => {}
            Outcome::TraverseFailed(_) => m.reset(),
            Outcome::Filled(_) => update.range = update.bytes.map(|_| written),
            Outcome::Landed => m.read_pos = self.target.unwrap_or(m.read_pos),
        }
        outcome
    }
}

/// Bytes that a callback wrote which should not write, if it did.
fn misplaced(before: u64, after: u64) -> Option<u64> {
    after.checked_sub(before).filter(|&bytes| bytes > 0)
}

/// `bytes` were copied to the reader at `pos`: the buffer's end stays where it is.
pub(super) fn deliver(m: &mut State, pos: i64, bytes: u64) {
    let end = m.end();
    m.read_pos = add(pos, bytes);
    m.count = distance(m.read_pos, end);
}

/// A file offset some bytes on.
pub(super) fn add(offset: i64, bytes: u64) -> i64 {
    offset.saturating_add_unsigned(bytes)
}

/// How far `to` is behind `from`; 0 if it is before it.
pub(super) fn distance(from: i64, to: i64) -> u64 {
    if to > from { to.abs_diff(from) } else { 0 }
}
