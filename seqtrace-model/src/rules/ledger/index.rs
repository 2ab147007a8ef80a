//! Which entry has that key? A hash table of places beside the entries, which have the keys.
//!
//! It is asked for each record and grows with the file, so it is made of small words: a generation of
//! a quarter of a million records has 4 MB of it. Keys are kernel addresses and small numbers, which
//! nobody chooses whom collisions would serve: one multiplication has to do.

use super::entries::Entry;
use crate::hash::spread;

/// Places in a list of entries, by key.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Half of them are free: 0. Else the hash of a key, above the entry's place plus one. There are
    /// as many as a power of two, or none.
    slots: Vec<u64>,
    used: usize,
}

/// Slots of the smallest table.
const FEW: usize = 64;

impl Index {
    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// Forgets all. What a large file has taken is given back.
    pub(super) fn clear(&mut self) {
        self.slots.truncate(FEW);
        self.slots.shrink_to(FEW);
        self.slots.fill(0);
        self.used = 0;
    }

    /// The place of the entry with that key; `list` are the entries.
    pub(super) fn get(&self, key: u64, list: &[Entry]) -> Option<usize> {
        let hash = hash(key);
        let mut at = self.home(hash);
        loop {
            let slot = *self.slots.get(at)?;
            let place = place(slot)?;
            if above(slot) == hash && list.get(place).is_some_and(|entry| entry.key == key) {
                return Some(place);
            }
            at = self.behind(at);
        }
    }

    /// The entry with that key is at that place now; `list` are those that were there before.
    pub(super) fn set(&mut self, key: u64, at: usize, list: &[Entry]) {
        if self.used * 2 >= self.slots.len() {
            self.grow();
        }
        let hash = hash(key);
        let new = slot(hash, at);
        let mut at = self.home(hash);
        while let Some(slot) = self.slots.get_mut(at) {
            let Some(place) = place(*slot) else {
                *slot = new;
                self.used += 1;
                return;
            };
            if above(*slot) == hash && list.get(place).is_some_and(|entry| entry.key == key) {
                *slot = new;
                return;
            }
            at = self.behind(at);
        }
    }

    /// The first `gone` entries have been forgotten.
    pub(super) fn forget(&mut self, gone: usize) {
        let slots = std::mem::take(&mut self.slots);
        let len = slots.len();
        let kept = slots.into_iter().filter_map(|old| {
            let place = place(old)?.checked_sub(gone)?;
            Some(slot(above(old), place))
        });
        self.rebuild(len, kept);
    }

    fn grow(&mut self) {
        let slots = std::mem::take(&mut self.slots);
        let len = (slots.len() * 2).max(FEW);
        self.rebuild(len, slots.into_iter().filter(|slot| *slot != 0));
    }

    /// Keys are known to differ.
    fn rebuild(&mut self, len: usize, slots: impl Iterator<Item = u64>) {
        self.slots = vec![0; len];
        self.used = 0;
        for new in slots {
            let mut at = self.home(above(new));
            while self.slots.get(at).is_some_and(|slot| *slot != 0) {
                at = self.behind(at);
            }
            if let Some(free) = self.slots.get_mut(at) {
                *free = new;
                self.used += 1;
            }
        }
    }

    /// Where to look first: the high bits of the hash are the best ones.
    fn home(&self, hash: u32) -> usize {
        let slots = self.slots.len() as u64;
        usize::try_from((u64::from(hash) * slots) >> 32).unwrap_or(0)
    }

    /// Where to look next.
    fn behind(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }
}

fn hash(key: u64) -> u32 {
    above(spread(key))
}

fn slot(hash: u32, place: usize) -> u64 {
    u64::from(hash) << 32 | (place as u64 + 1)
}

fn above(word: u64) -> u32 {
    u32::try_from(word >> 32).unwrap_or(0)
}

fn place(slot: u64) -> Option<usize> {
    usize::try_from(slot & u64::from(u32::MAX)).ok()?.checked_sub(1)
}
