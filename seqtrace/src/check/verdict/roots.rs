//! Causes among the findings of a file: one bug, one root.

use super::{Found, Report, is_bad};
use crate::rules::{Cause, Id, Severity};

/// Rules, each with the rules that break in consequence. An earlier root explains before a later one.
const CONSEQUENCES: &[(u16, &[u16])] = &[
    (107, &[204]),
    (305, &[104, 105, 201, 202, 203, 204]),
    (303, &[201, 203, 204]),
    (302, &[201, 202, 203, 204, 304]),
    (205, &[104, 105, 201, 202, 203, 204]),
    (101, &[103, 104, 105, 106, 201, 202, 203, 204]),
    (102, &[104, 105, 106, 201, 202, 203, 204]),
    (104, &[103, 105, 106, 201, 202, 203, 204, 601]),
    (103, &[105, 201, 202, 203, 204]),
    (106, &[105, 201, 202, 203, 204]),
    (601, &[103, 104, 105, 106, 201, 202, 203, 204]),
    (105, &[201, 202, 203, 204]),
    (204, &[201, 202, 203, 601]),
    (304, &[202, 203, 204]),
];

/// Rules that a shared cursor breaks, if no reader alone gets other bytes.
const BY_SHARING: &[u16] = &[103, 104, 105, 106];

fn explains(root: Id, consequence: Id) -> bool {
    let row = CONSEQUENCES.iter().find(|(id, _)| *id == root.0);
    row.is_some_and(|(_, all)| all.contains(&consequence.0))
}

fn is_root(found: &Found) -> bool {
    is_bad(&found.finding) && found.finding.cause.is_none()
}

/// Returns the index of the root that explains a broken rule.
fn root_of(report: &Report, consequence: Id) -> Option<usize> {
    CONSEQUENCES.iter().find_map(|(id, _)| {
        let explains = explains(Id(*id), consequence);
        let is_it = |found: &Found| found.finding.id == Id(*id) && is_root(found);
        report.found.iter().position(is_it).filter(|_| explains)
    })
}

/// Returns true if the root that explains other bytes is SQ106.
pub(super) fn is_early_end(report: &Report) -> bool {
    let root = root_of(report, Id(204)).and_then(|index| report.found.get(index));
    root.is_some_and(|root| root.finding.id == Id(106))
}

/// Makes SQ106 a consequence of SQ204: start() began the pass with a wrong record, and next() went on from it.
pub(super) fn overrule_early_end(report: &mut Report) {
    let root = report.found.iter().find(|found| found.finding.id == Id(204) && is_root(found));
    let Some(blame) = root.map(|root| root.finding.blame.clone()) else { return };
    for found in report.found.iter_mut().filter(|found| found.finding.id == Id(106)) {
        found.finding.cause = Some(Cause { id: Id(204), blame: blame.clone() });
    }
}

/// Returns true if a root explains why bytes differ by how they are read. This root is an error then, and
/// `proof` takes the place of the doubt in its message.
pub(super) fn explain_bytes(report: &mut Report, proof: &str) -> bool {
    let root = root_of(report, Id(204)).and_then(|index| report.found.get_mut(index));
    let Some(Found { finding, .. }) = root else { return false };
    if finding.severity < Severity::Error {
        finding.severity = Severity::Error;
        finding.message = format!("{}; {proof}", certain(&finding.message));
    }
    true
}

/// Returns a message without the clause by which a rule leaves open that the data has changed.
fn certain(message: &str) -> &str {
    const DOUBTS: [&str; 3] = ["; unless ", "; the list changed, or ", "; it moved the position: "];
    DOUBTS.iter().find_map(|doubt| message.split_once(doubt)).map_or(message, |(known, _)| known)
}

/// Hangs each consequence below its root, and makes the root at least as bad. `alone` is true if a reader
/// alone gets other bytes.
pub(super) fn hang(report: &mut Report, alone: bool) {
    let shared = report.found.iter().any(|found| found.finding.id == Id(601) && is_root(found));
    for index in 0..report.found.len() {
        let Some(found) = report.found.get(index).filter(|found| is_root(found)) else { continue };
        let id = found.finding.id;
        let root = match id {
            Id(601) if !alone => None,
            id if shared && !alone && BY_SHARING.contains(&id.0) => {
                report.found.iter().position(|found| found.finding.id == Id(601))
            }
            id => root_of(report, id),
        };
        let Some(root) = root.filter(|root| *root != index) else { continue };
        let cause = report
            .found
            .get(root)
            .map(|root| Cause { id: root.finding.id, blame: root.finding.blame.clone() });
        if let Some(found) = report.found.get_mut(index) {
            found.finding.cause = cause;
        }
    }
    let causes: Vec<_> = report
        .found
        .iter()
        .filter_map(|found| Some((found.finding.cause.as_ref()?.id, found.finding.severity)))
        .collect();
    for (id, severity) in causes {
        let root = report.found.iter_mut().find(|found| found.finding.id == id && is_root(found));
        if let Some(root) = root {
            root.finding.severity = root.finding.severity.max(severity);
        }
    }
}

/// Puts roots before consequences, and the worst of each first.
pub(super) fn sort(report: &mut Report) {
    report.found.sort_by_key(|found| {
        let finding = &found.finding;
        let rank = (!is_bad(finding), finding.cause.is_some());
        (rank, std::cmp::Reverse(finding.severity), finding.id)
    });
}
