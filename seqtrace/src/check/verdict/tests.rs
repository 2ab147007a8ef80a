use super::*;
use crate::{
    check::oracle::{Difference, DifferenceKind},
    rules::Id,
    session::update::SessionId,
};

fn report() -> Report {
    Report {
        bytes: 100,
        records: 10,
        end: Some(End::Eof),
        bytes_compared: true,
        verdict: Verdict::Clean,
        ..Report::new(b"/proc/foo".to_vec())
    }
}

fn finding(id: u16, severity: Severity, session: u32) -> Finding {
    let mut report = report();
    let proof = Proof { id: Id(id), role: None, message: "because".to_owned() };
    super::conclude::raise(&mut report, proof, severity);
    Finding { session: SessionId(session), ..report.found.remove(0).finding }
}

fn failed(kind: Kind) -> PlanReport {
    let difference =
        Difference { call: 0, at: 27, what: DifferenceKind::Beyond { got: b"x".to_vec() } };
    let failure = Failure { syscall: Syscall::Read, at: 27, want: 27, difference, steady: true };
    PlanReport { kind, calls: 1, bytes: 27, outcome: PlanOutcome::Fail(failure) }
}

/// Returns a plan whose bytes differ, with this outcome.
fn differed(kind: Kind, outcome: impl Fn(Failure) -> PlanOutcome) -> PlanReport {
    let mut plan = failed(kind);
    if let PlanOutcome::Fail(failure) = plan.outcome {
        plan.outcome = outcome(failure);
    }
    plan
}

fn concluded(mut report: Report) -> Report {
    conclude(&mut report, &Circumstances { judged: true, ..Circumstances::default() });
    report
}

fn ids(report: &Report) -> Vec<u16> {
    report.found.iter().map(|found| found.finding.id.0).collect()
}

#[test]
fn an_open_that_fails_may_have_leaked() {
    let refused = Verdict::Refused("cannot be opened: EINVAL".to_owned());
    let mut none = report();
    assert_eq!(not_opened(&mut none, 22), refused);
    let mut leaked = report();
    let proof = Proof { id: Id(403), role: None, message: "leaked".to_owned() };
    super::conclude::raise(&mut leaked, proof, Severity::Error);
    assert_eq!(not_opened(&mut leaked, 22), Verdict::Findings);
    assert_eq!(leaked.notes, ["cannot be opened: EINVAL"]);
}

#[test]
fn inconclusive_is_never_clean() {
    assert_eq!(concluded(report()).verdict, Verdict::Clean);
    let mut nothing = report();
    conclude(&mut nothing, &Circumstances::default());
    assert!(matches!(nothing.verdict, Verdict::Inconclusive(_)));
    let mut partial = report();
    let circumstances = Circumstances { judged: true, partial: 1, ..Circumstances::default() };
    conclude(&mut partial, &circumstances);
    assert!(matches!(partial.verdict, Verdict::Inconclusive(_)));
    let lost = concluded(Report { lost: 3, ..report() });
    assert!(matches!(lost.verdict, Verdict::Inconclusive(_)));
    let mut quality = report();
    add(&mut quality.found, vec![finding(905, Severity::Info, 1)], Some(Kind::Whole));
    assert!(matches!(concluded(quality).verdict, Verdict::Inconclusive(_)));
    // Lost events do not hide a finding.
    let mut both = Report { lost: 3, ..report() };
    add(&mut both.found, vec![finding(102, Severity::Error, 1)], Some(Kind::Whole));
    assert_eq!(concluded(both).verdict, Verdict::Findings);
}

#[test]
fn what_there_was_no_time_for_is_not_clean() {
    let not_run = |kind| PlanReport { outcome: PlanOutcome::NotRun("no time"), ..failed(kind) };
    let ok = PlanReport { outcome: PlanOutcome::Ok, ..failed(Kind::Whole) };
    let plans = vec![ok, not_run(Kind::Seek), not_run(Kind::End)];
    let late = concluded(Report { plans, ..report() });
    assert!(matches!(&late.verdict, Verdict::Inconclusive(why) if why.contains("2 of 3 plans")));
    // Nor does a lack of time.
    let plans = vec![failed(Kind::Records), not_run(Kind::End)];
    assert_eq!(concluded(Report { plans, ..report() }).verdict, Verdict::Findings);
}

#[test]
fn a_read_that_does_not_return_is_not_clean() {
    let blocked = PlanReport { outcome: PlanOutcome::Blocked, ..failed(Kind::Whole) };
    let report = concluded(Report { plans: vec![blocked], ..report() });
    assert!(matches!(report.verdict, Verdict::Inconclusive(why) if why.contains("whole")));
}

#[test]
fn a_reader_that_was_killed_is_reported() {
    let killed = PlanReport { outcome: PlanOutcome::Killed, ..failed(Kind::Records) };
    let rest = PlanReport { outcome: PlanOutcome::NotRun("not now"), ..failed(Kind::End) };
    let report = concluded(Report { plans: vec![killed, rest], ..report() });
    let Verdict::Inconclusive(why) = report.verdict else { panic!("{:?}", report.verdict) };
    assert!(why.starts_with("the reader was killed in plan records"), "{why}");
}

#[test]
fn bytes_that_differ_are_a_finding() {
    let alone = concluded(Report { plans: vec![failed(Kind::Records)], ..report() });
    assert_eq!((ids(&alone), &alone.verdict), (vec![204], &Verdict::Findings));
    let shared = concluded(Report { plans: vec![failed(Kind::Processes)], ..report() });
    assert_eq!(ids(&shared), [601]);
    // A finding that explains them is enough.
    let mut explained = Report { plans: vec![failed(Kind::Records)], ..report() };
    add(&mut explained.found, vec![finding(104, Severity::Warning, 1)], Some(Kind::Records));
    assert_eq!(ids(&concluded(explained)), [104]);
}

#[test]
fn bytes_that_differ_in_differing_ways_are_a_finding() {
    let unsteady = |failure| PlanOutcome::Fail(Failure { steady: false, ..failure });
    let plans = vec![differed(Kind::Records, unsteady)];
    let report = concluded(Report { plans, ..report() });
    assert_eq!((ids(&report), &report.verdict), (vec![204], &Verdict::Findings));
    assert!(report.found[0].finding.message.ends_with("with other bytes each time"));
}

#[test]
fn a_file_that_changes_is_not_called_clean_in_silence() {
    let plans = vec![differed(Kind::Records, PlanOutcome::Volatile)];
    let changed = concluded(Report { plans: plans.clone(), ..report() });
    assert_eq!((&changed.verdict, changed.volatile), (&Verdict::Clean, true));
    assert_eq!(
        changed.notes,
        ["the file changes now and then: the bytes of records are not judged"]
    );
    // The proof of another plan stays.
    let plans = [plans, vec![failed(Kind::After)]].concat();
    let both = concluded(Report { plans, ..report() });
    assert_eq!((&both.verdict, both.volatile), (&Verdict::Findings, false));
    // A plan that was not repeated for lack of time is not ignored.
    let plans = vec![differed(Kind::Records, PlanOutcome::Undecided)];
    let undecided = concluded(Report { plans, ..report() });
    assert!(matches!(undecided.verdict, Verdict::Inconclusive(why) if why.contains("records")));
}

#[test]
fn an_error_instead_of_the_end_is_an_error() {
    let report = concluded(Report { end: Some(End::Error(5)), ..report() });
    assert_eq!((ids(&report), &report.verdict), (vec![304], &Verdict::Findings));
}

#[test]
fn a_file_that_cannot_be_read_is_not_clean() {
    let unreadable = Report { end: Some(End::Error(5)), bytes: 0, ..report() };
    let verdict = concluded(unreadable.clone()).verdict;
    assert!(matches!(&verdict, Verdict::Refused(why) if why.contains("EIO")), "{verdict:?}");
    // If one way of reading works, that is a finding.
    let plans = vec![failed(Kind::Pread)];
    assert_eq!(concluded(Report { plans, ..unreadable }).verdict, Verdict::Findings);
}

#[test]
fn what_the_data_may_have_done_is_information() {
    let mut volatile = Report { volatile: true, ..report() };
    let findings = vec![finding(204, Severity::Error, 1), finding(203, Severity::Warning, 1)];
    add(&mut volatile.found, findings, Some(Kind::Seek));
    assert_eq!(concluded(volatile).verdict, Verdict::Clean);
}

#[test]
fn a_cause_is_no_milder_than_its_consequences() {
    let because = |id, finding| {
        let cause = Some(crate::rules::Cause { id: Id(id), blame: None });
        Finding { cause, ..finding }
    };
    let mut report = report();
    let weak = Finding {
        message: "start() went back; unless each pass allocates its own records".to_owned(),
        ..because(101, finding(104, Severity::Info, 1))
    };
    let findings =
        [finding(101, Severity::Warning, 1), weak, because(104, finding(201, Severity::Error, 2))];
    add(&mut report.found, findings, Some(Kind::Records));
    let report = concluded(report);
    assert!(report.found.iter().all(|found| found.finding.severity == Severity::Error));
    let start = report.found.iter().find(|found| found.finding.id == Id(104)).unwrap();
    assert_eq!(start.finding.message, "start() went back");
}

#[test]
fn findings_are_reported_once() {
    let mut found = Vec::new();
    add(&mut found, vec![finding(104, Severity::Warning, 1)], Some(Kind::Whole));
    add(&mut found, vec![finding(104, Severity::Error, 1)], Some(Kind::Whole));
    add(&mut found, vec![finding(104, Severity::Warning, 2)], Some(Kind::Page));
    add(&mut found, vec![finding(104, Severity::Error, 2)], Some(Kind::Page));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].finding.severity, Severity::Error);
    assert_eq!(found[0].plans, [Kind::Whole, Kind::Page]);
    assert_eq!(found[0].sessions.len(), 2);
}
