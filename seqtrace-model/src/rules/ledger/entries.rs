//! Accepted renderings of one generation, found by position, by pointer and by file offset.
//!
//! When the maximum number is reached, the older half is dropped; SQ907 reports that.

use std::hash::BuildHasher as _;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::event::Ptr;

/// Accepted rendering of a record that wrote bytes.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) struct Entry {
    /// `m->index` when show was called.
    pub(in crate::rules) pos: i64,
    /// Pointer that the core passed to show.
    pub(in crate::rules) ptr: Ptr,
    /// [`Identity::key`](super::identity::Identity::key) of the pointer; 0 if it identifies
    /// nothing.
    pub(in crate::rules) key: u64,
    /// File offset of the first byte.
    pub(in crate::rules) start: i64,
    /// Length of the rendering, bytes.
    pub(in crate::rules) len: u32,
    /// Number of the pass in the session.
    pub(in crate::rules) pass: u32,
    /// Number of the read in the session; 0 for an lseek.
    pub(in crate::rules) read: u32,
    /// Hash of the record bytes, as far as the trace contains them; 0: it contains none.
    pub(in crate::rules) hash: u64,
    /// True if a traversal passed over the record.
    pub(in crate::rules) passed_over: bool,
    /// True if the position belongs to this record only: it was passed to start, or next moved to it.
    pub(in crate::rules) has_position: bool,
    /// True if an earlier rendering of the record was discarded.
    pub(in crate::rules) again: bool,
    /// True if the record is the right one for its position: next returned it, or start returned the record that next
    /// had handed out.
    pub(in crate::rules) in_place: bool,
}

impl Entry {
    /// Returns the file offset behind the last byte.
    pub(in crate::rules) fn end(&self) -> i64 {
        self.start.saturating_add_unsigned(u64::from(self.len))
    }

    /// Returns the file offsets of the rendering.
    pub(in crate::rules) fn range(&self) -> crate::session::update::Range {
        crate::session::update::Range { start: self.start, end: self.end() }
    }

    /// Returns true if two renderings have the same bytes; `None` if the lengths are equal and the bytes of one are
    /// unknown.
    pub(in crate::rules) fn same_bytes(&self, other: &Self) -> Option<bool> {
        if self.len != other.len {
            return Some(false);
        }
        (self.hash != 0 && other.hash != 0).then_some(self.hash == other.hash)
    }
}

/// Entries of a generation, in the order of file offsets.
#[derive(Debug)]
pub(in crate::rules) struct Entries {
    list: Vec<Entry>,
    /// Number of the first entry in `list`; above 0 if older ones were dropped.
    base: u64,
    /// Number of the first entry with each position. `None` while positions ascend, as in most
    /// files: the list is sorted by them then.
    by_pos: Option<FxHashMap<i64, u64>>,
    /// Index in `list` of the last entry with each key. An index of 4 bytes keeps the table of a
    /// large file in the cache.
    by_key: HashTable<u32>,
    limit: usize,
}

impl Entries {
    /// Returns an empty list that keeps at most `limit` entries.
    pub(super) fn new(limit: usize) -> Self {
        // `by_key` has 32 bits for an index.
        let limit = limit.clamp(2, 1 << 30);
        Self { list: Vec::new(), base: 0, by_pos: None, by_key: HashTable::new(), limit }
    }

    /// Drops all entries, and frees most of their memory.
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.base = 0;
        self.by_pos = None;
        self.by_key.clear();
        // The memory for one huge file must not stay allocated until the descriptor is closed.
        self.list.shrink_to(1024);
        self.by_key.shrink_to(1024, |_| 0);
    }

    /// Appends an entry. If the maximum number is reached, drops the older half first.
    pub(super) fn push(&mut self, entry: Entry) {
        if self.list.len() >= self.limit {
            self.forget(self.limit / 2);
        }
        if self.by_pos.is_some() || self.list.last().is_some_and(|last| last.pos >= entry.pos) {
            self.index_position(entry.pos);
        }
        if entry.key != 0 {
            set(&mut self.by_key, entry.key, self.list.len(), &self.list);
        }
        self.list.push(entry);
    }

    /// Drops the first `half` entries.
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

    /// Adds the next entry, at position `pos`, to `by_pos`, because positions do not ascend.
    fn index_position(&mut self, pos: i64) {
        let number = self.total();
        let known = self.list.iter().map(|entry| entry.pos).zip(self.base..);
        let by_pos = self.by_pos.get_or_insert_with(|| known.collect());
        by_pos.entry(pos).or_insert(number);
    }

    /// Replaces the keys: entries of pass `pass` get the key that `name` returns for their pointer, entries of other
    /// passes get none.
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

    /// Returns the number of entries of the generation, dropped ones included.
    pub(in crate::rules) fn total(&self) -> u64 {
        self.base + self.list.len() as u64
    }

    /// Returns true if older entries were dropped.
    pub(in crate::rules) fn is_truncated(&self) -> bool {
        self.base > 0
    }

    /// Returns the number of different keys.
    pub(super) fn keys(&self) -> usize {
        self.by_key.len()
    }

    /// Returns the first entry at a position, with its number; `None` if there is none.
    #[inline]
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

    /// Returns the last entry with a key, with its number; `None` if there is none.
    pub(in crate::rules) fn with_key(&self, key: u64) -> Option<(u64, &Entry)> {
        if key == 0 {
            return None;
        }
        let index =
            *self.by_key.find(hash(key), |index| key_at(&self.list, *index) == key)? as usize;
        self.list.get(index).map(|entry| (self.base + index as u64, entry))
    }

    /// Returns the entry that the byte at a file offset belongs to.
    pub(in crate::rules) fn covering(&self, offset: i64) -> Option<&Entry> {
        let behind = self.list.partition_point(|entry| entry.start <= offset);
        self.list.get(behind.checked_sub(1)?).filter(|entry| offset < entry.end())
    }

    /// Returns the last entry.
    pub(in crate::rules) fn last(&self) -> Option<&Entry> {
        self.list.last()
    }

    /// Sets the hash of the last entry's record bytes.
    pub(in crate::rules) fn set_hash(&mut self, hash: u64) {
        if let Some(last) = self.list.last_mut() {
            last.hash = hash;
        }
    }

    /// Returns the number of stored entries.
    pub(in crate::rules) fn kept(&self) -> u64 {
        self.list.len() as u64
    }

    /// Returns the first `count` entries of the generation; none if some were dropped.
    pub(in crate::rules) fn first(&self, count: usize) -> &[Entry] {
        if self.is_truncated() { &[] } else { self.list.get(..count).unwrap_or(&self.list) }
    }

    /// Returns the entry with a number.
    pub(super) fn number(&self, number: u64) -> Option<&Entry> {
        self.numbered(number).map(|(_, entry)| entry)
    }

    fn numbered(&self, number: u64) -> Option<(u64, &Entry)> {
        let index = usize::try_from(number.checked_sub(self.base)?).ok()?;
        self.list.get(index).map(|entry| (number, entry))
    }
}

/// Records the entry at index `at` as the last one with this key; `list` has the entries before it.
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
            has_position: true,
            again: false,
            in_place: true,
        }
    }

    #[test]
    fn the_bound_forgets_the_older_half() {
        let mut entries = Entries::new(8);
        for pos in 0..20 {
            entries.push(entry(pos, 100 + pos.cast_unsigned(), 2 * pos));
        }
        assert_eq!((entries.total(), entries.list.len()), (20, 8));
        assert!(entries.is_truncated() && entries.first(3).is_empty());
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

    /// Reference implementation with a map of everything.
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
            // Steps from position to position, each with a key.
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
