//! The file map: the file offsets that each rendering covers, in the order of the renderings.

use seqtrace_model::event::Role;
use seqtrace_model::finding::{Finding, Id, Severity, Value};
use seqtrace_model::session::update::{CallbackUpdate, Fate, Range, Update, UpdateKind};

/// Greatest number of segments. Beyond it, neighbours without findings become one.
const SEGMENTS: usize = 4096;
/// Greatest number of reads, links and marks of each kind; later ones are counted only.
const MARKS: usize = 4096;
/// The rule that finds lost records.
const LOST_RECORD: Id = Id(202);

/// The renderings of a session by file offset. Its size is bounded, whatever the number of records.
#[derive(Clone, Debug)]
pub struct FileMap {
    /// Renderings, in the order of their calls.
    pub segments: Vec<Segment>,
    /// File offsets that reads returned, in order.
    pub reads: Vec<Range>,
    /// Findings about a range and an earlier one, e.g. a double emit and the first emission.
    pub links: Vec<Link>,
    /// Findings about records that were never rendered.
    pub lost: Vec<Mark>,
    /// Number of generations: each whole read of the file, traversal or rewind begins one.
    pub generations: u32,
    /// Greatest file offset of the map.
    pub end: i64,
    /// Number of reads, links and marks that have no space here.
    pub left_out: u64,
    /// Neighbours become one segment if it is not longer than this, bytes. 0: none do.
    resolution: i64,
    /// File offset behind the last rendering that was kept or passed over.
    offset: i64,
}

/// One rendering, or several neighbours of the same fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Row of the first show() in the session.
    pub row: u32,
    /// Number of renderings that this segment stands for.
    pub renderings: u32,
    /// Number of the generation, from 0.
    pub generation: u32,
    /// File offsets. Of a rendering that was dropped: where its bytes would have been.
    pub range: Range,
    /// The core's decision about the renderings.
    pub fate: Fate,
    /// Highest severity of the findings about it; `None`: there are none.
    pub severity: Option<Severity>,
}

/// A finding that is about two ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Row of the finding in the session.
    pub row: u32,
    /// File offsets that the finding names first, the earlier ones.
    pub from: Range,
    /// File offsets that the finding names last, the later ones.
    pub to: Range,
    /// Severity of the finding.
    pub severity: Severity,
}

/// A finding at a file offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Row of the finding in the session.
    pub row: u32,
    /// File offset at which the record was expected.
    pub offset: i64,
    /// Severity of the finding.
    pub severity: Severity,
}

impl Default for FileMap {
    fn default() -> Self {
        Self {
            segments: Vec::new(),
            reads: Vec::new(),
            links: Vec::new(),
            lost: Vec::new(),
            generations: 1,
            end: 0,
            left_out: 0,
            resolution: 0,
            offset: 0,
        }
    }
}

impl FileMap {
    /// Adds a row of the session. Rows are added in order.
    pub fn add(&mut self, row: u32, update: &Update) {
        match &update.what {
            &UpdateKind::ReadBegin { pos, traverse_from, rewind, .. } => match traverse_from {
                Some(from) => self.begin_generation(from),
                None if rewind => self.begin_generation(pos),
                None => {}
            },
            UpdateKind::LseekBegin { .. } => self.begin_generation(0),
            UpdateKind::Callback(callback) => self.add_callback(row, callback),
            UpdateKind::ReadEnd(end) if end.range.end > end.range.start => {
                push(&mut self.reads, end.range, &mut self.left_out);
            }
            UpdateKind::Finding(finding) => self.add_finding(row, finding),
            _ => {}
        }
    }

    fn begin_generation(&mut self, offset: i64) {
        self.offset = offset;
        if self.segments.last().is_some_and(|last| last.generation + 1 == self.generations) {
            self.generations += 1;
        }
    }

    fn add_callback(&mut self, row: u32, callback: &CallbackUpdate) {
        let Some(fate) = callback.fate.filter(|_| callback.role == Role::Show) else { return };
        let bytes = i64::try_from(callback.bytes.unwrap_or_default()).unwrap_or(i64::MAX);
        let dropped = Range { start: self.offset, end: self.offset.saturating_add(bytes) };
        let range = callback.range.unwrap_or(dropped);
        if callback.range.is_some() {
            self.offset = range.end;
        }
        self.end = self.end.max(range.end);
        let generation = self.generations - 1;
        let new = Segment { row, renderings: 1, generation, range, fate, severity: None };
        let joined = self.segments.last().and_then(|last| last.joined(&new, self.resolution));
        match (joined, self.segments.last_mut()) {
            (Some(joined), Some(last)) => *last = joined,
            _ => self.segments.push(new),
        }
        if self.segments.len() > SEGMENTS {
            self.coarsen();
        }
    }

    /// Joins neighbours until there is space for as many segments again. Segments with findings stay.
    fn coarsen(&mut self) {
        for _ in 0..63 {
            self.resolution = self.resolution.max(1).saturating_mul(2);
            let mut joined: Vec<Segment> = Vec::with_capacity(self.segments.len());
            for segment in &self.segments {
                match joined.last().and_then(|last| last.joined(segment, self.resolution)) {
                    Some(both) => *joined.last_mut().expect("it was joined") = both,
                    None => joined.push(*segment),
                }
            }
            self.segments = joined;
            if self.segments.len() <= SEGMENTS / 2 {
                return;
            }
        }
        // Generations with a few records each, or findings all over: the oldest make space.
        self.segments.drain(..SEGMENTS / 2);
        self.left_out += SEGMENTS as u64 / 2;
    }

    fn add_finding(&mut self, row: u32, finding: &Finding) {
        let severity = finding.severity;
        let ranges = finding.evidence.iter().filter_map(|evidence| match evidence.value {
            Value::Range(range) => Some(range),
            _ => None,
        });
        let ranges: Vec<Range> = ranges.collect();
        if finding.id == LOST_RECORD {
            let mark = Mark { row, offset: self.offset, severity };
            push(&mut self.lost, mark, &mut self.left_out);
        }
        if let [from, to] = ranges[..] {
            push(&mut self.links, Link { row, from, to, severity }, &mut self.left_out);
        }
        let about = ranges.last().copied();
        let mut segments = self.segments.iter_mut().rev();
        let segment = segments.find(|segment| about.is_none_or(|range| segment.range == range));
        if let Some(segment) = segment {
            segment.severity = segment.severity.max(Some(severity));
        }
    }
}

impl Segment {
    /// Returns this segment and its neighbour as one; `None` if they differ, or if it would be longer than
    /// `resolution` bytes.
    fn joined(&self, next: &Self, resolution: i64) -> Option<Self> {
        let same = (self.generation, self.fate, self.severity, next.severity)
            == (next.generation, next.fate, None, None);
        let range = Range { start: self.range.start, end: next.range.end };
        (same && self.range.end == next.range.start && range.end - range.start <= resolution)
            .then_some(Self { renderings: self.renderings + next.renderings, range, ..*self })
    }
}

/// Adds a mark, or counts it if there are too many.
fn push<T>(marks: &mut Vec<T>, mark: T, left_out: &mut u64) {
    if marks.len() < MARKS {
        marks.push(mark);
    } else {
        *left_out += 1;
    }
}

#[cfg(test)]
mod tests;
