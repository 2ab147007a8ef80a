//! Hash maps for numbers that nobody can aim with: session numbers, kernel addresses, positions.
//!
//! They are asked once an event and more, so one multiplication has to do (Fibonacci hashing). What a
//! user can name, a path say, goes into maps of the standard library.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map from such numbers.
pub(crate) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<Fibonacci>>;

/// Hashes one number.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fibonacci(u64);

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
        // 2^64 / golden ratio: spreads neighbours over the high bits, which the map looks at first.
        self.0 = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
