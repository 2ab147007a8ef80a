//! Properties: the updates are true for any file and any way of reading.

use proptest::prelude::*;

use crate::event::{Callback, Event, EventKind, FileKind, Role};
use crate::session::tests::check::{Known, check, updates};
use crate::session::tests::describe::describe;
use crate::session::tests::noise;
use crate::session::update::{Partial, Update, UpdateKind};
use crate::symbol::Symbol;
use crate::testing::simulator::file::files;
use crate::testing::simulator::log::Log;
use crate::testing::simulator::reader::{Act, acts, crowd, open, plans, run};

/// Runs 500 cases, or `PROPTEST_CASES`.
fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 500;
    }
    config
}

proptest! {
    #![proptest_config(config())]

    /// One thread and no lost event: every value is known and true.
    #[test]
    fn a_reader_alone(plan in plans()) {
        let log = run(1, plan);
        check(&log, &updates(log.events.clone()), Known::All);
    }

    /// Several threads that share a descriptor: no mismatch, and known values are true.
    #[test]
    fn a_crowd(
        file in files(),
        acts in prop::collection::vec(prop::collection::vec(acts(), 1..8), 2..4),
        dice in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let log = crowd(1, file, acts, &dice);
        check(&log, &updates(log.events.clone()), Known::Crowd);
    }

    /// Two sessions of one thread: a file is read inside the other's show.
    #[test]
    fn nested(one in plans(), two in plans(), dice in prop::collection::vec(any::<bool>(), 1..40)) {
        let logs = [run(1, one), run(2, two)];
        let mut both = [logs[0].events.iter(), logs[1].events.iter()];
        let mut merged = Vec::new();
        for die in dice.iter().cycle() {
            merged.extend(both[usize::from(*die)].next().cloned());
            if both.iter().all(|events| events.len() == 0) {
                break;
            }
            if both[usize::from(*die)].len() == 0 {
                merged.extend(both[usize::from(!*die)].by_ref().cloned());
            }
        }
        let all = updates(merged);
        for (key, log) in (1..).zip(&logs) {
            let own: Vec<_> = all
                .iter()
                .filter(|update| update.session.as_ref().is_some_and(|session| session.file == key << 8))
                .cloned()
                .collect();
            check(log, &own, Known::All);
        }
    }

    /// Reported losses: known values are true.
    #[test]
    fn gaps(plan in plans(), holes in prop::collection::vec((0..200_usize, 1..12_usize), 1..3)) {
        let log = run(1, plan);
        let all = updates(with_gaps(&log, &holes));
        check(&log, &all, Known::Some);
        let affected = all.iter().any(|update| matches!(&update.what, UpdateKind::Gap { sessions, .. } if !sessions.is_empty()));
        if affected {
            assert!(partial(&all).contains(&Partial::Gap));
        }
    }

    /// Reported losses among several threads: the model does not panic.
    #[test]
    fn gaps_in_a_crowd(
        file in files(),
        acts in prop::collection::vec(prop::collection::vec(acts(), 1..8), 2..4),
        dice in prop::collection::vec(any::<u8>(), 1..40),
        holes in prop::collection::vec((0..200_usize, 1..12_usize), 1..3),
    ) {
        let log = crowd(1, file, acts, &dice);
        updates(with_gaps(&log, &holes));
    }

    /// An unreported loss of one event is noticed.
    #[test]
    fn one_event_missing(plan in plans(), at in any::<prop::sample::Index>()) {
        let log = run(1, plan);
        let mut events = log.events;
        let lost = events.remove(at.index(events.len()));
        if matches!(lost.body, EventKind::Write { .. }) {
            return Ok(());
        }
        let all = updates(events);
        let opened = all.iter().any(|update| update.what == UpdateKind::Open);
        assert!(!opened || !partial(&all).is_empty(), "unnoticed: {lost:?}");
    }

    /// The session was open, or being read, before the trace began.
    #[test]
    fn adopted(plan in plans(), at in any::<prop::sample::Index>()) {
        let log = run(1, plan);
        let mut events = log.events.clone();
        let at = at.index(events.len());
        let time = events[at].time - 1;
        events.splice(..at.max(1), [Event { time, cpu: 0, body: open(1, true) }]);
        let all = updates(events);
        check(&log, &all, Known::Some);
        assert_eq!(partial(&all), [Partial::Adopted]);
    }

    /// One of the callbacks cannot be probed.
    #[test]
    fn blind(plan in plans(), role in 0..4_usize) {
        let log = run(1, plan);
        let (role, address) = [
            (Role::Start, 0x100),
            (Role::Next, 0x200),
            (Role::Show, 0x300),
            (Role::Stop, 0x400),
        ][role];
        let reason = "notrace".to_owned();
        let blind = Event { time: 1, cpu: 0, body: EventKind::Blind { function: Symbol::unnamed(address), role, reason } };
        let events = log.events.iter().filter(|event| match event.body {
            EventKind::Callback(Callback { role: seen, .. }) => seen != role,
            // The probe of start's entry is missing, too.
            EventKind::PassBegin { .. } => role != Role::Start,
            _ => true,
        }).cloned();
        let all = updates(std::iter::once(blind).chain(events));
        check(&log, &all, Known::Some);
        assert_eq!(partial(&all), [Partial::Blind]);
    }

    /// Probes are attached to the callbacks after some events.
    #[test]
    fn late(mut plan in plans(), at in any::<prop::sample::Index>()) {
        // If its callbacks are not seen, a read that fails with -ENOMEM looks like one that called none.
        plan.acts.retain(|act| !matches!(act, Act::NoMemory(_)));
        let log = run(1, plan);
        let mut events = log.events.clone();
        let at = at.index(events.len());
        let EventKind::Open(open) = &events[0].body else { return Ok(()) };
        let FileKind::Seq { table, .. } = open.kind else { return Ok(()) };
        let time = events[at].time + 1;
        let attached = Event { time, cpu: 0, body: EventKind::TableAttached { table } };
        let unseen = events[..=at].to_vec();
        events.splice(..=at, unseen.into_iter().filter(|event| {
            !matches!(event.body, EventKind::Callback(_) | EventKind::PassBegin { .. })
        }).chain([attached]));
        let all = updates(events);
        let disagrees = all.iter().any(|update| matches!(update.what, UpdateKind::Disagreement { .. }));
        let lines: Vec<_> = all.iter().map(describe).collect();
        assert!(!disagrees, "{}", lines.join("\n"));
        check(&log, &all, Known::Some);
    }

    /// Arbitrary events do not make the model panic.
    #[test]
    fn noise(events in prop::collection::vec(noise::events(), 0..80)) {
        let all = updates(events);
        let times = all.len();
        prop_assert!(times <= 1000);
    }
}

fn with_gaps(log: &Log, holes: &[(usize, usize)]) -> Vec<Event> {
    let mut events = log.events.clone();
    for &(at, lost) in holes {
        let at = at.min(events.len());
        let end = (at + lost).min(events.len());
        let time = at.checked_sub(1).map_or(0, |before| events[before].time) + 1;
        let gap = Event { time, cpu: 0, body: EventKind::Gap { lost: lost as u64 } };
        events.splice(at..end, [gap]);
    }
    events
}

/// Returns the reasons why sessions were not seen whole.
fn partial(updates: &[Update]) -> Vec<Partial> {
    let closes = updates.iter().filter_map(|update| match &update.what {
        UpdateKind::Close { partial, .. } => Some(partial.clone()),
        _ => None,
    });
    closes.flatten().collect()
}
