//! Computes the output that a command would have from the calls of a trial.

use super::script::{Purpose, Script, TrialStep};
use crate::check::{
    call::{Call, Syscall},
    oracle::{End, Reference},
    plan::{Slot, Step},
};

/// Result of a whole read and of one more read at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    /// The bytes up to the first end of the file.
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: End,
    /// True if one more read at the end gets nothing.
    pub(crate) end_lasts: bool,
}

impl Whole {
    /// Creates the result from the calls of a whole read; `None` if the file could not be opened.
    pub(crate) fn of(calls: &[Call]) -> Option<Self> {
        let is_end = |call: &Call| call.syscall != Syscall::Open && call.ret <= 0;
        let end = calls.iter().position(is_end).map_or(calls.len(), |end| end + 1);
        let (reads, after) = calls.split_at(end);
        let Reference { bytes, end } = Reference::of(reads).ok()?;
        Some(Self { bytes, end, end_lasts: after.iter().all(|call| call.ret <= 0) })
    }
}

/// Output of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Printed {
    pub(super) bytes: Vec<u8>,
    /// Positive errno of the first read that failed.
    pub(super) errno: Option<i32>,
    /// For each read whose bytes are printed: index of its step in `acts`, and total number of bytes printed when the
    /// read had returned.
    pub(super) reads: Vec<(usize, usize)>,
    /// True if every tool that reads to the end reached it.
    pub(super) ended: bool,
    /// Bytes of the whole reads of [`Purpose::Control`].
    pub(super) controls: Vec<Vec<u8>>,
}

impl Printed {
    /// Returns the output of these calls; `None` if calls are missing, or if a seek failed: dd would then read up to
    /// the offset instead.
    pub(super) fn of(acts: &[TrialStep], calls: &[Call]) -> Option<Self> {
        let mut printed = Self { ended: true, ..Self::default() };
        let mut rest = calls;
        let mut open: Vec<Slot> = Vec::new();
        for (number, act) in acts.iter().enumerate() {
            let (calls, after) = rest.split_at(made(&act.step, rest, &open)?);
            rest = after;
            printed.record(number, act, calls)?;
            if let (Step::Open { slot }, [call]) = (&act.step, calls) {
                match call.errno() {
                    None => open.push(*slot),
                    failed => printed.errno = printed.errno.or(failed),
                }
            }
        }
        rest.is_empty().then_some(printed)
    }

    fn record(&mut self, number: usize, act: &TrialStep, calls: &[Call]) -> Option<()> {
        match act.purpose {
            Purpose::Move if calls.iter().any(|call| call.ret < 0) => return None,
            Purpose::Setup | Purpose::Move => {}
            Purpose::Print => {
                let ret = calls.first().filter(|call| call.ret >= 0)?.ret;
                self.bytes.extend_from_slice(format!("{ret}\n").as_bytes());
            }
            Purpose::Control => {
                self.ended &= ends(calls);
                let bytes = calls.iter().flat_map(|call| call.bytes.iter().copied());
                self.controls.push(bytes.collect());
            }
            Purpose::Read { is_printed, to_end } => {
                self.ended &= !to_end || ends(calls);
                for call in calls {
                    self.errno = self.errno.or(call.errno());
                    if is_printed {
                        self.bytes.extend_from_slice(&call.bytes);
                        self.reads.push((number, self.bytes.len()));
                    }
                }
            }
        }
        Some(())
    }

    /// Returns the index of the first read that [`Script::cut`] counts.
    fn first(&self, script: &Script) -> usize {
        let last = self.reads.last().map(|(act, _)| *act);
        match script {
            // Each read is a step of its own.
            Script::Turns { .. } => 0,
            _ => self.reads.iter().take_while(|(act, _)| Some(*act) != last).count(),
        }
    }

    /// Returns the index, among the reads that [`Script::cut`] counts, of the read that printed the byte at an offset of
    /// the output; `None` if none of them did.
    pub(super) fn read_at(&self, script: &Script, at: usize) -> Option<u64> {
        let first = self.first(script);
        let index = self.reads.iter().skip(first).position(|(_, end)| *end > at)?;
        u64::try_from(index).ok()
    }

    /// Returns the number of reads that [`Script::cut`] counts.
    pub(super) fn counted(&self, script: &Script) -> u64 {
        u64::try_from(self.reads.len() - self.first(script)).unwrap_or(u64::MAX)
    }

    /// Returns the output up to the `count`th of the reads that [`Script::cut`] counts.
    pub(super) fn cut(&self, script: &Script, count: u64) -> Self {
        let mut cut = self.clone();
        let count =
            if matches!(script, Script::Turns { .. }) { count.next_multiple_of(2) } else { count };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        cut.reads.truncate(self.first(script).saturating_add(count));
        if cut.reads.len() < self.reads.len() {
            cut.bytes.truncate(cut.reads.last().map_or(0, |(_, end)| *end));
            cut.errno = None;
            cut.ended = true;
        }
        cut
    }
}

/// Returns the number of calls at the front of `calls` that belong to a step; `None` if some are missing.
fn made(step: &Step, calls: &[Call], open: &[Slot]) -> Option<usize> {
    let most = match step {
        Step::Open { .. } => 1,
        Step::Close { .. } => 0,
        _ if !open.contains(&step.slot()) => 0,
        Step::Sizes { wants, .. } => wants.len(),
        Step::Until { .. } | Step::Splice { .. } => usize::MAX,
        _ => 1,
    };
    let to = match step {
        Step::Until { to, .. } | Step::Splice { to, .. } => *to,
        _ => u64::MAX,
    };
    let single = most <= 1;
    let last = calls.iter().take(most).position(|call| {
        !single && (call.ret <= 0 || call.at.saturating_add(call.bytes.len() as u64) >= to)
    });
    match last {
        Some(last) => Some(last + 1),
        None => (calls.len() >= most).then_some(most),
    }
}

fn ends(calls: &[Call]) -> bool {
    calls.last().is_none_or(|call| call.ret <= 0)
}
