//! Carries out the plans, and compares each with the whole reads around it.

use anyhow::Result;

use super::{
    Answer, Inquiry, Known, Lab, endless, numbers,
    opening::unfinished,
    rounds::{Conclusion, NextWhole, Rounds},
};
use crate::check::{
    call::{Call, Syscall},
    oracle::{Difference, Outcome, Reference, bytes},
    plan::{self, Plan},
    process::Ended,
    verdict::{Failure, PlanOutcome, PlanReport},
};

/// Number of runs with differing brackets after which a plan is given up, for a file that rarely changes.
const MAX_BROKEN: u32 = 3;
/// Excess of differing over equal pairs of whole reads above which a plan is given up after one such run. If the excess
/// is more than twice as large, no plan is repeated.
const MAX_EXCESS: u32 = 3;

/// A plan that gets other bytes than a whole read, each time.
pub(super) struct FailedPlan {
    /// First difference of the last run of the plan.
    pub(super) difference: Difference,
    /// System calls and trace of the last run of the plan.
    pub(super) answer: Answer,
    /// True if two readers take turns in the plan.
    pub(super) shared: bool,
}

/// Plans that fail, and plans that may have found a file without an end.
#[derive(Default)]
pub(super) struct Ways {
    pub(super) failed: Vec<FailedPlan>,
    /// Plans that read on past the end of the file, or did not reach it.
    pub(super) overlong: Vec<(Plan, Answer)>,
}

impl<L: Lab> Inquiry<'_, L> {
    /// Carries out all plans, and repeats those whose bytes differ.
    pub(super) async fn ways(&mut self, known: &mut Known) -> Result<Ways> {
        let mut ways = Ways::default();
        let mut extended = false;
        for plan in plan::all(&known.shape) {
            let kind = plan.kind;
            if let Some(why) = self.lab.is_over() {
                let outcome = PlanOutcome::NotRun(why);
                self.report.plans.push(PlanReport { kind, calls: 0, bytes: 0, outcome });
                continue;
            }
            let answer = self.carry(&plan).await?;
            let (calls, bytes) = (answer.calls.len() as u64, bytes(&answer.calls));
            if endless::is_suspicious(&answer.calls, &known.shape) {
                ways.overlong.push((plan.clone(), answer.clone()));
            }
            let outcome = match (answer.ended, known.reference.compare(&answer.calls)) {
                (Ended::Died, _) => unfinished(answer.ended),
                (_, Outcome::Differs(difference)) => {
                    if !std::mem::replace(&mut extended, true) {
                        self.lab.extend();
                    }
                    let failure = failure(&answer.calls, &difference);
                    let conclusion = self.rounds(known, &plan, answer, &mut ways).await?;
                    outcome(conclusion, failure)
                }
                (Ended::Blocked | Ended::OutOfTime, _) => unfinished(answer.ended),
                (Ended::Done, Outcome::WouldBlock) => PlanOutcome::Blocked,
                (Ended::Done, Outcome::Agrees) => PlanOutcome::Ok,
                (Ended::Done, Outcome::Unsupported { syscall, errno }) => {
                    PlanOutcome::Unsupported { syscall, errno }
                }
            };
            self.circumstances.judged |= outcome.is_judged();
            self.report.bytes_compared |= matches!(outcome, PlanOutcome::Ok | PlanOutcome::Fail(_));
            self.report.plans.push(PlanReport { kind, calls, bytes, outcome });
        }
        Ok(ways)
    }

    /// Repeats a plan whose bytes differ and the whole read in turn, until the reason is clear.
    async fn rounds(
        &mut self,
        known: &mut Known,
        plan: &Plan,
        answer: Answer,
        ways: &mut Ways,
    ) -> Result<Conclusion> {
        if plan.kind.is_shared()
            && let Some(conclusion) = self.control(known, plan).await?
        {
            return Ok(conclusion);
        }
        let max_broken = known.max_broken();
        if max_broken == 0 {
            return Ok(Conclusion::Changes);
        }
        let mut rounds = Rounds::default();
        let mut last = (answer, None);
        let conclusion = loop {
            let outcome = known.reference.compare(&last.0.calls);
            if let Outcome::Differs(difference) = &outcome {
                last.1 = Some(difference.clone());
            }
            let done = last.0.ended == Ended::Done;
            let after = self.next_whole(known, &last.0.calls).await?;
            rounds.round(&outcome, done, after);
            if let Some(conclusion) = rounds.conclusion(max_broken) {
                break conclusion;
            }
            if self.lab.is_over().is_some() {
                break Conclusion::Unknown;
            }
            last.0 = self.carry(plan).await?;
        };
        let (Conclusion::Fails { .. }, (answer, Some(difference))) = (conclusion, last) else {
            return Ok(conclusion);
        };
        if let Some(why) = excuse(known, plan, &answer, &difference) {
            self.note(why);
            return Ok(Conclusion::Excused);
        }
        ways.failed.push(FailedPlan { difference, answer, shared: plan.kind.is_shared() });
        Ok(conclusion)
    }

    /// Reads the whole file after a plan that made these calls. If the bytes differ from those before the plan, a
    /// second whole read follows. If its bytes are those from before the plan, the file did not change: the plan has
    /// changed what the next reader gets.
    async fn next_whole(&mut self, known: &mut Known, calls: &[Call]) -> Result<NextWhole> {
        let Some(now) = self.whole(known).await? else { return Ok(NextWhole::Unknown) };
        if now == known.reference {
            known.equal_pairs += 1;
            return Ok(NextWhole::Same);
        }
        let mut agrees = now.compare(calls) == Outcome::Agrees;
        known.different_pairs += 1;
        let before = std::mem::replace(&mut known.reference, now);
        if known.max_broken() == MAX_BROKEN {
            let Some(later) = self.whole(known).await? else { return Ok(NextWhole::Unknown) };
            agrees |= later.compare(calls) == Outcome::Agrees;
            let same = later == before;
            known.reference = later;
            if same {
                known.different_pairs -= 1;
                return Ok(NextWhole::Same);
            }
        }
        Ok(NextWhole::Changed { agrees })
    }

    /// Reads the whole file; `None` if the read was interrupted.
    async fn whole(&mut self, known: &mut Known) -> Result<Option<Reference>> {
        let answer = self.carry(&plan::whole(known.limit)).await?;
        known.whole = answer.seen.sessions;
        Ok(Reference::of(&answer.calls).ok().filter(|_| answer.ended == Ended::Done))
    }

    /// Reads the file through two descriptors, one after the other, as a control for plans in which two readers take
    /// turns: the bytes of a file may depend on how often it is open, and on the process that reads.
    async fn control(&mut self, known: &mut Known, plan: &Plan) -> Result<Option<Conclusion>> {
        let control = self.carry(&plan::control(&known.shape, plan.kind)).await?;
        if known.reference.compare(&control.calls) == Outcome::Agrees {
            return Ok(None);
        }
        let after = self.next_whole(known, &control.calls).await?;
        if after == NextWhole::Same {
            self.note(format!("the text differs {}", plan.kind.readers()));
            return Ok(Some(Conclusion::Excused));
        }
        Ok(Some(Conclusion::Changes))
    }
}

impl Known {
    /// Returns the number of runs with differing brackets after which a plan is given up; 0 if no plan is repeated.
    fn max_broken(&self) -> u32 {
        match self.different_pairs.saturating_sub(self.equal_pairs) {
            0..=MAX_EXCESS => MAX_BROKEN,
            more if more <= 2 * MAX_EXCESS => 1,
            _ => 0,
        }
    }
}

/// Returns the outcome of a plan, from the conclusion of its rounds.
fn outcome(conclusion: Conclusion, failure: Failure) -> PlanOutcome {
    match conclusion {
        Conclusion::Fails { steady } => PlanOutcome::Fail(Failure { steady, ..failure }),
        Conclusion::Agrees => PlanOutcome::Ok,
        Conclusion::Unknown => PlanOutcome::Undecided(failure),
        Conclusion::Excused => PlanOutcome::Excused(failure),
        Conclusion::Mixed | Conclusion::Changes => PlanOutcome::Volatile(failure),
    }
}

/// Returns the reason why bytes that differ each time are not a defect; `None` if they are a defect. Lines that differ
/// only in numbers are excused if the file was open twice, or if the same callbacks rendered them as in a whole read:
/// the numbers may count readers.
fn excuse(known: &Known, plan: &Plan, answer: &Answer, difference: &Difference) -> Option<String> {
    if !numbers::only_numbers_differ(&answer.calls, &known.reference) {
        return None;
    }
    if plan.kind.is_shared() {
        return Some(format!("numbers in the text differ {}", plan.kind.readers()));
    }
    rendered_the_same_way(answer, difference).then(|| {
        format!(
            "numbers in the text differ in plan {}, rendered by the same callbacks",
            plan.kind.name()
        )
    })
}

/// Returns true if a descriptor's first pass rendered the bytes that differ, from the first record on without
/// a break: start() and next() were called as in a whole read.
fn rendered_the_same_way(answer: &Answer, difference: &Difference) -> bool {
    let Some(call) = answer.calls.get(difference.call) else { return false };
    let key = |call: &Call| (call.process, call.slot);
    let mut opened = answer.calls.iter().filter(|call| call.syscall == Syscall::Open);
    let Some(number) = opened.position(|open| key(open) == key(call)) else { return false };
    let Some(session) = answer.seen.sessions.get(number) else { return false };
    let mut covering = session.log.passes.iter().enumerate().filter(|(_, pass)| {
        pass.renderings.iter().any(|rendering| rendering.covers(difference.at))
    });
    covering.next().is_some_and(|(index, pass)| index == 0 && pass.begins)
        && covering.next().is_none()
        && !session.log.cut
}

fn failure(calls: &[Call], difference: &Difference) -> Failure {
    let call = calls.get(difference.call).map(|call| (call.syscall, call.at, call.want));
    let (syscall, at, want) = call.unwrap_or((Syscall::Read, difference.at, 0));
    Failure { syscall, at, want, difference: difference.clone(), steady: true }
}
