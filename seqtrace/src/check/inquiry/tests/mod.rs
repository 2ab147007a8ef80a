//! Tests the inquiry into simulated files: the verdict, the first finding and the callback at fault.

mod files;
mod lab;

use proptest::prelude::*;

use files::{Kind, lists, make};
use lab::Simulated;

use crate::{
    check::verdict::{Found, PlanOutcome, PlanReport, Report, Verdict, is_bad},
    event::Role,
    rules::Severity,
};

fn report(kind: Kind, list: &[usize], iter: bool) -> Report {
    Simulated::new(make(kind, list), iter).report()
}

/// Returns the rules and the callbacks at fault of the findings that are bad and have no cause.
fn roots(report: &Report) -> Vec<(u16, Option<Role>)> {
    let is_root = |found: &&Found| is_bad(&found.finding) && found.finding.cause.is_none();
    let role = |found: &Found| found.finding.blame.as_ref().map(|blame| blame.role);
    let all = report.found.iter().filter(is_root);
    all.map(|found| (found.finding.id.0, role(found))).collect()
}

/// Returns a report in a few lines, for a test that fails.
fn brief(report: &Report) -> String {
    let plans = report.plans.iter().map(|plan| match &plan.outcome {
        PlanOutcome::Ok => format!("{} ok", plan.kind.name()),
        other => format!("{} {other:?}", plan.kind.name()),
    });
    let found = report.found.iter().map(|found| {
        let finding = &found.finding;
        let cause = finding.cause.as_ref().map(|cause| cause.id);
        format!("{} {:?} cause {cause:?}: {}", finding.id, finding.severity, finding.message)
    });
    let lines: Vec<String> = plans.chain(found).chain(report.notes.iter().cloned()).collect();
    format!("{:?}\n{}", report.verdict, lines.join("\n"))
}

/// Asserts that a defect is found, that it has one root, which breaks one of these rules, and that the report does not
/// claim that the data changes.
fn accuses(report: &Report, ids: &[u16], role: Role) -> Result<(), TestCaseError> {
    prop_assert_eq!(&report.verdict, &Verdict::Findings, "{}", brief(report));
    let roots = roots(report);
    let right = |root: &(u16, Option<Role>)| ids.contains(&root.0) && root.1 == Some(role);
    prop_assert!(roots.len() == 1 && roots.iter().all(right), "{roots:?} {}", brief(report));
    let first = report.found.first().map(|found| &found.finding);
    prop_assert!(
        first.is_some_and(|first| ids.contains(&first.id.0) && first.severity == Severity::Error),
        "{}",
        brief(report)
    );
    let proven = report.plans.iter().any(PlanReport::failed);
    let doubts = ["the data of this file", "the list changed", "unless"];
    let doubted = report
        .found
        .iter()
        .filter(|found| is_bad(&found.finding))
        .any(|found| doubts.iter().any(|doubt| found.finding.message.contains(doubt)));
    prop_assert!(!(proven && doubted), "{}", brief(report));
    Ok(())
}

fn cases(count: u32) -> ProptestConfig {
    let mut config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 30,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = count;
    }
    config
}

proptest! {
    #![proptest_config(cases(5))]

    #[test]
    fn correct_files_are_clean(list in lists(), iter: bool, allocated: bool) {
        let kind = if allocated { Kind::Allocated } else { Kind::Correct };
        let mut lab = Simulated::new(make(kind, &list), iter);
        let report = lab.report();
        prop_assert_eq!(&report.verdict, &Verdict::Clean, "{}", brief(&report));
        prop_assert!(report.bytes_compared && !report.volatile && report.repro.is_none());
        // Two short reads, two whole reads, and each plan once.
        prop_assert_eq!(lab.plans, report.plans.len() + 3);
    }

    #[test]
    fn a_file_that_changes_once_is_clean(list in lists(), iter: bool, after in 0..40_u64) {
        let report = report(Kind::ChangesOnce(after), &list, iter);
        prop_assert_eq!(&report.verdict, &Verdict::Clean, "{}", brief(&report));
        prop_assert!(report.bytes_compared && report.repro.is_none());
    }

    #[test]
    fn a_file_that_tells_the_time_is_clean(list in lists(), iter: bool, slow: bool) {
        let mut lab = Simulated::new(make(Kind::Clock { slow }, &list), iter);
        let report = lab.report();
        prop_assert_eq!(&report.verdict, &Verdict::Clean, "{}", brief(&report));
        prop_assert!(report.repro.is_none(), "{}", brief(&report));
        // Not much more is read than for a file that does not change.
        prop_assert!(lab.plans <= 2 * (report.plans.len() + 3), "{} plans", lab.plans);
    }

    #[test]
    fn a_list_that_moves_is_clean(list in prop::collection::vec(0..60_usize, 12..40), iter: bool, calls in 20..90_u64) {
        let report = report(Kind::Moves(calls), &list, iter);
        prop_assert_eq!(&report.verdict, &Verdict::Clean, "{}", brief(&report));
        prop_assert!(report.repro.is_none(), "{}", brief(&report));
    }

    #[test]
    fn numbers_that_count_readers_are_excused(list in lists(), iter: bool, opens: bool) {
        let kind = if opens { Kind::CountsOpens } else { Kind::CountsReaders };
        let report = report(kind, &list, iter);
        prop_assert_eq!(&report.verdict, &Verdict::Clean, "{}", brief(&report));
        prop_assert!(report.bytes_compared && !report.volatile, "{}", brief(&report));
        let excused = |plan: &PlanReport| matches!(plan.outcome, PlanOutcome::Excused(_));
        prop_assert!(report.plans.iter().any(excused), "{}", brief(&report));
    }

    #[test]
    fn what_a_reader_leaves_behind_is_found(list in lists(), iter: bool) {
        let report = report(Kind::LeftBehind, &list, iter);
        prop_assert_eq!(&report.verdict, &Verdict::Findings, "{}", brief(&report));
        prop_assert_eq!(roots(&report).first().map(|root| root.1), Some(Some(Role::Start)), "{}", brief(&report));
    }

    #[test]
    fn start_that_begins_again_is_to_blame(list in lists(), iter: bool) {
        accuses(&report(Kind::StartResets, &list, iter), &[104, 204], Role::Start)?;
    }

    #[test]
    fn a_change_in_between_hides_nothing(list in lists(), iter: bool, after in 0..60_u64) {
        accuses(&report(Kind::ResetsAndChanges(after), &list, iter), &[104, 204], Role::Start)?;
    }

    #[test]
    fn start_that_forgets_is_to_blame(list in lists(), iter: bool) {
        accuses(&report(Kind::StartForgets, &list, iter), &[104, 204], Role::Start)?;
    }

    #[test]
    fn start_that_goes_by_a_cursor_is_to_blame(list in lists(), iter: bool) {
        accuses(&report(Kind::StartIgnores, &list, iter), &[104, 204], Role::Start)?;
    }

    #[test]
    fn an_iterator_that_open_alone_sets_is_starts_fault(list in lists(), iter: bool) {
        accuses(&report(Kind::OpenIterator, &list, iter), &[104, 204], Role::Start)?;
    }

    #[test]
    fn a_state_of_show_that_readers_share_is_shows_fault(
        list in prop::collection::vec(0..60_usize, 8..40),
        iter: bool,
    ) {
        accuses(&report(Kind::ShowShares, &list, iter), &[204, 601], Role::Show)?;
    }

    #[test]
    fn start_that_prints_is_to_blame(list in lists(), iter: bool) {
        accuses(&report(Kind::StartPrints, &list, iter), &[305], Role::Start)?;
    }

    #[test]
    fn start_that_gives_up_is_to_blame(list in lists(), iter: bool) {
        accuses(&report(Kind::StartGivesUp, &list, iter), &[104], Role::Start)?;
    }

    #[test]
    fn next_that_ends_early_is_to_blame(list in lists(), iter: bool) {
        accuses(&report(Kind::NextEnds, &list, iter), &[106], Role::Next)?;
    }

    #[test]
    fn start_that_sets_the_position_back_is_to_blame(iter: bool) {
        let report = report(Kind::SetsBack, &[1], iter);
        prop_assert_eq!(&report.verdict, &Verdict::Findings, "{}", brief(&report));
        prop_assert_eq!(roots(&report).first().copied(), Some((105, Some(Role::Start))), "{}", brief(&report));
        prop_assert!(report.volatile && !report.bytes_compared);
    }

    #[test]
    fn a_shared_cursor_is_found(list in lists(), iter: bool) {
        accuses(&report(Kind::SharedCursor, &list, iter), &[601], Role::Start)?;
    }

    #[test]
    fn show_that_moves_is_to_blame(list in prop::collection::vec(10..90_usize, 200..240), iter: bool) {
        accuses(&report(Kind::ShowMoves, &list, iter), &[204], Role::Show)?;
    }

    #[test]
    fn what_reading_changes_is_told_from_time(list in lists(), iter: bool, in_start: bool) {
        let kind = if in_start { Kind::StartCounts } else { Kind::ShowCounts };
        let report = report(kind, &list, iter);
        prop_assert_eq!(&report.verdict, &Verdict::Findings, "{}", brief(&report));
        let role = if in_start { Role::Start } else { Role::Show };
        prop_assert_eq!(roots(&report), [(306, Some(role))], "{}", brief(&report));
        prop_assert!(report.repro.is_none() && !report.bytes_compared);
    }

    #[test]
    fn what_reading_takes_away_gets_no_line(list in lists(), iter: bool) {
        let report = report(Kind::Consumed, &list, iter);
        prop_assert!(report.repro.is_none() && !report.bytes_compared, "{}", brief(&report));
    }
}
