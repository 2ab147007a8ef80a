//! Addresses of the kernel at which nothing is allocated while a trace runs.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

/// Address ranges of the kernel's image and its modules. Objects there are static: two pointers to the same address are
/// pointers to the same object, which is not true of memory that is allocated.
///
/// The default is the map of x86-64, which has the image and all modules in one range.
#[derive(Clone, PartialEq, Eq)]
pub struct FixedRanges(
    /// Sorted, disjoint, and none of them is empty.
    Arc<[Range<u64>]>,
);

impl FixedRanges {
    /// Range of the image and the modules on x86-64, from `__START_KERNEL_map` to the end of the modules
    /// (Documentation/arch/x86/x86_64/mm.rst).
    const X86_64: Range<u64> = 0xffff_ffff_8000_0000..0xffff_ffff_ff00_0000;

    /// Creates the union of ranges in any order.
    pub fn new(mut ranges: Vec<Range<u64>>) -> Self {
        ranges.retain(|range| !range.is_empty());
        ranges.sort_unstable_by_key(|range| range.start);
        ranges.dedup_by(|next, last| {
            let joined = next.start <= last.end;
            if joined {
                last.end = last.end.max(next.end);
            }
            joined
        });
        Self(ranges.into())
    }

    /// Returns the ranges that are the same on all kernels for a machine, as `uname -m` prints it; there are none if
    /// they differ from kernel to kernel.
    pub fn of_machine(machine: &str) -> Self {
        Self::new(if machine == "x86_64" { vec![Self::X86_64] } else { Vec::new() })
    }

    /// Returns true if an address is in one of the ranges.
    pub fn contains(&self, address: u64) -> bool {
        let next = self.0.partition_point(|range| range.start <= address);
        next.checked_sub(1).is_some_and(|last| address < self.0[last].end)
    }
}

impl Default for FixedRanges {
    fn default() -> Self {
        Self::of_machine("x86_64")
    }
}

/// Formats the ranges as `BEGIN-END BEGIN-END …`, in hexadecimal, without the ends.
impl fmt::Display for FixedRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blank = "";
        for Range { start, end } in self.0.iter() {
            write!(f, "{blank}{start:x}-{end:x}")?;
            blank = " ";
        }
        Ok(())
    }
}

impl fmt::Debug for FixedRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FixedRanges({self})")
    }
}

/// The text is not a list of ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotRanges;

impl FromStr for FixedRanges {
    type Err = NotRanges;

    fn from_str(text: &str) -> Result<Self, NotRanges> {
        let number = |digits: &str| u64::from_str_radix(digits, 16).map_err(|_| NotRanges);
        let range = |word: &str| {
            let (start, end) = word.split_once('-').ok_or(NotRanges)?;
            Ok(number(start)?..number(end)?)
        };
        text.split_ascii_whitespace().map(range).collect::<Result<_, _>>().map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_joined_and_searched() {
        let text = "300-400 100-180 180-200 150-160 0-0 500-480";
        let ranges: FixedRanges = text.parse().unwrap();
        assert_eq!(ranges.to_string(), "100-200 300-400");
        let inside = [0x100, 0x1ff, 0x300, 0x3ff];
        let outside = [0, 0xff, 0x200, 0x2ff, 0x400, 0x490, u64::MAX];
        assert!(inside.iter().all(|address| ranges.contains(*address)));
        assert!(!outside.iter().any(|address| ranges.contains(*address)));
        assert_eq!(ranges.to_string().parse(), Ok(ranges));
        for text in ["100", "1-", "-2", "1-g", "1-2-3"] {
            assert_eq!(text.parse::<FixedRanges>(), Err(NotRanges));
        }
    }

    #[test]
    fn only_x86_64_has_the_same_ranges_on_all_kernels() {
        let module = 0xffff_ffff_c0a0_0000;
        assert!(FixedRanges::of_machine("x86_64").contains(module));
        assert!(!FixedRanges::of_machine("x86_64").contains(0xffff_8881_0000_1000));
        assert!(!FixedRanges::of_machine("aarch64").contains(module));
        assert_eq!("".parse(), Ok(FixedRanges::of_machine("aarch64")));
    }
}
