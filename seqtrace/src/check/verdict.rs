//! What a check of one file found out, and what that means.

use crate::{
    event::Role,
    render::Count,
    rules::{Finding, Id, Severity, find},
    session::update::{Callbacks, SessionId},
};

use super::{
    call::Syscall,
    oracle::{Difference, End},
    plan::Kind,
    repro::Repro,
};

/// Everything about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// As it was named. Any bytes: not yet safe to print.
    pub path: Vec<u8>,
    /// Its callbacks, as far as it was opened.
    pub callbacks: Option<Callbacks>,
    /// Bytes of the first whole read.
    pub bytes: u64,
    /// Records in them.
    pub records: u64,
    /// How the first whole read ended.
    pub end: Option<End>,
    /// Two whole reads were not the same: the bytes were not judged.
    pub volatile: bool,
    /// In the order they were carried out.
    pub plans: Vec<PlanReport>,
    /// The worst first.
    pub found: Vec<Found>,
    /// Whatever else a reader of the report should know. Our own words.
    pub notes: Vec<String>,
    /// How to see it without seqtrace.
    pub repro: Option<Repro>,
    /// Events that were lost, and probe hits that were missed.
    pub lost: u64,
    /// What all that means.
    pub verdict: Verdict,
}

/// One plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanReport {
    /// Which.
    pub kind: Kind,
    /// System calls.
    pub calls: u64,
    /// Bytes read.
    pub bytes: u64,
    /// How it went.
    pub outcome: PlanOutcome,
}

/// How a plan went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanOutcome {
    /// Every byte as in the whole read.
    Ok,
    /// Not so, and again not so when it was repeated.
    Fail(Failure),
    /// Not so, but the file does not keep still: no verdict.
    Volatile(Failure),
    /// Not so, and nobody knows whether the file keeps still.
    Unsettled(Failure),
    /// The file does not know this system call.
    Unsupported {
        /// Which.
        syscall: Syscall,
        /// Positive.
        errno: i32,
    },
    /// A read did not return.
    Blocked,
    /// The reader was killed while it read.
    Killed,
    /// Not carried out, or not to its end.
    NotRun(&'static str),
}

impl PlanOutcome {
    /// True if it came to an end that says something of the file.
    pub fn is_judged(&self) -> bool {
        !matches!(self, Self::NotRun(_) | Self::Blocked | Self::Killed)
    }
}

/// Where a plan's bytes first differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The call that got them.
    pub syscall: Syscall,
    /// Its file offset.
    pub at: u64,
    /// Bytes it wanted.
    pub want: u64,
    /// What differs.
    pub difference: Difference,
    /// The same bytes came each time.
    pub steady: bool,
}

/// A broken rule, over all sessions of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The worst of them, the first of its kind.
    pub finding: Finding,
    /// In which plans, in order.
    pub plans: Vec<Kind>,
    /// In how many sessions.
    pub sessions: u64,
}

/// What a check means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is as it should be.
    Clean,
    /// Rules are broken, or bytes differ.
    Findings,
    /// Nothing wrong was seen, but not enough was seen.
    Inconclusive(String),
    /// Not read, or not judged: not a seq file, or one that reading changes.
    Refused(String),
}

impl Report {
    /// Of a file of which nothing is known yet.
    pub fn new(path: Vec<u8>) -> Self {
        Self {
            path,
            callbacks: None,
            bytes: 0,
            records: 0,
            end: None,
            volatile: false,
            plans: Vec::new(),
            found: Vec::new(),
            notes: Vec::new(),
            repro: None,
            lost: 0,
            verdict: Verdict::Inconclusive(String::new()),
        }
    }
}

/// Takes findings of a plan in, if it was one that made them.
pub fn add(
    found: &mut Vec<Found>,
    findings: impl IntoIterator<Item = Finding>,
    kind: Option<Kind>,
) {
    for finding in findings {
        let blamed = |finding: &Finding| finding.blame.as_ref().map(|blame| blame.role);
        let known = found.iter_mut().find(|known| {
            known.finding.id == finding.id && blamed(&known.finding) == blamed(&finding)
        });
        let Some(known) = known else {
            found.push(Found { finding, plans: kind.into_iter().collect(), sessions: 1 });
            continue;
        };
        known.plans.extend(kind.filter(|kind| !known.plans.contains(kind)));
        // Told twice in a session means that it has become worse.
        known.sessions += u64::from(known.finding.session != finding.session);
        if finding.severity > known.finding.severity {
            known.finding = finding;
        }
    }
}

/// What [`conclude`] needs beside the report itself.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// Sessions whose descriptors were closed and that were not released.
    pub unreleased: u64,
    /// Sessions that were not wholly seen.
    pub partial: u64,
    /// Something could be compared: at least one plan was carried out.
    pub judged: bool,
}

/// Adds what only the reader knows, raises what is certain by now, and says what all that means.
pub fn conclude(report: &mut Report, circumstances: &Circumstances) {
    let Circumstances { unreleased, partial, judged } = *circumstances;
    // What was lost may have been the release.
    if unreleased > 0 && report.lost == 0 && !has(report, Id(403)) {
        let descriptors = Count(unreleased, "descriptor");
        let message = format!("no release function ran for {descriptors} that the reader closed");
        raise(report, Id(403), None, message, Severity::Error);
    }
    if let Some(End::Error(errno)) = report.end.filter(|_| report.bytes > 0) {
        let message = format!(
            "behind byte {} the reader gets {} where the end of the file should be",
            report.bytes,
            errno_name(errno)
        );
        raise(report, Id(304), Some(Role::Show), message, Severity::Error);
    }
    if report.volatile {
        // What their evidence is, the data may have done.
        for found in &mut report.found {
            if matches!(found.finding.id, Id(203 | 204)) {
                found.finding.severity = Severity::Info;
            }
        }
    }
    bytes_differ(report);
    report.found.sort_by_key(|found| {
        let finding = &found.finding;
        (std::cmp::Reverse(finding.severity), finding.cause.is_some(), finding.id)
    });

    let bad = report.found.iter().any(|found| is_bad(&found.finding));
    let broken = bad || report.plans.iter().any(PlanReport::failed);
    if !broken {
        changes_now_and_then(report);
    }
    let unsure = report.found.iter().find(|found| found.finding.id.is_quality());
    let blocked = names(report, |outcome| *outcome == PlanOutcome::Blocked);
    let killed_in = names(report, |outcome| *outcome == PlanOutcome::Killed);
    let not_run = |plan: &&PlanReport| matches!(plan.outcome, PlanOutcome::NotRun(_));
    let not_run = report.plans.iter().filter(not_run).count();
    let unsettled = names(report, |outcome| matches!(outcome, PlanOutcome::Unsettled(_)));
    report.verdict = if broken {
        Verdict::Findings
    } else if let Some(plan) = killed_in {
        Verdict::Inconclusive(killed(&plan))
    } else if report.lost > 0 {
        let were = if report.lost == 1 { "was" } else { "were" };
        Verdict::Inconclusive(format!("{} {were} lost", Count(report.lost, "event")))
    } else if let Some(unsure) = unsure {
        let finding = &unsure.finding;
        Verdict::Inconclusive(format!("{} {}: {}", finding.id, finding.name, finding.message))
    } else if partial > 0 {
        Verdict::Inconclusive(format!("{} seen in part only", Count(partial, "session")))
    } else if let Some(plans) = blocked {
        Verdict::Inconclusive(format!("a read did not return: {plans}"))
    } else if let Some(plans) = unsettled {
        Verdict::Inconclusive(format!(
            "other bytes in {plans}, and no telling whether the file had changed"
        ))
    } else if not_run > 0 && judged {
        Verdict::Inconclusive(format!(
            "there was no time for {not_run} of {} plans: --time-limit gives more",
            report.plans.len()
        ))
    } else if let (Some(End::Error(errno)), 0) = (report.end, report.bytes) {
        unreadable(errno)
    } else if judged {
        Verdict::Clean
    } else {
        Verdict::Inconclusive("there was no time to judge anything".to_owned())
    };
}

/// Why nothing is known of a file that killed its reader, or during which somebody else did.
pub(super) fn killed(plan: &str) -> String {
    format!("the reader was killed in plan {plan}: dmesg tells whether the kernel oopsed")
}

/// Returns the verdict on a file whose open fails with `errno` (positive): what was found says more than that.
pub(super) fn not_opened(report: &mut Report, errno: i32) -> Verdict {
    let why = format!("cannot be opened: {}", errno_name(errno));
    if report.found.iter().any(|found| is_bad(&found.finding)) {
        report.notes.push(why);
        Verdict::Findings
    } else {
        Verdict::Refused(why)
    }
}

/// Of a file of which nobody has got a byte.
pub(super) fn unreadable(errno: i32) -> Verdict {
    Verdict::Refused(format!("it cannot be read: each read fails with {}", errno_name(errno)))
}

/// Bytes that differed, but not each time, are no finding, and nothing that is passed over either.
fn changes_now_and_then(report: &mut Report) {
    let changed = names(report, |outcome| matches!(outcome, PlanOutcome::Volatile(_)));
    if let (Some(plans), false) = (changed, report.volatile) {
        report.volatile = true;
        report.notes.push(format!("it changes now and then: the bytes of {plans} are not judged"));
    }
}

/// The plans with such an outcome, by name.
fn names(report: &Report, is_such: impl Fn(&PlanOutcome) -> bool) -> Option<String> {
    let plans = report.plans.iter().filter(|plan| is_such(&plan.outcome));
    let names: Vec<&str> = plans.map(|plan| plan.kind.name()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Bytes that differ by how they are read are a finding of their own, if no other explains them.
fn bytes_differ(report: &mut Report) {
    let failed =
        |shared: bool| move |plan: &&PlanReport| plan.failed() && plan.kind.is_shared() == shared;
    if let Some(plan) = report.plans.iter().find(failed(false)) {
        if report.found.iter().any(|found| is_bad(&found.finding)) {
            return;
        }
        let message = format!(
            "read as plan {} does, the file has other bytes from offset {} on than `cat` has, {}",
            plan.kind.name(),
            plan.failure().map_or(0, |failure| failure.difference.at),
            how_often(plan)
        );
        raise(report, Id(204), Some(Role::Show), message, Severity::Error);
    } else if let Some(plan) = report.plans.iter().find(failed(true)) {
        let message = format!(
            "{} get other bytes from offset {} on than one alone, {}",
            plan.kind.what(),
            plan.failure().map_or(0, |failure| failure.difference.at),
            how_often(plan)
        );
        raise(report, Id(601), Some(Role::Start), message, Severity::Error);
    }
}

fn how_often(plan: &PlanReport) -> &'static str {
    match plan.failure() {
        Some(Failure { steady: false, .. }) => "each time different ones",
        _ => "each time",
    }
}

fn has(report: &Report, id: Id) -> bool {
    report.found.iter().any(|found| found.finding.id == id)
}

/// True for what makes a check fail.
pub fn is_bad(finding: &Finding) -> bool {
    finding.severity > Severity::Info && !finding.id.is_quality()
}

/// Makes sure that a finding of this rule is there, and at least that bad.
fn raise(report: &mut Report, id: Id, role: Option<Role>, message: String, severity: Severity) {
    let known = report.found.iter_mut().filter(|found| found.finding.id == id);
    if let Some(known) = known.max_by_key(|found| found.finding.severity) {
        if known.finding.severity < severity {
            known.finding.severity = severity;
            known.finding.message = format!("{message}; {}", known.finding.message);
        }
        return;
    }
    let blame = role.and_then(|role| {
        let callbacks = report.callbacks.as_ref()?;
        let function = match role {
            Role::Start => &callbacks.start,
            Role::Next => &callbacks.next,
            Role::Show => &callbacks.show,
            Role::Stop => &callbacks.stop,
        };
        Some(crate::rules::Blame { role, function: function.clone() })
    });
    let finding = Finding {
        id,
        name: find(id).map_or("", |rule| rule.name),
        severity,
        session: SessionId(0),
        read: None,
        blame,
        message,
        evidence: Vec::new(),
        cause: None,
        times: 1,
    };
    report.found.push(Found { finding, plans: Vec::new(), sessions: 0 });
}

impl PlanReport {
    /// True if its bytes differ and that counts.
    pub fn failed(&self) -> bool {
        matches!(self.outcome, PlanOutcome::Fail(_))
    }

    /// What differs, if that counts.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.outcome {
            PlanOutcome::Fail(failure) => Some(failure),
            _ => None,
        }
    }
}

/// An errno by name.
pub fn errno_name(errno: i32) -> String {
    crate::errno::Errno(u64::from(errno.unsigned_abs())).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::oracle::What;

    fn report() -> Report {
        Report {
            bytes: 100,
            records: 10,
            end: Some(End::Eof),
            verdict: Verdict::Clean,
            ..Report::new(b"/proc/foo".to_vec())
        }
    }

    fn finding(id: u16, severity: Severity, session: u32) -> Finding {
        let mut report = report();
        raise(&mut report, Id(id), None, "because".to_owned(), severity);
        Finding { session: SessionId(session), ..report.found.remove(0).finding }
    }

    fn failed(kind: Kind) -> PlanReport {
        let difference = Difference { call: 0, at: 27, what: What::Beyond { got: b"x".to_vec() } };
        let failure =
            Failure { syscall: Syscall::Read, at: 27, want: 27, difference, steady: true };
        PlanReport { kind, calls: 1, bytes: 27, outcome: PlanOutcome::Fail(failure) }
    }

    /// A plan whose bytes differ, and what that came to.
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
        raise(&mut leaked, Id(403), None, "leaked".to_owned(), Severity::Error);
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
        conclude(&mut partial, &Circumstances { judged: true, partial: 1, unreleased: 0 });
        assert!(matches!(partial.verdict, Verdict::Inconclusive(_)));
        let lost = concluded(Report { lost: 3, ..report() });
        assert!(matches!(lost.verdict, Verdict::Inconclusive(_)));
        let mut quality = report();
        add(&mut quality.found, vec![finding(905, Severity::Info, 1)], Some(Kind::Whole));
        assert!(matches!(concluded(quality).verdict, Verdict::Inconclusive(_)));
        // What was found stays found.
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
        assert!(
            matches!(&late.verdict, Verdict::Inconclusive(why) if why.contains("2 of 3 plans"))
        );
        // What was found in time stays found.
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
    fn a_reader_that_was_killed_is_told() {
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
        // One that explains them is enough.
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
        assert!(report.found[0].finding.message.ends_with("each time different ones"));
    }

    #[test]
    fn a_file_that_changes_is_not_called_clean_in_silence() {
        let plans = vec![differed(Kind::Records, PlanOutcome::Volatile)];
        let changed = concluded(Report { plans: plans.clone(), ..report() });
        assert_eq!((&changed.verdict, changed.volatile), (&Verdict::Clean, true));
        assert_eq!(changed.notes, ["it changes now and then: the bytes of records are not judged"]);
        // What another plan proves is not taken back.
        let plans = [plans, vec![failed(Kind::Behind)]].concat();
        let both = concluded(Report { plans, ..report() });
        assert_eq!((&both.verdict, both.volatile), (&Verdict::Findings, false));
        // Nor is what nobody had the time to find out passed over.
        let plans = vec![differed(Kind::Records, PlanOutcome::Unsettled)];
        let unsettled = concluded(Report { plans, ..report() });
        assert!(matches!(unsettled.verdict, Verdict::Inconclusive(why) if why.contains("records")));
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
        // A way to read it all the same is a finding.
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
    fn findings_are_told_once() {
        let mut found = Vec::new();
        add(&mut found, vec![finding(104, Severity::Warning, 1)], Some(Kind::Whole));
        add(&mut found, vec![finding(104, Severity::Error, 1)], Some(Kind::Whole));
        add(&mut found, vec![finding(104, Severity::Warning, 2)], Some(Kind::Page));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].finding.severity, Severity::Error);
        assert_eq!(found[0].plans, [Kind::Whole, Kind::Page]);
        assert_eq!(found[0].sessions, 2);
    }
}
