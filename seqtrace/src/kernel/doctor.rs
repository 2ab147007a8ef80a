//! Checks whether this machine can trace, and proposes a remedy for each defect.
//!
//! Each check is a function of [`Facts`] alone. A check fails only if tracing cannot work. It warns if
//! something is merely missing, slower or not visible.

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    facts::{Facts, Trial},
    preflight::Sources,
};

mod checks;

pub(crate) use self::checks::{NO_BTF, NO_KPROBES};

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// The property is as it should be.
    Ok,
    /// Tracing works, but something is missing, slower, or could not be examined.
    Warn,
    /// Tracing cannot work.
    Fail,
}

/// One check and its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// Short, stable name of the property that was checked.
    pub(crate) name: &'static str,
    pub(crate) status: Status,
    /// The finding, in words.
    pub(crate) detail: String,
    /// Proposed action; `None` if the status is ok.
    pub(crate) remedy: Option<String>,
}

/// All checks of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    /// Version of this JSON object.
    v: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    /// True if no check failed.
    can_trace: bool,
    /// In the order of printing.
    pub(crate) checks: Vec<Check>,
}

/// Gathers the facts of this machine and runs all checks on them. `trial`: result of attaching and firing probes.
pub(crate) fn examine(trial: Trial, sources: &Sources<'_>) -> Report {
    judge(&Facts::gather(trial, sources))
}

/// Runs all checks on the facts of a machine.
pub(crate) fn judge(facts: &Facts) -> Report {
    let checks = checks::all(facts);
    let can_trace = checks.iter().all(|check| check.status != Status::Fail);
    Report { v: 1, kind: "doctor", can_trace, checks }
}

impl Report {
    /// Returns 0, or 3 (environment) if a check failed.
    pub(crate) fn exit_status(&self) -> u8 {
        if self.can_trace { 0 } else { 3 }
    }

    /// Renders one line for each check, its remedy below it, and a verdict.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let width = self.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
        for Check { name, status, detail, remedy } in &self.checks {
            let status = match status {
                Status::Ok => "ok  ",
                Status::Warn => "warn",
                Status::Fail => "FAIL",
            };
            let _ = writeln!(out, "{status}  {name:width$}  {detail}");
            if let Some(remedy) = remedy {
                let _ = writeln!(out, "      {:width$}  -> {remedy}", "");
            }
        }
        let count = |status| self.checks.iter().filter(|check| check.status == status).count();
        let verdict = if self.can_trace { "can" } else { "cannot" };
        let (failed, warned) = (count(Status::Fail), count(Status::Warn));
        let _ = writeln!(out, "\nThis machine {verdict} trace: {failed} failed, {warned} to note.");
        out
    }

    /// Renders the report as one JSON object on one line.
    ///
    /// # Errors
    /// None is known; the type is serde_json's.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

#[cfg(test)]
mod tests;
