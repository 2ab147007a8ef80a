//! The ledger proper: which record is at which file offsets, for one generation.
//!
//! A few words a record, found by position and by pointer. There is a bound: where it is reached the
//! older half is forgotten, and that is told.

use std::hash::BuildHasher as _;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::event::Ptr;

/// An accepted rendering that wrote something.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) struct Entry {
    /// `m->index` when it was shown.
    pub(in crate::rules) pos: i64,
    /// The pointer that show was given.
    pub(in crate::rules) ptr: Ptr,
    /// [`super::identity::Identity::key`] of it.
    pub(in crate::rules) key: u64,
    /// File offset of its first byte.
    pub(in crate::rules) start: i64,
    /// How many bytes.
    pub(in crate::rules) len: u32,
    /// In which pass.
    pub(in crate::rules) pass: u32,
    /// In which read; 0 for an lseek.
    pub(in crate::rules) read: u32,
    /// Of its text, as far as that was kept; 0 if it was not.
    pub(in crate::rules) hash: u64,
    /// A traversal passed over it.
    pub(in crate::rules) passed_over: bool,
    /// Its position was given to it by start, or by a next that moved.
    pub(in crate::rules) placed: bool,
    /// An earlier rendering of it was thrown away.
    pub(in crate::rules) again: bool,
    /// It belongs at its position: next led to it, or start returned what next had handed out.
    pub(in crate::rules) sure: bool,
}

impl Entry {
    /// File offset behind its last byte.
    pub(in crate::rules) fn end(&self) -> i64 {
        self.start.saturating_add_unsigned(u64::from(self.len))
    }

    /// Its file offsets.
    pub(in crate::rules) fn range(&self) -> crate::session::update::Range {
        crate::session::update::Range { start: self.start, end: self.end() }
    }

    /// The same text, as far as is known: `None` if the length is the same and no more is known.
    pub(in crate::rules) fn same_text(&self, other: &Self) -> Option<bool> {
        if self.len != other.len {
            return Some(false);
        }
        (self.hash != 0 && other.hash != 0).then_some(self.hash == other.hash)
    }
}

/// The entries of a generation, in the order of file offsets.
#[derive(Debug)]
pub(in crate::rules) struct Entries {
    list: Vec<Entry>,
    /// Number of the first in the list.
    base: u64,
    /// Number of the first entry with that position, from when they do not ascend any more. While each
    /// is higher than the one before, as in most files, the list is in their order and needs no map.
    by_pos: Option<FxHashMap<i64, u64>>,
    /// Index in the list of the last entry with each key. Its 4 bytes matter: it is looked up for each record.
    by_key: HashTable<u32>,
    limit: usize,
}

impl Entries {
    /// None yet, and never more than `limit`.
    pub(super) fn new(limit: usize) -> Self {
        // `by_key` has 32 bits for an index.
        let limit = limit.clamp(2, 1 << 30);
        Self { list: Vec::new(), base: 0, by_pos: None, by_key: HashTable::new(), limit }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.base = 0;
        self.by_pos = None;
        self.by_key.clear();
        // One huge file must not hold its memory until the descriptor is closed.
        self.list.shrink_to(1024);
        self.by_key.shrink_to(1024, |_| 0);
    }

    /// Adds one at the end.
    pub(super) fn push(&mut self, entry: Entry) {
        if self.list.len() >= self.limit {
            self.forget(self.limit / 2);
        }
        if self.by_pos.is_some() || self.list.last().is_some_and(|last| last.pos >= entry.pos) {
            self.place(entry.pos);
        }
        if entry.key != 0 {
            set(&mut self.by_key, entry.key, self.list.len(), &self.list);
        }
        self.list.push(entry);
    }

    /// The first `half` are too many.
    #[cold]
    fn forget(&mut self, half: usize) {
        self.list.drain(..half);
        self.base += half as u64;
        let base = self.base;
        if let Some(by_pos) = &mut self.by_pos {
            by_pos.retain(|_, number| *number >= base);
        }
        let half = u32::try_from(half).unwrap_or(u32::MAX);
        self.by_key.retain(|index| match index.checked_sub(half) {
            Some(kept) => {
                *index = kept;
                true
            }
            None => false,
        });
    }

    /// The entry that comes now has this position, and positions do not ascend.
    fn place(&mut self, pos: i64) {
        let number = self.total();
        let known = self.list.iter().map(|entry| entry.pos).zip(self.base..);
        let by_pos = self.by_pos.get_or_insert_with(|| known.collect());
        by_pos.entry(pos).or_insert(number);
    }

    /// The pointers of pass `pass` have other names now, those of earlier ones none.
    pub(super) fn rename(&mut self, pass: u32, name: impl Fn(Ptr) -> u64) {
        self.by_key.clear();
        for at in 0..self.list.len() {
            let (known, rest) = self.list.split_at_mut(at);
            let Some(entry) = rest.first_mut() else { return };
            entry.key = if entry.pass == pass { name(entry.ptr) } else { 0 };
            if entry.key != 0 {
                set(&mut self.by_key, entry.key, at, known);
            }
        }
    }

    /// How many there were, those forgotten included.
    pub(in crate::rules) fn total(&self) -> u64 {
        self.base + self.list.len() as u64
    }

    /// Some were forgotten.
    pub(in crate::rules) fn is_cut(&self) -> bool {
        self.base > 0
    }

    /// How many different pointers there are.
    pub(super) fn keys(&self) -> usize {
        self.by_key.len()
    }

    /// The first at that position, and its number.
    pub(in crate::rules) fn at(&self, pos: i64) -> Option<(u64, &Entry)> {
        if let Some(by_pos) = &self.by_pos {
            return self.numbered(*by_pos.get(&pos)?);
        }
        if self.list.last()?.pos < pos {
            return None;
        }
        let index = self.list.binary_search_by_key(&pos, |entry| entry.pos).ok()?;
        self.list.get(index).map(|entry| (self.base + index as u64, entry))
    }

    /// The last with that key, and its number.
    pub(in crate::rules) fn with_key(&self, key: u64) -> Option<(u64, &Entry)> {
        if key == 0 {
            return None;
        }
        let index =
            *self.by_key.find(hash(key), |index| key_at(&self.list, *index) == key)? as usize;
        self.list.get(index).map(|entry| (self.base + index as u64, entry))
    }

    /// The one that the byte at a file offset belongs to.
    pub(in crate::rules) fn covering(&self, offset: i64) -> Option<&Entry> {
        let behind = self.list.partition_point(|entry| entry.start <= offset);
        self.list.get(behind.checked_sub(1)?).filter(|entry| offset < entry.end())
    }

    /// The last one.
    pub(in crate::rules) fn last(&self) -> Option<&Entry> {
        self.list.last()
    }

    /// The text of the last one has become known.
    pub(in crate::rules) fn text(&mut self, hash: u64) {
        if let Some(last) = self.list.last_mut() {
            last.hash = hash;
        }
    }

    /// How many are remembered.
    pub(in crate::rules) fn kept(&self) -> u64 {
        self.list.len() as u64
    }

    /// The first ones, if none was forgotten.
    pub(in crate::rules) fn first(&self, count: usize) -> &[Entry] {
        if self.is_cut() { &[] } else { self.list.get(..count).unwrap_or(&self.list) }
    }

    /// The one with that number.
    pub(super) fn number(&self, number: u64) -> Option<&Entry> {
        self.numbered(number).map(|(_, entry)| entry)
    }

    fn numbered(&self, number: u64) -> Option<(u64, &Entry)> {
        let index = usize::try_from(number.checked_sub(self.base)?).ok()?;
        self.list.get(index).map(|entry| (number, entry))
    }
}

/// Makes the entry at index `at` the last one with this key; `list` has those before it.
fn set(by_key: &mut HashTable<u32>, key: u64, at: usize, list: &[Entry]) {
    let Ok(at) = u32::try_from(at) else { return };
    let same = |index: &u32| key_at(list, *index) == key;
    match by_key.entry(hash(key), same, |index| hash(key_at(list, *index))) {
        Slot::Occupied(mut slot) => *slot.get_mut() = at,
        Slot::Vacant(slot) => {
            slot.insert(at);
        }
    }
}

fn key_at(list: &[Entry], index: u32) -> u64 {
    list.get(index as usize).map_or(0, |entry| entry.key)
}

fn hash(key: u64) -> u64 {
    FxBuildHasher.hash_one(key)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn entry(pos: i64, key: u64, start: i64) -> Entry {
        Entry {
            pos,
            ptr: Ptr(key),
            key,
            start,
            len: 2,
            pass: 1,
            read: 1,
            hash: 0,
            passed_over: false,
            placed: true,
            again: false,
            sure: true,
        }
    }

    #[test]
    fn the_bound_forgets_the_older_half() {
        let mut entries = Entries::new(8);
        for pos in 0..20 {
            entries.push(entry(pos, 100 + pos.cast_unsigned(), 2 * pos));
        }
        assert_eq!((entries.total(), entries.list.len()), (20, 8));
        assert!(entries.is_cut() && entries.first(3).is_empty());
        assert_eq!(entries.at(3), None);
        assert_eq!(entries.at(12).map(|(number, entry)| (number, entry.start)), Some((12, 24)));
        assert_eq!(entries.with_key(119).map(|(number, _)| number), Some(19));
        assert_eq!((entries.keys(), entries.by_pos), (8, None));
    }

    #[test]
    fn offsets_have_owners() {
        let mut entries = Entries::new(8);
        entries.push(entry(0, 0, 0));
        entries.push(entry(1, 0, 10));
        let owner = |offset| entries.covering(offset).map(|entry| entry.pos);
        assert_eq!(
            [-1, 0, 1, 2, 9, 10, 11, 12].map(owner),
            [None, Some(0), Some(0), None, None, Some(1), Some(1), None]
        );
        assert_eq!(entries.with_key(0), None);
    }

    /// What an index has to say, from maps of everything.
    #[derive(Default)]
    struct Naive {
        list: Vec<Entry>,
        base: u64,
        by_pos: HashMap<i64, u64>,
        by_key: HashMap<u64, u64>,
    }

    impl Naive {
        fn push(&mut self, entry: Entry, limit: usize) {
            if self.list.len() - usize::try_from(self.base).unwrap() >= limit {
                self.base += limit as u64 / 2;
                let base = self.base;
                self.by_pos.retain(|_, number| *number >= base);
                self.by_key.retain(|_, number| *number >= base);
            }
            let number = self.list.len() as u64;
            self.by_pos.entry(entry.pos).or_insert(number);
            if entry.key != 0 {
                self.by_key.insert(entry.key, number);
            }
            self.list.push(entry);
        }

        fn found(&self, number: Option<&u64>) -> Option<(u64, &Entry)> {
            number.map(|number| (*number, &self.list[usize::try_from(*number).unwrap()]))
        }
    }

    proptest! {
        #[test]
        fn entries_are_found_as_in_maps(
            limit in 2..40_usize,
            // How the next position follows from the last, and a key.
            steps in prop::collection::vec((
                prop_oneof![20 => Just(1_i64), 2 => -6..10_i64, 1 => Just(i64::MIN)],
                prop_oneof![0..40_u64, (0..40_u64).prop_map(|n| 0xffff_8881_0000_0000 + (n << 12))],
            ), 0..300),
            cleared in 0..300_usize,
        ) {
            let (mut entries, mut naive) = (Entries::new(limit), Naive::default());
            let mut pos = 0_i64;
            for (number, (step, key)) in steps.into_iter().enumerate() {
                if number == cleared {
                    entries.clear();
                    naive = Naive::default();
                }
                pos = pos.wrapping_add(step);
                let start = 2 * i64::try_from(number).unwrap();
                entries.push(entry(pos, key, start));
                naive.push(entry(pos, key, start), limit);
                prop_assert_eq!(entries.total(), naive.list.len() as u64);
                prop_assert_eq!(entries.keys(), naive.by_key.len());
                for near in [pos, pos.wrapping_add(1), pos.wrapping_sub(3), 0, 7] {
                    prop_assert_eq!(entries.at(near), naive.found(naive.by_pos.get(&near)));
                }
                for key in (0..40).chain((0..40).map(|n| 0xffff_8881_0000_0000 + (n << 12))) {
                    prop_assert_eq!(entries.with_key(key), naive.found(naive.by_key.get(&key)));
                }
            }
        }
    }
}
