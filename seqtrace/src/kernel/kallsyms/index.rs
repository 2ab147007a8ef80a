//! Finds symbols by name, through an index of hashes.

use super::Kallsyms;

/// Indices of symbols, grouped by the hash of their names: bucket `b` is
/// `order[begin[b]..begin[b + 1]]`.
#[derive(Debug)]
pub(super) struct NameIndex {
    begin: Vec<u32>,
    order: Vec<u32>,
}

impl NameIndex {
    const BUCKETS: usize = 1 << 16;

    pub(super) fn new(table: &Kallsyms) -> Self {
        let buckets: Vec<u16> = (0..table.len()).map(|i| Self::bucket(table.bytes(i))).collect();
        let mut begin = vec![0_u32; Self::BUCKETS + 1];
        for &bucket in &buckets {
            begin[usize::from(bucket) + 1] += 1;
        }
        let mut sum = 0;
        for slot in &mut begin {
            sum += *slot;
            *slot = sum;
        }
        let mut next = begin.clone();
        let mut order = vec![0_u32; table.len()];
        for (&bucket, number) in buckets.iter().zip(0..) {
            let slot = &mut next[usize::from(bucket)];
            if let Some(element) = usize::try_from(*slot).ok().and_then(|at| order.get_mut(at)) {
                *element = number;
            }
            *slot += 1;
        }
        Self { begin, order }
    }

    /// Returns the indices of the symbols whose names may be `name`, sorted by address.
    pub(super) fn candidates(&self, name: &str) -> &[u32] {
        let bucket = usize::from(Self::bucket(name.as_bytes()));
        let at = |i: usize| usize::try_from(self.begin[i]).unwrap_or(0);
        self.order.get(at(bucket)..at(bucket + 1)).unwrap_or(&[])
    }

    /// Hashes the length and the first and last eight bytes. They distinguish most names, at a fraction of
    /// the cost of hashing whole names.
    fn bucket(name: &[u8]) -> u16 {
        let (first, last) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => (name.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)), 0),
        };
        let key = first ^ last.rotate_left(23) ^ name.len() as u64;
        // 2^64 / golden ratio spreads similar keys over the high bits.
        let [.., low, high] = key.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        u16::from_le_bytes([low, high])
    }
}
