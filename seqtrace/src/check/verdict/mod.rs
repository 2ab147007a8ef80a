//! What a check of one file found out, and what that means.

mod conclude;
mod roots;

pub(crate) use conclude::{Circumstances, Proof, conclude};
pub(super) use conclude::{killed, not_opened, unreadable};

use crate::{
    rules::{Finding, Severity},
    session::update::Callbacks,
};

use super::{
    call::Syscall,
    oracle::{Difference, End},
    plan::Kind,
    repro::Repro,
};

/// Why a file of another kind is refused.
pub(crate) const NOT_A_SEQ_FILE: &str = "not a seq file, or one without callbacks";

/// Everything about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// As it was named. Any bytes: not yet safe to print.
    pub(crate) path: Vec<u8>,
    /// Its callbacks, as far as it was opened.
    pub(crate) callbacks: Option<Callbacks>,
    /// Bytes of the first whole read.
    pub(crate) bytes: u64,
    /// Records of the first whole read.
    pub(crate) records: u64,
    /// How the first whole read ended.
    pub(crate) end: Option<End>,
    /// The same way of reading got other bytes at another time, while nothing else happened.
    pub(crate) volatile: bool,
    /// The bytes of at least one other way of reading were compared with those of a whole read.
    pub(crate) bytes_compared: bool,
    /// In the order they were carried out.
    pub(crate) plans: Vec<PlanReport>,
    /// Findings, roots first, and the worst of each first.
    pub(crate) found: Vec<Found>,
    /// Whatever else a reader of the report should know. Our own words.
    pub(crate) notes: Vec<String>,
    /// How to see it without seqtrace.
    pub(crate) repro: Option<Repro>,
    /// Events that were lost, and probe hits that were missed.
    pub(crate) lost: u64,
    /// What all that means.
    pub(crate) verdict: Verdict,
}

/// A plan in a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlanReport {
    /// The plan's purpose.
    pub(crate) kind: Kind,
    /// Number of system calls.
    pub(crate) calls: u64,
    /// Number of bytes read.
    pub(crate) bytes: u64,
    /// The result of the comparison.
    pub(crate) outcome: PlanOutcome,
}

/// How a plan went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PlanOutcome {
    /// Every byte as in the whole read.
    Ok,
    /// Not so, each time that it was repeated between two whole reads which were the same.
    Fail(Failure),
    /// Not so, but the file changes: no verdict.
    Volatile(Failure),
    /// The same lines with other numbers, for a reason that is not the way of reading.
    Excused(Failure),
    /// Not so, and it is not known whether the file keeps still.
    Undecided(Failure),
    /// The file does not know this system call.
    Unsupported {
        /// The system call.
        syscall: Syscall,
        /// Its error number, positive.
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
    /// Returns true if the plan came to an end that proves something about the file.
    pub(super) fn is_judged(&self) -> bool {
        !matches!(self, Self::NotRun(_) | Self::Blocked | Self::Killed)
    }

    /// Returns the first difference from the whole read, no matter what follows from it.
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

/// Where a plan's bytes first differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The call that got them.
    pub(crate) syscall: Syscall,
    /// File offset of this call.
    pub(crate) at: u64,
    /// Bytes that this call wanted.
    pub(crate) want: u64,
    /// The first difference.
    pub(crate) difference: Difference,
    /// The same bytes came each time.
    pub(crate) steady: bool,
}

/// A broken rule, over all sessions of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The worst of them, the first of its kind.
    pub(crate) finding: Finding,
    /// In which plans, in order.
    pub(crate) plans: Vec<Kind>,
    /// In how many sessions.
    pub(crate) sessions: u64,
}

/// What a check means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
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
    pub(crate) fn new(path: Vec<u8>) -> Self {
        Self {
            path,
            callbacks: None,
            bytes: 0,
            records: 0,
            end: None,
            volatile: false,
            bytes_compared: false,
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

impl Report {
    /// What a clean file is called whose bytes could not be compared.
    pub(super) fn reservation(&self) -> Option<&'static str> {
        (self.verdict == Verdict::Clean && !self.bytes_compared)
            .then_some("as far as positions and pointers show; bytes were not compared")
    }
}

impl PlanReport {
    /// True if its bytes differ and that counts.
    pub(crate) fn failed(&self) -> bool {
        matches!(self.outcome, PlanOutcome::Fail(_))
    }

    /// What differs, if that counts.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match &self.outcome {
            PlanOutcome::Fail(failure) => Some(failure),
            _ => None,
        }
    }
}

/// True for what makes a check fail.
pub(crate) fn is_bad(finding: &Finding) -> bool {
    finding.severity > Severity::Info && !finding.id.is_quality()
}

/// An errno by name.
pub(crate) fn errno_name(errno: i32) -> String {
    crate::errno::Errno(u64::from(errno.unsigned_abs())).to_string()
}

#[cfg(test)]
mod tests;
