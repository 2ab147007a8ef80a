//! Searches for a shell command that shows the bug, and tries it before it is printed.

use super::{Inquiry, Known, Lab};
use crate::check::{
    plan::{Kind, Plan},
    process::Ended,
    repro::Search,
};

impl<L: Lab> Inquiry<'_, L> {
    /// Searches for a shell command: carries out the trials and the whole reads around them.
    pub(super) async fn reproduce(&mut self, known: &Known) -> anyhow::Result<()> {
        let mut search = Search::new(&self.report, &known.shape);
        while let Some(steps) = search.steps() {
            if self.lab.is_over().is_some() {
                break;
            }
            let answer = self.quietly(&Plan::alone(Kind::Whole, steps)).await?;
            search.answer(answer.calls, answer.ended == Ended::Done);
        }
        self.report.repro = search.found();
        Ok(())
    }
}
