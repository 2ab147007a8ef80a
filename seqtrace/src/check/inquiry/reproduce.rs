//! Searches for a shell command that shows the bug, and tries it before it is printed.

use super::{Inquiry, Known, Lab};
use crate::check::{
    plan::{Kind, Plan},
    process::Ended,
    repro::search,
};

impl<L: Lab> Inquiry<'_, L> {
    /// Searches for a shell command: carries out the trials and the whole reads around them.
    pub(super) async fn reproduce(&mut self, known: &Known) -> anyhow::Result<()> {
        let report = self.report.clone();
        self.report.repro = search(&report, &known.shape, async |steps| {
            if self.lab.is_over().is_some() {
                return Ok(None);
            }
            let answer = self.quietly(&Plan::new(Kind::Whole, steps)).await?;
            Ok((answer.ended == Ended::Done).then_some(answer.calls))
        })
        .await?;
        Ok(())
    }
}
