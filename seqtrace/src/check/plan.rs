//! The ways to read a file, as data.
//!
//! The borders that they aim at come from the first whole read: where records end, and where its reads
//! ended, which is where the core stopped and started again.

use serde::{Deserialize, Serialize};

/// A descriptor: a number of the plan's own, not the system's.
pub type Slot = u8;

/// Something that a reading process does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Opens the file, for reading and without blocking.
    Open {
        /// The descriptor's number from now on.
        slot: Slot,
    },
    /// Closes it.
    Close {
        /// Which.
        slot: Slot,
    },
    /// One read(2).
    Read {
        /// Of which descriptor.
        slot: Slot,
        /// Bytes.
        want: u64,
    },
    /// One read(2) for each of these sizes; ends early at an error or the end of the file.
    Sizes {
        /// Of which descriptor.
        slot: Slot,
        /// Bytes.
        wants: Vec<u64>,
    },
    /// read(2)s of this size until the descriptor stands at `to`, an error or the end of the file. The
    /// last one is smaller where that would go beyond.
    Until {
        /// Of which descriptor.
        slot: Slot,
        /// Bytes of each read.
        block: u64,
        /// File offset.
        to: u64,
    },
    /// One readv(2) with these buffers.
    Vectored {
        /// Of which descriptor.
        slot: Slot,
        /// Bytes of each buffer.
        wants: Vec<u64>,
    },
    /// One pread(2).
    Pread {
        /// Of which descriptor.
        slot: Slot,
        /// File offset.
        at: u64,
        /// Bytes.
        want: u64,
    },
    /// lseek(2), SEEK_SET.
    Seek {
        /// Which descriptor.
        slot: Slot,
        /// File offset.
        to: u64,
    },
    /// lseek(2), SEEK_CUR.
    Skip {
        /// Which descriptor.
        slot: Slot,
        /// Bytes, forth or back.
        by: i64,
    },
    /// splice(2)s into a pipe until `to`, an error or the end of the file.
    Splice {
        /// From which descriptor.
        slot: Slot,
        /// Bytes of each call.
        block: u64,
        /// File offset.
        to: u64,
    },
}

/// A step, and which of the two reading processes does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// 0 or 1.
    pub process: usize,
    /// What.
    pub step: Step,
}

/// What a plan is after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// From the beginning to the end in large blocks, as `cat` does.
    Whole,
    /// In blocks of a page.
    Page,
    /// Byte by byte.
    Bytes,
    /// In blocks of seven bytes, which fit to nothing.
    Sevens,
    /// Each read ends where a record ends.
    Records,
    /// Each read ends a byte before a record does.
    Before,
    /// Each read ends a byte behind a record.
    Behind,
    /// pread(2) at and around the borders of records.
    Pread,
    /// pread(2) and lseek(2) at the end and behind it.
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
    /// splice(2)
    Splice,
    /// readv(2)
    Vectored,
}

impl Kind {
    /// Its name in reports; stable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Page => "pages",
            Self::Bytes => "bytes",
            Self::Sevens => "sevens",
            Self::Records => "records",
            Self::Before => "records-1",
            Self::Behind => "records+1",
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
    pub const fn what(self) -> &'static str {
        match self {
            Self::Whole => "to the end in large blocks",
            Self::Page => "to the end in blocks of 4096",
            Self::Bytes => "byte by byte",
            Self::Sevens => "seven bytes at a time",
            Self::Records => "a record at a time",
            Self::Before => "up to a byte before each record's end",
            Self::Behind => "up to a byte behind each record's end",
            Self::Pread => "pread at the borders of records",
            Self::End => "at the end of the file and behind it",
            Self::Seek => "lseek forth and back",
            Self::Rewind => "lseek to the beginning from the middle",
            Self::ShortLong => "a short read, then long ones",
            Self::Interleaved => "two descriptors in turn",
            Self::Processes => "two processes in turn",
            Self::Splice => "splice into a pipe",
            Self::Vectored => "readv into several buffers",
        }
    }

    /// Who reads, where two do so at once.
    pub const fn readers(self) -> &'static str {
        match self {
            Self::Processes => "two processes that have it open",
            _ => "who has it open twice",
        }
    }

    /// True where two readers are at work at once.
    pub const fn is_shared(self) -> bool {
        matches!(self, Self::Interleaved | Self::Processes)
    }
}

/// A way to read a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What it is after.
    pub kind: Kind,
    /// What is done.
    pub acts: Vec<Act>,
}

/// What the first whole read told of a file.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Shape {
    /// Bytes read.
    pub len: u64,
    /// That was all: the end of the file was reached.
    pub complete: bool,
    /// Where records end, ascending.
    pub borders: Vec<u64>,
    /// Where its reads ended, ascending.
    pub turns: Vec<u64>,
}

/// The size of the core's first buffer, PAGE_SIZE as a rule.
pub const PAGE: u64 = 4096;
/// Blocks of a whole read: what `cat` of coreutils takes.
pub const LARGE: u64 = 128 << 10;
/// How far behind the end a read to the end goes on, if there is more.
const BEYOND: u64 = 2 * PAGE;
/// Records that a plan reads one by one in one go.
const RUN: usize = 512;
/// Bytes around a place that are read one by one.
const AROUND: u64 = 48;
/// Renderings that all of a plan's seeks together may cost.
const RENDERINGS: usize = 100_000;

/// Seeks that a plan has to be able to afford, or it does with less.
const FEW: usize = 12;

/// To the end, or as far as the limit: for the reference.
pub fn whole(limit: u64) -> Plan {
    let steps = vec![
        Step::Open { slot: 0 },
        Step::Until { slot: 0, block: LARGE, to: limit },
        Step::Close { slot: 0 },
    ];
    Plan { kind: Kind::Whole, acts: alone(steps) }
}

/// One read of a descriptor that is closed again: enough to tell a file that reading changes.
pub fn taste() -> Plan {
    let steps =
        vec![Step::Open { slot: 0 }, Step::Read { slot: 0, want: PAGE }, Step::Close { slot: 0 }];
    Plan { kind: Kind::Whole, acts: alone(steps) }
}

/// The whole file by both readers, but one behind the other, while both have it open: the control for
/// two in turn.
pub fn control(shape: &Shape, kind: Kind) -> Plan {
    let until = |slot| Step::Until { slot, block: LARGE, to: shape.to_the_end() };
    let steps = opened([until(0), until(1)]);
    Plan {
        kind: Kind::Whole,
        acts: if kind == Kind::Processes { shared(steps) } else { alone(steps) },
    }
}

/// All plans for a file of this shape, but the whole read itself.
pub fn all(shape: &Shape) -> Vec<Plan> {
    [
        (Kind::Page, pages(shape)),
        (Kind::Records, records(shape, 0)),
        (Kind::Before, records(shape, -1)),
        (Kind::Behind, records(shape, 1)),
        (Kind::Bytes, small(shape, 1, 512)),
        (Kind::Sevens, small(shape, 7, PAGE + 512)),
        (Kind::End, end(shape)),
        (Kind::Pread, preads(shape)),
        (Kind::Seek, seeks(shape)),
        (Kind::Rewind, rewind(shape)),
        (Kind::ShortLong, short_long(shape)),
        (Kind::Interleaved, interleaved(shape)),
        (Kind::Processes, interleaved(shape)),
        (Kind::Splice, splice(shape)),
        (Kind::Vectored, vectored(shape)),
    ]
    .into_iter()
    .filter(|(_, steps)| !steps.is_empty())
    .map(|(kind, steps)| Plan {
        kind,
        acts: if kind == Kind::Processes { shared(steps) } else { alone(steps) },
    })
    .collect()
}

fn alone(steps: Vec<Step>) -> Vec<Act> {
    steps.into_iter().map(|step| Act { process: 0, step }).collect()
}

/// What descriptor 1 does is the other process's.
fn shared(steps: Vec<Step>) -> Vec<Act> {
    steps.into_iter().map(|step| Act { process: usize::from(step.slot()), step }).collect()
}

impl Step {
    /// The descriptor.
    pub const fn slot(&self) -> Slot {
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
    pub fn to_the_end(&self) -> u64 {
        if self.complete { self.len.saturating_add(BEYOND) } else { self.len }
    }

    /// The border at or behind an offset.
    fn border_from(&self, at: u64) -> u64 {
        let index = self.borders.partition_point(|border| *border < at);
        self.borders.get(index).copied().unwrap_or(self.len)
    }

    /// The first offset at which a read of a large block ended, or where a page ends.
    fn first_turn(&self) -> u64 {
        self.turns.iter().copied().find(|turn| *turn < self.len).unwrap_or(PAGE).min(self.len)
    }

    /// How many places can be sought without rendering too much.
    fn affordable(&self) -> usize {
        (RENDERINGS / self.borders.len().max(1)).clamp(2, 48)
    }

    /// At most `most` borders: the first, the last, those around multiples of a page and around the
    /// ends of reads, and some in between.
    fn sample(&self, most: usize) -> Vec<u64> {
        let count = self.borders.len();
        if count <= most {
            return self.borders.clone();
        }
        let mut indices = vec![count - 1, count / 2, 0, 1, count - 2];
        let pages = (1..).map(|page| page * PAGE).take_while(|at| *at < self.len).take(4);
        for place in self.turns.iter().copied().take(4).chain(pages) {
            let behind = self.borders.partition_point(|border| *border < place);
            indices.extend([behind.saturating_sub(1), behind, behind + 1]);
        }
        indices.truncate(most);
        let rest = most - indices.len();
        indices.extend((1..=rest).map(|part| part * count / (rest + 1)));
        indices.retain(|index| *index < count);
        indices.sort_unstable();
        indices.dedup();
        indices.iter().filter_map(|index| self.borders.get(*index).copied()).collect()
    }
}

/// To the end; once more there, for an end that does not last.
fn until_end(shape: &Shape, slot: Slot, block: u64) -> Vec<Step> {
    let mut steps = vec![Step::Until { slot, block, to: shape.to_the_end() }];
    if shape.complete {
        steps.push(Step::Read { slot, want: PAGE });
    }
    steps
}

fn opened(steps: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let steps = steps.into_iter().collect::<Vec<_>>();
    let mut slots: Vec<Slot> = steps.iter().map(Step::slot).collect();
    slots.sort_unstable();
    slots.dedup();
    let open = slots.iter().map(|slot| Step::Open { slot: *slot });
    let close = slots.iter().map(|slot| Step::Close { slot: *slot });
    open.chain(steps).chain(close).collect()
}

fn pages(shape: &Shape) -> Vec<Step> {
    opened(until_end(shape, 0, PAGE))
}

/// In small blocks where it matters: the beginning, around the end of the first read and of the first
/// page, and the end. In between, in large ones.
fn small(shape: &Shape, block: u64, beginning: u64) -> Vec<Step> {
    let around = |at: u64| (at.saturating_sub(AROUND * block), at.saturating_add(AROUND * block));
    let mut regions = vec![(0, beginning), around(shape.first_turn()), around(PAGE)];
    regions.push((shape.len.saturating_sub(AROUND * block), shape.len));
    regions.sort_unstable();
    let mut steps = Vec::new();
    let mut at = 0;
    for (begin, end) in regions {
        let (begin, end) = (begin.max(at).min(shape.len), end.min(shape.len));
        if begin > at {
            steps.push(Step::Until { slot: 0, block: LARGE, to: begin });
        }
        if end > begin {
            steps.push(Step::Until { slot: 0, block, to: end });
        }
        at = at.max(end);
    }
    if shape.complete {
        steps.push(Step::Until { slot: 0, block, to: shape.len + BEYOND.min(AROUND * block) });
        steps.push(Step::Read { slot: 0, want: PAGE });
    }
    opened(steps)
}

/// A record a read, each read ending `shift` bytes from a record's end. Of many records the first,
/// those around the end of the first read, and the last.
fn records(shape: &Shape, shift: i64) -> Vec<Step> {
    let aims: Vec<u64> = shape
        .borders
        .iter()
        .filter_map(|border| border.checked_add_signed(shift))
        .filter(|aim| *aim > 0 && *aim <= shape.len)
        .collect();
    let mut steps = Vec::new();
    let mut at = 0;
    for (first, behind) in runs(shape, &aims) {
        let Some(aims) = aims.get(first..behind) else { continue };
        if let Some(before) = first.checked_sub(1).and_then(|index| shape.borders.get(index))
            && *before > at
        {
            steps.push(Step::Until { slot: 0, block: LARGE, to: *before });
            at = *before;
        }
        let mut wants = Vec::with_capacity(aims.len());
        for aim in aims.iter().filter(|aim| **aim > at).copied().collect::<Vec<_>>() {
            wants.push(aim - at);
            at = aim;
        }
        steps.push(Step::Sizes { slot: 0, wants });
    }
    if at < shape.len || shape.complete {
        steps.extend(until_end(shape, 0, LARGE));
    }
    opened(steps)
}

/// The indices of the aims that are read one by one, as half-open ranges in order.
fn runs(shape: &Shape, aims: &[u64]) -> Vec<(usize, usize)> {
    let count = aims.len();
    if count <= 2 * RUN {
        return vec![(0, count)];
    }
    let turn = aims.partition_point(|aim| *aim < shape.first_turn());
    let mut runs = vec![(0, RUN / 2)];
    for (first, behind) in
        [(turn.saturating_sub(32), turn + 32), (count.saturating_sub(RUN / 4), count)]
    {
        let first = first.max(runs.last().map_or(0, |(_, behind)| *behind));
        if behind > first {
            runs.push((first, behind));
        }
    }
    runs
}

fn end(shape: &Shape) -> Vec<Step> {
    if !shape.complete {
        return Vec::new();
    }
    if shape.affordable() < FEW {
        return opened([
            Step::Pread { slot: 0, at: shape.len, want: PAGE },
            Step::Seek { slot: 0, to: shape.len + 1 },
            Step::Read { slot: 0, want: PAGE },
        ]);
    }
    let pread = |slot, at| Step::Pread { slot, at, want: PAGE };
    let mut steps = vec![
        // Of a descriptor that nobody has read from.
        pread(0, shape.len),
        pread(0, shape.len + 1),
        pread(0, shape.len.saturating_sub(1)),
        pread(0, shape.len),
        pread(0, shape.len + 100_000),
        // Of one that has been read to the end.
        Step::Until { slot: 1, block: LARGE, to: shape.to_the_end() },
        pread(1, shape.len),
        Step::Read { slot: 1, want: LARGE },
        // A seek to the end, and beyond.
        Step::Seek { slot: 2, to: shape.len },
        Step::Read { slot: 2, want: PAGE },
        Step::Read { slot: 2, want: PAGE },
        Step::Seek { slot: 2, to: shape.len + 1000 },
        Step::Read { slot: 2, want: PAGE },
    ];
    if let Some(last) = shape.borders.iter().rev().nth(1) {
        steps.push(Step::Seek { slot: 2, to: *last });
        steps.extend(until_end(shape, 2, PAGE));
    }
    opened(steps)
}

fn preads(shape: &Shape) -> Vec<Step> {
    let mut steps = Vec::new();
    for (number, border) in shape.sample(shape.affordable()).into_iter().enumerate() {
        let want = if number % 4 == 3 { PAGE } else { 64 };
        steps.push(Step::Pread { slot: 0, at: border, want });
        if number % 2 == 0 {
            steps.push(Step::Pread { slot: 0, at: border.saturating_sub(1), want: 2 });
        } else {
            steps.push(Step::Pread { slot: 0, at: border + 1, want });
        }
    }
    // Beyond the end is another plan's.
    steps.retain(|step| !matches!(step, Step::Pread { at, .. } if *at >= shape.len));
    for step in &mut steps {
        if let Step::Pread { at, want, .. } = step
            && !shape.complete
        {
            *want = (*want).min(shape.len - *at);
        }
    }
    if shape.len > 0 {
        steps.push(Step::Pread { slot: 0, at: 0, want: shape.len.min(64) });
    }
    if steps.is_empty() { steps } else { opened(steps) }
}

fn seeks(shape: &Shape) -> Vec<Step> {
    if shape.len == 0 {
        return Vec::new();
    }
    let part = |parts: u64| shape.border_from(shape.len * parts / 8).min(shape.len - 1);
    let read = |want| Step::Read { slot: 0, want };
    let to = |to| Step::Seek { slot: 0, to };
    let room = |at: u64, want: u64| if shape.complete { want } else { want.min(shape.len - at) };
    let mut steps = vec![
        to(part(4)),
        read(room(part(4), 100)),
        to(part(1)),
        read(room(part(1), 10)),
        to(part(6)),
        read(room(part(6), PAGE)),
        to(0),
        read(room(0, PAGE)),
        to(part(2) / 2),
        read(room(part(2) / 2, 1)),
        // As a shell's `read` does: a block, and back to behind its first line.
        to(0),
    ];
    if let Some(first) = shape.borders.first().filter(|first| **first < shape.len.min(PAGE)) {
        let first = *first;
        steps.extend([
            read(first),
            Step::Skip { slot: 0, by: 1 },
            Step::Skip { slot: 0, by: -1 },
            read(room(first, PAGE)),
            to(first),
        ]);
    }
    steps.extend(until_end(shape, 0, LARGE));
    opened(steps)
}

fn rewind(shape: &Shape) -> Vec<Step> {
    let half = shape.len / 2;
    let mut steps = vec![
        Step::Until { slot: 0, block: 1000, to: half },
        Step::Seek { slot: 0, to: 0 },
        Step::Read { slot: 0, want: shape.len.clamp(1, 7) },
        Step::Seek { slot: 0, to: 0 },
    ];
    steps.extend(until_end(shape, 0, LARGE));
    if shape.complete {
        steps.push(Step::Seek { slot: 0, to: 0 });
        steps.extend(until_end(shape, 0, LARGE));
    }
    opened(steps)
}

fn short_long(shape: &Shape) -> Vec<Step> {
    let second = shape.borders.get(1).copied().unwrap_or(2).min(shape.len.max(1));
    let mut steps = vec![Step::Read { slot: 0, want: shape.len.clamp(1, 7) }];
    steps.extend(until_end(shape, 0, LARGE));
    steps.push(Step::Read { slot: 1, want: second });
    steps.extend(until_end(shape, 1, LARGE));
    opened(steps)
}

/// Two descriptors in turn: a record each for a while, then pages.
fn interleaved(shape: &Shape) -> Vec<Step> {
    const TURNS: usize = 24;
    let mut steps = Vec::new();
    let mut at = 0;
    for border in shape.borders.iter().take(TURNS) {
        for slot in [0, 1] {
            steps.push(Step::Until { slot, block: border - at, to: *border });
        }
        at = *border;
    }
    let pages = (shape.to_the_end().saturating_sub(at) / PAGE).min(64);
    for page in 1..=pages {
        for slot in [1, 0] {
            steps.push(Step::Until { slot, block: PAGE, to: at + page * PAGE });
        }
    }
    for slot in [0, 1] {
        steps.extend(until_end(shape, slot, LARGE));
    }
    opened(steps)
}

fn splice(shape: &Shape) -> Vec<Step> {
    opened([Step::Splice { slot: 0, block: 1 << 16, to: shape.to_the_end() }])
}

fn vectored(shape: &Shape) -> Vec<Step> {
    let wants: Vec<u64> = [1, 26, 100, 0, 3000].into();
    let most: u64 = wants.iter().sum();
    if !shape.complete && shape.len < 3 * most {
        return Vec::new();
    }
    let calls = (shape.len / most).min(2) + 1;
    let mut steps: Vec<Step> =
        (0..calls).map(|_| Step::Vectored { slot: 0, wants: wants.clone() }).collect();
    steps.extend(until_end(shape, 0, LARGE));
    opened(steps)
}

#[cfg(test)]
mod tests;
