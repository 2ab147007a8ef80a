//! Callbacks that the programs hold back, to tell several at once (`seqtrace_common::slots`).
//!
//! Most are told within microseconds. But of a show that sleeps, or never returns, a developer wants to see the
//! next that led to it: so user space looks from time to time.

use aya::{Ebpf, maps::Array};
use seqtrace_common::slots::{SLOTS, Slot};
use zerocopy::FromBytes as _;

use super::error::ProbeError;

const SLOT: usize = size_of::<Slot>();
/// The section in which the programs have it.
const MAP: &str = ".bss.slots";

/// Looks for what waits, and tells what has been waiting since it looked last.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Slots in which something waited.
    before: Vec<Slot>,
}

impl Waiting {
    /// The slots in which nothing has happened since this was called last, and something waits. What is in a slot
    /// cannot be read at once: as long as it does not change, it is whole. Between the two calls the ring
    /// must have been emptied: what was told before the first one comes before what waits.
    ///
    /// # Errors
    /// The map cannot be read.
    pub(super) fn settled(&mut self, ebpf: &Ebpf) -> Result<Vec<Slot>, ProbeError> {
        Ok(self.compare(busy(ebpf)?))
    }

    fn compare(&mut self, now: Vec<Slot>) -> Vec<Slot> {
        let settled = now.iter().filter(|slot| self.before.contains(slot)).copied().collect();
        self.before = now;
        settled
    }

    /// Whether in the others something waits that happened until `end` (ns since boot).
    pub(super) fn is_unsettled(&self, settled: &[Slot], end: u64) -> bool {
        self.before.iter().any(|slot| slot.batch.time <= end && !settled.contains(slot))
    }
}

/// The slots in which something waits.
fn busy(ebpf: &Ebpf) -> Result<Vec<Slot>, ProbeError> {
    let map = ebpf.map(MAP).ok_or(ProbeError::Missing("map .bss.slots"))?;
    let array: Array<_, [u8; SLOTS * SLOT]> =
        Array::try_from(map).map_err(|source| ProbeError::Map { map: MAP, source })?;
    let all = array.get(&0, 0).map_err(|source| ProbeError::Map { map: MAP, source })?;
    let slots = all.chunks_exact(SLOT).filter_map(|bytes| Slot::read_from_bytes(bytes).ok());
    Ok(slots.filter(|slot| slot.id != 0 && slot.batch.is_pending()).collect())
}

#[cfg(test)]
mod tests {
    use seqtrace_common::slots::{PendingBatch, SessionState};

    use super::*;

    fn slot(key: u32, pairs: u32, pending_next: u32, time: u64) -> Slot {
        let batch = PendingBatch { pairs, pending_next, time, ..PendingBatch::NONE };
        Slot { id: 8, collisions: 0, pad: 0, state: SessionState::new(key), batch }
    }

    #[test]
    fn only_what_stays_as_it_is_has_settled() {
        let mut waiting = Waiting::default();
        let (idle, moving, moved) = (slot(1, 0, 1, 10), slot(2, 1, 2, 20), slot(2, 2, 0, 20));
        assert!(waiting.compare(vec![idle, moving]).is_empty());
        assert!(waiting.is_unsettled(&[], 10));
        assert_eq!(waiting.compare(vec![moved, idle]), [idle]);
        assert!(waiting.is_unsettled(&[idle], 20));
        assert!(!waiting.is_unsettled(&[idle], 19));
        assert_eq!(waiting.compare(vec![moved]), [moved]);
    }
}
