//! Tests that no command is confirmed for a correct file, whatever a report states about the file.

use proptest::prelude::*;

use super::{
    examined,
    files::{File, Kind},
    found, searched,
    sim::Sim,
};
use crate::{
    check::{
        call::Syscall,
        oracle::{Difference, DifferenceKind},
        verdict::{Failure, PlanOutcome, PlanReport, Report},
    },
    rules::{Evidence, Value},
    session::update::Range,
};

fn records() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let text = prop_oneof![
        8 => "[a-c0-9 ]{0,40}\n",
        2 => Just("#\n".to_owned()),
        1 => Just(String::new()),
        1 => "[a-c\n]{0,300}",
        1 => "[a-c]{2000,5000}\n",
    ];
    prop::collection::vec(text.prop_map(String::into_bytes), 0..60)
}

/// Returns a report in which each plan differs at some offset, and which has findings of these rules.
fn accuse(report: &mut Report, at: u64, ids: &[u16], pair: (i64, i64, i64)) {
    for plan in &mut report.plans {
        let difference = Difference { call: 0, at, what: DifferenceKind::Astray { to: 0 } };
        let failure = Failure { syscall: Syscall::Read, at, want: 1, difference, steady: true };
        plan.outcome = PlanOutcome::Fail(failure);
    }
    for id in ids {
        let mut found = found(*id);
        let (first, again, len) = pair;
        for (label, start) in [("first", first), ("again", again)] {
            let value = Value::Range(Range { start, end: start + len });
            found.finding.evidence.push(Evidence { label, value });
        }
        report.found.push(found);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_correct_file_has_no_command(
        records in records(),
        kind in prop_oneof![Just(Kind::Right), Just(Kind::Ticking), Just(Kind::Counting)],
        at in 0u64..10_000,
        ids in prop::sample::subsequence(vec![102, 105, 204, 305, 601], 0..5),
    ) {
        let mut sim = Sim::new(File::new(kind, records));
        let (mut report, shape) = examined(&mut sim, 1 << 20);
        prop_assert!(kind != Kind::Right || !report.plans.iter().any(PlanReport::failed));
        accuse(&mut report, at, &ids, (0, 0, 0));
        prop_assert_eq!(searched(&mut sim, &report, &shape), None);
    }

    #[test]
    fn no_double_is_made_of_lines_that_are_equal(
        records in records(),
        first in 0i64..200,
        after in 1i64..200,
        len in 1i64..60,
    ) {
        let mut sim = Sim::new(File::new(Kind::Right, records));
        let (mut report, shape) = examined(&mut sim, 1 << 20);
        accuse(&mut report, 0, &[201], (first, first + after, len));
        if let Some(line) = searched(&mut sim, &report, &shape) {
            // Despite the findings, only for a record that occurs twice there is a command.
            prop_assert!(line.command.ends_with("uniq -d"));
        }
    }
}
