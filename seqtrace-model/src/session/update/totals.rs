//! Sums over reads, sessions and traces.

use super::{Fate, Range};
use crate::finding::FindingCount;

/// Sums over a read, a session or a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Totals {
    /// Number of reads, including those that failed.
    pub reads: u64,
    /// Number of bytes that reads returned.
    pub bytes: u64,
    /// Number of emitted records.
    pub emitted: u64,
    /// Number of renderings that were dropped: overflow, tail or skip.
    pub discarded: u64,
    /// Number of records that traversals rendered and dropped.
    pub passed_over: u64,
    /// Number of callbacks that were seen.
    pub callbacks: u64,
    /// Number of passes that were seen to begin.
    pub passes: u64,
    /// Number of passes that began again with a buffer of twice the size.
    pub restarts: u64,
    /// Number of writes, including those that failed.
    pub writes: u64,
    /// Number of bytes that writes accepted.
    pub written: u64,
}

impl Totals {
    /// Adds the sums of `other` to these sums.
    pub fn add(&mut self, other: &Self) {
        let Self {
            reads,
            bytes,
            emitted,
            discarded,
            passed_over,
            callbacks,
            passes,
            restarts,
            writes,
            written,
        } = self;
        *reads += other.reads;
        *bytes = bytes.wrapping_add(other.bytes);
        *emitted += other.emitted;
        *discarded += other.discarded;
        *passed_over += other.passed_over;
        *callbacks += other.callbacks;
        *passes += other.passes;
        *restarts += other.restarts;
        *writes += other.writes;
        *written = written.wrapping_add(other.written);
    }

    /// Counts a callback; `fate` is that of a show.
    pub(in crate::session) fn add_callback(&mut self, fate: Option<Fate>) {
        self.callbacks += 1;
        match fate {
            Some(Fate::Emitted) => self.emitted += 1,
            Some(Fate::PassedOver) => self.passed_over += 1,
            Some(Fate::DiscardedOverflow | Fate::DiscardedTail | Fate::Skipped) => {
                self.discarded += 1;
            }
            Some(Fate::Empty | Fate::Failed | Fate::Unknown) | None => {}
        }
    }
}

/// Reason why a session, a read or a number is known only in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Partial {
    /// The session was open before seqtrace attached.
    Adopted,
    /// The probes on its callbacks were attached only after its first read had been entered.
    LateAttach,
    /// Events were lost while the session was open.
    Gap,
    /// One of its callbacks cannot be probed.
    Blind,
    /// Events contradict the core's loop, so some were missed.
    Disagrees,
    /// Two calls used the descriptor at once, and their order is unknown.
    Overlap,
    /// The session was open when the trace ended.
    StillOpen,
    /// The session is a BPF iterator. bpf_seq_read() (kernel/bpf/bpf_iter.c) has a loop of its own, which is not
    /// modelled.
    BpfIterator,
}

/// Result of a read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReadEnd {
    /// Number of bytes returned, or a negative errno.
    pub ret: i64,
    /// File offsets of the returned bytes; empty at the end of the file and for an error.
    pub range: Range,
    /// Sums over this read; `reads` is 1.
    pub totals: Totals,
    /// Number of bytes that stay in the buffer for the next read. If several calls overlap, the number is computed from
    /// the known part of their order.
    pub leftover: u64,
    /// Number of returned bytes that an earlier read, or the traversal of this one, had left in the buffer.
    pub from_leftover: u64,
    /// Time from entry to return, ns; `None` if the entry was not seen.
    pub duration: Option<u64>,
    /// True if the read reached the end of the file: start or next returned NULL, and nothing stays in the buffer.
    pub eof: bool,
    /// Reason why the read is not seen whole; `None`: the read is seen whole.
    pub partial: Option<Partial>,
}

/// Sums over a whole trace.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Summary {
    /// Number of selected sessions.
    pub sessions: u64,
    /// Sums over these sessions.
    pub totals: Totals,
    /// Number of events that were lost between the kernel and this trace.
    pub lost: u64,
    /// Number of probe hits for which no program ran.
    pub missed: u64,
    /// Number of sessions that were seen in part, including those that were still open at the end.
    pub partial: u64,
    /// The rules that were broken, the most severe first.
    pub findings: Vec<FindingCount>,
}
