//! A pass, from start to stop, and the record that it hands over to the next pass.

use super::entries::Entry;
use super::identity::{Identity, Trust};
use crate::event::{Ptr, PtrKind};
use crate::rules::hooks::Returned;
use crate::session::update::{CallbackUpdate, Phase};

/// A record that start or next returned and that no show has rendered completely: the handed-out
/// record.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) struct PromisedRecord {
    /// Position (`m->index`) that the core has for the record.
    pub(in crate::rules) pos: i64,
    pub(in crate::rules) ptr: Ptr,
    pub(in crate::rules) identity: Identity,
    /// True if the core corrected the position, because next had not changed it.
    pub(in crate::rules) fixed_up: bool,
    /// True if the position is wrong and was not corrected.
    pub(in crate::rules) out_of_step: bool,
    /// True if next returned another pointer than the one that was passed to it.
    pub(in crate::rules) advanced: bool,
    /// Number of the read in which the record was handed out; `None` outside of reads.
    pub(in crate::rules) read: Option<u32>,
    pub(in crate::rules) time: u64,
}

/// End of the file: next returned NULL and moved the position.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) struct End {
    /// Position to which next moved.
    pub(in crate::rules) pos: i64,
    pub(in crate::rules) phase: Phase,
    /// Time of the return, ns since boot.
    pub(in crate::rules) time: u64,
    pub(in crate::rules) read: Option<u32>,
}

/// Record with which a pass began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) enum Origin {
    /// With the handed-out record, or as the first of its generation.
    Resumed,
    /// With another record than the one handed out.
    Mismatch,
    /// Behind the end of the file.
    AfterEnd,
}

/// The pass in progress.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(in crate::rules) struct Pass {
    /// Number of the pass in the session, from 1.
    pub(in crate::rules) number: u32,
    /// Time at which start returned, ns since boot.
    pub(in crate::rules) began: u64,
    pub(in crate::rules) origin: Origin,
    /// Record that start or next returned last, until show renders it.
    pub(in crate::rules) pending_record: Option<PromisedRecord>,
    /// Number of accepted records.
    pub(super) accepted: u32,
    /// True if the position belongs to the pending record only: it was passed to start, or next moved to it.
    pub(super) has_position: bool,
    /// True if a next did not change the position or moved it back, and the core did not correct it.
    pub(in crate::rules) out_of_step: bool,
    /// True if start returned the handed-out record, or this is the first pass of its generation.
    pub(super) in_place: bool,
    /// True if the last next returned the pointer that was passed to it.
    pub(super) returned_same: bool,
    /// Key of the expected next record: the one that followed the last record when that was rendered earlier; `None` if
    /// unknown.
    pub(super) successor: Option<u64>,
    /// Number of accepted records with a pointer that no other record of this pass had.
    pub(super) different: u32,
    /// True if the pass began with the wrong record or behind the end, and all its records so far were accepted
    /// earlier.
    pub(super) only_duplicates: bool,
    /// End of the file that next had reported at the position of the first record; `None` after that record is
    /// accepted.
    pub(in crate::rules) early: Option<End>,
}

impl Pass {
    pub(super) fn new(
        callback: &CallbackUpdate,
        returned: Ptr,
        identity: Identity,
        began: u64,
        read: Option<u32>,
    ) -> Self {
        let pending_record = PromisedRecord {
            pos: callback.pos_out,
            ptr: returned,
            identity,
            fixed_up: false,
            out_of_step: false,
            advanced: false,
            read,
            time: began,
        };
        Self {
            number: callback.pass,
            began,
            origin: Origin::Resumed,
            pending_record: is_record(returned).then_some(pending_record),
            accepted: 0,
            has_position: true,
            out_of_step: false,
            in_place: false,
            returned_same: false,
            successor: None,
            different: 0,
            only_duplicates: false,
            early: None,
        }
    }

    /// Records a returned next(). `advanced`: true if it returned another record.
    pub(super) fn advance(
        &mut self,
        next: &Returned<'_>,
        read: Option<u32>,
        identity: Identity,
        advanced: bool,
    ) {
        let Returned { callback, ptr, time } = *next;
        let moved = callback.pos_in != Some(callback.pos_out);
        self.has_position = moved || callback.fixed_up;
        self.out_of_step |= !self.has_position;
        self.returned_same = callback.v == Some(ptr);
        let pos = callback.pos_out.wrapping_add(i64::from(callback.fixed_up));
        self.pending_record = is_record(ptr).then_some(PromisedRecord {
            pos,
            ptr,
            identity,
            fixed_up: callback.fixed_up,
            out_of_step: self.out_of_step,
            advanced,
            read,
            time,
        });
    }
}

/// Returns true if the pointer is a record that show renders.
pub(in crate::rules) fn is_record(ptr: Ptr) -> bool {
    matches!(ptr.kind(), PtrKind::Token | PtrKind::Record(_))
}

/// The beginning of a pass, compared with the record that the previous pass had handed out.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) struct Resume {
    /// Record that the previous pass had handed out.
    pub(in crate::rules) promised: PromisedRecord,
    /// Pointer that start returned.
    pub(in crate::rules) returned: Ptr,
    pub(in crate::rules) identity: Identity,
    /// True if start returned the handed-out record, as far as is known.
    pub(in crate::rules) agrees: bool,
    /// True if start moved the position to one that no record had. An iterator does so when the record at the old
    /// position is gone.
    pub(in crate::rules) moved_ahead: bool,
    /// Position of an accepted record to which start set the position back; `None`: it did not.
    pub(in crate::rules) set_back: Option<i64>,
    /// Degree to which the two pointers can be compared.
    pub(in crate::rules) trust: Trust,
    /// Entry of the record that start returned, if it was accepted earlier in this generation; else `None`.
    pub(in crate::rules) seen: Option<Entry>,
    /// Distance in records from the next new record to `seen`: a negative number; `None` if unknown.
    pub(in crate::rules) delta: Option<i64>,
}

impl Resume {
    /// Returns true if start may have returned the handed-out record at another address.
    pub(in crate::rules) fn can_be_moved(&self) -> bool {
        let record = is_record(self.returned) && self.set_back.is_none();
        let right = !self.promised.identity.is_fixed() && !self.promised.out_of_step;
        record && right && !self.agrees
    }

    pub(super) fn agreeing(promised: PromisedRecord, returned: Ptr, set_back: Option<i64>) -> Self {
        Self {
            promised,
            returned,
            identity: promised.identity,
            agrees: true,
            moved_ahead: false,
            set_back,
            trust: Trust::Firm,
            seen: None,
            delta: None,
        }
    }
}

/// Describes the part of the core that called a callback.
pub(in crate::rules) fn during(phase: Phase) -> &'static str {
    match phase {
        Phase::Traverse => "in a traversal",
        Phase::First => "looking for a read's first record",
        Phase::Fill => "filling the buffer",
        Phase::Unknown => "somewhere",
    }
}
