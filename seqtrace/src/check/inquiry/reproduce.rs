//! A line of shell that shows what is wrong, tried before it is printed.

use super::{Inquiry, Known, Lab, alone};
use crate::check::{
    oracle::Reference,
    plan::{self, Kind},
    process::Ended,
    repro,
};

/// How often a line has to show it.
const RUNS: usize = 2;

impl<L: Lab> Inquiry<'_, L> {
    /// Looks for a line. One is only given if it is wrong twice, in the same way, and the whole reads before,
    /// between and behind get the reference: in a file that reading empties or changes there is none.
    pub(super) async fn reproduce(&mut self, known: &Known) -> anyhow::Result<()> {
        for trial in repro::trials(&self.report, &known.shape) {
            if self.lab.is_over().is_some() || !self.is_whole(known).await? {
                break;
            }
            let mut lines = Vec::new();
            for _ in 0..RUNS {
                let answer = self.quietly(&alone(Kind::Whole, trial.steps.clone())).await?;
                let whole = self.is_whole(known).await?;
                let line = trial.confirm(&answer.calls, &known.reference, &self.report.path);
                lines.extend(line.filter(|_| whole));
                if lines.is_empty() {
                    break;
                }
            }
            let same = lines.windows(2).all(|pair| {
                matches!(pair, [a, b] if (&a.command, &a.correct) == (&b.command, &b.correct))
            });
            if lines.len() == RUNS && same {
                self.report.repro = lines.pop();
                break;
            }
        }
        Ok(())
    }

    /// Whether a whole read gets the reference.
    async fn is_whole(&mut self, known: &Known) -> anyhow::Result<bool> {
        let answer = self.quietly(&plan::whole(known.limit)).await?;
        let same = Reference::of(&answer.calls).is_ok_and(|now| now == known.reference);
        Ok(answer.ended == Ended::Done && same)
    }
}
