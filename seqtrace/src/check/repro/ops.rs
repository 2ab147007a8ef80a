//! System calls of a Python command.

use super::{
    facts::Facts,
    right::Segment,
    script::{Purpose, READS, TrialStep},
};
use crate::check::plan::{LARGE, Step};

/// A system call on standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Read {
        want: u64,
        shown: bool,
    },
    Pread {
        at: u64,
        want: u64,
        shown: bool,
    },
    Seek {
        to: u64,
    },
    Readv {
        wants: Vec<u64>,
    },
    /// Calls sendfile(2) up to the end of the file.
    Sendfile,
}

/// Number of bytes of one sendfile(2).
const SENT: u64 = 1 << 16;

impl Op {
    /// Returns the step that makes the call.
    pub(super) fn act(&self, facts: &Facts) -> TrialStep {
        let slot = 0;
        let read = |shown| Purpose::Read { shown, to_end: false };
        match *self {
            Self::Read { want, shown } => {
                TrialStep { step: Step::Read { slot, want }, purpose: read(shown) }
            }
            Self::Pread { at, want, shown } => {
                TrialStep { step: Step::Pread { slot, at, want }, purpose: read(shown) }
            }
            Self::Seek { to } => {
                TrialStep { step: Step::Seek { slot, to }, purpose: Purpose::Move }
            }
            Self::Readv { ref wants } => TrialStep {
                step: Step::Vectored { slot, wants: wants.clone() },
                purpose: read(true),
            },
            Self::Sendfile => TrialStep {
                step: Step::Splice { slot, block: SENT, to: facts.len.saturating_add(SENT) },
                purpose: Purpose::Read { shown: true, to_end: true },
            },
        }
    }

    /// Advances `at`, the file offset, as for a correct file. Returns the printed segment; `None` if nothing is printed.
    pub(super) fn advance(&self, facts: &Facts, at: &mut u64) -> Option<Segment> {
        let (shown, want) = match *self {
            Self::Read { want: LARGE, shown } => (shown, facts.first_read_end.max(1)),
            Self::Read { want, shown } => (shown, want),
            Self::Readv { ref wants } => (true, wants.iter().sum()),
            Self::Pread { at, want, shown } => {
                return shown.then_some(Segment { begin: at, len: Some(want) });
            }
            Self::Seek { to } => {
                *at = to;
                return None;
            }
            Self::Sendfile => return Some(Segment { begin: *at, len: None }),
        };
        let begin = *at;
        // A read at the end does not move the offset.
        *at = begin.saturating_add(want).min(facts.len.max(begin));
        shown.then_some(Segment { begin, len: Some(want) })
    }

    /// Returns true if the call gets all requested bytes from a correct file.
    pub(super) fn is_full(&self, facts: &Facts) -> bool {
        match self {
            // The whole read shows how much a large read gets, and pread(2) does not move the offset.
            Self::Read { want: LARGE, shown: false }
            | Self::Pread { shown: false, .. }
            | Self::Seek { .. }
            | Self::Sendfile => true,
            Self::Read { want, .. } => facts.is_full(*want, 0),
            Self::Pread { at, want, .. } => facts.is_full(*want, *at),
            Self::Readv { wants } => facts.is_full(wants.iter().sum(), 0),
        }
    }

    /// Returns the call as Python.
    pub(super) fn text(&self) -> String {
        let put =
            |shown: bool, text: String| if shown { format!("write(1, {text})") } else { text };
        match self {
            Self::Read { want, shown } => put(*shown, format!("read(0, {want})")),
            Self::Pread { at, want, shown } => put(*shown, format!("pread(0, {want}, {at})")),
            Self::Seek { to } => format!("lseek(0, {to}, 0)"),
            Self::Readv { wants } => {
                let wants: Vec<String> = wants.iter().map(ToString::to_string).collect();
                format!(
                    "b = [bytearray(n) for n in ({},)]; n = readv(0, b); write(1, b\"\".join(b)[:n])",
                    wants.join(", ")
                )
            }
            Self::Sendfile => {
                format!("all(sendfile(1, 0, None, {SENT}) for i in range({READS}))")
            }
        }
    }
}
