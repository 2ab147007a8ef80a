//! The report on a file as a part of an HTML page.

use seqtrace_html::{CheckedFile, Reproducer};

use super::{outcome, path, reason, text, word};
use crate::check::{
    repro::Repro,
    verdict::{PlanOutcome, Report},
};

/// Converts the report on a file to a part of the page.
pub(super) fn file(report: &Report) -> CheckedFile {
    let wrong = report.plans.iter().filter(|plan| matches!(plan.outcome, PlanOutcome::Fail(_)));
    let reproducer = report.repro.as_ref().map(|Repro { command, shows, correct }| {
        let correct = correct.as_ref().map(|text| format!("; correct output: {text}"));
        Reproducer {
            command: command.clone(),
            shows: format!("{shows}{}", correct.unwrap_or_default()),
        }
    });
    CheckedFile {
        path: path(report),
        verdict: word(&report.verdict),
        reason: reason(&report.verdict).or(report.reservation()).unwrap_or_default().to_owned(),
        size: text::size(report),
        failures: wrong
            .map(|plan| {
                let (_, details) = outcome(plan);
                format!("{}: {}", plan.kind.name(), details.unwrap_or_default())
            })
            .collect(),
        notes: report.notes.clone(),
        reproducer,
        findings: report
            .found
            .iter()
            .map(|found| (found.finding.id, found.sessions.clone()))
            .collect(),
    }
}
