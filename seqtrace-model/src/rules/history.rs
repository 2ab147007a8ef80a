//! What is remembered of a file between its sessions, for evidence that one session alone cannot
//! give. Bounded: a few hundred files, a thousand records each.

use std::collections::HashMap;

use seqtrace_common::config::Fnv;

use crate::event::{FileKind, OpTable};
use crate::finding::Id;
use crate::rules::ledger::Fresh;
use crate::rules::ledger::entries::Entry;
use crate::rules::ledger::identity::{Pointers, offset};
use crate::rules::ledger::pass::End;
use crate::session::update::{Session, SessionId};

/// Files that are remembered.
const FILES: usize = 256;
/// Records of a sample.
pub(super) const SAMPLE: usize = 1024;
/// Mismatches that are remembered.
const ASTRAY: usize = 64;
/// Open sessions of which the place is known.
const PLACES: usize = 16;

/// Which file: kernfs has one table for all of its files, single_open one table for each open, and
/// eventfs one inode number (EVENTFS_FILE_INODE_INO, fs/tracefs/event_inode.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileKey {
    table: OpTable,
    dev: u32,
    ino: u64,
    /// Hash of the path.
    path: u64,
}

impl FileKey {
    /// The file of a session, if it has callbacks.
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

/// What start did wrong, as it can be recognised in another generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// It returned another record for `pos` than the one that belongs there. Both by their keys.
    Astray { pos: i64, handed: u64, returned: u64 },
    /// It set the position back.
    SetBack { from: i64, to: i64 },
}

/// Where a session stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) session: SessionId,
    /// Key of what next handed out last.
    pub(super) handed: u64,
    /// When its last pass ended.
    pub(super) time: u64,
}

/// What is remembered of one file.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) pointers: Pointers,
    /// The first records of an earlier generation.
    pub(super) sample: Vec<Entry>,
    /// `m->private` then.
    private: Option<u64>,
    /// That one went to the end of the file.
    complete: bool,
    /// How often the text of a record was another in another generation.
    pub(super) changes: u32,
    /// The most bytes that a whole generation had, up to its end.
    pub(super) whole: Option<u64>,
    astray: Vec<(Mismatch, (SessionId, u32))>,
    places: Vec<Place>,
    /// Positions at which next had ended although start then found a record there, and the time of that start.
    ends: Vec<(i64, u64)>,
    /// The first finding that explains others, in any session.
    pub(super) root: Option<Id>,
    /// Where a generation began to show the text of other records.
    pub(super) shifted: Option<(i64, (SessionId, u32))>,
}

impl History {
    /// Was the same mismatch seen in another generation? It is remembered.
    pub(super) fn mismatched(&mut self, mismatch: Mismatch, here: (SessionId, u32)) -> bool {
        let mut known = self.astray.iter().filter(|(other, _)| *other == mismatch);
        let elsewhere = known.any(|(_, there)| *there != here);
        if !elsewhere && !self.astray.contains(&(mismatch, here)) {
            if self.astray.len() >= ASTRAY {
                self.astray.remove(0);
            }
            self.astray.push((mismatch, here));
        }
        elsewhere
    }

    /// Remembers that start found a record at `time` where next had ended. Returns true if a record had been
    /// found there before next ended: then the list has not grown in between.
    pub(super) fn ends_early(&mut self, end: &End, time: u64) -> bool {
        if let Some((_, since)) = self.ends.iter().find(|(pos, _)| *pos == end.pos) {
            return *since < end.time;
        }
        if self.ends.len() >= ASTRAY {
            self.ends.remove(0);
        }
        self.ends.push((end.pos, time));
        false
    }

    /// Hash and length of the text that the record at a position had in the sample, where it belonged and its
    /// neighbours have other texts.
    pub(super) fn text_at(&self, pos: i64) -> Option<(u64, u32)> {
        let at = self.sample.iter().position(|entry| entry.pos == pos)?;
        let entry = self.sample.get(at)?;
        let before = at.checked_sub(1).and_then(|before| self.sample.get(before));
        let after = self.sample.get(at + 1);
        let apart = |other: &Entry| other.same_text(entry) == Some(false);
        let known = entry.sure && before.is_none_or(apart) && after.is_none_or(apart);
        (known && entry.hash != 0).then_some((entry.hash, entry.len))
    }

    /// Its text is known to change: once can be what is being judged.
    pub(super) fn is_volatile(&self) -> bool {
        self.changes > 1
    }

    /// True if a record of the sample has the name of this one: by its address, or by where it lies in `m->private`.
    pub(super) fn same_name(&self, before: &Entry, fresh: &Fresh) -> bool {
        let (then, now) = (offset(before.ptr.0, self.private), fresh.offset);
        before.key == fresh.entry.key
            || before.ptr == fresh.entry.ptr
            || then.is_some() && then == now
    }

    /// A pass of a session ended there.
    pub(super) fn stands(&mut self, place: Place) {
        self.left(place.session);
        if self.places.len() >= PLACES {
            self.places.remove(0);
        }
        self.places.push(place);
    }

    /// A session is over.
    pub(super) fn left(&mut self, session: SessionId) {
        self.places.retain(|place| place.session != session);
    }

    /// Another session that was handed this record, after that time.
    pub(super) fn other(&self, session: SessionId, key: u64, since: u64) -> Option<SessionId> {
        let other = |place: &&Place| {
            key != 0 && place.session != session && place.handed == key && place.time > since
        };
        self.places.iter().find(other).map(|place| place.session)
    }

    /// A generation is over, `entries` are its first records: the first is remembered that went to
    /// the end of the file, until then the longest.
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

/// A file, and where its history was found last.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownFile {
    key: FileKey,
    number: u64,
}

impl KnownFile {
    /// A file that was not looked for yet.
    pub(super) fn new(key: FileKey) -> Self {
        Self { key, number: u64::MAX }
    }
}

/// The files; the one that has been remembered longest makes room.
#[derive(Debug, Default)]
pub(super) struct Histories {
    /// By their numbers, which count up: a new one takes the place of the oldest.
    ring: Vec<(u64, FileKey, History)>,
    numbers: HashMap<FileKey, u64>,
    begun: u64,
}

impl Histories {
    /// The history of a file. It is looked for by name only if it is no longer where it was: this is
    /// asked for each update.
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

/// Where in the ring.
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
        /// Whoever asks, and however long ago it asked last: the same as if each looked by name.
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
