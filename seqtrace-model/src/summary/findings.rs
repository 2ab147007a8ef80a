use rustc_hash::FxHashMap;

use crate::finding::{Blame, Finding, Id};
use crate::session::update::SessionId;

/// Findings of one rule, file and function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingSummary {
    /// Path of the file. Not escaped.
    pub path: Vec<u8>,
    /// The first finding of the greatest severity.
    pub finding: Finding,
    /// Number of sessions with such a finding.
    pub sessions: u64,
    /// Session of the last finding.
    last: SessionId,
}

/// Index of each sum in the list of findings, by path, rule and function. Without it, a trace with a finding in each of
/// n files takes n² comparisons.
pub(super) type Index = FxHashMap<(Vec<u8>, Id, Option<Blame>), usize>;

/// Adds a finding of the file at `path`.
pub(super) fn add(
    sums: &mut Vec<FindingSummary>,
    index: &mut Index,
    path: &[u8],
    finding: &Finding,
) {
    let key = (path.to_vec(), finding.id, finding.blame.clone());
    let known = *index.entry(key).or_insert(sums.len());
    let Some(known) = sums.get_mut(known) else {
        let (path, finding, last) = (path.to_vec(), finding.clone(), finding.session);
        sums.push(FindingSummary { path, finding, sessions: 1, last });
        return;
    };
    // A second finding in a session has a greater severity: it replaces the first, and the session counts once.
    known.sessions += u64::from(known.last != finding.session);
    known.last = finding.session;
    if finding.severity > known.finding.severity {
        known.finding = finding.clone();
    }
}
