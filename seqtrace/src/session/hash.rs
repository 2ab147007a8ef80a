//! A hash map for session keys.
//!
//! Keys are small numbers that our own programs count up, so nobody can aim at collisions, and the
//! map is asked once an event: one multiplication is enough (Fibonacci hashing), `SipHash` is not
//! needed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::event::Key;

/// A map from session keys.
pub(super) type KeyMap<V> = HashMap<Key, V, BuildHasherDefault<KeyHasher>>;

/// Hashes one `u32`.
#[derive(Default)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        // 2^64 / golden ratio: spreads neighbours over the high bits, which the map looks at first.
        self.0 = (self.0 ^ u64::from(value)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
