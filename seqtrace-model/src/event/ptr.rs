//! Pointers that callbacks return and receive.

use std::fmt;

/// A pointer that start() or next() returned, or that the core passed to next(), show() or stop().
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Ptr(pub u64);

/// Meaning of a [`Ptr`] to the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PtrKind {
    /// NULL: the end of the file.
    Null,
    /// `SEQ_START_TOKEN`, `(void *)1` (include/linux/seq_file.h): show renders a header for it.
    Token,
    /// `ERR_PTR(-errno)`. Holds the positive errno, 1 to 4095 (`MAX_ERRNO`, include/linux/err.h).
    Err(i32),
    /// Any other value: an address, or a small number that an iterator uses as one.
    Record(u64),
}

impl Ptr {
    /// The value of a NULL pointer.
    pub const NULL: Self = Self(0);
    /// The value of `SEQ_START_TOKEN` (include/linux/seq_file.h).
    pub const TOKEN: Self = Self(1);
    const MAX_ERRNO: u64 = 4095;

    /// Returns the meaning of the pointer to the core.
    pub fn kind(self) -> PtrKind {
        match self.0 {
            0 => PtrKind::Null,
            1 => PtrKind::Token,
            // IS_ERR_VALUE(): the last MAX_ERRNO addresses.
            value if value >= 0u64.wrapping_sub(Self::MAX_ERRNO) => {
                PtrKind::Err(i32::try_from(value.wrapping_neg()).unwrap_or(i32::MAX))
            }
            value => PtrKind::Record(value),
        }
    }

    /// Returns true for the pointers that end the core's loop: NULL and ERR_PTR.
    pub fn is_end(self) -> bool {
        matches!(self.kind(), PtrKind::Null | PtrKind::Err(_))
    }
}

impl fmt::Debug for Ptr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            PtrKind::Null => write!(f, "NULL"),
            PtrKind::Token => write!(f, "TOKEN"),
            PtrKind::Err(errno) => write!(f, "ERR({errno})"),
            PtrKind::Record(value) => write!(f, "{value:016x}"),
        }
    }
}
