//! start … stop, and what is promised from one pass to the next.

use super::entries::Entry;
use super::identity::{Identity, Trust};
use crate::event::{Ptr, PtrKind};
use crate::session::update::{CallbackUpdate, Phase};

/// A record that start or next returned and that has not been shown, or not to the end.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) struct Handed {
    /// The position that the core has for it.
    pub(in crate::rules) pos: i64,
    pub(in crate::rules) ptr: Ptr,
    pub(in crate::rules) identity: Identity,
    /// The core had to correct the position.
    pub(in crate::rules) fixed_up: bool,
    /// The position is wrong and nobody corrected it.
    pub(in crate::rules) out_of_step: bool,
    /// next returned another than it was given.
    pub(in crate::rules) advanced: bool,
    /// When it was handed out, and in which read.
    pub(in crate::rules) read: Option<u32>,
    pub(in crate::rules) time: u64,
}

/// next returned NULL and moved the position.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) struct End {
    /// The position that it left.
    pub(in crate::rules) pos: i64,
    pub(in crate::rules) phase: Phase,
    /// When it returned, and in which read.
    pub(in crate::rules) time: u64,
    pub(in crate::rules) read: Option<u32>,
}

/// How a pass began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) enum Origin {
    /// With the record that was handed out, or as the first of its generation.
    Resumed,
    /// With another one.
    Astray,
    /// Behind the end of the file.
    AfterEnd,
}

/// The pass in progress.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(in crate::rules) struct Pass {
    /// Its number in the session.
    pub(in crate::rules) number: u32,
    /// When start returned, ns since boot.
    pub(in crate::rules) began: u64,
    pub(in crate::rules) origin: Origin,
    /// The record at hand, not shown yet.
    pub(in crate::rules) held: Option<Handed>,
    /// Records accepted.
    pub(super) shown: u32,
    /// The position of the record at hand was given to it: start was asked for it, or next moved.
    pub(super) placed: bool,
    /// A next left the position alone, or moved it back, and the core did not help.
    pub(in crate::rules) out_of_step: bool,
    /// start returned what next had handed out, or is the first of its generation.
    pub(super) sure: bool,
    /// The last next returned what it was given.
    pub(super) repeats: bool,
    /// The record that followed the last one when that was there before.
    pub(super) then: Option<u64>,
    /// Records accepted that have a pointer of their own.
    pub(super) different: u32,
    /// It began astray or behind the end, and all its records so far were there before.
    pub(super) doubling: bool,
    /// It began with a record where next had ended the pass before, and none was accepted yet.
    pub(in crate::rules) early: Option<End>,
}

impl Pass {
    /// start returned.
    pub(super) fn new(
        callback: &CallbackUpdate,
        returned: Ptr,
        identity: Identity,
        began: u64,
    ) -> Self {
        let held = Handed {
            pos: callback.pos_out,
            ptr: returned,
            identity,
            fixed_up: false,
            out_of_step: false,
            advanced: false,
            read: None,
            time: 0,
        };
        Self {
            number: callback.pass,
            began,
            origin: Origin::Resumed,
            held: is_record(returned).then_some(held),
            shown: 0,
            placed: true,
            out_of_step: false,
            sure: false,
            repeats: false,
            then: None,
            different: 0,
            doubling: false,
            early: None,
        }
    }

    /// next returned.
    pub(super) fn advance(
        &mut self,
        callback: &CallbackUpdate,
        returned: Ptr,
        identity: Identity,
        same: bool,
        advanced: bool,
    ) {
        let moved = callback.pos_in != Some(callback.pos_out);
        self.placed = moved || callback.fixed_up;
        self.out_of_step |= !self.placed;
        self.repeats = same;
        let pos = callback.pos_out.wrapping_add(i64::from(callback.fixed_up));
        self.held = is_record(returned).then_some(Handed {
            pos,
            ptr: returned,
            identity,
            fixed_up: callback.fixed_up,
            out_of_step: self.out_of_step,
            advanced,
            read: None,
            time: 0,
        });
    }
}

/// Something to show.
pub(in crate::rules) fn is_record(ptr: Ptr) -> bool {
    matches!(ptr.kind(), PtrKind::Token | PtrKind::Record(_))
}

/// A pass began where another had ended: what was promised, and what came.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) struct Resume {
    /// What had been handed out.
    pub(in crate::rules) handed: Handed,
    /// What start returned.
    pub(in crate::rules) returned: Ptr,
    pub(in crate::rules) identity: Identity,
    /// It is the same record, as far as can be told.
    pub(in crate::rules) agrees: bool,
    /// start moved the position to one that no record had: it says itself that there is nothing at the old one.
    pub(in crate::rules) rounded: bool,
    /// start set the position back to this one, at which a record was accepted before.
    pub(in crate::rules) set_back: Option<i64>,
    /// How much the two pointers mean.
    pub(in crate::rules) trust: Trust,
    /// The record that start returned was accepted before, in this generation.
    pub(in crate::rules) seen: Option<Entry>,
    /// How many records back it is from where the next one belongs.
    pub(in crate::rules) delta: Option<i64>,
}

impl Resume {
    /// True if the record that start returned can be the one that was handed out, at another address.
    pub(in crate::rules) fn can_be_moved(&self) -> bool {
        let record = is_record(self.returned) && self.set_back.is_none();
        let right = !self.handed.identity.is_fixed() && !self.handed.out_of_step;
        record && right && !self.agrees
    }

    pub(super) fn agreeing(handed: Handed, returned: Ptr, set_back: Option<i64>) -> Self {
        Self {
            handed,
            returned,
            identity: handed.identity,
            agrees: true,
            rounded: false,
            set_back,
            trust: Trust::Firm,
            seen: None,
            delta: None,
        }
    }
}

/// Where in the core, in a developer's words.
pub(in crate::rules) fn during(phase: Phase) -> &'static str {
    match phase {
        Phase::Traverse => "in a traversal",
        Phase::First => "looking for a read's first record",
        Phase::Fill => "filling the buffer",
        Phase::Unknown => "somewhere",
    }
}
