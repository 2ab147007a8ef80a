//! Passes without a known beginning. The model predicts nothing in them. It concludes only from single events and from
//! pairs of consecutive ones.

use crate::event::{Callback, Ptr, Role};
use crate::session::update::{CallbackUpdate, Fate, Phase};

/// A set of callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Roles(u8);

impl Roles {
    pub(super) fn insert(&mut self, role: Role) {
        self.0 |= 1 << role as u8;
    }

    pub(super) fn contains(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The facts that are known inside an untracked pass. The default value has none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UntrackedPass {
    /// `m->index`; `None` if it may have changed since it was seen.
    index: Option<i64>,
    /// The record that start or next returned last; `None` if unknown.
    v: Option<Ptr>,
}

impl UntrackedPass {
    /// Begins a pass whose start is about to be called with position `index`.
    pub(super) fn begin(index: i64) -> Self {
        Self { index: Some(index), v: None }
    }

    /// Processes the return of a callback and adds the conclusions to `update`. `blind` are the callbacks that no probe
    /// can see.
    pub(super) fn returned(&mut self, seen: &Callback, blind: Roles, update: &mut CallbackUpdate) {
        update.phase = Phase::Unknown;
        update.pos_in = self.index;
        update.v = self.v;
        match seen.role {
            Role::Start => {
                update.v = None;
                *self = Self { index: Some(seen.index), v: Some(Ptr(seen.ret)) };
            }
            Role::Next => {
                // If next did not move the position, the core may correct it: seq_read_iter() does while it fills the
                // buffer, its search for a first record and traverse() do not.
                let moved = self.index.is_some_and(|index| index != seen.index);
                *self = Self { index: moved.then_some(seen.index), v: Some(Ptr(seen.ret)) };
            }
            Role::Show => {
                update.pos_in = Some(seen.index);
                self.index = Some(seen.index);
                update.fate = Some(match seen.int() {
                    0 => Fate::Unknown,
                    1.. => Fate::Skipped,
                    _ => Fate::Failed,
                });
            }
            Role::Stop => {
                update.pos_in = Some(seen.index);
                *self = Self::default();
            }
        }
        // An unseen start may run at any time, an unseen next after any show.
        if blind.contains(Role::Start) || (blind.contains(Role::Next) && seen.role == Role::Show) {
            *self = Self::default();
        }
    }
}
