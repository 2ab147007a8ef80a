//! Selection of reads by their duration.

use rustc_hash::FxHashMap;

use crate::session::update::{SessionId, Update, UpdateKind};

/// Greatest number of updates that are held back, about 15 MB.
const LIMIT: usize = 1 << 16;

/// Forwards only reads and lseeks that took at least a given time, with all of their callbacks.
///
/// A read is held back until it has taken that long, or has ended. Of a session, the open is forwarded before the first
/// read, and the close if there was a read. What may not be hidden is forwarded in any case:
///
/// - findings, and the read that a finding belongs to;
/// - gaps, and callbacks that cannot be probed;
/// - a read whose duration is unknown, because its begin or its end was not seen;
/// - a read that would be the [`LIMIT`]th update that is held back. So the memory is bounded, whatever a read does.
///
/// Writes, and reads of plain files, have no duration and are not forwarded.
pub(crate) struct LongReads {
    /// Least duration of a read, ns.
    least: u64,
    /// Calls that are in progress: reads by number, lseeks as `None`.
    calls: FxHashMap<(SessionId, Option<u32>), Call>,
    /// Opens of sessions of which nothing was forwarded.
    opens: FxHashMap<SessionId, Update>,
    /// The short call that has ended last. A finding that its end proves may follow.
    ended: Option<(SessionId, Vec<Update>)>,
    /// Number of updates in `calls`.
    held: usize,
}

/// A call that is in progress.
struct Call {
    /// Time of its begin, ns since boot.
    begin: u64,
    /// Updates that are held back.
    updates: Vec<Update>,
    /// True if all further updates are forwarded.
    is_long: bool,
}

/// Consumer of the updates that are forwarded.
type Forward<'a> = &'a mut dyn FnMut(&Update);

impl LongReads {
    /// Creates the filter. `least`: least duration of a read, ns.
    pub(crate) fn new(least: u64) -> Self {
        Self {
            least,
            calls: FxHashMap::default(),
            opens: FxHashMap::default(),
            ended: None,
            held: 0,
        }
    }

    /// Forwards an update, holds it back, or drops it. An update that is forwarded comes behind those that were held back
    /// for it.
    pub(crate) fn filter(&mut self, update: &Update, forward: Forward<'_>) {
        let Some(id) = update.session.as_ref().map(|session| session.id) else {
            forward(update);
            return;
        };
        let ended = self.ended.take();
        let key = (id, update.read);
        match &update.what {
            UpdateKind::Open | UpdateKind::OpenLeaked { .. } => {
                self.opens.insert(id, update.clone());
            }
            UpdateKind::ReadBegin { .. } | UpdateKind::LseekBegin { .. } => {
                self.release(key, forward);
                let call = Call { begin: update.time, updates: Vec::new(), is_long: false };
                self.calls.insert(key, call);
                self.add(key, update, forward);
            }
            UpdateKind::ReadEnd(end) => self.end(key, update, end.duration, forward),
            UpdateKind::LseekEnd { duration, .. } => self.end(key, update, *duration, forward),
            UpdateKind::Callback(_)
            | UpdateKind::Preview { .. }
            | UpdateKind::Grow { .. }
            | UpdateKind::Disagreement { .. }
            | UpdateKind::ReaderDied { .. } => self.add(key, update, forward),
            UpdateKind::Finding(_) => {
                self.open(id, forward);
                let of_ended = ended.filter(|(session, _)| *session == id);
                of_ended.iter().flat_map(|(_, updates)| updates).for_each(&mut *forward);
                self.release(key, forward);
                forward(update);
            }
            UpdateKind::Close { findings, .. } => {
                self.close(id, update, !findings.is_empty(), forward);
            }
            UpdateKind::Gap { .. } | UpdateKind::Blind { .. } => forward(update),
            UpdateKind::OpenFailed { .. }
            | UpdateKind::Write { .. }
            | UpdateKind::PlainRead { .. } => {}
        }
    }

    /// Forwards the open of a session, unless that was done before.
    fn open(&mut self, id: SessionId, forward: Forward<'_>) {
        if let Some(open) = self.opens.remove(&id) {
            forward(&open);
        }
    }

    /// Forwards what was held back of a call, from now on without delay.
    fn release(&mut self, key: (SessionId, Option<u32>), forward: Forward<'_>) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        call.is_long = true;
        let updates = std::mem::take(&mut call.updates);
        self.held -= updates.len();
        if !updates.is_empty() {
            self.open(key.0, forward);
            updates.iter().for_each(forward);
        }
    }

    /// Holds back an update of a call, or forwards it if the call is long, or if its begin was not seen.
    fn add(&mut self, key: (SessionId, Option<u32>), update: &Update, forward: Forward<'_>) {
        if let Some(call) = self.calls.get_mut(&key).filter(|call| !call.is_long) {
            if update.time.saturating_sub(call.begin) < self.least && self.held < LIMIT {
                call.updates.push(update.clone());
                self.held += 1;
                return;
            }
            self.release(key, forward);
        }
        self.open(key.0, forward);
        forward(update);
    }

    /// Ends a call. `duration`: in ns; `None`: it is unknown.
    fn end(
        &mut self,
        key: (SessionId, Option<u32>),
        update: &Update,
        duration: Option<u64>,
        forward: Forward<'_>,
    ) {
        let is_short = duration.is_some_and(|duration| duration < self.least);
        let call = self.calls.get(&key);
        if is_short && !call.is_some_and(|call| call.is_long) {
            let mut updates = self.calls.remove(&key).map(|call| call.updates).unwrap_or_default();
            self.held -= updates.len();
            updates.push(update.clone());
            self.ended = Some((key.0, updates));
            return;
        }
        self.release(key, forward);
        self.calls.remove(&key);
        self.open(key.0, forward);
        forward(update);
    }

    /// Ends a session. `found`: true if it has findings.
    fn close(&mut self, id: SessionId, update: &Update, found: bool, forward: Forward<'_>) {
        // The durations of these are unknown.
        let in_progress: Vec<_> =
            self.calls.keys().filter(|(session, _)| *session == id).copied().collect();
        for key in in_progress {
            self.release(key, forward);
            self.calls.remove(&key);
        }
        if found {
            self.open(id, forward);
        }
        if self.opens.remove(&id).is_none() {
            forward(update);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Event;
    use crate::filter::Selection;
    use crate::pipeline::{Pipeline, Until};
    use crate::session::update::ReadEnd;
    use crate::testing::simulator::log::TICK;
    use crate::testing::simulator::reader::{open, plans, run};
    use crate::testing::updates::All;

    fn updates(events: &[Event], least: Option<u64>) -> Vec<Update> {
        let mut pipeline = Pipeline::new(Selection::default(), Until::default());
        if let Some(least) = least {
            pipeline.least_duration(least);
        }
        let mut sink = All::default();
        for event in events {
            pipeline.feed(event, &mut sink);
        }
        pipeline.finish(events.last().map_or(0, |event| event.time), 0, &mut sink);
        sink.0
    }

    fn ends(updates: &[Update]) -> Vec<(Option<u32>, &ReadEnd)> {
        updates
            .iter()
            .filter_map(|update| match &update.what {
                UpdateKind::ReadEnd(end) => Some((update.read, &**end)),
                _ => None,
            })
            .collect()
    }

    fn count(updates: &[Update], is: impl Fn(&Update) -> bool) -> usize {
        updates.iter().filter(|update| is(update)).count()
    }

    fn is_finding(update: &Update) -> bool {
        matches!(update.what, UpdateKind::Finding(_))
    }

    proptest! {
        #[test]
        fn long_reads_are_whole_and_short_ones_are_hidden(plan in plans(), ticks in 0..60u64) {
            let events = run(1, plan).events;
            let least = ticks * TICK;
            let (all, long) = (updates(&events, None), updates(&events, Some(least)));
            // The same updates, in the same order, without some.
            let mut rest = all.iter();
            for update in &long {
                prop_assert!(rest.any(|other| format!("{other:?}") == format!("{update:?}")), "{update:?}");
            }
            prop_assert_eq!(count(&long, is_finding), count(&all, is_finding));
            let shown: Vec<_> = ends(&long).into_iter().map(|(read, _)| read).collect();
            for (read, end) in ends(&all) {
                let has_finding =
                    count(&all, |update| is_finding(update) && update.read == read) > 0;
                let is_long = end.duration.is_none_or(|duration| duration >= least);
                prop_assert!(shown.contains(&read) || !is_long);
                prop_assert!(!shown.contains(&read) || is_long || has_finding);
                let of_read = |update: &Update| update.read == read && !is_finding(update);
                if shown.contains(&read) {
                    prop_assert_eq!(count(&long, of_read), count(&all, of_read));
                } else {
                    prop_assert_eq!(count(&long, of_read), 0);
                }
            }
        }
    }

    #[test]
    fn memory_is_bounded() {
        let open = Event { time: 0, cpu: 0, body: open(1, false) };
        let session = updates(&[open], None).into_iter().find_map(|update| update.session);
        let update = |what| {
            let session = session.clone();
            Update { time: 0, cpu: 0, session, read: Some(1), task: None, what }
        };
        let begin = update(UpdateKind::LseekBegin { offset: 0, whence: 0 });
        let grow = update(UpdateKind::Grow { from: 1, to: 2, restart: 1, traverse: false });
        let (mut filter, mut forwarded) = (LongReads::new(u64::MAX), 0);
        filter.filter(&begin, &mut |_| forwarded += 1);
        for _ in 0..2 * LIMIT {
            filter.filter(&grow, &mut |_| forwarded += 1);
        }
        assert_eq!((filter.held, forwarded), (0, 2 * LIMIT + 1));
    }
}
