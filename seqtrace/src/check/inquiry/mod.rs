//! The inquiry into one file: which experiments are needed, and what their results mean.
//!
//! It opens nothing, asks no clock and knows no kernel. It asks a [`Lab`] to carry out plans and to wait,
//! and gets calls and what the trace saw of them; a test answers from a simulated file.
//!
//! ```text
//!  opening   two tastes, two whole reads: what there is, and whether it is there again
//!  ways      each plan against the whole reads around it; rounds: is that the way of reading?
//!  endless   reads that should have come to an end
//!  origin    the whole reads differ: is that time, or reading?
//!  culprit   the bytes differ: which callback makes the first wrong record of a pass
//!  conclude  (verdict/)
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
    plan::{Act, Plan, Shape, Step},
    process::Ended,
    seen::{Seen, SeenSession},
    verdict::{Circumstances, Report, Verdict, add, conclude},
};
use crate::{
    rules::{Finding, Id, PASSED_OVER},
    session::update::{Partial, SessionId},
};

/// What came of a plan.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// What was called, in order.
    pub(super) calls: Vec<Call>,
    /// How that ended.
    pub(super) ended: Ended,
    /// What the trace saw meanwhile.
    pub(super) seen: Seen,
}

/// Carries out what an inquiry asks for.
pub(super) trait Lab {
    /// Carries out a plan.
    ///
    /// # Errors
    /// The readers or the trace fail. What the file does is no error.
    async fn carry(&mut self, plan: &Plan) -> anyhow::Result<Answer>;

    /// Lets time pass, in which nothing is read.
    ///
    /// # Errors
    /// The trace fails.
    async fn idle(&mut self, time: Duration) -> anyhow::Result<()>;

    /// Why nothing more can be read, if so.
    fn is_over(&self) -> Option<&'static str>;

    /// Grants half of the time again.
    fn extend(&mut self);

    /// Events that were lost since the inquiry began.
    ///
    /// # Errors
    /// A counter cannot be read.
    fn lost(&self) -> anyhow::Result<u64>;
}

/// How far an inquiry goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes of a file that are read.
    pub(super) bytes: u64,
    /// Files that reading changes are read all the same.
    pub(super) force: bool,
}

/// An inquiry under way.
pub(super) struct Inquiry<'a, L> {
    lab: &'a mut L,
    bounds: Bounds,
    report: Report,
    circumstances: Circumstances,
    /// The file's sessions: a finding that comes late may be about another file.
    sessions: HashSet<SessionId>,
}

/// What is known of a file that can be read.
struct Known {
    shape: Shape,
    /// How far a whole read goes, bytes.
    limit: u64,
    /// What the last whole read got.
    reference: Reference,
    /// What the trace saw of it.
    whole: Vec<SeenSession>,
    /// Pairs of whole reads, one behind the other, that got the same bytes, and those that did not.
    intact: u32,
    broken: u32,
    /// Reading it empties it.
    consumed: bool,
}

/// Inquires into a file. `report` holds what is known of it before it is read.
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
        let mut known = match self.opening().await? {
            Ok(known) => known,
            Err(verdict) => {
                self.report.lost = self.lab.lost()?;
                self.report.verdict = verdict;
                return Ok(self.report);
            }
        };
        let ways = self.ways(&mut known).await?;
        self.circumstances.endless = self.endless(&mut known, &ways).await?;
        self.report.volatile |= known.broken > 0 || known.consumed;
        if known.consumed {
            self.note("reading it consumes it");
        }
        self.report.bytes_compared &= !known.consumed;
        if known.broken > 0 && !known.consumed {
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

    /// Carries a plan out and takes in what the trace tells of it.
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

    /// Carries a plan out whose findings do not count: they are known, or the plan is none of the ways to
    /// read a file.
    async fn quietly(&mut self, plan: &Plan) -> anyhow::Result<Answer> {
        let answer = self.lab.carry(plan).await?;
        self.sessions.extend(answer.seen.sessions.iter().map(|seen| seen.session.id));
        Ok(answer)
    }

    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.report.notes.contains(&note) {
            self.report.notes.push(note);
        }
    }
}

/// True for what is said of a reader that seeks a lot: here that is the plan, and none of the file's
/// doing.
fn is_about_seeking(finding: &Finding) -> bool {
    finding.id == Id(301) && finding.evidence.iter().any(|one| one.label == PASSED_OVER)
}

/// True if a plan closes what it opens.
fn closes(plan: &Plan) -> bool {
    plan.acts.iter().any(|act| matches!(act.step, Step::Close { .. }))
}

/// A plan of one process.
fn alone(kind: super::plan::Kind, steps: Vec<Step>) -> Plan {
    let acts = steps.into_iter().map(|step| Act { process: 0, step }).collect();
    Plan { kind, acts }
}
