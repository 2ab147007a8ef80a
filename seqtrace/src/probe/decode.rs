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
    /// Callbacks that were forwarded from a pending batch, by session. The entry of a session is removed when a later
    /// callback arrives.
    forwarded: HashMap<Key, Forwarded>,
    /// Number of callbacks that were forwarded from pending batches that the ring had no space for. The loss counters
    /// contain them.
    forwarded_and_lost: u64,
    /// End of the trace, ns since boot; `None` while it goes on.
    end: Option<u64>,
}

/// Callbacks of a session that were forwarded from its pending batch.
#[derive(Clone, Copy, Debug)]
struct Forwarded {
    /// Time of the last one, ns since boot.
    last: u64,
    /// Number of those that have not arrived in the ring.
    count: u64,
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
            self.settle(batch.session, batch.time);
            if !over {
                self.gap(&head, batch.time, &mut out);
            }
            return self.batch(&batch, pairs, out);
        }
        if over {
            return Ok(());
        }
        let body = match decode_body(&head, record) {
            Ok(body) => body,
            Err(error) => {
                self.gap(&head, time, &mut out);
                return Err(error);
            }
        };
        // The programs submit the pending batch before each of these.
        match body {
            EventKind::Callback(Callback { key, .. })
            | EventKind::PassBegin { key, .. }
            | EventKind::Release { key, .. }
            | EventKind::OpenFailed { key, .. } => self.settle(key, time),
            _ => {}
        }
        self.gap(&head, time, &mut out);
        if let EventKind::Callback(Callback { key, role: Role::Next, .. }) = body
            && self.was_forwarded(key, time)
        {
            return Ok(());
        }
        out(&Event { time, cpu, body });
        Ok(())
    }

    /// Notes that the callbacks of a session before `time` (ns since boot) were submitted. Those that were forwarded and
    /// have not arrived are lost.
    fn settle(&mut self, key: Key, time: u64) {
        let Some(Forwarded { last, count }) = self.forwarded.get_mut(&key) else { return };
        let missing = count.saturating_sub(u64::from(*last == time));
        if *last <= time {
            self.forwarded_and_lost += missing;
            *count -= missing;
        }
        if *last < time {
            self.forwarded.remove(&key);
        }
    }

    /// Emits the gap before a record, if its CPU has lost events.
    fn gap(&mut self, head: &Head, time: u64, out: &mut impl FnMut(&Event)) {
        let lost = self.counter(head.cpu);
        let gap = head.lost.wrapping_sub(*lost);
        *lost = head.lost;
        self.emit_gap(gap, head.cpu, time, out);
    }

    /// Emits a gap of `lost` events, except those that were forwarded before they were lost.
    fn emit_gap(&mut self, lost: u32, cpu: u16, time: u64, out: &mut impl FnMut(&Event)) {
        let known = self.forwarded_and_lost.min(u64::from(lost));
        self.forwarded_and_lost -= known;
        let lost = u64::from(lost) - known;
        if lost != 0 {
            out(&Event { time, cpu, body: EventKind::Gap { lost } });
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
        // The batch that was polled last is another one: it was submitted.
        self.settle(key, *time);
        let end = self.end.unwrap_or(u64::MAX);
        let before = self.forwarded.get(&key).copied();
        let mut forwarded = before.unwrap_or(Forwarded { last: 0, count: 0 });
        let mut forward = |time: u64, body: EventKind| {
            if time <= end && before.is_none_or(|before| before.last < time) {
                out(&Event { time, cpu, body });
                forwarded.last = time;
                forwarded.count += 1;
            }
        };
        for (number, pair) in (1..).zip(pair) {
            let [next, show] = [pair.next_after, pair.show_after]
                .map(|after| time.saturating_add(u64::from(after)));
            if number <= pairs || number == pending_next {
                forward(next, next_of(key, pair));
            }
            if number <= pairs {
                forward(show, show_of(key, pair));
            }
        }
        if forwarded.count > 0 {
            self.forwarded.insert(key, forwarded);
        }
    }

    /// Returns true if a callback is to be forwarded: it is neither after the end nor forwarded already.
    fn should_forward(&mut self, key: Key, time: u64) -> bool {
        self.end.is_none_or(|end| time <= end) && !self.was_forwarded(key, time)
    }

    /// Returns true if a callback in the ring was forwarded from a pending batch. The callbacks of a session arrive in
    /// order of time, so the first later one removes the entry.
    fn was_forwarded(&mut self, key: Key, time: u64) -> bool {
        if self.forwarded.is_empty() {
            return false;
        }
        self.settle(key, time);
        let Some(forwarded) = self.forwarded.get_mut(&key) else { return false };
        forwarded.count = forwarded.count.saturating_sub(1);
        true
    }

    /// Emits the gaps behind the last events. `totals`: the loss counter of each CPU at the end. `pending`: the slots with
    /// a batch that was not submitted. `time`: the time of the end, ns since boot.
    pub(crate) fn finish(
        &mut self,
        totals: &[u64],
        pending: &[Slot],
        time: u64,
        mut out: impl FnMut(&Event),
    ) {
        let is_pending =
            |key, last| pending.iter().any(|slot| slot.state.key == key && slot.batch.time <= last);
        let lost = self.forwarded.iter().filter(|(key, entry)| !is_pending(**key, entry.last));
        self.forwarded_and_lost += lost.map(|(_, entry)| entry.count).sum::<u64>();
        for (cpu, &total) in (0u16..).zip(totals) {
            let lost = self.counter(cpu);
            #[expect(clippy::cast_possible_truncation, reason = "the wire carries the lower half")]
            let gap = (total as u32).wrapping_sub(*lost);
            *lost = lost.wrapping_add(gap);
            self.emit_gap(gap, cpu, time, &mut out);
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
