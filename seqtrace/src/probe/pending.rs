//! Polls the slots for pending batches (`seqtrace_common::slots`).
//!
//! The programs submit most batches within microseconds. If show() sleeps or never returns, the preceding next() stays
//! pending, and the developer needs its event.

use aya::{Ebpf, maps::Array};
use seqtrace_common::{
    config::heartbeat,
    slots::{SLOTS, Slot},
};
use zerocopy::FromBytes as _;

use super::error::ProbeError;

const SLOT: usize = size_of::<Slot>();
/// Name of the map with the slot table: its section in the object file.
const MAP: &str = ".bss.slots";

/// Finds pending batches that have not changed between two polls.
#[derive(Debug, Default)]
pub(super) struct PendingBatchPoller {
    /// Slots that had a pending batch at the previous poll.
    before: Vec<Slot>,
}

impl PendingBatchPoller {
    /// Returns the slots with a pending batch that have not changed since the previous poll. A slot is not read
    /// atomically: only one that did not change is known to be consistent. Between two polls the ring must have been
    /// emptied, so that records that were submitted before the first poll are decoded before the pending ones.
    ///
    /// # Errors
    /// The map cannot be read.
    pub(super) fn poll(&mut self, ebpf: &Ebpf) -> Result<Vec<Slot>, ProbeError> {
        Ok(self.compare(pending_slots(ebpf)?))
    }

    /// Returns the slots that had a pending batch at the last poll.
    pub(super) fn slots(&self) -> &[Slot] {
        &self.before
    }

    fn compare(&mut self, now: Vec<Slot>) -> Vec<Slot> {
        let unchanged = now.iter().filter(|slot| self.before.contains(slot)).copied().collect();
        self.before = now;
        unchanged
    }

    /// Returns true if the last poll found a changed slot whose batch began before or at `end` (ns since boot).
    /// `unchanged`: result of that poll.
    pub(super) fn has_changed(&self, unchanged: &[Slot], end: u64) -> bool {
        self.before.iter().any(|slot| slot.batch.time <= end && !unchanged.contains(slot))
    }
}

/// Returns the slots that have a pending batch, except those of heartbeats.
fn pending_slots(ebpf: &Ebpf) -> Result<Vec<Slot>, ProbeError> {
    let map = ebpf.map(MAP).ok_or(ProbeError::Missing("map .bss.slots"))?;
    let array: Array<_, [u8; SLOTS * SLOT]> =
        Array::try_from(map).map_err(ProbeError::of_map(MAP))?;
    let all = array.get(&0, 0).map_err(ProbeError::of_map(MAP))?;
    let slots = all.chunks_exact(SLOT).filter_map(|bytes| Slot::read_from_bytes(bytes).ok());
    let in_trace = |slot: &Slot| slot.id != 0 && slot.state.key & heartbeat::SESSION == 0;
    Ok(slots.filter(|slot| in_trace(slot) && slot.batch.is_pending()).collect())
}

#[cfg(test)]
mod tests {
    use seqtrace_common::slots::{PendingBatch, SessionState};

    use super::*;

    fn slot(key: u32, pairs: u32, pending_next: u32, time: u64) -> Slot {
        let batch = PendingBatch { pairs, pending_next, time, ..PendingBatch::EMPTY };
        Slot { id: 8, collisions: 0, pad: 0, state: SessionState::new(key), batch }
    }

    #[test]
    fn only_unchanged_slots_are_returned() {
        let mut poller = PendingBatchPoller::default();
        let (idle, moving, moved) = (slot(1, 0, 1, 10), slot(2, 1, 2, 20), slot(2, 2, 0, 20));
        assert!(poller.compare(vec![idle, moving]).is_empty());
        assert!(poller.has_changed(&[], 10));
        assert_eq!(poller.compare(vec![moved, idle]), [idle]);
        assert!(poller.has_changed(&[idle], 20));
        assert!(!poller.has_changed(&[idle], 19));
        assert_eq!(poller.compare(vec![moved]), [moved]);
    }
}
