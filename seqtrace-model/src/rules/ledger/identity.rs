//! Which record is it? What a pointer says about that, and when it says nothing.

use crate::event::{Ptr, PtrKind};
use crate::finding::Witness;

/// What start and next returned, as a name for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) enum Identity {
    /// It says nothing: NULL, an error, `&m->index` or `m->private` itself.
    Blank,
    /// `SEQ_START_TOKEN`.
    Token,
    /// A small number: an index or a handle.
    Small(u64),
    /// So far into `m->private`: the same record, wherever private was allocated this time.
    Offset(u64),
    /// An address.
    Pointer(u64),
}

/// More than `sizeof(struct seq_file)` of any configuration: cursors inside are `&m->index`.
const SEQ_FILE: u64 = 256;
/// Numbers up to here are no addresses.
const SMALL: u64 = 1 << 40;
/// How large what `m->private` points to can be.
const PRIVATE: u64 = 1 << 20;
/// From here on lie the kernel's image and its modules (`__START_KERNEL_map`,
/// Documentation/arch/x86/x86_64/mm.rst): nothing there is allocated by a pass.
const IMAGE: u64 = 0xffff_ffff_8000_0000;

impl Identity {
    /// What `ptr` names, in the seq_file at `m` whose private pointer is `private`; `relative` if the file's records
    /// are known to lie where that points to.
    pub(in crate::rules) fn of(ptr: Ptr, m: u64, private: Option<u64>, relative: bool) -> Self {
        match ptr.kind() {
            PtrKind::Null | PtrKind::Err(_) => Self::Blank,
            PtrKind::Token => Self::Token,
            PtrKind::Record(value) if value < SMALL => Self::Small(value),
            PtrKind::Record(value) if value.wrapping_sub(m) < SEQ_FILE => Self::Blank,
            PtrKind::Record(value) => match offset(value, private) {
                Some(0) => Self::Blank,
                Some(offset) if relative => Self::Offset(offset),
                _ => Self::Pointer(value),
            },
        }
    }

    /// As a number, different for different names; 0 if it is none.
    pub(in crate::rules) fn key(self) -> u64 {
        match self {
            Self::Blank => 0,
            Self::Token => 1,
            Self::Small(value) | Self::Pointer(value) => value,
            Self::Offset(offset) => 1 << 50 | offset,
        }
    }

    /// True where no allocation can have given the name to another record.
    pub(in crate::rules) fn is_fixed(self) -> bool {
        match self {
            Self::Blank => false,
            Self::Token | Self::Small(_) | Self::Offset(_) => true,
            Self::Pointer(value) => value >= IMAGE,
        }
    }
}

/// How far into private a pointer points.
pub(in crate::rules) fn offset(value: u64, private: Option<u64>) -> Option<u64> {
    let private = private.filter(|private| *private >= SMALL)?;
    value.checked_sub(private).filter(|offset| *offset < PRIVATE)
}

/// Records of one pass with different pointers before that means something: an iterator that
/// allocates one and frees another has two.
pub(super) const DIFFERENT: u32 = 3;

/// How often a record must have had the same pointer in two passes: once can be an allocator's whim.
pub(super) const STABLE: u32 = 2;

/// So many times as often a pointer must have lasted as one was given to another record.
const RARE: u32 = 32;

/// How much the pointers of a file mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::rules) enum Trust {
    /// Nothing: one pointer for all records, or too few were seen.
    None,
    /// They differ from record to record. Whether a record keeps its pointer from one pass to the
    /// next is not known: each pass could allocate its own.
    Weak,
    /// They name records.
    Firm,
}

/// What was learned of the pointers of a file: whether they name records or the place where the
/// iterator keeps its cursor.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::rules) struct Pointers {
    /// How often one pointer was given to different records.
    cursor: u32,
    /// How often a record moved with `m->private`, and how often it stayed where it was.
    relative: u32,
    absolute: u32,
    /// next returned another than it was given.
    moves: bool,
    /// The most records of one pass that all had different ones.
    different: u32,
    /// How often a pointer was the same for a record in two passes.
    stable: u32,
    /// How often a record should have come and another pointer did.
    astray: u32,
}

impl Pointers {
    /// One pointer was given to different records.
    pub(in crate::rules) fn is_cursor(&mut self) {
        self.cursor = self.cursor.saturating_add(1);
    }

    /// `m->private` was another in this pass: the record lies as far into it as before, or where it did.
    pub(in crate::rules) fn moved_with_private(&mut self, did: bool) {
        let count = if did { &mut self.relative } else { &mut self.absolute };
        *count = count.saturating_add(1);
    }

    /// The records lie where `m->private` points to.
    pub(in crate::rules) fn is_relative(&self) -> bool {
        self.relative > self.absolute
    }

    /// One pointer is given to different records. What happens now and then, if memory is allocated again, does not
    /// prove that.
    fn recurs(&self) -> bool {
        self.cursor > 0 && self.stable < self.cursor.saturating_mul(RARE)
    }

    /// next returned another than it was given.
    pub(in crate::rules) fn moved(&mut self) {
        self.moves = true;
    }

    /// So many records of one pass had different ones.
    pub(in crate::rules) fn differ(&mut self, count: u32) {
        self.different = self.different.max(count);
    }

    /// A record had the same in two passes.
    pub(in crate::rules) fn survived(&mut self) {
        self.stable = self.stable.saturating_add(1);
    }

    /// Another came than was promised: a wrong start, or pointers that do not last.
    pub(in crate::rules) fn strayed(&mut self) {
        self.astray = self.astray.saturating_add(1);
    }

    /// Records are known to keep them.
    fn last(&self) -> bool {
        self.stable >= STABLE.saturating_add(self.astray.saturating_mul(2))
    }

    /// How much these two mean.
    pub(in crate::rules) fn trust(&self, one: Identity, other: Identity) -> Trust {
        match (one, other) {
            (Identity::Blank, _) | (_, Identity::Blank) => Trust::None,
            (Identity::Token, _) | (_, Identity::Token) => Trust::Firm,
            _ if self.recurs() => Trust::None,
            _ if one.is_fixed() && other.is_fixed() && self.moves => Trust::Firm,
            _ if self.different >= DIFFERENT && self.last() => Trust::Firm,
            _ if self.different >= DIFFERENT => Trust::Weak,
            _ => Trust::None,
        }
    }
}

/// The witnesses that agree.
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
        let of = |value, private| Identity::of(Ptr(value), M, private, true);
        assert_eq!(of(0, None), Identity::Blank);
        assert_eq!(of(12u64.wrapping_neg(), None), Identity::Blank);
        assert_eq!(of(1, None), Identity::Token);
        assert_eq!(of(3, Some(0)), Identity::Small(3));
        assert_eq!(of(M + 40, None), Identity::Blank);
        assert_eq!(of(HEAP, Some(HEAP)), Identity::Blank);
        assert_eq!(of(HEAP + 8, Some(HEAP)), Identity::Offset(8));
        assert_eq!(of(HEAP + (2 << 20), Some(HEAP)), Identity::Pointer(HEAP + (2 << 20)));
        // A record that only happens to lie near.
        let near = Identity::of(Ptr(HEAP + 8), M, Some(HEAP), false);
        assert_eq!(near, Identity::Pointer(HEAP + 8));
        // With 5-level paging the direct map begins lower.
        assert_eq!(of(0xff11_0000_1234_5678, None), Identity::Pointer(0xff11_0000_1234_5678));
    }

    #[test]
    fn pointers_must_earn_their_trust() {
        let mut pointers = Pointers::default();
        let (a, b) = (Identity::Pointer(HEAP), Identity::Pointer(HEAP + 64));
        assert_eq!(pointers.trust(a, b), Trust::None);
        pointers.differ(3);
        pointers.survived();
        assert_eq!(pointers.trust(a, b), Trust::Weak);
        pointers.survived();
        assert_eq!(pointers.trust(a, b), Trust::Firm);
        pointers.is_cursor();
        assert_eq!(pointers.trust(a, b), Trust::None);
        assert_eq!(pointers.trust(a, Identity::Token), Trust::Firm);
        for _ in 0..RARE {
            pointers.survived();
        }
        assert_eq!(pointers.trust(a, b), Trust::Firm);
    }
}
