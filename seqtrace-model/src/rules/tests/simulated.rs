//! The rules on the session model's simulator: files that return anything, threads that share a
//! descriptor, and lost events.

use proptest::prelude::*;

use super::verdicts::{milder_roots, updates};
use crate::event::{Event, EventKind};
use crate::rules::{Finding, Id, Severity};
use crate::session::update::UpdateKind;
use crate::testing::simulator::file::{AnyFile, List, Next, Start, files, lists};
use crate::testing::simulator::reader::{acts, crowd, plans, run};

fn findings(events: &[Event]) -> Vec<Finding> {
    let all = updates(events).into_iter();
    all.filter_map(|update| match update.what {
        UpdateKind::Finding(finding) => Some(*finding),
        _ => None,
    })
    .collect()
}

/// Returns the findings. Checks that none is more severe than its cause.
fn checked(events: &[Event]) -> Vec<Finding> {
    let found = findings(events);
    assert_eq!(milder_roots(&found), [""; 0]);
    found
}

/// Returns a list without the bugs that `list` has.
fn right(list: &List) -> AnyFile {
    let records = list.records.iter().map(|(bytes, ret)| (*bytes, (*ret).max(0))).collect();
    AnyFile::List(List {
        records,
        next: Next::Right,
        start: Start::Right,
        stop_writes: 0,
        fuel: u32::MAX,
        ..list.clone()
    })
}

/// Returns true for warnings and errors of rules about records and their positions.
fn about_records(finding: &Finding) -> bool {
    finding.severity > Severity::Info && finding.id < Id(300)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_tiles_whatever_a_file_does(plan in plans()) {
        let found = checked(&run(1, plan).events);
        prop_assert!(found.iter().all(|finding| !finding.id.is_quality()), "{found:#?}");
    }

    #[test]
    fn threads_in_one_descriptor(
        list in lists(),
        acts in prop::collection::vec(prop::collection::vec(acts(), 1..8), 2..4),
        dice in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let log = crowd(1, right(&list), acts, &dice);
        let found = findings(&log.events);
        prop_assert!(!found.iter().any(about_records), "{found:#?}");
        prop_assert!(found.iter().all(|finding| finding.id != Id(905)), "{found:#?}");
    }

    #[test]
    fn holes(
        plan in plans(),
        list in lists(),
        holes in prop::collection::vec((0..200_usize, 1..12_usize), 1..3),
    ) {
        let mut plan = plan;
        plan.file = right(&list);
        let mut events = run(1, plan).events;
        for (at, lost) in holes {
            let at = at.min(events.len());
            let end = (at + lost).min(events.len());
            let time = at.checked_sub(1).map_or(0, |before| events[before].time) + 1;
            let gap = Event { time, cpu: 0, body: EventKind::Gap { lost: lost as u64 } };
            events.splice(at..end, [gap]);
        }
        let found = findings(&events);
        prop_assert!(!found.iter().any(about_records), "{found:#?}");
    }

    #[test]
    fn anything_goes(file in files(), acts in prop::collection::vec(prop::collection::vec(acts(), 1..6), 1..3)) {
        checked(&crowd(1, file, acts, &[3, 1, 4, 1, 5]).events);
    }
}
