//! The CPU, session, read and task of an update, which consecutive updates often share.
//!
//! Renderers keep the part of a line that depends on nothing else, and copy it while the owner stays the same. It is
//! the only text that is kept from line to line.

use std::sync::Arc;

use crate::event::Task;
use crate::session::update::{Session, Update};

/// The owner of the previous update.
#[derive(Default)]
pub(super) struct LastOwner(Option<Owner>);

/// Everything that the kept text may depend on. Sessions and tasks never change, so their addresses identify them as
/// long as they are held here.
struct Owner {
    cpu: u16,
    read: Option<u32>,
    session: Option<Arc<Session>>,
    task: Option<Arc<Task>>,
}

impl LastOwner {
    /// Returns true if `update` has another owner than the previous one, or is the first.
    #[inline]
    pub(super) fn changes_with(&mut self, update: &Update) -> bool {
        let same = self.0.as_ref().is_some_and(|owner| owner.is_of(update));
        if !same {
            self.remember(update);
        }
        !same
    }

    // Not inlined, so that the comparison is.
    #[inline(never)]
    fn remember(&mut self, update: &Update) {
        let Update { time: _, cpu, session, read, task, what: _ } = update;
        let (session, task) = (session.clone(), task.clone());
        self.0 = Some(Owner { cpu: *cpu, read: *read, session, task });
    }
}

impl Owner {
    #[inline]
    fn is_of(&self, update: &Update) -> bool {
        let Update { time: _, cpu, session, read, task, what: _ } = update;
        self.cpu == *cpu
            && self.read == *read
            && is_same(self.session.as_ref(), session.as_ref())
            && is_same(self.task.as_ref(), task.as_ref())
    }
}

#[inline]
fn is_same<T>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
    one.map(Arc::as_ptr) == other.map(Arc::as_ptr)
}
