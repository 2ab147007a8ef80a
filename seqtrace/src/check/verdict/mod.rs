//! The report on one file, and its verdict.

mod conclude;
mod exceptions;
mod roots;

pub(crate) use conclude::{Circumstances, Proof, conclude};
pub(super) use conclude::{findings_or, killed, not_opened, unreadable};

use std::collections::BTreeSet;

use crate::{
    rules::{Finding, Severity},
    session::update::{Callbacks, SessionId},
};

use super::{
    call::Syscall,
    oracle::{Difference, End},
    plan::Kind,
    repro::Repro,
};

/// Reason why a file of another kind is refused.
pub(crate) const NOT_A_SEQ_FILE: &str = "not a seq file, or one without callbacks";

/// The report on one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Path as the user named it; any bytes: to be escaped before it is printed.
    pub(crate) path: Vec<u8>,
    /// Callbacks of the file; `None` if it was not opened or has none.
    pub(crate) callbacks: Option<Callbacks>,
    /// Number of bytes of the first whole read.
    pub(crate) bytes: u64,
    /// Number of records of the first whole read.
    pub(crate) records: u64,
    /// The way in which the first whole read ended; `None` if there was no whole read.
    pub(crate) end: Option<End>,
    /// True if one way of reading got different bytes at different times, while nothing else happened.
    pub(crate) volatile: bool,
    /// True if the bytes of at least one other way of reading were compared with those of a whole read.
    pub(crate) bytes_compared: bool,
    /// Plans in the order in which they were carried out.
    pub(crate) plans: Vec<PlanReport>,
    /// Findings, in the order of [`roots::sort`].
    pub(crate) found: Vec<Found>,
    /// Further facts for the reader of the report. They contain no foreign bytes: safe to print.
    pub(crate) notes: Vec<String>,
    /// Command that shows the bug without seqtrace; `None` if none was found.
    pub(crate) repro: Option<Repro>,
    /// Number of lost events and missed probe hits.
    pub(crate) lost: u64,
    pub(crate) verdict: Verdict,
}

/// A plan in a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlanReport {
    pub(crate) kind: Kind,
    /// Number of system calls.
    pub(crate) calls: u64,
    /// Number of bytes read.
    pub(crate) bytes: u64,
    pub(crate) outcome: PlanOutcome,
}

/// Outcome of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PlanOutcome {
    /// Every byte equals that of the whole read.
    Ok,
    /// Bytes differ from those of the whole read, in each run between two equal whole reads.
    Fail(Failure),
    /// Bytes differ, but the file changes: no verdict.
    Volatile(Failure),
    /// Only numbers differ, and the way of reading is not the reason.
    Excused(Failure),
    /// Bytes differ, and it is unknown if the file changes.
    Undecided(Failure),
    /// The file does not support this system call. `errno`: positive errno of the call.
    Unsupported { syscall: Syscall, errno: i32 },
    /// A read did not return.
    Blocked,
    /// The reader was killed while it read.
    Killed,
    /// The plan was not carried out, or not completely, for this reason.
    NotRun(&'static str),
}

impl PlanOutcome {
    /// Returns true if the outcome proves something about the file.
    pub(super) fn is_judged(&self) -> bool {
        !matches!(self, Self::NotRun(_) | Self::Blocked | Self::Killed)
    }

    /// Returns the first difference from the whole read, whatever the outcome; `None` if there is none.
    pub(super) fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Fail(failure)
            | Self::Volatile(failure)
            | Self::Excused(failure)
            | Self::Undecided(failure) => Some(failure),
            _ => None,
        }
    }
}

/// First difference of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// System call that got the wrong bytes.
    pub(crate) syscall: Syscall,
    /// File offset of this call.
    pub(crate) at: u64,
    /// Number of bytes that this call requested.
    pub(crate) want: u64,
    pub(crate) difference: Difference,
    /// True if the wrong bytes are the same each time.
    pub(crate) steady: bool,
}

/// A broken rule, summed over all sessions of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The worst finding of the rule; the first of several equally bad ones.
    pub(crate) finding: Finding,
    /// Plans in which the rule was broken, in order.
    pub(crate) plans: Vec<Kind>,
    /// The sessions in which the rule was broken.
    pub(crate) sessions: BTreeSet<SessionId>,
}

/// Verdict on a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No rule is broken, and no bytes differ.
    Clean,
    /// Rules are broken, or bytes differ.
    Findings,
    /// No fault was found, but not everything could be examined, for this reason.
    Inconclusive(String),
    /// The file was not read, or not judged, for this reason: for example, it is not a seq file, or reading changes it.
    Refused(String),
}

impl Default for Verdict {
    fn default() -> Self {
        Self::Inconclusive(String::new())
    }
}

impl Report {
    /// Returns an empty report.
    pub(crate) fn new(path: Vec<u8>) -> Self {
        Self { path, ..Self::default() }
    }

    /// Returns the reservation about a clean file whose bytes could not be compared; `None` if they were compared.
    pub(super) fn reservation(&self) -> Option<&'static str> {
        (self.verdict == Verdict::Clean && !self.bytes_compared)
            .then_some("as far as positions and pointers show; bytes were not compared")
    }
}

/// Adds findings to a list that has one entry for each rule and callback. `kind`: the plan that broke the rules.
pub(crate) fn add(
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
            let sessions = BTreeSet::from([finding.session]);
            found.push(Found { finding, plans: kind.into_iter().collect(), sessions });
            continue;
        };
        known.plans.extend(kind.filter(|kind| !known.plans.contains(kind)));
        known.sessions.insert(finding.session);
        if finding.severity > known.finding.severity {
            known.finding = finding;
        }
    }
}

impl PlanReport {
    /// Returns true if the bytes of the plan differ although the file does not change.
    pub(crate) fn failed(&self) -> bool {
        matches!(self.outcome, PlanOutcome::Fail(_))
    }
}

/// Returns true for a finding that makes a check fail.
pub(crate) fn is_bad(finding: &Finding) -> bool {
    finding.severity > Severity::Info && !finding.id.is_quality()
}

/// Returns the name of a positive errno.
pub(crate) fn errno_name(errno: i32) -> String {
    crate::errno::Errno(u64::from(errno.unsigned_abs())).to_string()
}

#[cfg(test)]
mod tests;
