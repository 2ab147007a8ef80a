//! Reads and lseeks in flight: their arguments, and the point that the core has reached in each.

use std::sync::Arc;

use crate::event::{SeqState, Task};
use crate::session::model::AmbiguousSeekEnd;
use crate::session::update::{Partial, Totals};

// include/uapi/linux/fs.h
pub(super) const SEEK_SET: u32 = 0;
pub(super) const SEEK_CUR: u32 = 1;

/// A system call with its arguments.
#[derive(Clone, Copy, Debug)]
pub(super) enum CallKind {
    /// `seq_read_iter()`: number of the read, file offset and requested bytes.
    Read { id: u32, pos: i64, want: u64 },
    /// `seq_lseek()` with its arguments.
    Lseek { offset: i64, whence: u32 },
}

/// The point that the core has reached in a read or lseek.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallState {
    /// No callback was called yet.
    Entered,
    /// A pass is in progress.
    InPass,
    /// A record of the traversal overflowed the buffer, so the traversal must begin again with a larger buffer.
    TraverseAgain,
    /// A callback of the traversal returned -EAGAIN, so the traversal must begin again.
    TraverseRetry,
    /// The traversal reached its offset, with `leftover` bytes of its last record in the buffer.
    Traversed { leftover: u64 },
    /// The traversal of a relative lseek reached an offset that is unknown until the lseek returns.
    AmbiguousSeekEnd(AmbiguousSeekEnd),
    /// The traversal failed with this negative errno.
    TraverseFailed { error: i32 },
    /// The first record overflowed the buffer, so the pass must begin again with a larger buffer.
    ReadAgain,
    /// No record had bytes. `error`: 0 at the end of the file, or a negative errno.
    NoRecord { error: i32 },
    /// The pass left `kept` bytes in the buffer for the reader. `error`: negative errno of the show that ended the
    /// pass; 0: none.
    Filled { kept: u64, error: i32 },
    /// The state is unknown, because events were missed or an order is ambiguous.
    Unknown,
}

/// A read or an lseek that was entered and has not returned.
#[derive(Debug)]
pub(super) struct InFlightCall {
    pub(super) kind: CallKind,
    pub(super) tid: u32,
    /// The caller; `None` if only its thread id is known.
    pub(super) task: Option<Arc<Task>>,
    /// Time of entry, ns since boot.
    pub(super) entered: u64,
    /// State of the seq_file on entry. If `overlapped`, another call may have been changing it.
    pub(super) entry: SeqState,
    pub(super) state: CallState,
    /// Number of leftover bytes of an earlier call that were copied to the reader before the core called start.
    pub(super) drained: u64,
    /// Number of passes that began again with a larger buffer.
    pub(super) restarts: u32,
    /// True if start or next returned NULL outside of a traversal.
    pub(super) end_seen: bool,
    pub(super) totals: Totals,
    /// Reason why the call is not seen whole; `None`: the call is seen whole.
    pub(super) partial_reason: Option<Partial>,
    /// True if another call of the session was in flight at the same time.
    pub(super) overlapped: bool,
    /// True if events were lost since the call entered: its return may be among them.
    pub(super) may_have_returned: bool,
}

impl InFlightCall {
    /// Creates the state of a call that is entered at `time` (ns since boot).
    pub(super) fn new(kind: CallKind, tid: u32, task: Option<Arc<Task>>, time: u64) -> Self {
        Self {
            kind,
            tid,
            task,
            entered: time,
            entry: SeqState::default(),
            state: CallState::Entered,
            drained: 0,
            restarts: 0,
            end_seen: false,
            totals: Totals::default(),
            partial_reason: None,
            overlapped: false,
            may_have_returned: false,
        }
    }

    /// Returns the number of the read; `None` for an lseek.
    pub(super) fn read_id(&self) -> Option<u32> {
        match self.kind {
            CallKind::Read { id, .. } => Some(id),
            CallKind::Lseek { .. } => None,
        }
    }
}

/// The calls of a session that are in flight, in the order of their entries. A thread has at most one.
#[derive(Debug, Default)]
pub(super) struct InFlightCalls(Vec<InFlightCall>);

impl InFlightCalls {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, call: InFlightCall) {
        self.0.push(call);
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut InFlightCall> {
        self.0.iter_mut()
    }

    pub(super) fn of(&self, tid: u32) -> Option<&InFlightCall> {
        self.0.iter().find(|call| call.tid == tid)
    }

    pub(super) fn of_mut(&mut self, tid: u32) -> Option<&mut InFlightCall> {
        self.0.iter_mut().find(|call| call.tid == tid)
    }

    pub(super) fn remove(&mut self, tid: u32) -> Option<InFlightCall> {
        let index = self.0.iter().position(|call| call.tid == tid)?;
        Some(self.0.remove(index))
    }

    pub(super) fn remove_oldest(&mut self) {
        self.0.remove(0);
    }

    /// Returns the only call in flight; `None` if there are several, or if the return of the call may have been lost.
    pub(super) fn only(&self) -> Option<&InFlightCall> {
        match self.0.as_slice() {
            [call] if !call.may_have_returned => Some(call),
            _ => None,
        }
    }

    /// Returns true if one of the calls has not called any callback yet.
    pub(super) fn any_without_callbacks(&self) -> bool {
        self.0.iter().any(|call| call.state == CallState::Entered)
    }

    /// Marks the state of all calls as unknown.
    pub(super) fn lose_track(&mut self, why: Partial) {
        for call in &mut self.0 {
            call.partial_reason.get_or_insert(why);
            call.state = CallState::Unknown;
        }
    }
}
