//! The inquiry into one file: it decides which experiments are needed and what their results mean.
//!
//! It does no I/O and reads no clock. A [`Lab`] carries out its plans and pauses, and returns the system calls and what
//! the trace recorded of them. In tests a simulated file is the lab.
//!
//! ```text
//!  opening   two short reads and two whole reads: the reference, the ends of records
//!  ways      each plan against the whole reads around it, repeated in rounds where it differs
//!  endless   files that do not end
//!  origin    whole reads that differ from each other: time, or a side effect of reading
//!  culprit   bytes that differ by how they are read: the callback at fault
//!  conclude  the verdict (verdict/)
//! ```

mod culprit;
mod endless;
mod numbers;
mod opening;
mod origin;
mod reproduce;
mod rounds;
mod ways;

#[cfg(test)]
mod tests;

use std::{collections::HashSet, time::Duration};

use super::{
    call::Call,
    oracle::Reference,
    plan::{Plan, Shape, Step},
    process::Ended,
    seen::{Seen, SeenSession},
    verdict::{Circumstances, Report, Verdict, add, conclude},
};
use crate::{
    rules::{Finding, PASSED_OVER, SQ301},
    session::update::{Partial, SessionId},
};

/// The result of a plan.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// System calls, in order.
    pub(super) calls: Vec<Call>,
    pub(super) ended: Ended,
    /// Sessions and findings that the trace recorded meanwhile.
    pub(super) seen: Seen,
}

/// Carries out the experiments of an inquiry.
pub(super) trait Lab {
    /// Carries out a plan and waits until the trace has recorded all of it.
    ///
    /// # Errors
    /// The readers or the trace fail. A failed read of the file is not an error.
    async fn carry(&mut self, plan: &Plan) -> anyhow::Result<Answer>;

    /// Waits without reading anything.
    ///
    /// # Errors
    /// The trace fails.
    async fn idle(&mut self, time: Duration) -> anyhow::Result<()>;

    /// Returns the reason why nothing more can be read; `None` if more can be read.
    fn is_over(&self) -> Option<&'static str>;

    /// Extends the time limit by half.
    fn extend(&mut self);

    /// Returns the number of events lost since the inquiry began, and of times that the probes did not fire.
    ///
    /// # Errors
    /// A counter cannot be read.
    fn lost(&mut self) -> anyhow::Result<u64>;
}

/// The limits of an inquiry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Largest number of bytes that are read from a file.
    pub(super) bytes: u64,
    /// True if files that reading changes are read, too.
    pub(super) force: bool,
}

/// State of an inquiry.
pub(super) struct Inquiry<'a, L> {
    lab: &'a mut L,
    bounds: Bounds,
    report: Report,
    circumstances: Circumstances,
    /// Sessions of this file. Findings of other sessions are dropped: a late one may belong to another file.
    sessions: HashSet<SessionId>,
}

/// Facts about a file that can be read.
struct Known {
    shape: Shape,
    /// Largest number of bytes of a whole read.
    limit: u64,
    /// Result of the last whole read.
    reference: Reference,
    /// Sessions of the last whole read.
    whole: Vec<SeenSession>,
    /// Number of pairs of consecutive whole reads with the same bytes.
    equal_pairs: u32,
    /// Number of pairs of consecutive whole reads with different bytes.
    different_pairs: u32,
    /// True if reading the file empties it.
    consumed: bool,
}

/// Examines a file. `report` has its path and its callbacks.
///
/// # Errors
/// The lab fails.
pub(super) async fn inquire<L: Lab>(
    lab: &mut L,
    bounds: Bounds,
    report: Report,
) -> anyhow::Result<Report> {
    let inquiry = Inquiry {
        lab,
        bounds,
        report,
        circumstances: Circumstances::default(),
        sessions: HashSet::new(),
    };
    inquiry.run().await
}

impl<L: Lab> Inquiry<'_, L> {
    async fn run(mut self) -> anyhow::Result<Report> {
        let Some(mut known) = self.opening().await? else {
            self.report.lost = self.lab.lost()?;
            return Ok(self.report);
        };
        let ways = self.ways(&mut known).await?;
        self.circumstances.endless = self.endless(&mut known, &ways).await?;
        self.report.volatile |= known.different_pairs > 0 || known.consumed;
        if known.consumed {
            self.note("reading consumes the file");
        }
        self.report.bytes_compared &= !known.consumed;
        if known.different_pairs > 0 && !known.consumed {
            self.origin(&known).await?;
        }
        self.circumstances.culprit = self.culprit(&known, &ways).await?;
        self.report.lost = self.lab.lost()?;
        conclude(&mut self.report, &self.circumstances);
        if self.report.verdict == Verdict::Findings {
            self.reproduce(&known).await?;
        }
        Ok(self.report)
    }

    /// Carries out a plan and adds its findings and its sessions to the inquiry.
    async fn carry(&mut self, plan: &Plan) -> anyhow::Result<Answer> {
        let mut answer = self.quietly(plan).await?;
        let findings = std::mem::take(&mut answer.seen.findings);
        let sessions = &self.sessions;
        let ours = findings
            .into_iter()
            .filter(|finding| sessions.contains(&finding.session) && !is_about_seeking(finding));
        add(&mut self.report.found, ours, Some(plan.kind));
        for session in &answer.seen.sessions {
            let SeenSession { closed, partial, .. } = session;
            if !closed && answer.ended == Ended::Done {
                self.circumstances.unreleased += u64::from(closes(plan));
            }
            let unseen = partial.iter().any(|reason| *reason != Partial::StillOpen);
            self.circumstances.partial += u64::from(unseen);
        }
        Ok(answer)
    }

    /// Carries out a plan that is an experiment and not a way to read, and drops its findings.
    async fn quietly(&mut self, plan: &Plan) -> anyhow::Result<Answer> {
        let answer = self.lab.carry(plan).await?;
        self.sessions.extend(answer.seen.sessions.iter().map(|seen| seen.session.id));
        let sum = &mut self.circumstances.resumes;
        for SeenSession { log, .. } in &answer.seen.sessions {
            sum.agreed += log.resumes.agreed;
            sum.disagreed += log.resumes.disagreed;
        }
        Ok(answer)
    }

    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.report.notes.contains(&note) {
            self.report.notes.push(note);
        }
    }
}

/// Returns true for the finding that a reader seeks a lot: the plans of a check do that on purpose.
fn is_about_seeking(finding: &Finding) -> bool {
    finding.id == SQ301 && finding.evidence.iter().any(|one| one.label == PASSED_OVER)
}

/// Returns true if a plan closes its descriptors.
fn closes(plan: &Plan) -> bool {
    plan.acts.iter().any(|act| matches!(act.step, Step::Close { .. }))
}
