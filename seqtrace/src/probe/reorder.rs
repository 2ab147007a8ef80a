//! Sorts events whose timestamps are out of order in the ring.
//!
//! A program takes an event's timestamp before it submits the event, and may be interrupted in between. Events emitted
//! while `m->lock` is held appear in the ring in timestamp order, because the lock serialises them. Entry and exit of
//! read and lseek are emitted outside of the lock and may appear behind later events, so they are buffered until an
//! event with a later timestamp arrives.

use std::collections::VecDeque;

use crate::event::{Event, EventKind};

/// Buffered events, sorted by timestamp. Rarely holds more than one.
#[derive(Debug, Default)]
pub(super) struct ReorderBuffer(VecDeque<Event>);

impl ReorderBuffer {
    /// Processes the next event of the ring: flushes older buffered events, then forwards the event or buffers it.
    #[inline]
    pub(super) fn process(&mut self, event: &Event, mut out: impl FnMut(&Event)) {
        if !self.0.is_empty() {
            self.flush_until(event.time, &mut out);
        }
        match event.body {
            EventKind::ReadEnter { .. }
            | EventKind::ReadExit { .. }
            | EventKind::LseekEnter { .. }
            | EventKind::LseekExit { .. } => {
                let index = self.0.partition_point(|other| other.time <= event.time);
                self.0.insert(index, event.clone());
            }
            _ => out(event),
        }
    }

    /// Flushes buffered events with a timestamp <= `time` (ns since boot). The caller guarantees that no earlier event
    /// can still arrive.
    pub(super) fn flush_until(&mut self, time: u64, mut out: impl FnMut(&Event)) {
        while let Some(event) = self.0.pop_front_if(|event| event.time <= time) {
            out(&event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SeqState;

    fn exit(time: u64) -> Event {
        let body = EventKind::ReadExit { key: 1, tid: 1, ret: 0, state: SeqState::default() };
        Event { time, cpu: 0, body }
    }

    fn begin(time: u64) -> Event {
        let body = EventKind::PassBegin { key: 1, tid: 2, index: 0, size: 0, count: 0, from: 0 };
        Event { time, cpu: 0, body }
    }

    fn times(events: Vec<Event>, rest: u64) -> Vec<u64> {
        let (mut buffer, mut times) = (ReorderBuffer::default(), Vec::new());
        for event in events {
            buffer.process(&event, |event| times.push(event.time));
        }
        buffer.flush_until(rest, |event| times.push(event.time));
        times
    }

    #[test]
    fn late_events_are_sorted_in() {
        assert_eq!(times(vec![exit(5), begin(3), begin(4), begin(6)], 0), [3, 4, 5, 6]);
        assert_eq!(times(vec![exit(5), exit(2), begin(3), begin(9)], 0), [2, 3, 5, 9]);
    }

    #[test]
    fn events_in_order_stay_in_order() {
        assert_eq!(times(vec![begin(1), exit(2), exit(2), begin(2), exit(3)], 0), [1, 2, 2, 2]);
    }

    #[test]
    fn a_flush_empties_the_buffer() {
        assert_eq!(times(vec![exit(7), exit(9)], 8), [7]);
        assert_eq!(times(vec![exit(7), exit(9)], u64::MAX), [7, 9]);
    }

    #[test]
    fn callbacks_keep_their_order_whatever_their_times() {
        assert_eq!(times(vec![begin(5), begin(3)], 9), [5, 3]);
    }
}
