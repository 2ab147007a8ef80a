//! System calls of a Python command, on standard input.

use super::{
    facts::Facts,
    right::Segment,
    script::{Purpose, READS, TrialStep, joined},
};
use crate::check::plan::{LARGE, Step};

/// Number of bytes that one sendfile(2) requests.
const SENT: u64 = 1 << 16;

/// Returns a sendfile(2) up to the end of the file.
pub(super) fn sendfile(facts: &Facts) -> TrialStep {
    let step = Step::Splice { slot: 0, block_bytes: SENT, to: facts.len.saturating_add(SENT) };
    TrialStep { step, purpose: Purpose::Read { is_printed: true, to_end: true } }
}

impl TrialStep {
    /// Returns one call that reads. `is_printed`: true if its bytes are printed.
    pub(super) const fn read(step: Step, is_printed: bool) -> Self {
        Self { step, purpose: Purpose::Read { is_printed, to_end: false } }
    }

    /// Returns a seek that must succeed.
    pub(super) const fn seek(to: u64) -> Self {
        Self { step: Step::Seek { slot: 0, to }, purpose: Purpose::Move }
    }

    const fn is_printed(&self) -> bool {
        matches!(self.purpose, Purpose::Read { is_printed: true, .. })
    }

    /// Advances `at`, the file offset, as the call does for a correct file. Returns the printed segment; `None` if
    /// nothing is printed.
    pub(super) fn advance(&self, facts: &Facts, at: &mut u64) -> Option<Segment> {
        let printed = self.is_printed();
        let (begin, want) = match &self.step {
            Step::Read { want: LARGE, .. } => (*at, facts.first_read_end.max(1)),
            Step::Read { want, .. } => (*at, *want),
            Step::Vectored { wants, .. } => (*at, wants.iter().sum()),
            Step::Pread { at: begin, want, .. } => {
                return printed.then_some(Segment { begin: *begin, len: Some(*want) });
            }
            Step::Seek { to, .. } => {
                *at = *to;
                return None;
            }
            _ => return printed.then_some(Segment { begin: *at, len: None }),
        };
        // A read at the end does not move the offset.
        *at = begin.saturating_add(want).min(facts.len.max(begin));
        printed.then_some(Segment { begin, len: Some(want) })
    }

    /// Returns true if the call gets all requested bytes from a correct file.
    pub(super) fn is_full(&self, facts: &Facts) -> bool {
        match &self.step {
            // The number of bytes of a large read is known from the whole read, and pread(2) does not move the offset.
            Step::Read { want: LARGE, .. } | Step::Pread { .. } if !self.is_printed() => true,
            Step::Read { want, .. } => facts.is_full(*want, 0),
            Step::Pread { at, want, .. } => facts.is_full(*want, *at),
            Step::Vectored { wants, .. } => facts.is_full(wants.iter().sum(), 0),
            _ => true,
        }
    }

    /// Returns the call as Python code.
    pub(super) fn text(&self) -> String {
        let text = match &self.step {
            Step::Read { want, .. } => format!("read(0, {want})"),
            Step::Pread { at, want, .. } => format!("pread(0, {want}, {at})"),
            Step::Seek { to, .. } => return format!("lseek(0, {to}, 0)"),
            Step::Vectored { wants, .. } => {
                return format!(
                    "b = [bytearray(n) for n in ({},)]; n = readv(0, b); write(1, b\"\".join(b)[:n])",
                    joined(wants, ", ")
                );
            }
            _ => return format!("all(sendfile(1, 0, None, {SENT}) for i in range({READS}))"),
        };
        if self.is_printed() { format!("write(1, {text})") } else { text }
    }
}
