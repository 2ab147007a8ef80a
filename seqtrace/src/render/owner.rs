//! What consecutive updates often have in common: CPU, session, read and task.
//!
//! Renderers keep the part of a line that depends on nothing else, and copy it while the owner stays the same. It is
//! the only text that is kept from line to line.

use std::rc::Rc;

use crate::event::Task;
use crate::session::update::{SessionId, Update};

/// The owner of the previous update.
#[derive(Default)]
pub(super) struct LastOwner(Option<Owner>);

/// Everything that the kept text may depend on. The path of a session never changes, so its id is enough.
struct Owner {
    cpu: u16,
    session: Option<SessionId>,
    read: Option<u32>,
    task: Option<Rc<Task>>,
}

impl LastOwner {
    /// Returns true if `update` has another owner than the previous one, or is the first.
    #[inline]
    pub(super) fn changes_with(&mut self, update: &Update) -> bool {
        if self.0.as_ref().is_some_and(|owner| owner.is_of(update)) {
            return false;
        }
        self.0 = Some(Owner::of(update));
        true
    }
}

impl Owner {
    fn of(update: &Update) -> Self {
        let Update { time: _, cpu, session, read, task, what: _ } = update;
        let session = session.as_ref().map(|session| session.id);
        Self { cpu: *cpu, session, read: *read, task: task.clone() }
    }

    #[inline]
    fn is_of(&self, update: &Update) -> bool {
        let Update { time: _, cpu, session, read, task, what: _ } = update;
        self.cpu == *cpu
            && self.session == session.as_ref().map(|session| session.id)
            && self.read == *read
            // Rc compares the addresses first.
            && self.task == *task
    }
}
