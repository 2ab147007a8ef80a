//! The reads and lseeks of a session.

use crate::event::{SeqState, Task, Via};
use crate::session::held::Verdict;
use crate::session::live::{At, Live, Sink};
use crate::session::model::{State, Surprise, distance};
use crate::session::op::{Kind, Op, Settled, Stage};
use crate::session::update::{Partial, Range, ReadEnd, What};

/// Reads in flight that a session follows. More threads in one descriptor than this are followed
/// one after another, and the session is partial.
const OPS: usize = 1024;

/// What a read asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) pos: i64,
    pub(super) want: u64,
    pub(super) via: Option<Via>,
}

impl Live {
    /// A read entered.
    pub(super) fn read_enter(
        &mut self,
        at: At,
        task: &Task,
        wanted: Wanted,
        state: SeqState,
        out: Sink<'_>,
    ) {
        let task = self.remember(task);
        let Wanted { pos, want, via } = wanted;
        if via == Some(Via::BpfSeqRead) && self.opaque.is_none() {
            self.opaque = Some(Partial::BpfIterator);
            self.lose_track(Partial::BpfIterator, out);
        }
        let earlier = self.reads > 0;
        self.reads = self.reads.wrapping_add(1);
        let kind = Kind::Read { id: self.reads, pos, want };
        let alone =
            self.op_enter(at, Op::new(kind, task.tid, Some(task.clone()), at.time), state, out);
        self.count(task.tid, |totals| totals.reads += 1);
        // A BPF iterator knows no positions in bytes.
        let moves = alone && want > 0 && pos != state.read_pos && self.opaque.is_none();
        let used = (state.index, state.count, state.read_pos) != (0, 0, 0);
        let what = What::ReadBegin {
            pos,
            want,
            traverse_from: (moves && pos != 0).then_some(state.read_pos),
            rewind: want > 0 && pos == 0 && self.opaque.is_none() && (earlier || (alone && used)),
            via,
            state,
        };
        self.tell(at, Some(self.reads), Some(task), what, out);
    }

    /// An lseek entered.
    pub(super) fn lseek_enter(
        &mut self,
        at: At,
        tid: u32,
        (offset, whence): (i64, u32),
        state: SeqState,
        out: Sink<'_>,
    ) {
        let task = self.task(tid);
        let op = Op::new(Kind::Lseek { offset, whence }, tid, task.clone(), at.time);
        self.op_enter(at, op, state, out);
        self.tell(at, None, task, What::LseekBegin { offset, whence }, out);
    }

    /// A read or lseek entered; true if no other one is in flight.
    fn op_enter(&mut self, at: At, mut op: Op, state: SeqState, out: Sink<'_>) -> bool {
        if let Some(index) = self.ops.iter().position(|other| other.tid == op.tid) {
            let old = self.ops.remove(index);
            if !old.doubtful && self.synced {
                let surprise = Surprise::new("return of a read or lseek", "another one");
                self.disagree(at, surprise, out);
            }
        }
        if self.ops.len() >= OPS {
            self.ops.remove(0);
            self.lose_track(Partial::Overlap, out);
        }
        let alone = self.ops.is_empty();
        if alone {
            if self.synced
                && let Err(surprise) = self.m.compare(&state)
            {
                self.disagree(at, surprise, out);
            }
            self.sync(&state);
        } else {
            op.overlapped = true;
            for other in &mut self.ops {
                other.overlapped = true;
            }
        }
        op.entry = state;
        if !self.synced {
            op.partial = Some(self.unsynced);
            op.stage = Stage::Lost;
        }
        self.ops.push(op);
        alone
    }

    /// A read returned.
    pub(super) fn read_exit(&mut self, at: At, tid: u32, ret: i64, state: SeqState, out: Sink<'_>) {
        let Some(op) = self.op(tid) else {
            return self.stray_exit(at, out);
        };
        let Kind::Read { id, pos, want } = op.kind else {
            return self.stray_exit(at, out);
        };
        let delivered = u64::try_from(ret).unwrap_or(0);
        let settled = self.settle(
            at,
            (tid, ret),
            state,
            |op, m, sure| op.read_returned(m, sure, pos, want, ret),
            out,
        );
        if self.synced {
            self.pending = self.pending.saturating_sub_unsigned(delivered);
        }
        self.count(tid, |totals| totals.bytes = totals.bytes.wrapping_add(delivered));
        let Some(op) = self.take_op(tid) else { return };
        let settled = settled.unwrap_or_else(|| observed(&op, pos, delivered, state));
        let end = ReadEnd {
            ret,
            range: Range { start: pos, end: pos.saturating_add_unsigned(delivered) },
            totals: op.totals,
            leftover: settled.leftover,
            from_leftover: settled.from_leftover,
            duration: Some(at.time.saturating_sub(op.entered)),
            eof: op.end_seen && settled.leftover == 0,
            partial: op.partial,
        };
        self.tell(at, Some(id), op.task, What::ReadEnd(Box::new(end)), out);
    }

    /// An lseek returned.
    pub(super) fn lseek_exit(
        &mut self,
        at: At,
        tid: u32,
        ret: i64,
        state: SeqState,
        out: Sink<'_>,
    ) {
        let Some(op) = self.op(tid) else {
            return self.stray_exit(at, out);
        };
        let Kind::Lseek { offset, whence } = op.kind else {
            return self.stray_exit(at, out);
        };
        let landing = op.stage;
        let settled = self.settle(
            at,
            (tid, ret),
            state,
            |op, m, sure| op.lseek_returned(m, sure, (offset, whence), ret),
            out,
        );
        let leftover = settled.unwrap_or(state.count);
        if let (Stage::LandedNear(near), Some(leftover)) = (landing, settled) {
            let verdict = if ret < 0 {
                Verdict::Failed
            } else {
                self.pending = self.pending.saturating_add_unsigned(leftover);
                let of_record = distance(ret, near.end).saturating_add(near.stray);
                let stop_bytes = leftover.checked_sub(of_record).filter(|&bytes| bytes > 0);
                Verdict::WentTo { target: ret, stop_bytes }
            };
            self.release_held(verdict, out);
        }
        let Some(op) = self.take_op(tid) else { return };
        let what = What::LseekEnd {
            ret,
            passed_over: op.totals.passed_over,
            leftover,
            duration: Some(at.time.saturating_sub(op.entered)),
        };
        self.tell(at, None, op.task, what, out);
    }

    /// Something returned that is not known to have entered.
    fn stray_exit(&mut self, at: At, out: Sink<'_>) {
        if self.synced {
            self.disagree(at, Surprise::new("no return", "return of a read or lseek"), out);
        }
    }

    /// A read or lseek is over.
    fn take_op(&mut self, tid: u32) -> Option<Op> {
        let index = self.ops.iter().position(|op| op.tid == tid)?;
        Some(self.ops.remove(index))
    }

    /// A read or lseek returned: is that what the core returns there, and is `m` what it should be?
    /// `None` if that cannot be said.
    fn settle<T>(
        &mut self,
        at: At,
        (tid, ret): (u32, i64),
        state: SeqState,
        returned: impl FnOnce(&Op, &mut State, bool) -> Result<T, Surprise>,
        out: Sink<'_>,
    ) -> Option<T> {
        let alone = self.ops.len() == 1;
        let op = self.ops.iter().find(|op| op.tid == tid)?;
        // These may have emptied the buffer without a callback: when they did, nobody saw.
        let silent = matches!(op.stage, Stage::Entered | Stage::TraverseAgain) && ret <= 0;
        self.muddled |= op.overlapped && silent;
        if op.stage == Stage::Lost {
            if self.synced && alone {
                self.sync(&state);
            }
            return None;
        }
        let sure = !op.overlapped;
        let result = returned(op, &mut self.m, sure).and_then(|settled| {
            // Of several at once some may have called nothing: what they took is no longer in the
            // buffer, but its end is where it was.
            if sure {
                self.m.compare(&state)?;
            } else if alone && !self.muddled {
                self.m.compare_end(&state)?;
            }
            Ok(settled)
        });
        match result {
            Ok(settled) => {
                if alone {
                    self.sync(&state);
                }
                Some(settled)
            }
            Err(surprise) => {
                self.disagree(at, surprise, out);
                None
            }
        }
    }
}

/// What the snapshots say of a read that could not be followed.
fn observed(op: &Op, pos: i64, delivered: u64, state: SeqState) -> Settled {
    let resumed = pos != 0 && pos == op.entry.read_pos;
    let from_leftover = if resumed { delivered.min(op.entry.count) } else { 0 };
    Settled { from_leftover, leftover: state.count }
}
