//! Events that are seen without `m->lock`, in the order in which they happened.
//!
//! A program first takes room in the ring and then looks: in between, its CPU may do something else for a while. Of
//! what happens under `m->lock` the lock makes one order of both. A read or lseek enters before it has the lock and
//! returns when it has dropped it: what its program saw of the seq_file may be from behind what others have done
//! since, and told, behind it in the ring. So such an event waits for one that is later than it is.

use std::collections::VecDeque;

use crate::event::{Body, Event};

/// What waits: by time, which is seldom more than one.
#[derive(Debug, Default)]
pub(super) struct Order {
    late: VecDeque<Event>,
}

impl Order {
    /// Takes the next event of the ring and tells what comes now.
    #[inline]
    pub(super) fn take(&mut self, event: Event, mut out: impl FnMut(Event)) {
        if !self.late.is_empty() {
            self.before(event.time, &mut out);
        }
        match event.body {
            Body::ReadEnter { .. }
            | Body::ReadExit { .. }
            | Body::LseekEnter { .. }
            | Body::LseekExit { .. } => {
                let place = self.late.partition_point(|other| other.time <= event.time);
                self.late.insert(place, event);
            }
            _ => out(event),
        }
    }

    /// Tells what waits from no later than `time`, ns since boot: nothing from before can come any more.
    pub(super) fn before(&mut self, time: u64, mut out: impl FnMut(Event)) {
        while let Some(event) = self.late.pop_front_if(|event| event.time <= time) {
            out(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SeqState;

    fn exit(time: u64) -> Event {
        let body = Body::ReadExit { key: 1, tid: 1, ret: 0, state: SeqState::default() };
        Event { time, cpu: 0, body }
    }

    fn begin(time: u64) -> Event {
        let body = Body::PassBegin { key: 1, tid: 2, index: 0, size: 0, count: 0, from: 0 };
        Event { time, cpu: 0, body }
    }

    fn times(events: Vec<Event>, rest: u64) -> Vec<u64> {
        let (mut order, mut times) = (Order::default(), Vec::new());
        for event in events {
            order.take(event, |event| times.push(event.time));
        }
        order.before(rest, |event| times.push(event.time));
        times
    }

    #[test]
    fn what_was_seen_late_is_told_late() {
        assert_eq!(times(vec![exit(5), begin(3), begin(4), begin(6)], 0), [3, 4, 5, 6]);
        assert_eq!(times(vec![exit(5), exit(2), begin(3), begin(9)], 0), [2, 3, 5, 9]);
    }

    #[test]
    fn what_is_in_order_stays_so() {
        assert_eq!(times(vec![begin(1), exit(2), exit(2), begin(2), exit(3)], 0), [1, 2, 2, 2]);
    }

    #[test]
    fn nothing_waits_for_ever() {
        assert_eq!(times(vec![exit(7), exit(9)], 8), [7]);
        assert_eq!(times(vec![exit(7), exit(9)], u64::MAX), [7, 9]);
    }

    #[test]
    fn callbacks_keep_their_order_whatever_their_times() {
        assert_eq!(times(vec![begin(5), begin(3)], 9), [5, 3]);
    }
}
