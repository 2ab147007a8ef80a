//! Updates that wait for a relative lseek to say where it went.
//!
//! `seq_lseek(SEEK_CUR)` adds `file->f_pos`, which no event tells: reads move it, preads do not, and
//! they look alike. So whether its traversal passed over the last record or entered it is known
//! only when something follows: another show (passed over), or the return of the lseek, which says
//! the offset. Until then that record's update waits here, and those of its session behind it: at
//! most a few, for some microseconds.

use crate::event::Role;
use crate::session::update::{Fate, Update, What};

/// What a relative lseek turned out to have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It went on behind the record.
    WentOn,
    /// It went to this file offset, and its stop wrote so many bytes that it should not have.
    WentTo { target: i64, stop_bytes: Option<u64> },
    /// It failed: all that it rendered is dropped.
    Failed,
    /// Not known: not everything was seen.
    Unknown,
}

/// The updates that wait, oldest first.
#[derive(Debug, Default)]
pub(super) struct Held(Vec<Update>);

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, update: Update) {
        self.0.push(update);
    }

    /// Lets them go. Returns what became of the record that waited, if one did.
    pub(super) fn release(
        &mut self,
        verdict: Verdict,
        out: &mut dyn FnMut(&Update),
    ) -> Option<Fate> {
        let mut decided = None;
        for mut update in self.0.drain(..) {
            if let What::Callback(callback) = &mut update.what {
                match (callback.role, callback.fate, callback.range, verdict) {
                    (Role::Show, Some(Fate::Unknown), Some(range), _) => {
                        let fate = match verdict {
                            Verdict::Unknown => Fate::Unknown,
                            Verdict::WentTo { target, .. } if range.end > target => Fate::Emitted,
                            _ => Fate::PassedOver,
                        };
                        callback.fate = Some(fate);
                        decided = Some(fate);
                    }
                    (Role::Stop, .., Verdict::WentTo { stop_bytes, .. }) => {
                        callback.bytes = stop_bytes;
                    }
                    // It had dropped everything before.
                    (Role::Stop, .., Verdict::Failed) => {
                        callback.bytes = Some(callback.count).filter(|&bytes| bytes > 0);
                    }
                    _ => {}
                }
            }
            out(&update);
        }
        decided
    }
}
