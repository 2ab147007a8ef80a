//! A hash map for positions and pointers: asked for each record, so one multiplication has to do.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map from `u64`.
pub(super) type Map = HashMap<u64, u64, BuildHasherDefault<Fibonacci>>;

/// Fibonacci hashing. Kernel addresses and positions are not chosen by whom collisions would serve.
#[derive(Default)]
pub(super) struct Fibonacci(u64);

impl Hasher for Fibonacci {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
