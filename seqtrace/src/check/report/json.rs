//! An object a line, in the manner of the trace's JSON: versioned, every key always there.

use serde::Serialize;

use super::{Report, Sums, blamed, cause, outcome, path, reason, word};
use crate::check::{
    oracle::End,
    verdict::{Found, PlanOutcome, PlanReport},
};

#[derive(Serialize)]
struct File<'a> {
    v: u32,
    r#type: &'static str,
    path: String,
    verdict: &'static str,
    reason: Option<&'a str>,
    table: Option<String>,
    start: Option<String>,
    next: Option<String>,
    show: Option<String>,
    stop: Option<String>,
    bytes: u64,
    records: u64,
    /// `eof`, `error`, `cut`.
    end: Option<&'static str>,
    errno: Option<i32>,
    volatile: bool,
    lost: u64,
    plans: Vec<Plan>,
    findings: Vec<Finding<'a>>,
    notes: &'a [String],
    reproduce: Option<Reproduce<'a>>,
}

#[derive(Serialize)]
struct Plan {
    name: &'static str,
    what: &'static str,
    outcome: &'static str,
    detail: Option<String>,
    calls: u64,
    bytes: u64,
    /// File offset of the first byte that differs.
    offset: Option<u64>,
}

#[derive(Serialize)]
struct Finding<'a> {
    id: String,
    name: &'a str,
    severity: &'static str,
    message: &'a str,
    blame: Option<String>,
    cause: Option<String>,
    sessions: u64,
    times: u64,
    plans: Vec<&'static str>,
}

#[derive(Serialize)]
struct Reproduce<'a> {
    command: &'a str,
    shows: &'a str,
    correct: Option<&'a str>,
}

#[derive(Serialize)]
struct End_ {
    v: u32,
    r#type: &'static str,
    files: u64,
    clean: u64,
    findings: u64,
    inconclusive: u64,
    refused: u64,
    volatile: u64,
}

/// A file.
pub(super) fn report(report: &Report, out: &mut Vec<u8>) {
    let callbacks = report.callbacks.as_ref();
    let (end, errno) = match report.end {
        None => (None, None),
        Some(End::Eof) => (Some("eof"), None),
        Some(End::Cut) => (Some("cut"), None),
        Some(End::Error(errno)) => (Some("error"), Some(errno)),
    };
    line(
        &File {
            v: 1,
            r#type: "check",
            path: path(report),
            verdict: word(&report.verdict),
            reason: reason(&report.verdict),
            table: callbacks.and_then(|all| all.table.as_ref()).map(super::symbol),
            start: callbacks.map(|all| super::symbol(&all.start)),
            next: callbacks.map(|all| super::symbol(&all.next)),
            show: callbacks.map(|all| super::symbol(&all.show)),
            stop: callbacks.map(|all| super::symbol(&all.stop)),
            bytes: report.bytes,
            records: report.records,
            end,
            errno,
            volatile: report.volatile,
            lost: report.lost,
            plans: report.plans.iter().map(plan).collect(),
            findings: report.found.iter().map(finding).collect(),
            notes: &report.notes,
            reproduce: report.repro.as_ref().map(|repro| Reproduce {
                command: &repro.command,
                shows: &repro.shows,
                correct: repro.correct.as_deref(),
            }),
        },
        out,
    );
}

/// The sums.
pub(super) fn end(sums: &Sums, out: &mut Vec<u8>) {
    let Sums { files, clean, findings, inconclusive, refused, volatile } = *sums;
    let r#type = "check_end";
    line(&End_ { v: 1, r#type, files, clean, findings, inconclusive, refused, volatile }, out);
}

fn plan(plan: &PlanReport) -> Plan {
    let (outcome, detail) = outcome(plan);
    let offset = match &plan.outcome {
        PlanOutcome::Fail(failure) | PlanOutcome::Volatile(failure) => Some(failure.difference.at),
        _ => None,
    };
    Plan {
        name: plan.kind.name(),
        what: plan.kind.what(),
        outcome: match outcome {
            "FAIL" => "fail",
            other => other,
        },
        detail,
        calls: plan.calls,
        bytes: plan.bytes,
        offset,
    }
}

fn finding(found: &Found) -> Finding<'_> {
    let Found { finding, plans, sessions } = found;
    Finding {
        id: finding.id.to_string(),
        name: finding.name,
        severity: finding.severity.name(),
        message: &finding.message,
        blame: blamed(finding),
        cause: cause(finding),
        sessions: *sessions,
        times: finding.times,
        plans: plans.iter().map(|kind| kind.name()).collect(),
    }
}

fn line(value: &impl Serialize, out: &mut Vec<u8>) {
    // Values of these types can always be written.
    let _infallible = serde_json::to_writer(&mut *out, value);
    out.push(b'\n');
}
