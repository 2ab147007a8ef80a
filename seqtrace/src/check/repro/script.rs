//! What a line does, as data: both the system calls of a trial and the text of the line are made of it.

use std::fmt::Write as _;

use super::{
    facts::Facts,
    ops::Op,
    right::{Segment, merged},
};
use crate::check::plan::{LARGE, Slot, Step};

/// What a line does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Script {
    /// Commands that share one descriptor: `dd if=FILE bs=27`, `{ dd bs=7 count=1; cat; } <FILE`.
    Parts(Vec<Part>),
    /// Two descriptors, a block each in turn.
    Turns { block: u64, turns: u64 },
    /// A block of one descriptor, the whole file by another one, the rest of the first.
    Between { first: u64 },
    /// More reads than the file has bytes; the line counts what they get.
    Endless { block: u64, count: u64 },
    /// Calls that neither coreutils nor busybox make.
    Python(Vec<Op>),
    /// The number that lseek(2) returns.
    Lseek { to: u64 },
    /// The whole read itself.
    Whole,
}

/// A command of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) tool: Tool,
    /// Its output is not thrown away.
    pub(super) shown: bool,
}

/// What reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    /// `dd`. `skip` and `count` are numbers of blocks; without `count` it reads to the end.
    Dd { block: u64, skip: u64, count: Option<u64> },
    /// To the end in large blocks: `cat`, or `dd` where not every `cat` does the same.
    Rest,
}

/// What a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It need not succeed, and nothing depends on what it returns.
    Setup,
    /// A seek that must succeed, since the command would read its way otherwise.
    Move,
    /// A read. `to_end`: the command goes on to the end of the file.
    Read { shown: bool, to_end: bool },
    /// A read that must get the whole file, while as many descriptors are open as in the line.
    Control,
    /// A seek whose return value is shown.
    Print,
}

/// A step and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Act {
    pub(super) step: Step,
    pub(super) purpose: Purpose,
}

/// Reads of a command that are tried.
pub(super) const READS: u64 = 4096;
/// Reads beyond those that a command should need.
const SPARE: u64 = 64;
impl Part {
    pub(super) const fn dd(block: u64, skip: u64, count: Option<u64>) -> Self {
        Self { tool: Tool::Dd { block, skip, count }, shown: true }
    }

    pub(super) const REST: Self = Self { tool: Tool::Rest, shown: true };

    /// True if it reads to the end.
    pub(super) const fn is_to_end(&self) -> bool {
        matches!(self.tool, Tool::Rest | Tool::Dd { count: None, .. })
    }

    pub(super) const fn hidden(self) -> Self {
        Self { shown: false, ..self }
    }
}

/// Reads that a command makes at most.
pub(super) fn reads(block: u64, facts: &Facts) -> u64 {
    let needed = (facts.len / block.max(1)).max(4 * facts.read_count);
    needed.saturating_add(SPARE).min(READS)
}

fn setup(step: Step) -> Act {
    Act { step, purpose: Purpose::Setup }
}

fn sizes(slot: Slot, block: u64, times: u64, purpose: Purpose) -> Act {
    let wants = vec![block; usize::try_from(times.min(READS)).unwrap_or(0)];
    Act { step: Step::Sizes { slot, wants }, purpose }
}

impl Script {
    /// What a reading process does for it. dd of coreutils begins with an lseek(2) that moves nothing,
    /// dd of busybox does not: `asks` adds these.
    pub(super) fn acts(&self, facts: &Facts, asks: bool) -> Vec<Act> {
        let ask = |slot| asks.then_some(setup(Step::Skip { slot, by: 0 }));
        let open = |slot| setup(Step::Open { slot });
        let close = |slot| setup(Step::Close { slot });
        let rest = |slot, purpose| sizes(slot, LARGE, reads(LARGE, facts), purpose);
        let read = |shown, to_end| Purpose::Read { shown, to_end };
        let one = |slot, want| Act { step: Step::Read { slot, want }, purpose: read(true, false) };
        let control = [open(2), open(3), rest(2, Purpose::Control), rest(3, Purpose::Control)]
            .into_iter()
            .chain([close(2), close(3)]);
        let mut acts = Vec::new();
        match self {
            Self::Whole => return acts,
            Self::Parts(parts) => {
                acts.push(open(0));
                for part in parts {
                    part.acts(facts, asks, &mut acts);
                }
            }
            Self::Endless { block, count } => {
                acts.push(open(0));
                acts.extend(ask(0));
                acts.push(sizes(0, *block, *count, read(true, false)));
            }
            Self::Turns { block, turns } => {
                acts.extend(control);
                acts.extend([open(0), open(1)]);
                for slot in (0..*turns).flat_map(|_| [0, 1]) {
                    acts.extend(ask(slot));
                    acts.push(one(slot, *block));
                }
                acts.push(close(1));
            }
            Self::Between { first } => {
                acts.extend(control);
                acts.push(open(0));
                acts.extend(ask(0));
                acts.push(one(0, *first));
                acts.push(open(1));
                acts.push(rest(1, read(false, true)));
                acts.push(close(1));
                acts.push(rest(0, read(true, true)));
            }
            Self::Python(ops) => {
                acts.push(open(0));
                acts.extend(ops.iter().map(|op| op.act(facts)));
            }
            Self::Lseek { to } => {
                let step = Step::Seek { slot: 0, to: *to };
                acts.extend([open(0), Act { step, purpose: Purpose::Print }]);
            }
        }
        acts.push(close(0));
        acts
    }

    /// What of the file it prints if the file is right.
    pub(super) fn segments(&self, facts: &Facts) -> Vec<Segment> {
        let mut segments = Vec::new();
        match self {
            Self::Whole | Self::Between { .. } | Self::Endless { .. } => {
                segments.push(Segment { begin: 0, len: None });
            }
            Self::Parts(parts) => {
                let mut at = Some(0);
                for part in parts {
                    part.pass(facts, &mut at, &mut segments);
                }
            }
            Self::Turns { block, turns } => {
                let segment = |turn| Segment { begin: turn * block, len: Some(*block) };
                segments.extend((0..*turns).flat_map(|turn| [segment(turn), segment(turn)]));
                return segments;
            }
            Self::Python(ops) => {
                let mut at = 0;
                segments.extend(ops.iter().filter_map(|op| op.pass(facts, &mut at)));
            }
            Self::Lseek { .. } => {}
        }
        merged(segments)
    }

    /// The line.
    pub(super) fn text(&self, file: &str, facts: &Facts) -> String {
        let rest = if facts.cat { "cat" } else { "dd bs=128k" };
        match self {
            Self::Whole => facts.source(file),
            Self::Endless { block, count } => format!("dd if={file} bs={block} count={count}"),
            Self::Parts(parts) => match parts.as_slice() {
                [Part { tool: tool @ Tool::Dd { .. }, shown: true }] => {
                    tool.text(rest).replacen("dd", &format!("dd if={file}"), 1)
                }
                parts => {
                    let parts: Vec<String> = parts.iter().map(|part| part.text(rest)).collect();
                    format!("{{ {}; }} <{file}", parts.join("; "))
                }
            },
            Self::Turns { block, turns } => format!(
                "(exec 3<{file} 4<{file}; for i in {}; do dd bs={block} count=1 <&3; \
                 dd bs={block} count=1 <&4; done)",
                numbers(*turns)
            ),
            Self::Between { first } => format!(
                "(exec 3<{file}; dd bs={first} count=1 <&3; {} >/dev/null; {rest} <&3)",
                facts.source(file)
            ),
            Self::Python(ops) => {
                let mut text = String::from("python3 -c 'from os import *");
                for op in ops {
                    let _infallible = write!(text, "; {}", op.text());
                }
                format!("{text}' <{file}")
            }
            Self::Lseek { to } => {
                format!("python3 -c 'from os import *; print(lseek(0, {to}, 0))' <{file}")
            }
        }
    }

    /// The same with no more than `count` reads of its last command.
    pub(super) fn cut(&self, count: u64) -> Self {
        let mut cut = self.clone();
        match &mut cut {
            Self::Parts(parts) => {
                if let Some(Part { tool: Tool::Dd { count: last, .. }, .. }) = parts.last_mut() {
                    *last = Some(last.map_or(count, |last| last.min(count)));
                }
            }
            Self::Turns { turns, .. } => *turns = (*turns).min(count.div_ceil(2)),
            _ => {}
        }
        cut
    }
}

/// `0 1 2`
pub(super) fn numbers(turns: u64) -> String {
    let numbers: Vec<String> = (0..turns).map(|turn| turn.to_string()).collect();
    numbers.join(" ")
}

impl Part {
    /// Reads that it makes at most.
    pub(super) fn cost(&self, facts: &Facts) -> u64 {
        match self.tool {
            Tool::Dd { count: Some(count), .. } => count,
            Tool::Dd { block, .. } => reads(block, facts),
            Tool::Rest => reads(LARGE, facts),
        }
    }

    fn acts(&self, facts: &Facts, asks: bool, acts: &mut Vec<Act>) {
        let Self { tool, shown } = *self;
        let (block, count) = match tool {
            Tool::Rest => (LARGE, None),
            Tool::Dd { block, skip, count } => {
                if asks {
                    acts.push(setup(Step::Skip { slot: 0, by: 0 }));
                }
                if skip > 0 {
                    let by = block.saturating_mul(skip).cast_signed();
                    acts.push(Act { step: Step::Skip { slot: 0, by }, purpose: Purpose::Move });
                }
                (block, count)
            }
        };
        let purpose = Purpose::Read { shown, to_end: count.is_none() };
        acts.push(sizes(0, block, count.unwrap_or_else(|| reads(block, facts)), purpose));
    }

    /// Moves `at` on and adds what is printed. `at` is `None` past the end.
    fn pass(&self, facts: &Facts, at: &mut Option<u64>, segments: &mut Vec<Segment>) {
        let (skip, len) = match self.tool {
            Tool::Rest => (0, None),
            // The only block of which it is known that a read gets less.
            Tool::Dd { block: LARGE, skip, count: Some(1) } => {
                (skip * LARGE, Some(facts.first_read_end.max(1)))
            }
            Tool::Dd { block, skip, count } => (block * skip, count.map(|count| count * block)),
        };
        let Some(begin) = at.map(|at| at.saturating_add(skip)) else { return };
        if self.shown {
            segments.push(Segment { begin, len });
        }
        *at = len.map(|len| begin.saturating_add(len));
    }

    fn text(&self, rest: &str) -> String {
        let text = self.tool.text(rest);
        if self.shown { text } else { format!("{text} >/dev/null") }
    }
}

impl Tool {
    fn text(self, rest: &str) -> String {
        let Self::Dd { block, skip, count } = self else { return rest.to_owned() };
        let mut text =
            if block == LARGE { "dd bs=128k".to_owned() } else { format!("dd bs={block}") };
        if skip > 0 {
            let _infallible = write!(text, " skip={skip}");
        }
        if let Some(count) = count {
            let _infallible = write!(text, " count={count}");
        }
        text
    }
}
