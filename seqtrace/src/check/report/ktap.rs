//! KTAP, Documentation/dev-tools/ktap.rst: a test for each file, in it one for each plan and one for the
//! rules.

use std::fmt::Write as _;

use super::{Report, Sums, bad, outcome, path, reason};
use crate::check::verdict::{PlanOutcome, Verdict};

/// The head.
pub(super) fn begin(files: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("KTAP version 1\n1..{files}\n").as_bytes());
}

/// A file.
pub(super) fn report(number: u64, report: &Report, out: &mut Vec<u8>) {
    let mut text = String::new();
    let _infallible = write(number, report, &mut text);
    out.extend_from_slice(text.as_bytes());
}

fn write(number: u64, report: &Report, text: &mut String) -> std::fmt::Result {
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
        let finding = &found.finding;
        writeln!(
            text,
            "  # {} {} {}: {}",
            finding.severity.name(),
            finding.id,
            finding.name,
            finding.message
        )?;
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

/// The sums, as a comment.
pub(super) fn end(sums: &Sums, out: &mut Vec<u8>) {
    let Sums { files, clean, findings, inconclusive, refused, volatile: _ } = *sums;
    let fail = findings + inconclusive;
    let line = format!("# Totals: pass:{clean} fail:{fail} skip:{refused} total:{files}\n");
    out.extend_from_slice(line.as_bytes());
}
