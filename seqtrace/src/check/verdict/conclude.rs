//! Derives the verdict on one file from its plans and its findings.

use std::collections::BTreeSet;

use crate::{
    check::{
        oracle::{DifferenceKind, End},
        plan::Kind,
        seen::log::Resumes,
    },
    event::Role,
    render::Count,
    rules::{Blame, Finding, Id, SQ107, SQ203, SQ204, SQ304, SQ403, SQ601, Severity, find},
    session::update::SessionId,
};

use super::{
    Failure, Found, PlanOutcome, PlanReport, Report, Verdict, errno_name, exceptions, is_bad, roots,
};

/// A broken rule that the experiments of a check prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Rule that is broken.
    pub(crate) id: Id,
    /// Callback at fault; `None` if it is none of the four.
    pub(crate) role: Option<Role>,
    /// Message of one line that contains no foreign bytes: safe to print.
    pub(crate) message: String,
}

/// Facts that [`conclude`] needs beside the report itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Circumstances {
    /// Number of sessions whose descriptors were closed and that were not released.
    pub(crate) unreleased: u64,
    /// Number of partial sessions.
    pub(crate) partial: u64,
    /// True if the file changes while it is not read.
    pub(crate) changes_with_time: bool,
    /// Sums over all sessions.
    pub(crate) resumes: Resumes,
    /// True if at least one plan was carried out.
    pub(crate) judged: bool,
    /// Reason why bytes depend on how they are read; `None` if the passes prove none.
    pub(crate) culprit: Option<Proof>,
    /// Proof that the file has no end; `None` if there is none.
    pub(crate) endless: Option<Proof>,
    /// Proof that reading changes the bytes; `None` if there is none.
    pub(crate) side_effect: Option<Proof>,
}

/// Adds the findings that only readers can prove, links consequences to their causes and sets the verdict.
pub(crate) fn conclude(report: &mut Report, circumstances: &Circumstances) {
    // The event of the release may have been lost.
    let leaks = report.found.iter().any(|found| found.finding.id == SQ403);
    if circumstances.unreleased > 0 && report.lost == 0 && !leaks {
        let descriptors = Count(circumstances.unreleased, "descriptor");
        let message = format!("no release function ran for {descriptors} that the reader closed");
        raise(report, Proof { id: SQ403, role: None, message }, Severity::Error);
    }
    if let Some(End::Error(errno)) = report.end.filter(|_| report.bytes > 0) {
        let (bytes, errno) = (report.bytes, errno_name(errno));
        let message = format!(
            "after byte {bytes} the reader gets {errno} where the end of the file should be"
        );
        raise(report, Proof { id: SQ304, role: Some(Role::Show), message }, Severity::Error);
    }
    if report.volatile {
        // The evidence of these findings is record bytes, which changing data alters, too.
        for found in &mut report.found {
            if matches!(found.finding.id, SQ203 | SQ204) {
                found.finding.severity = Severity::Info;
            }
        }
        exceptions::lower(report, circumstances);
    }
    let Circumstances { culprit, endless, side_effect, .. } = circumstances;
    for (proof, severity) in [(endless, Severity::Error), (side_effect, Severity::Warning)] {
        if let Some(proof) = proof {
            raise(report, proof.clone(), severity);
        }
    }
    bytes_differ(report, culprit.as_ref());
    roots::link(report, report.plans.iter().any(|plan| plan.failed() && !plan.kind.is_shared()));
    roots::sort(report);
    judge(report, circumstances);
}

fn judge(report: &mut Report, circumstances: &Circumstances) {
    let bad = report.found.iter().any(|found| is_bad(&found.finding));
    let broken = bad || report.plans.iter().any(PlanReport::failed);
    let changed = names(report, |outcome| matches!(outcome, PlanOutcome::Volatile(_)));
    if let Some(plans) = changed.filter(|_| !broken && !report.volatile) {
        report.volatile = true;
        let note = format!("the file changes now and then: the bytes of {plans} are not judged");
        report.notes.push(note);
    }
    let unreadable = match report.end {
        Some(End::Error(errno)) if report.bytes == 0 => Some(unreadable(errno)),
        _ => None,
    };
    report.verdict = if broken {
        Verdict::Findings
    } else if let Some(why) = doubt(report, circumstances) {
        Verdict::Inconclusive(why)
    } else if let Some(unreadable) = unreadable {
        unreadable
    } else if circumstances.judged {
        Verdict::Clean
    } else {
        Verdict::Inconclusive("no time was left to judge anything: raise --time-limit".to_owned())
    };
}

/// Returns the reason why the absence of findings proves nothing; `None` if there is none.
fn doubt(report: &Report, circumstances: &Circumstances) -> Option<String> {
    let Circumstances { partial, judged, .. } = *circumstances;
    let not_run = |plan: &&PlanReport| matches!(plan.outcome, PlanOutcome::NotRun(_));
    let not_run = report.plans.iter().filter(not_run).count();
    let plans = |is_such: fn(&PlanOutcome) -> bool| names(report, is_such);
    let quality = report.found.iter().map(|found| &found.finding).find(|one| one.id.is_quality());
    let were = if report.lost == 1 { "was" } else { "were" };
    let reasons = [
        plans(|outcome| *outcome == PlanOutcome::Killed).map(|plan| killed(&plan)),
        (report.lost > 0).then(|| format!("{} {were} lost", Count(report.lost, "event"))),
        quality.map(|one| format!("{} {}: {}", one.id, one.name, one.message)),
        (partial > 0).then(|| format!("{} seen in part only", Count(partial, "session"))),
        plans(|outcome| *outcome == PlanOutcome::Blocked)
            .map(|plans| format!("a read did not return: {plans}")),
        plans(|outcome| matches!(outcome, PlanOutcome::Undecided(_))).map(|plans| {
            format!("the bytes of {plans} differ, and it is not known if the file had changed")
        }),
        (not_run > 0 && judged).then(|| {
            let plans = report.plans.len();
            format!("no time was left for {not_run} of {plans} plans: raise --time-limit")
        }),
    ];
    reasons.into_iter().flatten().next()
}

/// Returns the reason why nothing is known of a file whose reader was killed.
pub(in crate::check) fn killed(plan: &str) -> String {
    format!("the reader was killed in plan {plan}: dmesg shows if the kernel oopsed")
}

/// Returns the verdict on a file whose open fails with `errno` (positive). Findings, such as a leak, take precedence.
pub(in crate::check) fn not_opened(report: &mut Report, errno: i32) -> Verdict {
    let why = format!("cannot be opened: {}", errno_name(errno));
    findings_or(report, why, Verdict::Refused)
}

/// Returns the verdict on a file that could not be read to its end. Findings, such as the death of the reader, take
/// precedence.
pub(in crate::check) fn findings_or(
    report: &mut Report,
    why: String,
    otherwise: fn(String) -> Verdict,
) -> Verdict {
    if report.found.iter().any(|found| is_bad(&found.finding)) {
        report.notes.push(why);
        Verdict::Findings
    } else {
        otherwise(why)
    }
}

/// Returns the verdict on a file for which each read fails with `errno` (positive).
pub(in crate::check) fn unreadable(errno: i32) -> Verdict {
    Verdict::Refused(format!("cannot be read: each read fails with {}", errno_name(errno)))
}

/// Returns the names of the plans whose outcome satisfies `is_such`; `None` if there are none.
fn names(report: &Report, is_such: impl Fn(&PlanOutcome) -> bool) -> Option<String> {
    let plans = report.plans.iter().filter(|plan| is_such(&plan.outcome));
    let names: Vec<&str> = plans.map(|plan| plan.kind.name()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Adds a finding for bytes that depend on how they are read, if no other finding explains them.
fn bytes_differ(report: &mut Report, culprit: Option<&Proof>) {
    if let Some((at, to)) = report.plans.iter().find_map(astray) {
        let message = format!(
            "lseek() to {at} returned {to}: the fault is in the llseek of the file, not in its callbacks"
        );
        raise(report, Proof { id: SQ107, role: None, message }, Severity::Error);
    }
    let failed = |shared: bool| {
        let mut plans = report.plans.iter().filter(|plan| plan.kind.is_shared() == shared);
        plans.find(|plan| plan.failed() && astray(plan).is_none()).and_then(|plan| {
            let Failure { difference, steady, .. } = plan.outcome.failure()?;
            let often = if *steady { "each time" } else { "with other bytes each time" };
            Some((plan.kind, difference.at, often))
        })
    };
    let (alone, shared) = (failed(false), failed(true));
    if report.plans.iter().any(PlanReport::failed) {
        // This finding states that the data changes, and the plans prove that it does not.
        report
            .found
            .retain(|found| found.finding.id != SQ204 || found.finding.severity > Severity::Info);
    }
    if let Some((kind, at, often)) = alone {
        let evidence = format!(
            "read as in plan {}, the file differs from the output of `cat` from offset {at} on, {often}",
            kind.name()
        );
        let start = culprit.filter(|one| (one.id, one.role) == (SQ204, Some(Role::Start)));
        let overruled = start.is_some() && roots::is_early_end(report);
        if overruled || !roots::explain_bytes(report, &evidence) {
            accuse(report, &evidence, culprit);
        }
        if overruled {
            roots::overrule_early_end(report);
        }
    } else if let Some((kind, at, often)) = shared {
        let sharing = culprit.filter(|culprit| culprit.id == SQ601);
        let role = sharing.map_or(Some(Role::Start), |sharing| sharing.role);
        let why = sharing.map_or(String::new(), |sharing| format!("{}; ", sharing.message));
        let message = format!(
            "{why}{}: from offset {at} on the bytes differ from those of one reader alone, {often}",
            kind.what()
        );
        raise(report, Proof { id: SQ601, role, message }, Severity::Error);
    }
}

/// Adds a finding for plans of a single reader that get other bytes than a whole read.
fn accuse(report: &mut Report, evidence: &str, culprit: Option<&Proof>) {
    let (id, role) = culprit.map_or((SQ204, None), |culprit| (culprit.id, culprit.role));
    let why = culprit.map_or(String::new(), |culprit| format!("{}; ", culprit.message));
    let message = format!("{why}{evidence}");
    let earlier: Vec<Found> = report.found.extract_if(.., |found| found.finding.id == id).collect();
    raise(report, Proof { id, role, message }, Severity::Error);
    let failed = report.plans.iter().filter(|plan| plan.failed()).map(|plan| plan.kind);
    let mut kinds: Vec<Kind> = failed.collect();
    kinds.extend(earlier.iter().flat_map(|found| found.plans.iter().copied()));
    kinds.sort_by_key(|kind| report.plans.iter().position(|plan| plan.kind == *kind));
    kinds.dedup();
    if let Some(found) = report.found.last_mut() {
        found.plans = kinds;
        found.sessions = earlier.into_iter().flat_map(|found| found.sessions).collect();
    }
}

/// Returns the requested and the returned offset if an lseek() of the plan returned another offset; otherwise `None`.
fn astray(plan: &PlanReport) -> Option<(u64, i64)> {
    let failure = plan.outcome.failure().filter(|_| plan.failed())?;
    match failure.difference.what {
        DifferenceKind::Astray { to } => Some((failure.at, to)),
        _ => None,
    }
}

/// Adds a finding, or raises the severity of an existing finding of the same rule to at least `severity`.
pub(super) fn raise(report: &mut Report, proof: Proof, severity: Severity) {
    let Proof { id, role, message } = proof;
    let known = report.found.iter_mut().filter(|found| found.finding.id == id);
    if let Some(known) = known.max_by_key(|found| found.finding.severity) {
        if known.finding.severity < severity {
            known.finding.severity = severity;
            known.finding.message = format!("{message}; {}", known.finding.message);
        }
        return;
    }
    let Some(rule) = find(id) else { return };
    let blame = role.zip(report.callbacks.as_ref());
    let finding = Finding {
        blame: blame.map(|(role, callbacks)| Blame::new(role, callbacks)),
        ..Finding::new(rule, severity, SessionId(0), message)
    };
    report.found.push(Found { finding, plans: Vec::new(), sessions: BTreeSet::new() });
}
