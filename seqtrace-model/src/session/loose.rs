//! A pass that was not seen from its beginning, or not whole: no predictions, only what one event
//! alone or two neighbours prove.

use crate::event::{Callback, Ptr, Role};
use crate::session::update::{CallbackUpdate, Fate, Phase};

/// A set of callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Roles(u8);

impl Roles {
    /// Adds one.
    pub(super) fn insert(&mut self, role: Role) {
        self.0 |= 1 << role as u8;
    }

    /// Is it in?
    pub(super) fn contains(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// Is none in?
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What is known inside of such a pass.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loose {
    /// `m->index`, if nothing can have changed it since it was seen.
    index: Option<i64>,
    /// The record at hand.
    v: Option<Ptr>,
}

impl Loose {
    /// Nothing is known.
    pub(super) fn unknown() -> Self {
        Self::default()
    }

    /// start is about to be called for this position.
    pub(super) fn begin(index: i64) -> Self {
        Self { index: Some(index), v: None }
    }

    /// A callback returned; `blind` are those that cannot be seen. What is concluded goes into `update`, which has
    /// what was seen.
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
                // Unmoved, the core may correct it: the fill loop does, the other two do not.
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
                *self = Self::unknown();
            }
        }
        // start may have run again anywhere, next behind any show.
        if blind.contains(Role::Start) || (blind.contains(Role::Next) && seen.role == Role::Show) {
            *self = Self::unknown();
        }
    }
}
