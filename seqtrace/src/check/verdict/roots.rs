//! Finds the root causes among the findings of a file: several findings may be consequences of one bug.

use super::{Found, Report, is_bad};
use crate::rules::{
    Cause, Id, SQ101, SQ102, SQ103, SQ104, SQ105, SQ106, SQ107, SQ201, SQ202, SQ203, SQ204, SQ205,
    SQ302, SQ303, SQ304, SQ305, SQ601, Severity,
};

/// Rules, each with the rules that break in consequence. If several rules explain a finding, the first of the list is
/// its cause.
const CONSEQUENCES: &[(Id, &[Id])] = &[
    (SQ107, &[SQ204]),
    (SQ305, &[SQ104, SQ105, SQ201, SQ202, SQ203, SQ204]),
    (SQ303, &[SQ201, SQ203, SQ204]),
    (SQ302, &[SQ201, SQ202, SQ203, SQ204, SQ304]),
    (SQ205, &[SQ104, SQ105, SQ201, SQ202, SQ203, SQ204]),
    (SQ101, &[SQ103, SQ104, SQ105, SQ106, SQ201, SQ202, SQ203, SQ204]),
    (SQ102, &[SQ104, SQ105, SQ106, SQ201, SQ202, SQ203, SQ204]),
    (SQ104, &[SQ103, SQ105, SQ106, SQ201, SQ202, SQ203, SQ204, SQ601]),
    (SQ103, &[SQ105, SQ201, SQ202, SQ203, SQ204]),
    (SQ106, &[SQ105, SQ201, SQ202, SQ203, SQ204]),
    (SQ601, &[SQ103, SQ104, SQ105, SQ106, SQ201, SQ202, SQ203, SQ204]),
    (SQ105, &[SQ201, SQ202, SQ203, SQ204]),
    (SQ204, &[SQ201, SQ202, SQ203, SQ601]),
    (SQ304, &[SQ202, SQ203, SQ204]),
];

/// Rules that a shared cursor breaks, if a single reader gets the right bytes.
const BY_SHARING: &[Id] = &[SQ103, SQ104, SQ105, SQ106];

fn is_root(found: &Found) -> bool {
    is_bad(&found.finding) && found.finding.cause.is_none()
}

/// Returns the index of the root cause that explains a broken rule; `None` if there is none.
fn root_of(report: &Report, consequence: Id) -> Option<usize> {
    let mut explain = CONSEQUENCES.iter().filter(|(_, all)| all.contains(&consequence));
    explain.find_map(|(id, _)| {
        report.found.iter().position(|found| found.finding.id == *id && is_root(found))
    })
}

/// Returns true if SQ106 is the root cause that explains wrong bytes.
pub(super) fn is_early_end(report: &Report) -> bool {
    let root = root_of(report, SQ204).and_then(|index| report.found.get(index));
    root.is_some_and(|root| root.finding.id == SQ106)
}

/// Makes SQ106 a consequence of SQ204: start() returned a wrong record, and next() continued from this record.
pub(super) fn overrule_early_end(report: &mut Report) {
    let root = report.found.iter().find(|found| found.finding.id == SQ204 && is_root(found));
    let Some(blame) = root.map(|root| root.finding.blame.clone()) else { return };
    for found in report.found.iter_mut().filter(|found| found.finding.id == SQ106) {
        found.finding.cause = Some(Cause { id: SQ204, blame: blame.clone() });
    }
}

/// Returns true if a root cause explains why bytes depend on how they are read. The severity of the root cause becomes
/// error, and `evidence` replaces the reservation in its message.
pub(super) fn explain_bytes(report: &mut Report, evidence: &str) -> bool {
    let root = root_of(report, SQ204).and_then(|index| report.found.get_mut(index));
    let Some(Found { finding, .. }) = root else { return false };
    if finding.severity < Severity::Error {
        finding.severity = Severity::Error;
        finding.message = format!("{}; {evidence}", certain(&finding.message));
    }
    true
}

/// Returns a message without its reservation that the data may have changed.
pub(super) fn certain(message: &str) -> &str {
    const DOUBTS: [&str; 3] = ["; unless ", "; the list changed, or ", "; it moved the position: "];
    DOUBTS.iter().find_map(|doubt| message.split_once(doubt)).map_or(message, |(known, _)| known)
}

/// Sets the cause of each consequence, and raises the severity of the cause to that of the consequence. `alone`: true
/// if a single reader gets wrong bytes.
pub(super) fn link(report: &mut Report, alone: bool) {
    let shared = report.found.iter().any(|found| found.finding.id == SQ601 && is_root(found));
    for index in 0..report.found.len() {
        let Some(found) = report.found.get(index).filter(|found| is_root(found)) else { continue };
        let id = found.finding.id;
        let root = match id {
            SQ601 if !alone => None,
            id if shared && !alone && BY_SHARING.contains(&id) => {
                report.found.iter().position(|found| found.finding.id == SQ601)
            }
            id => root_of(report, id),
        };
        let root = root.filter(|root| *root != index).and_then(|root| report.found.get(root));
        let cause = root
            .map(|Found { finding, .. }| Cause { id: finding.id, blame: finding.blame.clone() });
        if let (Some(_), Some(found)) = (&cause, report.found.get_mut(index)) {
            found.finding.cause = cause;
        }
    }
    while let Some((index, severity)) = milder_cause(report) {
        if let Some(Found { finding, .. }) = report.found.get_mut(index) {
            finding.severity = severity;
            finding.message = certain(&finding.message).to_owned();
        }
    }
}

/// Returns the index of a cause that is milder than one of its consequences, and the severity of this consequence.
fn milder_cause(report: &Report) -> Option<(usize, Severity)> {
    report.found.iter().find_map(|Found { finding, .. }| {
        let id = finding.cause.as_ref()?.id;
        let causes = report.found.iter().enumerate().filter(|(_, found)| found.finding.id == id);
        let (index, cause) = causes.max_by_key(|(_, found)| found.finding.severity)?;
        (cause.finding.severity < finding.severity).then_some((index, finding.severity))
    })
}

/// Sorts the findings: those that make the check fail come first, then root causes before consequences, then the more
/// severe before the milder.
pub(super) fn sort(report: &mut Report) {
    report.found.sort_by_key(|found| {
        let finding = &found.finding;
        let rank = (!is_bad(finding), finding.cause.is_some());
        (rank, std::cmp::Reverse(finding.severity), finding.id)
    });
}
