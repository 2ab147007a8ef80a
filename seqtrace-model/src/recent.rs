//! A map that finds the entry of the last lookup again without hashing.

use std::hash::Hash;
use std::ops::{Deref, DerefMut};

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

/// A map for lookups that mostly repeat the key of the lookup before, as those of a trace's events do.
#[derive(Debug)]
pub(crate) struct RecentMap<K, V> {
    map: IndexMap<K, V, FxBuildHasher>,
    /// Index of the entry of the last lookup. The entry may have moved or may be gone.
    recent: usize,
}

impl<K, V> Default for RecentMap<K, V> {
    fn default() -> Self {
        Self { map: IndexMap::default(), recent: 0 }
    }
}

impl<K: Copy + Eq + Hash, V> RecentMap<K, V> {
    /// Returns the value of a key. If the last call had the same key, nothing is hashed.
    #[inline]
    pub(crate) fn get_recent(&mut self, key: K) -> Option<&mut V> {
        if self.map.get_index(self.recent).is_none_or(|(recent, _)| *recent != key) {
            self.recent = self.map.get_index_of(&key)?;
        }
        self.map.get_index_mut(self.recent).map(|(_, value)| value)
    }
}

impl<K, V> Deref for RecentMap<K, V> {
    type Target = IndexMap<K, V, FxBuildHasher>;

    fn deref(&self) -> &Self::Target {
        &self.map
    }
}

impl<K, V> DerefMut for RecentMap<K, V> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_after_others_moved() {
        let mut map = RecentMap::default();
        for key in 0..4 {
            map.insert(key, key * 10);
        }
        assert_eq!(map.get_recent(3), Some(&mut 30));
        // Moves entry 3 to index 0.
        map.swap_remove(&0);
        assert_eq!(map.get_recent(3), Some(&mut 30));
        assert_eq!(map.get_recent(0), None);
        map.insert(0, 7);
        assert_eq!(map.get_recent(0), Some(&mut 7));
    }
}
