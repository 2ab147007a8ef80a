//! Hash maps for numbers that nobody can aim with: session numbers, kernel addresses, positions.
//!
//! They are asked once an event and more, so one multiplication has to do (Fibonacci hashing). What a
//! user can name, a path say, goes into maps of the standard library.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A map from such numbers.
pub type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<Fibonacci>>;

/// Spreads neighbours over the high bits, which a map looks at first: 2^64 / golden ratio.
pub const fn spread(value: u64) -> u64 {
    value.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Hashes one number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fibonacci(u64);

impl Hasher for Fibonacci {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = spread(self.0 ^ value);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

/// A map that is mostly asked for the key that it was asked for last: then it costs a comparison.
///
/// Values are in the order in which they came, but for what took the place of one that was removed.
#[derive(Debug)]
pub struct RecentMap<K, V> {
    list: Vec<(K, V)>,
    places: FastMap<K, usize>,
    last: usize,
}

impl<K, V> Default for RecentMap<K, V> {
    fn default() -> Self {
        Self { list: Vec::new(), places: FastMap::default(), last: 0 }
    }
}

impl<K: Copy + Eq + Hash, V> RecentMap<K, V> {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The value of a key.
    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        if self.list.get(self.last).is_none_or(|(last, _)| *last != key) {
            self.last = *self.places.get(&key)?;
        }
        self.list.get_mut(self.last).map(|(_, value)| value)
    }

    /// The value of a key; if it has none, this one.
    #[inline]
    pub fn get_or_insert_with(&mut self, key: K, value: impl FnOnce() -> V) -> &mut V {
        if self.list.get(self.last).is_none_or(|(last, _)| *last != key) {
            self.last = self.find_or_push(key, value);
        }
        &mut self.list[self.last].1
    }

    #[cold]
    fn find_or_push(&mut self, key: K, value: impl FnOnce() -> V) -> usize {
        match self.places.get(&key) {
            Some(at) => *at,
            None => self.push(key, value()),
        }
    }

    /// Gives a key a value. The one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(known) = self.get_mut(key) {
            return Some(std::mem::replace(known, value));
        }
        self.last = self.push(key, value);
        None
    }

    /// Forgets a key. The value that it had.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let at = self.places.remove(&key)?;
        let (_, value) = self.list.swap_remove(at);
        if let Some((moved, _)) = self.list.get(at) {
            self.places.insert(*moved, at);
        }
        Some(value)
    }

    /// All values.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.list.iter().map(|(_, value)| value)
    }

    /// All values.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.list.iter_mut().map(|(_, value)| value)
    }

    /// All values; none is left.
    pub fn take(&mut self) -> impl Iterator<Item = V> + use<K, V> {
        std::mem::take(self).list.into_iter().map(|(_, value)| value)
    }

    fn push(&mut self, key: K, value: V) -> usize {
        let at = self.list.len();
        self.list.push((key, value));
        self.places.insert(key, at);
        at
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_map_is_a_map(steps in prop::collection::vec((0..5, 0..8_u32, any::<u8>()), 0..200)) {
            let (mut map, mut naive) = (RecentMap::default(), BTreeMap::new());
            for (act, key, value) in steps {
                match act {
                    0 => prop_assert_eq!(map.insert(key, value), naive.insert(key, value)),
                    1 => prop_assert_eq!(map.remove(key), naive.remove(&key)),
                    2 => {
                        let expected = naive.entry(key).or_insert(value);
                        prop_assert_eq!(map.get_or_insert_with(key, || value), expected);
                    }
                    _ => prop_assert_eq!(map.get_mut(key), naive.get_mut(&key)),
                }
                let mut values: Vec<u8> = map.values().copied().collect();
                let mut expected: Vec<u8> = naive.values().copied().collect();
                values.sort_unstable();
                expected.sort_unstable();
                prop_assert_eq!(values, expected);
                prop_assert_eq!(map.len(), naive.len());
            }
            let (mut taken, mut expected): (Vec<_>, Vec<_>) =
                (map.take().collect(), naive.into_values().collect());
            taken.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(taken, expected);
            prop_assert_eq!(map.len(), 0);
        }
    }
}
