//! The reads and lseeks of a session that have not returned.

use super::Case;
use crate::rules::sq304::Failure;
use crate::session::update::Update;

/// A read or lseek that has not returned.
#[derive(Debug)]
pub(super) struct Call {
    /// The read's number; `None` for an lseek.
    pub(super) read: Option<u32>,
    /// Its thread.
    pub(super) tid: Option<u32>,
    /// A read's file offset.
    pub(super) pos: i64,
    /// Passes begun.
    pub(super) passes: u32,
    /// Another one was open at the same time.
    pub(super) shared: bool,
    pub(super) failure: Option<Failure>,
}

impl Case {
    pub(super) fn enter(&mut self, update: &Update, pos: i64) {
        let shared = !self.open.is_empty();
        for call in &mut self.open {
            call.shared = true;
        }
        let tid = update.task.as_ref().map(|task| task.tid);
        let call = Call { read: update.read, tid, pos, passes: 0, shared, failure: None };
        self.open.push(call);
    }

    /// The call that an update belongs to.
    pub(super) fn call(&mut self, update: &Update) -> Option<&mut Call> {
        let tid = update.task.as_ref().map(|task| task.tid);
        self.open
            .iter_mut()
            .find(|call| call.read == update.read && (call.read.is_some() || call.tid == tid))
    }

    pub(super) fn leave(&mut self, update: &Update) -> Option<Call> {
        let tid = update.task.as_ref().map(|task| task.tid);
        let at = self.open.iter().position(|call| {
            call.read == update.read && (call.read.is_some() || call.tid == tid)
        })?;
        Some(self.open.remove(at))
    }
}
