//! Findings about records of a file that changes.
//!
//! If a list changes between two reads, the next start() finds another record than next() had handed out, although both
//! are correct. Only evidence that a change of the list does not explain counts in such a file.

use super::{Circumstances, Found, Report, is_bad, roots};
use crate::check::seen::log::Resumes;
use crate::rules::{Finding, Id, SQ104, SQ106, SQ201, SQ202, SQ601, Severity};

/// Rules that a change of the list between two reads breaks.
const RULES: &[Id] = &[SQ104, SQ106, SQ201, SQ202, SQ601];

/// A rule that was broken in less than one of so many plans may have been broken by a change of the list.
const PLANS: usize = 3;

/// Number of times from which on a shared cursor is the only explanation.
const SHARED: u64 = 3;

/// Lowers the severity of findings that a change of the list explains to information. Applies to files that change,
/// before consequences are linked. If it is not known that time changes the file, only warnings are lowered.
pub(super) fn lower(report: &mut Report, circumstances: &Circumstances) {
    let Circumstances { changes_with_time, resumes, .. } = *circumstances;
    let plans = report.plans.iter().filter(|plan| plan.outcome.is_judged()).count();
    let proven: Vec<Id> = report
        .found
        .iter()
        .filter(|found| is_bad(&found.finding) && is_proven(found, plans, resumes))
        .map(|found| found.finding.id)
        .collect();
    for Found { finding, .. } in &mut report.found {
        let cause = finding.cause.as_ref().map(|cause| cause.id);
        let stays = |id: &Id| proven.contains(id) || !RULES.contains(id);
        let lowers = changes_with_time || finding.severity == Severity::Warning;
        if lowers && is_bad(finding) && !stays(&finding.id) && !cause.as_ref().is_some_and(stays) {
            finding.severity = Severity::Info;
            finding.message = format!(
                "{}; the file changes while it is read, which explains it",
                without_certainty(&finding.message)
            );
        }
    }
}

/// Returns true if a change of the list does not explain a broken rule. `plans`: number of plans that were carried out.
fn is_proven(found: &Found, plans: usize, resumes: Resumes) -> bool {
    let Found { finding, plans: broken, .. } = found;
    match finding.id {
        // A changing list disagrees now and then; a wrong start() disagrees as a rule. Without resumes, the bytes of
        // records prove it.
        SQ104 => resumes.disagreed > resumes.agreed || !counts_resumes(finding),
        SQ601 => finding.times >= SHARED,
        _ => finding.cause.is_none() && broken.len() * PLANS >= plans,
    }
}

/// End of the message of SQ104 if each resume disagreed.
const ALWAYS: &str = "and always so";

fn counts_resumes(finding: &Finding) -> bool {
    finding.evidence.iter().any(|one| one.label == "resumes")
}

/// Returns a message without its clause that the mismatch is constant, and without its reservation.
fn without_certainty(message: &str) -> &str {
    let constant = message.rsplit_once("; ").filter(|(_, clause)| clause.ends_with(ALWAYS));
    roots::certain(constant.map_or(message, |(known, _)| known))
}
