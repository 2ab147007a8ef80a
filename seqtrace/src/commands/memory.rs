//! A limit on the memory of this process.

use std::{fs::File, os::unix::fs::FileExt};

use nix::unistd::{SysconfVar, sysconf};

/// Sizes of this process in pages (Documentation/filesystems/proc.rst, table 1-3). The second number is the resident set.
const STATM: &str = "/proc/self/statm";

/// Limit on the resident set of this process.
#[derive(Debug)]
pub(super) struct Memory {
    /// `None`: the sizes are not known, and no limit applies.
    statm: Option<File>,
    /// Size of a page in bytes.
    page: u64,
    /// Largest permitted size in bytes.
    limit: u64,
}

/// This process has more memory than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Excess {
    /// Largest permitted size in bytes.
    pub(super) limit: u64,
}

impl Memory {
    /// Creates a limit of this many bytes.
    pub(super) fn limited(limit: u64) -> Self {
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
        let page = page.and_then(|page| u64::try_from(page).ok()).unwrap_or(4096);
        Self { statm: File::open(STATM).ok(), page, limit }
    }

    /// Returns an error if this process has more memory than the limit.
    pub(super) fn check(&self) -> Result<(), Excess> {
        if self.resident().is_some_and(|bytes| bytes > self.limit) {
            return Err(Excess { limit: self.limit });
        }
        Ok(())
    }

    fn resident(&self) -> Option<u64> {
        let mut text = [0; 128];
        let length = self.statm.as_ref()?.read_at(&mut text, 0).ok()?;
        let pages: u64 =
            str::from_utf8(text.get(..length)?).ok()?.split(' ').nth(1)?.parse().ok()?;
        pages.checked_mul(self.page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_more_than_a_page_and_less_than_an_exbibyte() {
        assert_eq!(Memory::limited(4096).check(), Err(Excess { limit: 4096 }));
        assert_eq!(Memory::limited(1 << 60).check(), Ok(()));
    }
}
