//! Facts about a file from all of its sessions, for evidence that one session alone cannot provide. Bounded: 256 files,
//! 1024 records each.

use std::collections::HashMap;

use seqtrace_common::config::Fnv;

use crate::event::{FileKind, OpTable};
use crate::finding::Id;
use crate::rules::ledger::NewEntry;
use crate::rules::ledger::entries::Entry;
use crate::rules::ledger::identity::{Pointers, offset};
use crate::rules::ledger::pass::End;
use crate::session::update::{Session, SessionId};

/// Maximum number of files.
const FILES: usize = 256;
/// Maximum number of records in a sample.
pub(super) const SAMPLE: usize = 1024;
/// Maximum number of mismatches of a file.
const MISMATCHES: usize = 64;
/// Maximum number of sessions of a file whose last record is known.
const PASS_ENDS: usize = 16;

/// Identity of a file. The table of callbacks alone is not sufficient: kernfs has one table for all of its files,
/// single_open() allocates one for each open. The inode number is not sufficient either: all files of eventfs have the
/// same (EVENTFS_FILE_INODE_INO, fs/tracefs/event_inode.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileKey {
    table: OpTable,
    dev: u32,
    ino: u64,
    /// Hash of the path.
    path: u64,
}

impl FileKey {
    /// Returns the identity of a session's file; `None` if the file has no callbacks.
    pub(super) fn of(session: &Session) -> Option<Self> {
        match session.kind {
            FileKind::Seq { op, table, .. } if op != 0 => {
                let hash = |hash: Fnv, byte: &u8| hash.push(*byte);
                let path = session.path.iter().fold(Fnv::new(), hash).finish();
                Some(Self { table, dev: session.dev, ino: session.ino, path })
            }
            _ => None,
        }
    }
}

/// A fault of start that can be recognised when it happens again in another generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// start returned the record with key `returned` for position `pos`, where the record with key `promised` belongs.
    OtherRecord { pos: i64, promised: u64, returned: u64 },
    /// start set the position back.
    SetBack { from: i64, to: i64 },
}

/// The end of a session's last pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct PassEnd {
    pub(super) session: SessionId,
    /// Key of the record that next handed out last.
    pub(super) promised: u64,
    /// Time at which the pass ended, ns since boot.
    pub(super) time: u64,
}

/// Facts about one file.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) pointers: Pointers,
    /// First records of an earlier generation.
    pub(super) sample: Vec<Entry>,
    /// `m->private` in the generation of the sample.
    private: Option<u64>,
    /// True if the sample is of a generation that reached the end of the file.
    complete: bool,
    /// Number of records that had other bytes in another generation.
    pub(super) changes: u32,
    /// Size of the largest complete generation in bytes; `None`: no generation was complete.
    pub(super) whole_bytes: Option<u64>,
    mismatches: Vec<KnownMismatch>,
    pass_ends: Vec<PassEnd>,
    /// Positions at which next reported the end of the file and start then found a record, each with the time of that
    /// start in ns since boot.
    ends: Vec<(i64, u64)>,
    /// Rule of the first root cause in any session of the file; `None`: there was none.
    pub(super) root_cause: Option<Id>,
    /// First position at which records had the bytes of other records, and the generation in which that happened.
    pub(super) shifted: Option<(i64, (SessionId, u32))>,
}

/// A mismatch of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KnownMismatch {
    mismatch: Mismatch,
    /// Session and number of the generation that showed it.
    generation_key: (SessionId, u32),
    /// Time at which start showed it, ns since boot.
    time: u64,
}

impl History {
    /// Records a mismatch that start showed at `time`, ns since boot. Returns true if another generation had shown the
    /// same mismatch before next handed out the record, at `promised`: then the list has not changed in between. Two
    /// generations that overlap in time may both show one and the same change of the list. `promised` is `u64::MAX` if
    /// a change of the list does not explain the mismatch.
    pub(super) fn mismatched(
        &mut self,
        mismatch: Mismatch,
        generation_key: (SessionId, u32),
        promised: u64,
        time: u64,
    ) -> bool {
        let mut known = self.mismatches.iter().filter(|known| known.mismatch == mismatch);
        let elsewhere =
            known.any(|known| known.generation_key != generation_key && known.time < promised);
        if !elsewhere {
            if self.mismatches.len() >= MISMATCHES {
                self.mismatches.remove(0);
            }
            self.mismatches.push(KnownMismatch { mismatch, generation_key, time });
        }
        elsewhere
    }

    /// Records that start found a record at `time` (ns since boot) at the position at which next had reported the end
    /// of the file. Returns true if a record was found there before next reported the end: then the list has not grown
    /// in between.
    pub(super) fn ends_early(&mut self, end: &End, time: u64) -> bool {
        if let Some((_, since)) = self.ends.iter().find(|(pos, _)| *pos == end.pos) {
            return *since < end.time;
        }
        if self.ends.len() >= MISMATCHES {
            self.ends.remove(0);
        }
        self.ends.push((end.pos, time));
        false
    }

    /// Returns hash and length of the bytes of the sample's record at a position; `None` if the record may not belong
    /// there, or if one of its neighbours may have the same bytes.
    pub(super) fn bytes_at(&self, pos: i64) -> Option<(u64, u32)> {
        let at = self.sample.iter().position(|entry| entry.pos == pos)?;
        let entry = self.sample.get(at)?;
        let before = at.checked_sub(1).and_then(|before| self.sample.get(before));
        let after = self.sample.get(at + 1);
        let apart = |other: &Entry| other.same_bytes(entry) == Some(false);
        let known = entry.in_place && before.is_none_or(apart) && after.is_none_or(apart);
        (known && entry.hash != 0).then_some((entry.hash, entry.len))
    }

    /// Returns true if the contents of the file are known to change. A single change does not count, because it can be
    /// caused by the fault that is being checked.
    pub(super) fn is_volatile(&self) -> bool {
        self.changes > 1
    }

    /// Returns true if a record of the sample has the identity of `new_entry`: its address, or its
    /// offset into `m->private`.
    pub(super) fn same_identity(&self, before: &Entry, new_entry: &NewEntry) -> bool {
        let (then, now) = (offset(before.ptr.0, self.private), new_entry.offset);
        before.key == new_entry.entry.key
            || before.ptr == new_entry.entry.ptr
            || then.is_some() && then == now
    }

    /// Records the end of a pass.
    pub(super) fn note_pass_end(&mut self, end: PassEnd) {
        self.remove_session(end.session);
        if self.pass_ends.len() >= PASS_ENDS {
            self.pass_ends.remove(0);
        }
        self.pass_ends.push(end);
    }

    /// Removes a session that is over.
    pub(super) fn remove_session(&mut self, session: SessionId) {
        self.pass_ends.retain(|end| end.session != session);
    }

    /// Returns another session in which next handed out this record after the time `since`.
    pub(super) fn session_with(
        &self,
        session: SessionId,
        key: u64,
        since: u64,
    ) -> Option<SessionId> {
        let other = |end: &&PassEnd| {
            key != 0 && end.session != session && end.promised == key && end.time > since
        };
        self.pass_ends.iter().find(other).map(|end| end.session)
    }

    /// Stores the first records of a generation as the sample, if they are better than the current one. The best sample
    /// is that of the first generation that reached the end of the file, then the longest; a sample with record bytes
    /// is better than one without.
    pub(super) fn keep(&mut self, entries: &[Entry], private: Option<u64>, complete: bool) {
        let entries = entries.get(..SAMPLE).unwrap_or(entries);
        let texts = |list: &[Entry]| list.iter().any(|entry| entry.hash != 0);
        let better = match (texts(entries), texts(&self.sample)) {
            (true, false) => true,
            (false, true) => false,
            _ if self.complete => false,
            _ => complete || entries.len() > self.sample.len(),
        };
        if better {
            self.sample = entries.to_vec();
            self.private = private;
            self.complete = complete;
        }
    }
}

/// A file, and the number that its history had at the last lookup.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownFile {
    key: FileKey,
    number: u64,
}

impl KnownFile {
    /// Returns a file whose history was not looked up yet.
    pub(super) fn new(key: FileKey) -> Self {
        Self { key, number: u64::MAX }
    }
}

/// Histories of all files; a new one replaces the oldest.
#[derive(Debug, Default)]
pub(super) struct Histories {
    /// A history with number n is at index n modulo [`FILES`].
    ring: Vec<(u64, FileKey, History)>,
    numbers: HashMap<FileKey, u64>,
    begun: u64,
}

impl Histories {
    /// Returns the history of a file. The history is looked up by key only if it is no longer at the index of the last
    /// lookup, because this function runs for each update.
    pub(super) fn of(&mut self, file: &mut KnownFile) -> &mut History {
        if self.ring.get(slot(file.number)).is_none_or(|(number, ..)| *number != file.number) {
            file.number = self.find(file.key);
        }
        &mut self.ring[slot(file.number)].2
    }

    #[cold]
    fn find(&mut self, key: FileKey) -> u64 {
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = self.begun;
        self.begun += 1;
        self.numbers.insert(key, number);
        let new = (number, key, History::default());
        if let Some(oldest) = self.ring.get_mut(slot(number)) {
            self.numbers.remove(&oldest.1);
            *oldest = new;
        } else {
            self.ring.push(new);
        }
        number
    }
}

/// Returns the index in the ring of the history with this number.
fn slot(number: u64) -> usize {
    usize::try_from(number % FILES as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn key(ino: u64) -> FileKey {
        FileKey { table: OpTable::default(), dev: 1, ino, path: 0 }
    }

    proptest! {
        /// The returned history is the one that a lookup by key would find, however long ago the last lookup was.
        #[test]
        fn a_history_is_found_again(asks in prop::collection::vec((0..8_usize, 0..400_u64), 1..2000)) {
            let mut histories = Histories::default();
            let mut naive: VecDeque<(u64, u32)> = VecDeque::new();
            let mut sessions: Vec<Vec<KnownFile>> =
                vec![(0..400).map(|ino| KnownFile::new(key(ino))).collect(); 8];
            for (session, ino) in asks {
                if !naive.iter().any(|(known, _)| *known == ino) {
                    if naive.len() == FILES {
                        naive.pop_front();
                    }
                    naive.push_back((ino, 0));
                }
                let expected = naive.iter_mut().find(|(known, _)| *known == ino).unwrap();
                expected.1 += 1;
                let file = usize::try_from(ino).unwrap();
                let history = histories.of(&mut sessions[session][file]);
                history.changes += 1;
                prop_assert_eq!(history.changes, expected.1);
            }
            prop_assert!(histories.ring.len() <= FILES);
            prop_assert_eq!(histories.numbers.len(), histories.ring.len());
        }
    }
}
