//! Sizes and offsets in a file, from which commands are made.

use crate::check::{
    plan::{Kind, PAGE, Shape},
    verdict::{PlanOutcome, Report},
};

/// Sizes of a file, in bytes unless another unit is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) len: u64,
    /// True if the whole read reached the end of the file.
    pub(super) complete: bool,
    /// Length that most records have; at least 1.
    pub(super) record: u64,
    /// Length of the longest record.
    pub(super) longest: u64,
    /// End of the first record; at least 1.
    pub(super) first: u64,
    /// End of the record in the middle; 0 without records.
    pub(super) middle: u64,
    /// Offset at which the first read of the whole read ended.
    pub(super) first_read_end: u64,
    /// Number of reads of the whole read.
    pub(super) read_count: u64,
    /// True if every `cat` prints the same. The `cat` of busybox uses sendfile(2) and reads once more at the end.
    pub(super) cat_is_uniform: bool,
}

impl Facts {
    pub(super) fn of(report: &Report, shape: &Shape) -> Self {
        let ends = &shape.record_ends;
        let begins = [0].iter().chain(ends);
        let mut lens: Vec<u64> =
            ends.iter().zip(begins).map(|(end, begin)| end.saturating_sub(*begin)).collect();
        lens.sort_unstable();
        let usual = lens.chunk_by(|a, b| a == b).max_by_key(|equal| equal.len());
        let splices =
            report.plans.iter().filter(|plan| plan.kind == Kind::Splice).all(|plan| {
                matches!(plan.outcome, PlanOutcome::Ok | PlanOutcome::Unsupported { .. })
            });
        Self {
            len: shape.len,
            complete: shape.complete,
            record: usual.and_then(|equal| equal.first().copied()).unwrap_or(0).max(1),
            longest: lens.last().copied().unwrap_or(0),
            first: ends.first().copied().unwrap_or(0).max(1),
            middle: ends.get(ends.len() / 2).copied().unwrap_or(0),
            first_read_end: shape.read_ends.first().copied().unwrap_or(shape.len),
            read_count: u64::try_from(shape.read_ends.len()).unwrap_or(u64::MAX),
            cat_is_uniform: splices,
        }
    }

    /// Returns true if one read of `want` bytes at `at` gets all of them from a correct file, up to its end: the core's
    /// buffer has a page at least and takes that many bytes before it is full.
    pub(super) const fn is_full(&self, want: u64, at: u64) -> bool {
        let left = self.len.saturating_sub(at);
        let want = if want < left { want } else { left };
        want.saturating_add(self.longest) <= PAGE
    }

    /// Returns the command that prints the whole file.
    pub(super) fn source(&self, file: &str) -> String {
        if self.cat_is_uniform { format!("cat {file}") } else { format!("dd if={file} bs=128k") }
    }
}
