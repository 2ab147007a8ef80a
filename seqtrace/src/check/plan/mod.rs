//! The ways to read a file, as data.
//!
//! The record_ends that they aim at come from the first whole read: where records end, and where its reads
//! ended, which is where the core stopped and started again.

mod build;

pub(crate) use build::{all, control, first_read, whole};

use serde::{Deserialize, Serialize};

/// A descriptor: a number of the plan's own, not the system's.
pub(crate) type Slot = u8;

/// Something that a reading process does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Opens the file, for reading and without blocking.
    Open {
        /// Number of the descriptor from now on.
        slot: Slot,
    },
    /// Closes the descriptor.
    Close {
        /// Descriptor to close.
        slot: Slot,
    },
    /// Makes one read(2).
    Read {
        /// Descriptor to read.
        slot: Slot,
        /// Bytes to ask for.
        want: u64,
    },
    /// One read(2) for each of these sizes; ends early at an error or the end of the file.
    Sizes {
        /// Descriptor to read.
        slot: Slot,
        /// Bytes to ask for, read by read.
        wants: Vec<u64>,
    },
    /// read(2)s of this size until the descriptor stands at `to`, an error or the end of the file. The
    /// last one is smaller where that would go beyond.
    Until {
        /// Descriptor to read.
        slot: Slot,
        /// Size of each read, bytes.
        block: u64,
        /// File offset to go to.
        to: u64,
    },
    /// One readv(2) with these buffers.
    Vectored {
        /// Descriptor to read.
        slot: Slot,
        /// Size of each buffer, bytes.
        wants: Vec<u64>,
    },
    /// Makes one pread(2) call.
    Pread {
        /// Descriptor to read.
        slot: Slot,
        /// File offset to read at.
        at: u64,
        /// Bytes to ask for.
        want: u64,
    },
    /// Makes an lseek(2) with SEEK_SET.
    Seek {
        /// Descriptor to move.
        slot: Slot,
        /// File offset to go to.
        to: u64,
    },
    /// Makes an lseek(2) with SEEK_CUR.
    Skip {
        /// Descriptor to move.
        slot: Slot,
        /// Distance in bytes, forth or back.
        by: i64,
    },
    /// splice(2)s into a pipe until `to`, an error or the end of the file.
    Splice {
        /// Descriptor to read from.
        slot: Slot,
        /// Size of each call, bytes.
        block: u64,
        /// File offset to go to.
        to: u64,
    },
}

/// A step, and which of the two reading processes does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    /// Number of the process, 0 or 1.
    pub(crate) process: usize,
    /// The step to do.
    pub(crate) step: Step,
}

/// The purpose of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// From the beginning to the end in large blocks, as `cat` does.
    Whole,
    /// In blocks of a page.
    Page,
    /// One byte a read.
    Bytes,
    /// In blocks of seven bytes, which fit to nothing.
    Sevens,
    /// Each read ends where a record ends.
    Records,
    /// Each read ends a byte before a record does.
    Before,
    /// Each read ends a byte past a record.
    After,
    /// pread(2) at and around the ends of records.
    Pread,
    /// pread(2) and lseek(2) at the end and after it.
    End,
    /// lseek(2) forth and back.
    Seek,
    /// lseek(2) to the beginning, from the middle.
    Rewind,
    /// A short read, then long ones.
    ShortLong,
    /// Two descriptors in turn.
    Interleaved,
    /// Two processes in turn.
    Processes,
    /// By splice(2) into a pipe.
    Splice,
    /// By readv(2) into several buffers.
    Vectored,
}

impl Kind {
    /// Its name in reports; stable.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Page => "pages",
            Self::Bytes => "bytes",
            Self::Sevens => "sevens",
            Self::Records => "records",
            Self::Before => "records-1",
            Self::After => "records+1",
            Self::Pread => "pread",
            Self::End => "end",
            Self::Seek => "seek",
            Self::Rewind => "rewind",
            Self::ShortLong => "short-long",
            Self::Interleaved => "two-descriptors",
            Self::Processes => "two-processes",
            Self::Splice => "splice",
            Self::Vectored => "readv",
        }
    }

    /// What it does, in a few words.
    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::Whole => "to the end in large blocks",
            Self::Page => "to the end in blocks of 4096",
            Self::Bytes => "byte by byte",
            Self::Sevens => "seven bytes at a time",
            Self::Records => "a record at a time",
            Self::Before => "up to a byte before each record's end",
            Self::After => "up to a byte past each record's end",
            Self::Pread => "pread at the ends of records",
            Self::End => "at the end of the file and past it",
            Self::Seek => "lseek forth and back",
            Self::Rewind => "lseek to the beginning from the middle",
            Self::ShortLong => "a short read, then long ones",
            Self::Interleaved => "two descriptors in turn",
            Self::Processes => "two processes in turn",
            Self::Splice => "splice into a pipe",
            Self::Vectored => "readv into several buffers",
        }
    }

    /// Names the circumstance of a plan in which two read at once.
    pub(crate) const fn readers(self) -> &'static str {
        match self {
            Self::Processes => "while two processes have it open",
            _ => "while it is open twice",
        }
    }

    /// True where two readers are at work at once.
    pub(crate) const fn is_shared(self) -> bool {
        matches!(self, Self::Interleaved | Self::Processes)
    }
}

/// A way to read a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The purpose of the plan.
    pub(crate) kind: Kind,
    /// The steps, in order.
    pub(crate) acts: Vec<Act>,
}

/// Facts about a file from its first whole read.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Shape {
    /// Bytes of the whole read.
    pub(crate) len: u64,
    /// That was all: the end of the file was reached.
    pub(crate) complete: bool,
    /// Where records end, ascending.
    pub(crate) record_ends: Vec<u64>,
    /// Where its reads ended, ascending.
    pub(crate) read_ends: Vec<u64>,
}

/// The size of the core's first buffer, PAGE_SIZE as a rule.
pub(crate) const PAGE: u64 = 4096;
/// Blocks of a whole read: what `cat` of coreutils takes.
pub(crate) const LARGE: u64 = 128 << 10;
/// How far past the end a read to the end goes on, if there is more.
pub(super) const BEYOND: u64 = 2 * PAGE;
/// Records that a plan reads one by one in one go.
const RUN: usize = 512;
/// Bytes around a place that are read one by one.
const AROUND: u64 = 48;
/// Renderings that all of a plan's seeks together may cost.
const RENDERINGS: usize = 100_000;

/// Seeks that a plan has to be able to afford, or it does with less.
const FEW: usize = 12;

impl Step {
    /// Returns the descriptor's number.
    pub(crate) const fn slot(&self) -> Slot {
        match self {
            Self::Open { slot }
            | Self::Close { slot }
            | Self::Read { slot, .. }
            | Self::Sizes { slot, .. }
            | Self::Until { slot, .. }
            | Self::Vectored { slot, .. }
            | Self::Pread { slot, .. }
            | Self::Seek { slot, .. }
            | Self::Skip { slot, .. }
            | Self::Splice { slot, .. } => *slot,
        }
    }
}

impl Shape {
    /// How far a read to the end may go: a file that has grown, or has no end, is noticed.
    pub(crate) fn to_the_end(&self) -> u64 {
        if self.complete { self.len.saturating_add(BEYOND) } else { self.len }
    }

    /// How far a read in small blocks may go: of a small file so far that it becomes clear that it has no
    /// end.
    fn beyond(&self, blocks: u64) -> u64 {
        if self.len <= PAGE { 2 * self.len + BEYOND + 1 } else { self.len + BEYOND.min(blocks) }
    }

    /// The record_end at or after an offset.
    fn record_end_from(&self, at: u64) -> u64 {
        let index = self.record_ends.partition_point(|record_end| *record_end < at);
        self.record_ends.get(index).copied().unwrap_or(self.len)
    }

    /// The first offset at which a read of a large block ended, or where a page ends.
    fn first_read_end(&self) -> u64 {
        self.read_ends.iter().copied().find(|end| *end < self.len).unwrap_or(PAGE).min(self.len)
    }

    /// How many places can be sought without rendering too much.
    fn affordable(&self) -> usize {
        (RENDERINGS / self.record_ends.len().max(1)).clamp(2, 48)
    }

    /// At most `most` record_ends: the first, the last, those around multiples of a page and around the
    /// ends of reads, and some in between.
    fn sample(&self, most: usize) -> Vec<u64> {
        let count = self.record_ends.len();
        if count <= most {
            return self.record_ends.clone();
        }
        let mut indices = vec![count - 1, count / 2, 0, 1, count - 2];
        let pages = (1..).map(|page| page * PAGE).take_while(|at| *at < self.len).take(4);
        for at_end in self.read_ends.iter().copied().take(4).chain(pages) {
            let after = self.record_ends.partition_point(|record_end| *record_end < at_end);
            indices.extend([after.saturating_sub(1), after, after + 1]);
        }
        indices.truncate(most);
        let rest = most - indices.len();
        indices.extend((1..=rest).map(|part| part * count / (rest + 1)));
        indices.retain(|index| *index < count);
        indices.sort_unstable();
        indices.dedup();
        indices.iter().filter_map(|index| self.record_ends.get(*index).copied()).collect()
    }
}

#[cfg(test)]
mod tests;
