//! Decodes records of the ring to events. Pure: bytes in, events out.
//!
//! Invalid bytes never panic and are never ignored: they are an error that the caller counts.

mod bodies;

use std::collections::HashMap;

use seqtrace_common::{
    config::heartbeat,
    slots::{PendingBatch, Slot},
    wire::{self, Head, Kind, Pair},
};
use thiserror::Error;
use zerocopy::FromBytes;

use self::bodies::{decode_body, next_of, show_of};
use crate::event::{Callback, Event, EventKind, Key, Role};

/// Reasons why a record cannot be decoded.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum DecodeError {
    #[error("a record of {len} bytes is too short for {what}")]
    Short {
        /// The part that the record should contain.
        what: &'static str,
        /// Length of the record, or of its undecoded rest, in bytes.
        len: usize,
    },
    /// This version does not know the value.
    #[error("unknown {what} {value} in a record")]
    Unknown {
        /// The meaning of the value.
        what: &'static str,
        value: u8,
    },
}

/// Decodes the records of one ring and finds the gaps in them.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// Loss counter of each CPU's last record.
    lost: Vec<u32>,
    /// Time (ns since boot) of the last callback that was forwarded from a pending batch, by session. The entry of a
    /// session is removed when a later callback arrives.
    forwarded: HashMap<Key, u64>,
    /// End of the trace, ns since boot; `None` while it goes on.
    end: Option<u64>,
}

impl Decoder {
    /// Returns the timestamp of a record, ns since boot; `None` if the record is too short.
    pub(super) fn time(record: &[u8]) -> Option<u64> {
        Head::read_from_prefix(record).ok().map(|(head, _)| head.time)
    }

    /// Returns true if a record is of a heartbeat. In all records the number of the session follows the head.
    pub(super) fn is_heartbeat(record: &[u8]) -> bool {
        let rest = record.get(size_of::<Head>()..).unwrap_or_default();
        u32::read_from_prefix(rest).is_ok_and(|(session, _)| session & heartbeat::SESSION != 0)
    }

    /// Ignores events after `end` (ns since boot): the trace has ended.
    pub(super) fn end_at(&mut self, end: u64) {
        self.end = Some(end);
    }

    /// Decodes one record. If its CPU has lost events since its last record, the gap comes first.
    ///
    /// # Errors
    /// The record is too short or of an unknown kind. Its gap is forwarded even then.
    pub(crate) fn decode(
        &mut self,
        record: &[u8],
        mut out: impl FnMut(&Event),
    ) -> Result<(), DecodeError> {
        let (head, _) = decode_prefix::<Head>(record, "an event")?;
        let Head { time, cpu, .. } = head;
        let over = self.end.is_some_and(|end| time > end);
        if head.kind == Kind::Batch as u8 {
            let (batch, pairs) = decode_prefix::<wire::Batch>(record, "a batch")?;
            if !over {
                self.gap(&head, batch.time, &mut out);
            }
            return self.batch(&batch, pairs, out);
        }
        if over {
            return Ok(());
        }
        self.gap(&head, time, &mut out);
        let body = decode_body(&head, record)?;
        match body {
            EventKind::Callback(Callback { key, role: Role::Next, .. })
                if self.was_forwarded(key, time) =>
            {
                return Ok(());
            }
            // The session is over. The entry is removed, because the lookup runs once for each callback.
            EventKind::Release { key, .. } | EventKind::OpenFailed { key, .. } => {
                self.forwarded.remove(&key);
            }
            _ => {}
        }
        out(&Event { time, cpu, body });
        Ok(())
    }

    /// Emits the gap before a record, if its CPU has lost events.
    fn gap(&mut self, head: &Head, time: u64, out: &mut impl FnMut(&Event)) {
        let lost = self.counter(head.cpu);
        let gap = head.lost.wrapping_sub(*lost);
        *lost = head.lost;
        if gap != 0 {
            out(&Event { time, cpu: head.cpu, body: EventKind::Gap { lost: u64::from(gap) } });
        }
    }

    /// Decodes the pairs of a batch.
    fn batch(
        &mut self,
        batch: &wire::Batch,
        mut pairs: &[u8],
        mut out: impl FnMut(&Event),
    ) -> Result<(), DecodeError> {
        let key = batch.session;
        for _ in 0..batch.pairs {
            let (pair, rest) = decode_prefix::<Pair>(pairs, "a pair of a batch")?;
            pairs = rest;
            let [next, show] = [pair.next_after, pair.show_after]
                .map(|after| batch.time.saturating_add(u64::from(after)));
            if self.should_forward(key, next) {
                out(&Event { time: next, cpu: batch.cpu, body: next_of(key, &pair) });
            }
            if self.should_forward(key, show) {
                out(&Event { time: show, cpu: batch.cpu, body: show_of(key, &pair) });
            }
        }
        Ok(())
    }

    /// Decodes the pending batch of a slot, when a show() takes long or the trace ends. The callbacks of the batch are
    /// forwarded now, and not again when the batch is submitted.
    pub(super) fn decode_pending(&mut self, slot: &Slot, mut out: impl FnMut(&Event)) {
        let PendingBatch { time, cpu, pair, .. } = &slot.batch;
        let key = slot.state.key;
        let (pairs, pending_next) = (slot.batch.pairs, slot.batch.pending_next);
        let cpu = u16::try_from(*cpu).unwrap_or(u16::MAX);
        let mut last = None;
        for (number, pair) in (1..).zip(pair) {
            let [next, show] = [pair.next_after, pair.show_after]
                .map(|after| time.saturating_add(u64::from(after)));
            if (number <= pairs || number == pending_next) && self.should_forward(key, next) {
                out(&Event { time: next, cpu, body: next_of(key, pair) });
                last = Some(next);
            }
            if number <= pairs && self.should_forward(key, show) {
                out(&Event { time: show, cpu, body: show_of(key, pair) });
                last = Some(show);
            }
        }
        self.forwarded.extend(last.map(|last| (key, last)));
    }

    /// Returns true if a callback is to be forwarded: it is neither after the end nor forwarded already.
    fn should_forward(&mut self, key: Key, time: u64) -> bool {
        self.end.is_none_or(|end| time <= end) && !self.was_forwarded(key, time)
    }

    /// Returns true if a callback was forwarded from a pending batch. The callbacks of a session arrive in order of time,
    /// so the first later one removes the entry.
    fn was_forwarded(&mut self, key: Key, time: u64) -> bool {
        if self.forwarded.is_empty() {
            return false;
        }
        let forwarded = self.forwarded.get(&key).is_some_and(|&last| time <= last);
        if !forwarded {
            self.forwarded.remove(&key);
        }
        forwarded
    }

    /// Emits the gaps behind the last events. `totals`: the loss counter of each CPU at the end. `time`: the time of the
    /// end, ns since boot.
    pub(crate) fn finish(&mut self, totals: &[u64], time: u64, mut out: impl FnMut(&Event)) {
        for (cpu, &total) in (0u16..).zip(totals) {
            let lost = self.counter(cpu);
            #[expect(clippy::cast_possible_truncation, reason = "the wire carries the lower half")]
            let gap = (total as u32).wrapping_sub(*lost);
            if gap != 0 {
                *lost = lost.wrapping_add(gap);
                out(&Event { time, cpu, body: EventKind::Gap { lost: u64::from(gap) } });
            }
        }
    }

    /// Returns the loss counter of a CPU's last record.
    fn counter(&mut self, cpu: u16) -> &mut u32 {
        let cpu = usize::from(cpu);
        if cpu >= self.lost.len() {
            self.lost.resize(cpu + 1, 0);
        }
        &mut self.lost[cpu]
    }
}

/// Decodes a value of type `T`, named `what` in errors, at the beginning of `record`. Returns the value and the bytes
/// behind it.
fn decode_prefix<'a, T: FromBytes>(
    record: &'a [u8],
    what: &'static str,
) -> Result<(T, &'a [u8]), DecodeError> {
    T::read_from_prefix(record).map_err(|_| DecodeError::Short { what, len: record.len() })
}

#[cfg(test)]
mod tests;
