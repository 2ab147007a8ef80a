//! Comparison of the record that start returned with the one that next had handed out.

use super::identity::{self, Identity, Pointers, Trust};
use super::pass::{Origin, Pass, PromisedRecord, Resume, is_record};

use super::{Ledger, PreviousGeneration};
use crate::event::{Ptr, PtrKind};
use crate::rules::hooks::Returned;
use crate::session::update::{CallbackUpdate, Phase};

/// Maximum number of missed records that are stored until the end of the file.
const MISSED: usize = 64;

impl Ledger {
    /// Records a returned start(). Returns the comparison with the handed-out record; `None` if there was none.
    pub(in crate::rules) fn record_start(
        &mut self,
        start: &Returned<'_>,
        read: Option<u32>,
        pointers: &mut Pointers,
    ) -> Option<Resume> {
        let Returned { callback, ptr: returned, time } = *start;
        let before = self.private;
        self.private = callback.private.or(before);
        self.passes += 1;
        self.locate(before, callback, returned, pointers);
        let identity = self.identity(returned);
        let mut pass = Pass::new(callback, returned, identity, time, read);
        let set_back = self.sets_back(callback, returned);
        self.set_back |= set_back.is_some();
        let early = self.early.take().filter(|end| callback.pos_in == Some(end.pos));
        let broken = self.set_back || self.is_broken();
        pass.early = early.filter(|_| is_record(returned) && !broken);
        let resume = if self.passes > 1 {
            let moved = before.is_some() && before != self.private;
            let resume = self.resume(callback, returned, moved, set_back, pointers);
            pass.origin = if resume.is_some_and(|resume| !resume.agrees) {
                Origin::Mismatch
            } else if self.promised.is_none() && self.ended {
                Origin::AfterEnd
            } else {
                Origin::Resumed
            };
            resume
        } else {
            self.first = is_record(returned).then_some(callback.pos_out);
            None
        };
        pass.only_duplicates = pass.origin != Origin::Resumed;
        pass.in_place = resume.map_or(self.passes == 1, |resume| resume.agrees);
        self.promised = None;
        self.ended = returned == Ptr::NULL;
        if callback.phase != Phase::Traverse {
            // A traversal that ended before its offset continues here, too.
            self.end = if pass.origin == Origin::AfterEnd { None } else { self.end };
        }
        self.pass = Some(pass);
        resume
    }

    /// Determines whether records lie in the memory at `m->private`, which shows when `m->private` differs from its
    /// value in the previous pass (`before`).
    fn locate(
        &mut self,
        before: Option<u64>,
        callback: &CallbackUpdate,
        returned: Ptr,
        pointers: &mut Pointers,
    ) {
        if let Some(promised) =
            self.promised.filter(|promised| callback.pos_in == Some(promised.pos))
            && before != self.private
        {
            let was = identity::offset(promised.ptr.0, before).filter(|offset| *offset > 0);
            if was.is_some() && was == self.offset(returned) {
                pointers.note_private_moved(true);
            } else if returned == promised.ptr {
                pointers.note_private_moved(false);
            }
        }
        let relative = pointers.is_relative();
        if relative == self.relative {
            return;
        }
        self.relative = relative;
        let (m, last) = (self.m, self.entries.last().map_or(0, |entry| entry.pass));
        let fixed = &self.fixed;
        let name = |ptr| Identity::of(ptr, m, before, relative, fixed);
        self.entries.rename(last, |ptr| name(ptr).key());
        if let Some(promised) = &mut self.promised {
            promised.identity = name(promised.ptr);
        }
    }

    /// Returns the position of an accepted record to which start set the position back; `None`: it did not.
    pub(in crate::rules) fn sets_back(
        &self,
        callback: &CallbackUpdate,
        returned: Ptr,
    ) -> Option<i64> {
        let to = callback.pos_out;
        let moved = callback.pos_in.is_some_and(|from| from != to);
        let failed = matches!(returned.kind(), PtrKind::Err(_));
        let taken = || self.first == Some(to) || self.entries.at(to).is_some();
        (moved && !failed && taken()).then_some(to)
    }

    fn resume(
        &mut self,
        callback: &CallbackUpdate,
        returned: Ptr,
        private_moved: bool,
        set_back: Option<i64>,
        pointers: &mut Pointers,
    ) -> Option<Resume> {
        let promised = self.promised?;
        if callback.pos_in != Some(promised.pos) || matches!(returned.kind(), PtrKind::Err(_)) {
            return None;
        }
        let identity = self.identity(returned);
        let same = returned == promised.ptr
            || (identity == promised.identity && identity != Identity::Unknown);
        let known = self.entries.with_key(identity.key()).map(|(number, entry)| (number, *entry));
        let trust = match (returned.kind(), same) {
            // NULL needs no trust in pointers.
            (PtrKind::Null, _) => Trust::Firm,
            (_, true) => {
                if promised.advanced && !identity.is_fixed() {
                    pointers.note_stable();
                }
                return Some(Resume::agreeing(promised, returned, set_back));
            }
            // Each pass may allocate its iterator: only pointers relative to it can be compared.
            _ if private_moved && !(identity.is_fixed() && promised.identity.is_fixed()) => {
                Trust::None
            }
            _ => {
                let trust = pointers.trust(identity, promised.identity);
                pointers.note_mismatch();
                trust
            }
        };
        // A position that was set back needs no trust in pointers, but the record that was returned
        // does.
        let known = known.filter(|_| set_back.is_none() || trust > Trust::None);
        let trust = if set_back.is_some() { Trust::Firm } else { trust };
        Some(Resume {
            promised,
            returned,
            identity,
            agrees: false,
            moved_ahead: set_back.is_none() && callback.pos_in != Some(callback.pos_out),
            set_back,
            trust,
            seen: known.map(|(_, entry)| entry),
            delta: known.map(|(number, _)| {
                i64::try_from(number).unwrap_or(0)
                    - i64::try_from(self.entries.total()).unwrap_or(0)
            }),
        })
    }

    /// Returns a comparison if the first start of a generation returned the record that next had
    /// handed out before it for another position.
    pub(in crate::rules) fn continues_previous(
        &self,
        previous: &PreviousGeneration,
        callback: &CallbackUpdate,
        returned: Ptr,
        pointers: &Pointers,
    ) -> Option<Resume> {
        let PreviousGeneration { promised, first } = *previous;
        // m->private itself identifies no record, unless next had handed it out.
        let identity = promised.identity;
        let same = returned == promised.ptr && identity != Identity::Unknown;
        let elsewhere = callback.pos_out == first.pos && promised.pos != first.pos;
        if self.passes != 1 || !same || !elsewhere || first.ptr == returned {
            return None;
        }
        let trust = pointers.trust(identity, identity);
        let resume = Resume::agreeing(promised, returned, None);
        let resume = Resume { agrees: false, trust, seen: Some(first), ..resume };
        (trust > Trust::None).then_some(resume)
    }

    /// Records that start did return the handed-out record.
    pub(in crate::rules) fn confirm_resume(&mut self) {
        if let Some(pass) = &mut self.pass {
            pass.origin = Origin::Resumed;
            pass.only_duplicates = false;
        }
    }

    /// Stores a handed-out record instead of which start returned another one.
    pub(in crate::rules) fn note_missed(&mut self, promised: PromisedRecord) {
        if self.missed.len() < MISSED {
            self.missed.push(promised);
        } else {
            self.missed_unkept += 1;
        }
    }

    /// Removes and returns the records that were missed so far, and the number of those that were not stored.
    pub(in crate::rules) fn take_missed(&mut self) -> (Vec<PromisedRecord>, u64) {
        (std::mem::take(&mut self.missed), std::mem::take(&mut self.missed_unkept))
    }

    /// Marks the position of the pending record as wrong.
    pub(in crate::rules) fn out_of_step(&mut self) {
        if let Some(pass) = &mut self.pass {
            pass.out_of_step = true;
            if let Some(pending_record) = &mut pass.pending_record {
                pending_record.out_of_step = true;
            }
        }
    }
}
