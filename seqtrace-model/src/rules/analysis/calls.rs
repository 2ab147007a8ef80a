//! The reads and lseeks of a session that have not returned.

use crate::event::{PtrKind, Role};
use crate::session::update::{CallbackUpdate, Update};

/// A read or lseek that has not returned.
#[derive(Debug)]
pub(super) struct Call {
    /// Number of the read; `None` for an lseek.
    read: Option<u32>,
    tid: Option<u32>,
    /// File offset at which a read begins.
    pub(super) pos: i64,
    /// Number of passes that the call has begun.
    passes: u32,
    /// True if another call was in progress at the same time.
    pub(super) shared: bool,
    /// The first callback that failed in the call; `None`: none has failed.
    pub(super) failure: Option<Failure>,
}

/// A callback that failed.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) struct Failure {
    pub(in crate::rules) role: Role,
    pub(in crate::rules) errno: u32,
    /// Position (`m->index`) when the callback returned.
    pub(in crate::rules) pos: i64,
    /// Time of the return, ns since boot.
    pub(in crate::rules) time: u64,
}

impl Failure {
    /// Returns the failure of a callback; `None` if it did not fail. A show whose record did not fit into the buffer
    /// has not failed: the core calls it again.
    #[inline]
    fn of(callback: &CallbackUpdate, time: u64) -> Option<Self> {
        let errno = match (callback.role, callback.ret_ptr, callback.ret_int) {
            (Role::Show, _, Some(ret)) if ret < 0 && !callback.full => ret.unsigned_abs(),
            (Role::Start | Role::Next, Some(ptr), _) => match ptr.kind() {
                PtrKind::Err(errno) => errno.unsigned_abs(),
                _ => return None,
            },
            _ => return None,
        };
        Some(Self { role: callback.role, errno, pos: callback.pos_out, time })
    }
}

/// All calls in progress.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Call>);

impl Calls {
    pub(super) fn enter(&mut self, update: &Update, pos: i64) {
        let shared = !self.0.is_empty();
        for call in &mut self.0 {
            call.shared = true;
        }
        let tid = update.task.as_ref().map(|task| task.tid);
        self.0.push(Call { read: update.read, tid, pos, passes: 0, shared, failure: None });
    }

    /// Counts a pass that begins. Returns true if it is the first pass of a read at offset 0.
    pub(super) fn begin_pass(&mut self, update: &Update) -> bool {
        self.of(update).is_some_and(|call| {
            call.passes += 1;
            call.passes == 1 && call.read.is_some() && call.pos == 0
        })
    }

    /// Records a callback that failed, if it is the first one in its call.
    #[inline]
    pub(super) fn note_failure(&mut self, update: &Update, callback: &CallbackUpdate) {
        if let Some(failure) = Failure::of(callback, update.time)
            && let Some(call) = self.of(update)
        {
            call.failure.get_or_insert(failure);
        }
    }

    pub(super) fn leave(&mut self, update: &Update) -> Option<Call> {
        let at = self.position(update)?;
        Some(self.0.remove(at))
    }

    fn of(&mut self, update: &Update) -> Option<&mut Call> {
        let at = self.position(update)?;
        self.0.get_mut(at)
    }

    fn position(&self, update: &Update) -> Option<usize> {
        let tid = update.task.as_ref().map(|task| task.tid);
        self.0
            .iter()
            .position(|call| call.read == update.read && (call.read.is_some() || call.tid == tid))
    }
}
