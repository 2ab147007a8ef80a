//! Commands as data, from which both the system calls of a trial and the shell code are derived.

use super::{
    doubles::Pair,
    facts::Facts,
    right::{Segment, merged},
};
use crate::check::plan::{LARGE, Slot, Step};

/// A command in terms of its system calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Script {
    /// Tools that share one descriptor: `dd if=FILE bs=27`, `{ dd bs=7 count=1; cat; } <FILE`.
    Parts(Vec<Part>),
    /// Reads a block of `block_bytes` bytes through each of two descriptors in turn.
    Turns { block_bytes: u64, turns: u64 },
    /// Reads `first` bytes through one descriptor, the whole file through another one, then the rest through the first.
    Between { first: u64 },
    /// Makes `count` reads of `block_bytes` bytes, which request more than the file has, and counts the bytes.
    Endless { block_bytes: u64, count: u64 },
    /// Makes system calls that no tool of coreutils or busybox makes.
    Python(Vec<TrialStep>),
    /// Prints the return value of lseek(2).
    Lseek { to: u64 },
    /// The whole read itself, which has this fault.
    Whole(Fault),
}

/// A fault that a whole read alone reveals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A read fails where the file should end.
    Fails,
    /// The file ends without an error where a callback failed.
    Silent,
    /// The read gets nothing, although show() writes records.
    Empty,
    /// A record is emitted twice.
    Double(Pair),
    /// The file has no end.
    Endless,
}

/// A tool of a command that reads: `dd`, or `cat` for [`Part::REST`] unless not every `cat` prints the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) block_bytes: u64,
    /// Number of blocks to seek forward.
    pub(super) skip: u64,
    /// Number of blocks to read; `None`: to the end.
    pub(super) count: Option<u64>,
    /// True if the output is printed, false if it is sent to /dev/null.
    pub(super) is_printed: bool,
    /// True for [`Part::REST`], which is `cat` or a `dd` in large blocks.
    pub(super) is_rest: bool,
}

/// Purpose of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// An open, a close or a seek whose result does not matter.
    Setup,
    /// A seek that must succeed: otherwise dd would read up to the offset.
    Move,
    /// A read. `is_printed`: true if its bytes are printed; `to_end`: true if the tool reads to the end of the file.
    Read { is_printed: bool, to_end: bool },
    /// A read that must get the whole file, while as many descriptors are open as in the command.
    Control,
    /// A seek whose return value is printed.
    Print,
}

/// A step of a trial, and its purpose in the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TrialStep {
    pub(super) step: Step,
    pub(super) purpose: Purpose,
}

/// Largest number of reads of a tool in a trial.
pub(super) const READS: u64 = 4096;
/// Number of additional reads in a trial, beyond those that a tool needs for a correct file.
const SPARE: u64 = 64;

impl Part {
    pub(super) const fn dd(block_bytes: u64, skip: u64, count: Option<u64>) -> Self {
        Self { block_bytes, skip, count, is_printed: true, is_rest: false }
    }

    /// Reads to the end in large blocks.
    pub(super) const REST: Self = Self { is_rest: true, ..Self::dd(LARGE, 0, None) };

    pub(super) const fn hidden(self) -> Self {
        Self { is_printed: false, ..self }
    }
}

/// Returns the largest number of reads of a tool that reads to the end in blocks of this size.
pub(super) fn reads(block_bytes: u64, facts: &Facts) -> u64 {
    let needed = (facts.len / block_bytes.max(1)).max(4 * facts.read_count);
    needed.saturating_add(SPARE).min(READS)
}

fn setup(step: Step) -> TrialStep {
    TrialStep { step, purpose: Purpose::Setup }
}

fn sizes(slot: Slot, block_bytes: u64, times: u64, purpose: Purpose) -> TrialStep {
    let wants = vec![block_bytes; usize::try_from(times.min(READS)).unwrap_or(0)];
    TrialStep { step: Step::Sizes { slot, wants }, purpose }
}

impl Script {
    /// Returns a single `dd`.
    pub(super) fn dd(block_bytes: u64, skip: u64, count: Option<u64>) -> Self {
        Self::Parts(vec![Part::dd(block_bytes, skip, count)])
    }

    /// Returns the steps of a trial. `queries_offset`: true if dd begins with an lseek(2) that only returns the file offset, like
    /// the dd of coreutils and unlike that of busybox.
    pub(super) fn acts(&self, facts: &Facts, queries_offset: bool) -> Vec<TrialStep> {
        let ask = |slot| queries_offset.then_some(setup(Step::Skip { slot, by: 0 }));
        let open = |slot| setup(Step::Open { slot });
        let close = |slot| setup(Step::Close { slot });
        let rest = |slot, purpose| sizes(slot, LARGE, reads(LARGE, facts), purpose);
        let read = |is_printed| Purpose::Read { is_printed, to_end: true };
        let one = |slot, want| TrialStep::read(Step::Read { slot, want }, true);
        let control = [open(2), open(3), rest(2, Purpose::Control), rest(3, Purpose::Control)]
            .into_iter()
            .chain([close(2), close(3)]);
        let mut acts = Vec::new();
        if let Self::Turns { .. } | Self::Between { .. } = self {
            acts.extend(control);
        }
        acts.push(open(0));
        match self {
            Self::Whole(_) => return Vec::new(),
            Self::Parts(parts) => {
                for part in parts {
                    part.acts(facts, queries_offset, &mut acts);
                }
            }
            Self::Endless { block_bytes, count } => {
                Part::dd(*block_bytes, 0, Some(*count)).acts(facts, queries_offset, &mut acts);
            }
            Self::Turns { block_bytes, turns } => {
                acts.push(open(1));
                for slot in (0..*turns).flat_map(|_| [0, 1]) {
                    acts.extend(ask(slot));
                    acts.push(one(slot, *block_bytes));
                }
                acts.push(close(1));
            }
            Self::Between { first } => {
                acts.extend(ask(0));
                acts.extend([one(0, *first), open(1), rest(1, read(false)), close(1)]);
                acts.push(rest(0, read(true)));
            }
            Self::Python(ops) => acts.extend_from_slice(ops),
            Self::Lseek { to } => {
                let step = Step::Seek { slot: 0, to: *to };
                acts.push(TrialStep { step, purpose: Purpose::Print });
            }
        }
        acts.push(close(0));
        acts
    }

    /// Returns the segments of a correct file that are printed.
    pub(super) fn segments(&self, facts: &Facts) -> Vec<Segment> {
        let segments = match self {
            Self::Whole(_) | Self::Between { .. } | Self::Endless { .. } => vec![Segment::WHOLE],
            Self::Parts(parts) => {
                let mut at = Some(0);
                parts.iter().filter_map(|part| part.advance(facts, &mut at)).collect()
            }
            Self::Turns { block_bytes, turns } => {
                let segment = |turn| Segment { begin: turn * block_bytes, len: Some(*block_bytes) };
                return (0..*turns).flat_map(|turn| [segment(turn); 2]).collect();
            }
            Self::Python(ops) => {
                let mut at = 0;
                ops.iter().filter_map(|op| op.advance(facts, &mut at)).collect()
            }
            Self::Lseek { .. } => Vec::new(),
        };
        merged(segments)
    }

    /// Returns the command as shell code.
    pub(super) fn text(&self, file: &str, facts: &Facts) -> String {
        let rest = if facts.cat_is_uniform { "cat" } else { "dd bs=128k" };
        match self {
            Self::Whole(_) => facts.source(file),
            Self::Endless { block_bytes, count } => {
                format!("dd if={file} bs={block_bytes} count={count}")
            }
            Self::Parts(parts) => match parts.as_slice() {
                [part @ Part { is_rest: false, is_printed: true, .. }] => {
                    part.text(rest).replacen("dd", &format!("dd if={file}"), 1)
                }
                parts => {
                    let parts = joined(parts.iter().map(|part| part.text(rest)), "; ");
                    format!("{{ {parts}; }} <{file}")
                }
            },
            Self::Turns { block_bytes, turns } => format!(
                "(exec 3<{file} 4<{file}; for i in {}; do dd bs={block_bytes} count=1 <&3; \
                 dd bs={block_bytes} count=1 <&4; done)",
                joined(0..*turns, " ")
            ),
            Self::Between { first } => format!(
                "(exec 3<{file}; dd bs={first} count=1 <&3; {} >/dev/null; {rest} <&3)",
                facts.source(file)
            ),
            Self::Python(ops) => {
                let ops = joined(ops.iter().map(TrialStep::text), "; ");
                format!("python3 -c 'from os import *; {ops}' <{file}")
            }
            Self::Lseek { to } => {
                format!("python3 -c 'from os import *; print(lseek(0, {to}, 0))' <{file}")
            }
        }
    }

    /// Returns the script with at most `count` reads of its last tool.
    pub(super) fn cut(&self, count: u64) -> Self {
        let mut cut = self.clone();
        match &mut cut {
            Self::Parts(parts) => {
                if let Some(last) = parts.last_mut().filter(|last| !last.is_rest) {
                    last.count = Some(last.count.map_or(count, |last| last.min(count)));
                }
            }
            Self::Turns { turns, .. } => *turns = (*turns).min(count.div_ceil(2)),
            _ => {}
        }
        cut
    }
}

pub(super) fn joined(all: impl IntoIterator<Item = impl ToString>, separator: &str) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(separator)
}

impl Part {
    /// Returns the largest number of reads of the tool.
    pub(super) fn cost(&self, facts: &Facts) -> u64 {
        self.count.unwrap_or_else(|| reads(self.block_bytes, facts))
    }

    fn acts(&self, facts: &Facts, queries_offset: bool, acts: &mut Vec<TrialStep>) {
        let moves = |by| Step::Skip { slot: 0, by };
        if queries_offset && !self.is_rest {
            acts.push(setup(moves(0)));
        }
        if self.skip > 0 {
            let by = self.block_bytes.saturating_mul(self.skip).cast_signed();
            acts.push(TrialStep { step: moves(by), purpose: Purpose::Move });
        }
        let purpose = Purpose::Read { is_printed: self.is_printed, to_end: self.count.is_none() };
        acts.push(sizes(0, self.block_bytes, self.cost(facts), purpose));
    }

    /// Advances `at`, the file offset (`None`: the end of the file), as the tool does for a correct file. Returns the
    /// printed segment; `None` if nothing is printed.
    pub(super) fn advance(&self, facts: &Facts, at: &mut Option<u64>) -> Option<Segment> {
        let Self { block_bytes, skip, count, .. } = *self;
        let len = match (block_bytes, count) {
            // Only for this block size the number of bytes of a read is known, from the whole read.
            (LARGE, Some(1)) => Some(facts.first_read_end.max(1)),
            _ => count.map(|count| count * block_bytes),
        };
        let begin = at.map(|at| at.saturating_add(block_bytes * skip))?;
        *at = len.map(|len| begin.saturating_add(len));
        self.is_printed.then_some(Segment { begin, len })
    }

    fn text(&self, rest: &str) -> String {
        let tool = match self.block_bytes {
            _ if self.is_rest => rest.to_owned(),
            LARGE => "dd bs=128k".to_owned(),
            block_bytes => format!("dd bs={block_bytes}"),
        };
        let skip = if self.skip > 0 { format!(" skip={}", self.skip) } else { String::new() };
        let count = self.count.map(|count| format!(" count={count}")).unwrap_or_default();
        let hidden = if self.is_printed { "" } else { " >/dev/null" };
        tool + &skip + &count + hidden
    }
}
