//! Each way of reading against the whole reads around it.

use super::{
    Answer, Inquiry, Known, Lab, endless,
    numbers::{self, Kin},
    opening::{count, unfinished},
    rounds::{Behind, Rounds, Settled},
};
use crate::check::{
    call::{Call, Syscall},
    oracle::{Difference, Outcome, Reference, bytes},
    plan::{self, Plan},
    process::Ended,
    verdict::{Failure, PlanOutcome, PlanReport},
};

/// Broken pairs of whole reads with which a plan is put up, in a file that keeps still as a rule.
const PATIENCE: u32 = 3;
/// Where so many more pairs are broken than intact, one is enough; where it is twice as many, no plan
/// is repeated: the file never keeps still.
const RESTLESS: u32 = 3;

/// A plan that gets other bytes than a whole read, each time.
pub(super) struct Wrong {
    /// Where they differ first, the last time.
    pub(super) difference: Difference,
    /// What it did then.
    pub(super) answer: Answer,
}

/// What the plans found.
#[derive(Default)]
pub(super) struct Ways {
    /// Those that fail.
    pub(super) wrong: Vec<Wrong>,
    /// Those that read on behind the end of the file, or did not come to it.
    pub(super) beyond: Vec<(Plan, Answer)>,
}

impl<L: Lab> Inquiry<'_, L> {
    /// Carries out all plans, and those whose bytes differ as often as is needed to know why.
    pub(super) async fn ways(&mut self, known: &mut Known) -> anyhow::Result<Ways> {
        let mut ways = Ways::default();
        let mut extended = false;
        for plan in plan::all(&known.shape) {
            let mut report =
                PlanReport { kind: plan.kind, calls: 0, bytes: 0, outcome: PlanOutcome::Ok };
            if let Some(why) = self.lab.is_over() {
                report.outcome = PlanOutcome::NotRun(why);
                self.report.plans.push(report);
                continue;
            }
            let answer = self.carry(&plan).await?;
            report.calls = count(&answer.calls);
            report.bytes = bytes(&answer.calls);
            if endless::is_suspicious(&answer.calls, &known.shape) {
                ways.beyond.push((plan.clone(), answer.clone()));
            }
            report.outcome = match (answer.ended, known.reference.compare(&answer.calls)) {
                (Ended::Died, _) => unfinished(answer.ended),
                (_, Outcome::Differs(difference)) => {
                    if !std::mem::replace(&mut extended, true) {
                        self.lab.extend();
                    }
                    let failure = failure(&answer.calls, &difference);
                    let settled = self.rounds(known, &plan, answer, &mut ways).await?;
                    outcome(settled, failure)
                }
                (Ended::Blocked | Ended::OutOfTime, _) => unfinished(answer.ended),
                (Ended::Done, Outcome::WouldBlock) => PlanOutcome::Blocked,
                (Ended::Done, Outcome::Agrees) => PlanOutcome::Ok,
                (Ended::Done, Outcome::Unsupported { syscall, errno }) => {
                    PlanOutcome::Unsupported { syscall, errno }
                }
            };
            self.circumstances.judged |= report.outcome.is_judged();
            self.report.bytes_compared |=
                matches!(report.outcome, PlanOutcome::Ok | PlanOutcome::Fail(_));
            self.report.plans.push(report);
        }
        Ok(ways)
    }

    /// A plan's bytes differ. It and the whole read are repeated in turn until it is clear why.
    async fn rounds(
        &mut self,
        known: &mut Known,
        plan: &Plan,
        answer: Answer,
        ways: &mut Ways,
    ) -> anyhow::Result<Settled> {
        if plan.kind.is_shared()
            && let Some(settled) = self.control(known, plan).await?
        {
            return Ok(settled);
        }
        let patience = known.patience();
        if patience == 0 {
            return Ok(Settled::Changes);
        }
        let mut rounds = Rounds::default();
        let mut last = (answer, None);
        let settled = loop {
            let outcome = known.reference.compare(&last.0.calls);
            if let Outcome::Differs(difference) = &outcome {
                last.1 = Some(difference.clone());
            }
            let done = last.0.ended == Ended::Done;
            let behind = self.behind(known, &last.0.calls).await?;
            rounds.round(&outcome, done, behind);
            if let Some(settled) = rounds.settled(patience) {
                break settled;
            }
            if self.lab.is_over().is_some() {
                break Settled::Unknown;
            }
            last.0 = self.carry(plan).await?;
        };
        let (Settled::Fails { .. }, (answer, Some(difference))) = (settled, last) else {
            return Ok(settled);
        };
        if let Some(why) = excuse(known, plan, &answer, &difference) {
            self.note(why);
            return Ok(Settled::Excused);
        }
        ways.wrong.push(Wrong { difference, answer });
        Ok(settled)
    }

    /// A whole read behind a plan that made these calls. If it differs from the one before the plan, another
    /// one follows: if that does not, the plan changed what the next reader gets, and not the file.
    async fn behind(&mut self, known: &mut Known, calls: &[Call]) -> anyhow::Result<Behind> {
        let Some(now) = self.whole(known).await? else { return Ok(Behind::Unknown) };
        if now == known.reference {
            known.intact += 1;
            return Ok(Behind::Same);
        }
        let mut agrees = now.compare(calls) == Outcome::Agrees;
        known.broken += 1;
        let before = std::mem::replace(&mut known.reference, now);
        if known.patience() == PATIENCE {
            let Some(later) = self.whole(known).await? else { return Ok(Behind::Unknown) };
            agrees |= later.compare(calls) == Outcome::Agrees;
            let same = later == before;
            known.reference = later;
            if same {
                known.broken -= 1;
                return Ok(Behind::Same);
            }
        }
        Ok(Behind::Changed { agrees })
    }

    /// A whole read; `None` if it does not come to its end.
    async fn whole(&mut self, known: &mut Known) -> anyhow::Result<Option<Reference>> {
        let answer = self.carry(&plan::whole(known.limit)).await?;
        known.whole = answer.seen.sessions;
        Ok(Reference::of(&answer.calls).ok().filter(|_| answer.ended == Ended::Done))
    }

    /// Two readers at once: whether a file says something else to whoever has it open twice, though one
    /// reads behind the other. It may tell how often it is open, and each process something else.
    async fn control(&mut self, known: &mut Known, plan: &Plan) -> anyhow::Result<Option<Settled>> {
        let control = self.carry(&plan::control(&known.shape, plan.kind)).await?;
        if known.reference.compare(&control.calls) == Outcome::Agrees {
            return Ok(None);
        }
        let behind = self.behind(known, &control.calls).await?;
        if behind == Behind::Same {
            self.note(format!("it says something else to {}", plan.kind.readers()));
            return Ok(Some(Settled::Excused));
        }
        Ok(Some(Settled::Changes))
    }
}

impl Known {
    /// How many broken brackets a plan is put up with; 0 if it is not worth repeating any.
    fn patience(&self) -> u32 {
        match self.broken.saturating_sub(self.intact) {
            0..=RESTLESS => PATIENCE,
            more if more <= 2 * RESTLESS => 1,
            _ => 0,
        }
    }
}

/// What the rounds of a plan came to.
fn outcome(settled: Settled, failure: Failure) -> PlanOutcome {
    match settled {
        Settled::Fails { steady } => PlanOutcome::Fail(Failure { steady, ..failure }),
        Settled::Agrees => PlanOutcome::Ok,
        Settled::Unknown => PlanOutcome::Unsettled(failure),
        Settled::Excused => PlanOutcome::Excused(failure),
        Settled::Mixed | Settled::Changes => PlanOutcome::Volatile(failure),
    }
}

/// Why bytes that differ each time are not the file's fault, if so: lines that are the same but for
/// numbers in them tell who is looking, where the callbacks that rendered them were those of a whole read,
/// or the file is open twice.
fn excuse(known: &Known, plan: &Plan, answer: &Answer, difference: &Difference) -> Option<String> {
    if numbers::kin(&answer.calls, &known.reference) != Kin::Numbers {
        return None;
    }
    if plan.kind.is_shared() {
        return Some(format!("other numbers stand in it for {}", plan.kind.readers()));
    }
    rendered_the_same_way(answer, difference).then(|| {
        format!(
            "other numbers stand in it in plan {}, rendered by the same callbacks",
            plan.kind.name()
        )
    })
}

/// True if what differs was rendered in a descriptor's first pass, which went from the first record on
/// without a break: start() and next() were called as in a whole read.
fn rendered_the_same_way(answer: &Answer, difference: &Difference) -> bool {
    let Some(call) = answer.calls.get(difference.call) else { return false };
    let key = |call: &Call| (call.process, call.slot);
    let mut opened = answer.calls.iter().filter(|call| call.syscall == Syscall::Open);
    let Some(number) = opened.position(|open| key(open) == key(call)) else { return false };
    let Some(session) = answer.seen.sessions.get(number) else { return false };
    let at = i64::try_from(difference.at).unwrap_or(i64::MAX);
    let mut covering = session.log.passes.iter().enumerate().filter(|(_, pass)| {
        pass.shows
            .iter()
            .any(|shown| shown.range.is_some_and(|range| (range.start..range.end).contains(&at)))
    });
    covering.next().is_some_and(|(index, pass)| index == 0 && pass.begins)
        && covering.next().is_none()
        && !session.log.cut
}

fn failure(calls: &[Call], difference: &Difference) -> Failure {
    let call = calls.get(difference.call);
    Failure {
        syscall: call.map_or(Syscall::Read, |call| call.syscall),
        at: call.map_or(difference.at, |call| call.at),
        want: call.map_or(0, |call| call.want),
        difference: difference.clone(),
        steady: true,
    }
}
