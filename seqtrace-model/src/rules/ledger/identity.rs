//! Identity of records: what a pointer identifies, and how far the pointers of a file identify its records.

use crate::event::{Ptr, PtrKind};
use crate::finding::Witness;
use crate::fixed::FixedRanges;

/// The thing that a pointer returned by start or next identifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) enum Identity {
    /// Nothing: the pointer is NULL, an error, `&m->index` or `m->private` itself.
    Unknown,
    /// `SEQ_START_TOKEN`, which stands for the header.
    Token,
    /// A small number: an index or a handle.
    Small(u64),
    /// An offset into the memory at `m->private`: the same record, wherever that was allocated this
    /// time.
    Offset(u64),
    /// An address of a record in memory that is allocated, or may be.
    Pointer(u64),
    /// An address of a record in the kernel's image or in a module.
    Fixed(u64),
}

/// Upper bound of `sizeof(struct seq_file)` in any configuration: pointers into it are cursors, as
/// `&m->index`.
const SEQ_FILE: u64 = 256;
/// Lowest value that can be an address.
const SMALL: u64 = 1 << 40;
/// Maximum size of the memory at `m->private`, bytes.
const PRIVATE: u64 = 1 << 20;

impl Identity {
    /// Returns the identity of `ptr` in the seq_file at `m`. `relative`: the records of the file
    /// are known to lie in the memory at `private`.
    pub(in crate::rules) fn of(
        ptr: Ptr,
        m: u64,
        private: Option<u64>,
        relative: bool,
        fixed: &FixedRanges,
    ) -> Self {
        match ptr.kind() {
            PtrKind::Null | PtrKind::Err(_) => Self::Unknown,
            PtrKind::Token => Self::Token,
            PtrKind::Record(value) if value < SMALL => Self::Small(value),
            PtrKind::Record(value) if value.wrapping_sub(m) < SEQ_FILE => Self::Unknown,
            PtrKind::Record(value) => match offset(value, private) {
                Some(0) => Self::Unknown,
                Some(offset) if relative => Self::Offset(offset),
                _ if fixed.contains(value) => Self::Fixed(value),
                _ => Self::Pointer(value),
            },
        }
    }

    /// Returns a number that differs between identities; 0 for [`Self::Unknown`].
    pub(in crate::rules) fn key(self) -> u64 {
        match self {
            Self::Unknown => 0,
            Self::Token => 1,
            Self::Small(value) | Self::Pointer(value) | Self::Fixed(value) => value,
            Self::Offset(offset) => 1 << 50 | offset,
        }
    }

    /// Returns true if no allocation can have given the same pointer to another record.
    pub(in crate::rules) fn is_fixed(self) -> bool {
        match self {
            Self::Unknown | Self::Pointer(_) => false,
            Self::Token | Self::Small(_) | Self::Offset(_) | Self::Fixed(_) => true,
        }
    }
}

/// Returns the offset of a pointer into the memory at `private`.
pub(in crate::rules) fn offset(value: u64, private: Option<u64>) -> Option<u64> {
    let private = private.filter(|private| *private >= SMALL)?;
    value.checked_sub(private).filter(|offset| *offset < PRIVATE)
}

/// Minimum number of records of one pass with different pointers from which pointers are considered to identify
/// records. Two are not sufficient, because an iterator that allocates the next record and then frees the previous one
/// alternates between two addresses.
pub(super) const DIFFERENT: u32 = 3;

/// Minimum number of times that a record must have had the same pointer in two passes: the allocator can return the
/// same address once by coincidence.
pub(super) const STABLE: u32 = 2;

/// Minimum ratio of the number of times that a record had the same pointer in two passes to the number of times that
/// different records had the same pointer.
const RARE: u32 = 32;

/// Degree to which the pointers of a file identify its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::rules) enum Trust {
    /// Not at all: all records share a pointer, or too few were seen.
    None,
    /// Within a pass: pointers differ from record to record, but each pass may allocate its own records.
    Weak,
    /// From pass to pass: a record has the same pointer in all passes.
    Firm,
}

/// Statistics about the pointers of a file. They show whether pointers identify records, or only the memory in which
/// the iterator has its cursor.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::rules) struct Pointers {
    /// Number of times that different records had the same pointer.
    shared: u32,
    /// Number of times that a record moved together with `m->private`.
    relative: u32,
    absolute: u32,
    /// True if next has returned another pointer than the one that was passed to it.
    moves: bool,
    /// Largest number of records of one pass that all had different pointers.
    different: u32,
    /// Number of times that a record had the same pointer in two passes.
    stable: u32,
    /// Number of times that start or next returned another pointer than that of the expected record.
    mismatches: u32,
}

impl Pointers {
    /// Records that different records had the same pointer.
    pub(in crate::rules) fn note_shared(&mut self) {
        self.shared = self.shared.saturating_add(1);
    }

    /// Records that `m->private` has changed between passes, and whether a record moved together with it (`did`) or
    /// kept its address.
    pub(in crate::rules) fn note_private_moved(&mut self, did: bool) {
        let count = if did { &mut self.relative } else { &mut self.absolute };
        *count = count.saturating_add(1);
    }

    /// Returns true if the records lie in the memory at `m->private`.
    pub(in crate::rules) fn is_relative(&self) -> bool {
        self.relative > self.absolute
    }

    /// Returns true if records share pointers more often than reuse of freed memory explains.
    fn are_shared(&self) -> bool {
        self.shared > 0 && self.stable < self.shared.saturating_mul(RARE)
    }

    /// Records that next has returned another pointer than the one that was passed to it.
    pub(in crate::rules) fn moved(&mut self) {
        self.moves = true;
    }

    /// Records that `count` records of one pass had different pointers.
    pub(in crate::rules) fn note_different(&mut self, count: u32) {
        self.different = self.different.max(count);
    }

    /// Records that a record had the same pointer in two passes.
    pub(in crate::rules) fn note_stable(&mut self) {
        self.stable = self.stable.saturating_add(1);
    }

    /// Records that another pointer was returned than was expected: start is wrong, or records do not keep their
    /// pointers.
    pub(in crate::rules) fn note_mismatch(&mut self) {
        self.mismatches = self.mismatches.saturating_add(1);
    }

    /// Returns true if records keep their pointers from pass to pass.
    fn last(&self) -> bool {
        self.stable >= STABLE.saturating_add(self.mismatches.saturating_mul(2))
    }

    /// Returns how far two identities can be compared.
    pub(in crate::rules) fn trust(&self, one: Identity, other: Identity) -> Trust {
        match (one, other) {
            (Identity::Unknown, _) | (_, Identity::Unknown) => Trust::None,
            (Identity::Token, _) | (_, Identity::Token) => Trust::Firm,
            _ if self.are_shared() => Trust::None,
            _ if one.is_fixed() && other.is_fixed() && self.moves => Trust::Firm,
            _ if self.different >= DIFFERENT && self.last() => Trust::Firm,
            _ if self.different >= DIFFERENT => Trust::Weak,
            _ => Trust::None,
        }
    }
}

/// Returns the witnesses that agree.
pub(in crate::rules) fn witnesses(pos: bool, pointer: bool, bytes: bool) -> Vec<Witness> {
    let all = [
        (pos, Witness::Position),
        (pointer, Witness::Pointer),
        (bytes, Witness::Bytes),
        (!bytes, Witness::Length),
    ];
    all.into_iter().filter(|(agrees, _)| *agrees).map(|(_, witness)| witness).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const M: u64 = 0xffff_8881_0000_1000;
    const HEAP: u64 = 0xffff_8881_2345_6000;

    #[test]
    fn names() {
        let fixed = FixedRanges::default();
        let of = |value, private| Identity::of(Ptr(value), M, private, true, &fixed);
        assert_eq!(of(0, None), Identity::Unknown);
        assert_eq!(of(12u64.wrapping_neg(), None), Identity::Unknown);
        assert_eq!(of(1, None), Identity::Token);
        assert_eq!(of(3, Some(0)), Identity::Small(3));
        assert_eq!(of(M + 40, None), Identity::Unknown);
        assert_eq!(of(HEAP, Some(HEAP)), Identity::Unknown);
        assert_eq!(of(HEAP + 8, Some(HEAP)), Identity::Offset(8));
        assert_eq!(of(HEAP + (2 << 20), Some(HEAP)), Identity::Pointer(HEAP + (2 << 20)));
        // A record that only happens to lie near.
        let near = Identity::of(Ptr(HEAP + 8), M, Some(HEAP), false, &fixed);
        assert_eq!(near, Identity::Pointer(HEAP + 8));
        assert_eq!(of(0xffff_ffff_c0a0_0000, None), Identity::Fixed(0xffff_ffff_c0a0_0000));
        // With 5-level paging the direct map begins lower.
        assert_eq!(of(0xff11_0000_1234_5678, None), Identity::Pointer(0xff11_0000_1234_5678));
    }

    #[test]
    fn the_kernel_decides_which_addresses_are_fixed() {
        let (module, heap) = (0xffff_dd7f_27ff_0040, 0xffff_ffff_c0a0_0000);
        let fixed = FixedRanges::new(vec![0xffff_dd7f_27ff_0000..0xffff_dd7f_2800_0000]);
        let of = |value| Identity::of(Ptr(value), M, None, false, &fixed);
        assert!(of(module).is_fixed() && !of(heap).is_fixed());
        assert_eq!(of(module).key(), module);
    }

    #[test]
    fn pointers_must_earn_their_trust() {
        let mut pointers = Pointers::default();
        let (a, b) = (Identity::Pointer(HEAP), Identity::Pointer(HEAP + 64));
        assert_eq!(pointers.trust(a, b), Trust::None);
        pointers.note_different(3);
        pointers.note_stable();
        assert_eq!(pointers.trust(a, b), Trust::Weak);
        pointers.note_stable();
        assert_eq!(pointers.trust(a, b), Trust::Firm);
        pointers.note_shared();
        assert_eq!(pointers.trust(a, b), Trust::None);
        assert_eq!(pointers.trust(a, Identity::Token), Trust::Firm);
        for _ in 0..RARE {
            pointers.note_stable();
        }
        assert_eq!(pointers.trust(a, b), Trust::Firm);
    }
}
