//! The reads and lseeks of a session: their entries and returns.

use crate::event::{SeqState, Task, Via};
use crate::session::call::{CallKind, CallState, InFlightCall};
use crate::session::core_state::{CoreState, ModelMismatch, distance};
use crate::session::deferred::SeekResult;
use crate::session::returned::Leftovers;
use crate::session::state::{Emit, SessionState, Timestamp};
use crate::session::update::{Partial, Range, ReadEnd, UpdateKind};

/// Maximum number of calls in flight that a session follows. If more threads share a descriptor, the oldest call is
/// dropped, and the session is partial.
const MAX_CALLS: usize = 1024;

/// The arguments of a read.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadArgs {
    /// File offset of the read, bytes.
    pub(super) pos: i64,
    /// Number of requested bytes.
    pub(super) want: u64,
    /// The function through which the read came; `None` if unknown.
    pub(super) via: Option<Via>,
}

impl SessionState {
    /// Handles the entry of a read.
    pub(super) fn read_enter(
        &mut self,
        at: Timestamp,
        task: &Task,
        args: ReadArgs,
        state: SeqState,
        out: Emit<'_>,
    ) {
        let task = self.tasks.remember(task);
        let ReadArgs { pos, want, via } = args;
        if via == Some(Via::BpfSeqRead) && self.file.unmodelled.is_none() {
            self.file.unmodelled = Some(Partial::BpfIterator);
            self.lose_track(Partial::BpfIterator, out);
        }
        let earlier = self.reads > 0;
        self.reads = self.reads.wrapping_add(1);
        let kind = CallKind::Read { id: self.reads, pos, want };
        let call = InFlightCall::new(kind, task.tid, Some(task.clone()), at.time);
        let alone = self.call_enter(at, call, state, out);
        self.count(task.tid, |totals| totals.reads += 1);
        // A BPF iterator does not keep a file offset in m->read_pos (bpf_seq_read(), kernel/bpf/bpf_iter.c).
        let modelled = self.file.unmodelled.is_none();
        let moves = alone && want > 0 && pos != state.read_pos && modelled;
        let used = (state.index, state.count, state.read_pos) != (0, 0, 0);
        let what = UpdateKind::ReadBegin {
            pos,
            want,
            traverse_from: (moves && pos != 0).then_some(state.read_pos),
            rewind: want > 0 && pos == 0 && modelled && (earlier || (alone && used)),
            via,
            state,
        };
        self.emit(at, Some(self.reads), Some(task), what, out);
    }

    /// Handles the entry of an lseek.
    pub(super) fn lseek_enter(
        &mut self,
        at: Timestamp,
        tid: u32,
        (offset, whence): (i64, u32),
        state: SeqState,
        out: Emit<'_>,
    ) {
        let task = self.tasks.find(tid);
        let kind = CallKind::Lseek { offset, whence };
        let call = InFlightCall::new(kind, tid, task.clone(), at.time);
        self.call_enter(at, call, state, out);
        self.emit(at, None, task, UpdateKind::LseekBegin { offset, whence }, out);
    }

    /// Adds a call that was entered. Returns true if no other call is in flight.
    fn call_enter(
        &mut self,
        at: Timestamp,
        mut call: InFlightCall,
        state: SeqState,
        out: Emit<'_>,
    ) -> bool {
        if let Some(old) = self.calls.remove(call.tid)
            && !old.may_have_returned
            && self.file.synced
        {
            let mismatch = ModelMismatch::new("return of a read or lseek", "another one");
            self.mismatch(at, mismatch, out);
        }
        if self.calls.len() >= MAX_CALLS {
            self.calls.remove_oldest();
            self.lose_track(Partial::Overlap, out);
        }
        let alone = self.calls.is_empty();
        if alone {
            if self.file.synced
                && let Err(mismatch) = self.file.m.check(&state)
            {
                self.mismatch(at, mismatch, out);
            }
            self.sync(&state);
        } else {
            call.overlapped = true;
            for other in self.calls.iter_mut() {
                other.overlapped = true;
            }
        }
        call.entry = state;
        if !self.file.synced {
            call.partial_reason = Some(self.file.desync_reason);
            call.state = CallState::Unknown;
        }
        self.calls.push(call);
        alone
    }

    /// Handles the return of a read. `ret`: number of bytes read, or a negative errno.
    pub(super) fn read_exit(
        &mut self,
        at: Timestamp,
        tid: u32,
        ret: i64,
        state: SeqState,
        out: Emit<'_>,
    ) {
        let kind = self.calls.of(tid).map(|call| call.kind);
        let Some(CallKind::Read { id, pos, want }) = kind else {
            return self.unexpected_exit(at, out);
        };
        let delivered = u64::try_from(ret).unwrap_or(0);
        let verified = self.verify_return(
            at,
            (tid, ret),
            state,
            |call, m, exclusive| call.read_returned(m, exclusive, (pos, want), ret),
            out,
        );
        self.file.delivered(delivered);
        self.count(tid, |totals| totals.bytes = totals.bytes.wrapping_add(delivered));
        let Some(call) = self.calls.remove(tid) else { return };
        let leftovers = verified.unwrap_or_else(|| observed(&call, pos, delivered, state));
        let end = ReadEnd {
            ret,
            range: Range { start: pos, end: pos.saturating_add_unsigned(delivered) },
            totals: call.totals,
            leftover: leftovers.leftover,
            from_leftover: leftovers.from_leftover,
            duration: Some(at.time.saturating_sub(call.entered)),
            eof: call.end_seen && leftovers.leftover == 0,
            partial: call.partial_reason,
        };
        self.emit(at, Some(id), call.task, UpdateKind::ReadEnd(Box::new(end)), out);
    }

    /// Handles the return of an lseek. `ret`: the new file offset, or a negative errno.
    pub(super) fn lseek_exit(
        &mut self,
        at: Timestamp,
        tid: u32,
        ret: i64,
        state: SeqState,
        out: Emit<'_>,
    ) {
        let call = self.calls.of(tid).map(|call| (call.kind, call.state));
        let Some((CallKind::Lseek { offset, whence }, call_state)) = call else {
            return self.unexpected_exit(at, out);
        };
        let verified = self.verify_return(
            at,
            (tid, ret),
            state,
            |call, m, exclusive| call.lseek_returned(m, exclusive, (offset, whence), ret),
            out,
        );
        let leftover = verified.unwrap_or(state.count);
        if let (CallState::AmbiguousSeekEnd(end), Some(leftover)) = (call_state, verified) {
            let result = if ret < 0 {
                SeekResult::Failed
            } else {
                self.file.keep(leftover);
                let of_record = distance(ret, end.end).saturating_add(end.start_bytes);
                let stop_bytes = leftover.checked_sub(of_record).filter(|&bytes| bytes > 0);
                SeekResult::Reached { target: ret, stop_bytes }
            };
            self.release_deferred(result, out);
        }
        let Some(call) = self.calls.remove(tid) else { return };
        let what = UpdateKind::LseekEnd {
            ret,
            passed_over: call.totals.passed_over,
            leftover,
            duration: Some(at.time.saturating_sub(call.entered)),
        };
        self.emit(at, None, call.task, what, out);
    }

    /// Handles the return of a call whose entry was not seen.
    fn unexpected_exit(&mut self, at: Timestamp, out: Emit<'_>) {
        if self.file.synced {
            let mismatch = ModelMismatch::new("no return", "return of a read or lseek");
            self.mismatch(at, mismatch, out);
        }
    }

    /// Checks with `expected` that the core returns `ret` from the call of thread `tid`, and that the seq_file is in
    /// the state that the model has then. Returns the result of `expected`; `None` if the state of the call is unknown.
    fn verify_return<T>(
        &mut self,
        at: Timestamp,
        (tid, ret): (u32, i64),
        state: SeqState,
        expected: impl FnOnce(&InFlightCall, &mut CoreState, bool) -> Result<T, ModelMismatch>,
        out: Emit<'_>,
    ) -> Option<T> {
        let alone = self.calls.len() == 1;
        let call = self.calls.of(tid)?;
        // Such a call may have emptied the buffer without a callback. The time at which it did is unknown.
        let silent =
            matches!(call.state, CallState::Entered | CallState::TraverseAgain) && ret <= 0;
        self.file.order_ambiguous |= call.overlapped && silent;
        if call.state == CallState::Unknown {
            if self.file.synced && alone {
                self.sync(&state);
            }
            return None;
        }
        let exclusive = !call.overlapped;
        let result = expected(call, &mut self.file.m, exclusive).and_then(|result| {
            // Overlapped calls may have taken bytes from the buffer without a callback. The end of the buffer is still
            // known.
            if exclusive {
                self.file.m.check(&state)?;
            } else if alone && !self.file.order_ambiguous {
                self.file.m.check_end(&state)?;
            }
            Ok(result)
        });
        match result {
            Ok(result) => {
                if alone {
                    self.sync(&state);
                }
                Some(result)
            }
            Err(mismatch) => {
                self.mismatch(at, mismatch, out);
                None
            }
        }
    }
}

/// Derives the leftovers of a read whose state is unknown from the state of the seq_file on its entry and return alone.
fn observed(call: &InFlightCall, pos: i64, delivered: u64, state: SeqState) -> Leftovers {
    let resumed = pos != 0 && pos == call.entry.read_pos;
    let from_leftover = if resumed { delivered.min(call.entry.count) } else { 0 };
    Leftovers { from_leftover, leftover: state.count }
}
