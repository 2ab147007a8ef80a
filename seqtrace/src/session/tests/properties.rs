//! Whatever a file does and however it is read: the updates are what happened.

use proptest::prelude::*;

use crate::event::{Body, Event};
use crate::session::tests::check::{Known, check, updates};
use crate::session::tests::simulator::file::files;
use crate::session::tests::simulator::reader::{acts, crowd, plans, run};

/// 500 cases, or as many as `PROPTEST_CASES` says.
fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 500;
    }
    config
}

proptest! {
    #![proptest_config(config())]

    /// One thread, nothing lost: everything is known and true.
    #[test]
    fn a_reader_alone(plan in plans()) {
        let log = run(1, plan);
        check(&log, &updates(log.events.clone()), Known::All);
    }

    /// Several threads in one descriptor: no contradiction is seen, and what is said is true.
    #[test]
    fn a_crowd(
        file in files(),
        acts in prop::collection::vec(prop::collection::vec(acts(), 1..8), 2..4),
        dice in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let log = crowd(1, file, acts, &dice);
        check(&log, &updates(log.events.clone()), Known::Crowd);
    }

    /// Two sessions at once, by one thread: a file read inside of the other's show.
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

    /// Events are lost and it is told where: nothing untrue is said.
    #[test]
    fn gaps(plan in plans(), holes in prop::collection::vec((0..200_usize, 1..12_usize), 1..3)) {
        let log = run(1, plan);
        let mut events = log.events.clone();
        for (at, lost) in holes {
            let at = at.min(events.len());
            let end = (at + lost).min(events.len());
            let time = at.checked_sub(1).map_or(0, |before| events[before].time) + 1;
            let gap = Event { time, cpu: 0, body: Body::Gap { lost: lost as u64 } };
            events.splice(at..end, [gap]);
        }
        check(&log, &updates(events), Known::Some);
    }
}
