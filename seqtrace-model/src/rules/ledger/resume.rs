//! The passes of a generation: what start returned against what next had handed out.

use super::identity::{self, Identity, Pointers, Trust};
use super::pass::{Handed, Origin, Pass, Resume, is_record};
use super::{Ledger, Left};
use crate::event::{Ptr, PtrKind};
use crate::session::update::{CallbackUpdate, Phase};

/// Records that were handed out and missed, remembered until the end of the file.
const MISSED: usize = 64;

impl Ledger {
    /// start returned. What it resumed with is compared to what was handed out.
    pub(in crate::rules) fn start(
        &mut self,
        callback: &CallbackUpdate,
        returned: Ptr,
        time: u64,
        pointers: &mut Pointers,
    ) -> Option<Resume> {
        let before = self.private;
        self.private = callback.private.or(before);
        self.passes += 1;
        self.locate(before, callback, returned, pointers);
        let identity = self.identity(returned);
        let mut pass = Pass::new(callback, returned, identity, time);
        let set_back = self.sets_back(callback, returned);
        self.set_back |= set_back.is_some();
        let early = self.early.take().filter(|end| callback.pos_in == Some(end.pos));
        let broken = self.set_back || self.is_broken();
        pass.early = early.filter(|_| is_record(returned) && !broken);
        let resume = if self.passes > 1 {
            let moved = before.is_some() && before != self.private;
            let resume = self.resume(callback, returned, moved, set_back, pointers);
            pass.origin = if resume.is_some_and(|resume| !resume.agrees) {
                Origin::Astray
            } else if self.handed.is_none() && self.ended {
                Origin::AfterEnd
            } else {
                Origin::Resumed
            };
            resume
        } else {
            self.first = is_record(returned).then_some(callback.pos_out);
            None
        };
        pass.doubling = pass.origin != Origin::Resumed;
        pass.sure = resume.map_or(self.passes == 1, |resume| resume.agrees);
        self.handed = None;
        self.ended = returned == Ptr::NULL;
        if callback.phase != Phase::Traverse {
            // A traversal that ended before its offset: the main part begins there all the same.
            self.end = if pass.origin == Origin::AfterEnd { None } else { self.end };
        }
        self.pass = Some(pass);
        resume
    }

    /// Do the records of the file lie where `m->private` points to? It tells where that is another than in the pass
    /// before.
    fn locate(
        &mut self,
        before: Option<u64>,
        callback: &CallbackUpdate,
        returned: Ptr,
        pointers: &mut Pointers,
    ) {
        if let Some(handed) = self.handed.filter(|handed| callback.pos_in == Some(handed.pos))
            && before != self.private
        {
            let was = identity::offset(handed.ptr.0, before).filter(|offset| *offset > 0);
            if was.is_some() && was == self.offset(returned) {
                pointers.moved_with_private(true);
            } else if returned == handed.ptr {
                pointers.moved_with_private(false);
            }
        }
        let relative = pointers.is_relative();
        if relative == self.relative {
            return;
        }
        self.relative = relative;
        let (m, last) = (self.m, self.entries.last().map_or(0, |entry| entry.pass));
        let name = |ptr| Identity::of(ptr, m, before, relative);
        self.entries.rename(last, |ptr| name(ptr).key());
        if let Some(handed) = &mut self.handed {
            handed.identity = name(handed.ptr);
        }
    }

    /// The position of an accepted record to which start set the position back.
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
        let handed = self.handed?;
        if callback.pos_in != Some(handed.pos) || matches!(returned.kind(), PtrKind::Err(_)) {
            return None;
        }
        let identity = self.identity(returned);
        let same =
            returned == handed.ptr || (identity == handed.identity && identity != Identity::Blank);
        let known = self.entries.with_key(identity.key()).map(|(number, entry)| (number, *entry));
        let trust = match (returned.kind(), same) {
            // Where there was something there is nothing: no pointer is needed for that.
            (PtrKind::Null, _) => Trust::Firm,
            (_, true) => {
                if handed.advanced && !identity.is_fixed() {
                    pointers.survived();
                }
                return Some(Resume::agreeing(handed, returned, set_back));
            }
            // The iterator may be allocated anew for each pass: only what is relative to it counts.
            _ if private_moved && !(identity.is_fixed() && handed.identity.is_fixed()) => {
                Trust::None
            }
            _ => {
                let trust = pointers.trust(identity, handed.identity);
                pointers.strayed();
                trust
            }
        };
        // That start moved the position back needs no pointer either, but then no pointer tells where to.
        let known = known.filter(|_| set_back.is_none() || trust > Trust::None);
        let trust = if set_back.is_some() { Trust::Firm } else { trust };
        Some(Resume {
            handed,
            returned,
            identity,
            agrees: false,
            rounded: set_back.is_none() && callback.pos_in != Some(callback.pos_out),
            set_back,
            trust,
            seen: known.map(|(_, entry)| entry),
            delta: known.map(|(number, _)| {
                i64::try_from(number).unwrap_or(0)
                    - i64::try_from(self.entries.total()).unwrap_or(0)
            }),
        })
    }

    /// The first start of a generation returned what next had handed out before it, for another position.
    pub(in crate::rules) fn goes_on(
        &self,
        left: &Left,
        callback: &CallbackUpdate,
        returned: Ptr,
        pointers: &Pointers,
    ) -> Option<Resume> {
        let Left { handed, first } = *left;
        // m->private itself says nothing of a record, unless next had handed it out.
        let identity = handed.identity;
        let same = returned == handed.ptr && identity != Identity::Blank;
        let elsewhere = callback.pos_out == first.pos && handed.pos != first.pos;
        if self.passes != 1 || !same || !elsewhere || first.ptr == returned {
            return None;
        }
        let trust = pointers.trust(identity, identity);
        let resume = Resume::agreeing(handed, returned, None);
        let resume = Resume { agrees: false, trust, seen: Some(first), ..resume };
        (trust > Trust::None).then_some(resume)
    }

    /// The record that start returned is the one that was handed out after all.
    pub(in crate::rules) fn agrees_after_all(&mut self) {
        if let Some(pass) = &mut self.pass {
            pass.origin = Origin::Resumed;
            pass.doubling = false;
        }
    }

    /// Remembers that a record was handed out and did not come.
    pub(in crate::rules) fn miss(&mut self, handed: Handed) {
        if self.missed.len() < MISSED {
            self.missed.push(handed);
        } else {
            self.missed_more += 1;
        }
    }

    /// Those that did not come until now.
    pub(in crate::rules) fn take_missed(&mut self) -> (Vec<Handed>, u64) {
        (std::mem::take(&mut self.missed), std::mem::take(&mut self.missed_more))
    }

    /// The position of the record at hand is not its own.
    pub(in crate::rules) fn out_of_step(&mut self) {
        if let Some(pass) = &mut self.pass {
            pass.out_of_step = true;
            if let Some(held) = &mut pass.held {
                held.out_of_step = true;
            }
        }
    }
}
