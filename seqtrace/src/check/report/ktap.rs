//! KTAP, Documentation/dev-tools/ktap.rst: a test for each file, in it one for each plan and one for the
//! rules.

use std::fmt::{self, Write as _};

use super::{Layout, Report, Sums, Unlisted, bad, outcome, path, reason, source};
use crate::{
    check::verdict::{PlanOutcome, Verdict},
    render::SourceText,
    rules::Finding,
};

#[derive(Debug, Default)]
pub(super) struct Ktap {
    /// Number of files reported so far.
    files: u64,
}

impl Layout for Ktap {
    fn begin(&mut self, files: u64, out: &mut String) -> fmt::Result {
        write!(out, "KTAP version 1\n1..{files}\n")
    }

    fn report(&mut self, report: &Report, text: &mut String) -> fmt::Result {
        self.files += 1;
        let number = self.files;
        let path = path(report).replace('#', "\\#");
        if let Verdict::Refused(why) = &report.verdict {
            return writeln!(text, "ok {number} {path} # SKIP {why}");
        }
        writeln!(text, "  KTAP version 1\n  1..{}", report.plans.len() + 1)?;
        for (index, plan) in report.plans.iter().enumerate() {
            let (_, detail) = outcome(plan);
            let detail = detail.unwrap_or_default();
            let (number, name) = (index + 1, plan.kind.name());
            match plan.outcome {
                PlanOutcome::Ok => writeln!(text, "  ok {number} {name}")?,
                PlanOutcome::Fail(_) | PlanOutcome::Killed => {
                    writeln!(text, "  # {detail}\n  not ok {number} {name}")?;
                }
                _ => writeln!(text, "  ok {number} {name} # SKIP {detail}")?,
            }
        }
        for found in bad(report) {
            let Finding { severity, id, name, message, .. } = &found.finding;
            write!(text, "  # {} {id} {name}: {message}", severity.name())?;
            if let Some(source) = source(&found.finding) {
                write!(text, " at {}", SourceText { source, ascii: false })?;
            }
            text.write_char('\n')?;
        }
        if let Some(repro) = &report.repro {
            writeln!(text, "  # reproduce: {}\n  # {}", repro.command, repro.shows)?;
        }
        let rules = report.plans.len() + 1;
        let not = if bad(report).next().is_some() { "not ok" } else { "ok" };
        writeln!(text, "  {not} {rules} rules")?;
        if let Some(why) = report.reservation() {
            writeln!(text, "# clean {why}")?;
        }
        match (&report.verdict, reason(&report.verdict)) {
            (Verdict::Clean, _) => writeln!(text, "ok {number} {path}"),
            (_, Some(why)) => writeln!(text, "# inconclusive: {why}\nnot ok {number} {path}"),
            _ => writeln!(text, "not ok {number} {path}"),
        }
    }

    fn interrupted(&mut self, left: &[Report], text: &mut String) -> fmt::Result {
        writeln!(text, "# interrupted: the following tests were not run")?;
        for report in left {
            self.files += 1;
            writeln!(text, "not ok {} {}", self.files, path(report).replace('#', "\\#"))?;
        }
        Ok(())
    }

    fn end(&mut self, sums: &Sums, _unlisted: Unlisted, out: &mut String) -> fmt::Result {
        let Sums { files, clean, findings, inconclusive, refused, volatile: _ } = *sums;
        let fail = findings + inconclusive;
        writeln!(out, "# Totals: pass:{clean} fail:{fail} skip:{refused} total:{files}")
    }
}
