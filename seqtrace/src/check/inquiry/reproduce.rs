//! The search for a line of shell that shows the bug, tried before it is printed.

use super::{Inquiry, Known, Lab, alone};
use crate::check::{
    oracle::Reference,
    plan::{self, Kind},
    process::Ended,
    repro,
};

/// Number of runs in which a line has to show the bug.
const RUNS: usize = 2;

impl<L: Lab> Inquiry<'_, L> {
    /// Looks for a line. It must be wrong in all runs, in the same way, and the whole reads around them must
    /// get the reference: a file that reading empties or changes gets no line.
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

    /// Returns true if a whole read gets the reference.
    async fn is_whole(&mut self, known: &Known) -> anyhow::Result<bool> {
        let answer = self.quietly(&plan::whole(known.limit)).await?;
        let same = Reference::of(&answer.calls).is_ok_and(|now| now == known.reference);
        Ok(answer.ended == Ended::Done && same)
    }
}
