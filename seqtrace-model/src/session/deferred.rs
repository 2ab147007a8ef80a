//! Updates that are deferred until a relative lseek reports its result.
//!
//! `seq_lseek(SEEK_CUR)` adds `file->f_pos`, which no event carries: reads move it, preads do not, and both have the
//! same events. So it is unknown whether the traversal of the lseek passed over the last record or entered it. The next
//! event decides: another show means that the record was passed over, and the return of the lseek has the offset. Until
//! then the update of this record and all later updates of its session are buffered here: a few updates, for some
//! microseconds.

use crate::event::Role;
use crate::session::update::{Fate, Update, UpdateKind};

/// The result of a relative lseek.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeekResult {
    /// The traversal continued after the record, so it passed over the record.
    PassedRecord,
    /// The lseek reached file offset `target`. Its stop callback wrote `stop_bytes` bytes, which is a fault; `None`:
    /// none.
    Reached { target: i64, stop_bytes: Option<u64> },
    /// The lseek failed, and the core dropped everything that it rendered.
    Failed,
    /// The result is unknown, because events were missed.
    Unknown,
}

/// The deferred updates of a session, oldest first.
#[derive(Debug, Default)]
pub(super) struct DeferredUpdates(Vec<Update>);

impl DeferredUpdates {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, update: Update) {
        self.0.push(update);
    }

    /// Emits the updates. Returns the fate of the undecided record; `None` if no record was undecided.
    pub(super) fn release(
        &mut self,
        result: SeekResult,
        out: &mut dyn FnMut(&Update),
    ) -> Option<Fate> {
        let mut decided = None;
        for mut update in self.0.drain(..) {
            if let UpdateKind::Callback(callback) = &mut update.what {
                match (callback.role, callback.fate, callback.range, result) {
                    (Role::Show, Some(Fate::Unknown), Some(range), _) => {
                        let fate = match result {
                            SeekResult::Unknown => Fate::Unknown,
                            SeekResult::Reached { target, .. } if range.end > target => {
                                Fate::Emitted
                            }
                            _ => Fate::PassedOver,
                        };
                        callback.fate = Some(fate);
                        decided = Some(fate);
                    }
                    (Role::Stop, .., SeekResult::Reached { stop_bytes, .. }) => {
                        callback.bytes = stop_bytes;
                    }
                    // The core dropped everything before it, so all of `m->count` is stop's.
                    (Role::Stop, .., SeekResult::Failed) => {
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
