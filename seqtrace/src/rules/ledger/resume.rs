//! The passes of a generation: what start returned against what next had handed out.

use super::Ledger;
use super::identity::{Identity, Pointers, Trust};
use super::pass::{Handed, Origin, Pass, Resume};
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
        pointers: &mut Pointers,
    ) -> Option<Resume> {
        let before = self.private;
        self.private = callback.private.or(before);
        self.passes += 1;
        let identity = self.identity(returned);
        let mut pass = Pass::new(callback, returned, identity);
        let resume = if self.passes > 1 {
            let moved = before.is_some() && before != self.private;
            let resume = self.resume(callback, returned, moved, pointers);
            pass.origin = if resume.is_some_and(|resume| !resume.agrees) {
                Origin::Astray
            } else if self.handed.is_none() && self.ended {
                Origin::AfterEnd
            } else {
                Origin::Resumed
            };
            resume
        } else {
            None
        };
        pass.doubling = pass.origin != Origin::Resumed;
        self.handed = None;
        self.ended = returned == Ptr::NULL;
        if callback.phase != Phase::Traverse {
            // A traversal that ended before its offset: the main part begins there all the same.
            self.end = if pass.origin == Origin::AfterEnd { None } else { self.end };
        }
        self.pass = Some(pass);
        resume
    }

    fn resume(
        &mut self,
        callback: &CallbackUpdate,
        returned: Ptr,
        private_moved: bool,
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
                return Some(Resume::agreeing(handed, returned));
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
        Some(Resume {
            handed,
            returned,
            identity,
            agrees: false,
            rounded: callback.pos_in != Some(callback.pos_out),
            trust,
            seen: known.map(|(_, entry)| entry),
            delta: known.map(|(number, _)| {
                i64::try_from(number).unwrap_or(0)
                    - i64::try_from(self.entries.total()).unwrap_or(0)
            }),
        })
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
