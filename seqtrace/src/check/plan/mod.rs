//! The ways to read a file, as data.
//!
//! Plans aim at two kinds of offsets, both known from the first whole read: the ends of records, and the ends of its
//! reads, where the core called stop() and start().

mod build;

pub(crate) use build::{all, control, first_read, opened, whole};

use serde::{Deserialize, Serialize};

/// Number of a descriptor in a plan; not the number that open(2) returns.
pub(crate) type Slot = u8;

/// A step of a reading process, on the descriptor `slot`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Opens the file for reading, with O_NONBLOCK.
    Open {
        slot: Slot,
    },
    Close {
        slot: Slot,
    },
    /// Calls read(2) once and requests `want` bytes.
    Read {
        slot: Slot,
        want: u64,
    },
    /// Calls read(2) once for each number of bytes in `wants`; ends early at an error or the end of the file.
    Sizes {
        slot: Slot,
        wants: Vec<u64>,
    },
    /// Calls read(2) with blocks of `block_bytes` bytes up to file offset `to`, an error or the end of the file. The
    /// last call requests less if it would read past `to`.
    Until {
        slot: Slot,
        block_bytes: u64,
        to: u64,
    },
    /// Calls readv(2) once with buffers of `wants` bytes.
    Vectored {
        slot: Slot,
        wants: Vec<u64>,
    },
    /// Calls pread(2) once at file offset `at` and requests `want` bytes.
    Pread {
        slot: Slot,
        at: u64,
        want: u64,
    },
    /// Calls lseek(2) with SEEK_SET to file offset `to`.
    Seek {
        slot: Slot,
        to: u64,
    },
    /// Calls lseek(2) with SEEK_CUR and the distance `by` in bytes; negative: backwards.
    Skip {
        slot: Slot,
        by: i64,
    },
    /// Calls splice(2) into a pipe up to file offset `to`, an error or the end of the file. Each call requests
    /// `block_bytes` bytes.
    Splice {
        slot: Slot,
        block_bytes: u64,
        to: u64,
    },
}

/// A step, and the number of the reading process that carries it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    /// Number of the process, 0 or 1.
    pub(crate) process: usize,
    pub(crate) step: Step,
}

/// The purpose of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Reads from the beginning to the end in large blocks, like `cat`.
    Whole,
    /// Reads in blocks of a page.
    Page,
    /// Reads one byte at a time.
    Bytes,
    /// Reads in blocks of seven bytes: few reads end at the end of a record.
    Sevens,
    /// Each read ends at the end of a record.
    Records,
    /// Each read ends a byte before the end of a record.
    Before,
    /// Each read ends a byte past the end of a record.
    After,
    /// Calls pread(2) at and around the ends of records.
    Pread,
    /// Calls pread(2) and lseek(2) at the end of the file and past it.
    End,
    /// Seeks forwards and backwards with lseek(2).
    Seek,
    /// Seeks from the middle to the beginning with lseek(2).
    Rewind,
    /// Reads few bytes once, then in large blocks.
    ShortLong,
    /// Reads through two descriptors in turn.
    Interleaved,
    /// Reads from two processes in turn.
    Processes,
    /// Reads by splice(2) into a pipe.
    Splice,
    /// Reads by readv(2) into several buffers.
    Vectored,
}

impl Kind {
    /// Returns the plan's name in reports, which never changes.
    pub(crate) const fn name(self) -> &'static str {
        self.words().0
    }

    /// Returns a short description of the way to read, for reports.
    pub(crate) const fn what(self) -> &'static str {
        self.words().1
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Whole => ("whole", "to the end in large blocks"),
            Self::Page => ("pages", "to the end in blocks of 4096"),
            Self::Bytes => ("bytes", "byte by byte"),
            Self::Sevens => ("sevens", "seven bytes at a time"),
            Self::Records => ("records", "a record at a time"),
            Self::Before => ("records-1", "up to a byte before each record's end"),
            Self::After => ("records+1", "up to a byte past each record's end"),
            Self::Pread => ("pread", "pread at the ends of records"),
            Self::End => ("end", "at the end of the file and past it"),
            Self::Seek => ("seek", "lseek forward and back"),
            Self::Rewind => ("rewind", "lseek to the beginning from the middle"),
            Self::ShortLong => ("short-long", "a short read, then long ones"),
            Self::Interleaved => ("two-descriptors", "two descriptors in turn"),
            Self::Processes => ("two-processes", "two processes in turn"),
            Self::Splice => ("splice", "splice into a pipe"),
            Self::Vectored => ("readv", "readv into several buffers"),
        }
    }

    /// Returns the circumstance in which a plan with two readers gets wrong bytes, for messages.
    pub(crate) const fn readers(self) -> &'static str {
        match self {
            Self::Processes => "while two processes have the file open",
            _ => "while the file is open twice",
        }
    }

    /// Returns true for plans in which two readers take turns.
    pub(crate) const fn is_shared(self) -> bool {
        matches!(self, Self::Interleaved | Self::Processes)
    }
}

/// A way to read a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) acts: Vec<Act>,
}

impl Plan {
    /// Returns a plan for one process. In [`Kind::Processes`] the second process carries out the steps of descriptor 1.
    pub(super) fn new(kind: Kind, steps: impl IntoIterator<Item = Step>) -> Self {
        let process = |step: &Step| usize::from(kind == Kind::Processes && step.slot() == 1);
        let acts = steps.into_iter().map(|step| Act { process: process(&step), step }).collect();
        Self { kind, acts }
    }
}

/// Facts about a file from its first whole read.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Shape {
    /// Number of bytes of the whole read.
    pub(crate) len: u64,
    /// True if the whole read reached the end of the file.
    pub(crate) complete: bool,
    /// Offsets at which records end, ascending.
    pub(crate) record_ends: Vec<u64>,
    /// Offsets at which the reads of the whole read ended, ascending.
    pub(crate) read_ends: Vec<u64>,
}

/// Size of the core's first buffer in bytes: PAGE_SIZE (seq_read_iter(), fs/seq_file.c).
pub(crate) const PAGE: u64 = 4096;
/// Size of the blocks of a whole read in bytes, as in `cat` of coreutils.
pub(crate) const LARGE: u64 = 128 << 10;
/// Number of bytes past the known end of the file that a read to the end requests.
pub(super) const BEYOND: u64 = 2 * PAGE;
/// Number of records above which a plan does not read all of them one by one.
const RUN: usize = 512;
/// Number of blocks before and after an offset that are read one by one.
const AROUND: u64 = 48;
/// Largest number of renderings that all seeks of a plan together may cost.
const RENDERINGS: usize = 100_000;

/// Number of affordable seeks below which the plan `end` seeks less.
const FEW: usize = 12;

impl Step {
    /// Returns the number of the descriptor that the step uses.
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
    /// Returns the offset up to which a read to the end reads: past the known end, to detect a file that has grown or
    /// has no end.
    pub(crate) fn to_the_end(&self) -> u64 {
        if self.complete { self.len.saturating_add(BEYOND) } else { self.len }
    }

    /// Returns the offset up to which a read in small blocks reads. For a small file it is far enough to prove that the
    /// file has no end.
    fn beyond(&self, blocks: u64) -> u64 {
        if self.len <= PAGE { 2 * self.len + BEYOND + 1 } else { self.len + BEYOND.min(blocks) }
    }

    /// Returns the number of bytes to request at an offset, at most `want`: nothing is known past the end of an
    /// incomplete read.
    fn bounded(&self, at: u64, want: u64) -> u64 {
        if self.complete { want } else { want.min(self.len - at) }
    }

    /// Returns the lowest end of a record at or after an offset.
    fn record_end_from(&self, at: u64) -> u64 {
        let index = self.record_ends.partition_point(|record_end| *record_end < at);
        self.record_ends.get(index).copied().unwrap_or(self.len)
    }

    /// Returns the offset at which the first read of the whole read ended; the end of the first page if there was only
    /// one read.
    fn first_read_end(&self) -> u64 {
        self.read_ends.iter().copied().find(|end| *end < self.len).unwrap_or(PAGE).min(self.len)
    }

    /// Returns the number of seeks that together cost at most [`RENDERINGS`].
    fn affordable(&self) -> usize {
        (RENDERINGS / self.record_ends.len().max(1)).clamp(2, 48)
    }

    /// Returns at most `most` ends of records: the first, the last, those around multiples of a page and around the
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
