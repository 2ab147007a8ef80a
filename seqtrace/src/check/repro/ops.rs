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
        is_printed: bool,
    },
    Pread {
        at: u64,
        want: u64,
        is_printed: bool,
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

/// Number of bytes that one sendfile(2) requests.
const SENT: u64 = 1 << 16;

impl Op {
    /// Returns the step that makes the call.
    pub(super) fn act(&self, facts: &Facts) -> TrialStep {
        let slot = 0;
        let read = |is_printed| Purpose::Read { is_printed, to_end: false };
        match *self {
            Self::Read { want, is_printed } => {
                TrialStep { step: Step::Read { slot, want }, purpose: read(is_printed) }
            }
            Self::Pread { at, want, is_printed } => {
                TrialStep { step: Step::Pread { slot, at, want }, purpose: read(is_printed) }
            }
            Self::Seek { to } => {
                TrialStep { step: Step::Seek { slot, to }, purpose: Purpose::Move }
            }
            Self::Readv { ref wants } => TrialStep {
                step: Step::Vectored { slot, wants: wants.clone() },
                purpose: read(true),
            },
            Self::Sendfile => TrialStep {
                step: Step::Splice { slot, block_bytes: SENT, to: facts.len.saturating_add(SENT) },
                purpose: Purpose::Read { is_printed: true, to_end: true },
            },
        }
    }

    /// Advances `at`, the file offset, as the call does for a correct file. Returns the printed segment; `None` if
    /// nothing is printed.
    pub(super) fn advance(&self, facts: &Facts, at: &mut u64) -> Option<Segment> {
        let (is_printed, want) = match *self {
            Self::Read { want: LARGE, is_printed } => (is_printed, facts.first_read_end.max(1)),
            Self::Read { want, is_printed } => (is_printed, want),
            Self::Readv { ref wants } => (true, wants.iter().sum()),
            Self::Pread { at, want, is_printed } => {
                return is_printed.then_some(Segment { begin: at, len: Some(want) });
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
        is_printed.then_some(Segment { begin, len: Some(want) })
    }

    /// Returns true if the call gets all requested bytes from a correct file.
    pub(super) fn is_full(&self, facts: &Facts) -> bool {
        match self {
            // The number of bytes of a large read is known from the whole read, and pread(2) does not move the offset.
            Self::Read { want: LARGE, is_printed: false }
            | Self::Pread { is_printed: false, .. }
            | Self::Seek { .. }
            | Self::Sendfile => true,
            Self::Read { want, .. } => facts.is_full(*want, 0),
            Self::Pread { at, want, .. } => facts.is_full(*want, *at),
            Self::Readv { wants } => facts.is_full(wants.iter().sum(), 0),
        }
    }

    /// Returns the call as Python code.
    pub(super) fn text(&self) -> String {
        let put = |is_printed: bool, text: String| {
            if is_printed { format!("write(1, {text})") } else { text }
        };
        match self {
            Self::Read { want, is_printed } => put(*is_printed, format!("read(0, {want})")),
            Self::Pread { at, want, is_printed } => {
                put(*is_printed, format!("pread(0, {want}, {at})"))
            }
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
