//! An object a line, in the manner of the trace's JSON: versioned, every key always there.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::{Report, Sums, blamed, cause, outcome, path, reason, word};
use crate::check::{
    oracle::End,
    verdict::{Found, PlanOutcome, PlanReport},
};

/// The objects of `check --format json`. They are the format: keys are only ever added.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type")]
#[schemars(rename = "check", title = "One line of seqtrace check --format json")]
enum Object<'a> {
    #[serde(rename = "check")]
    File(Box<File<'a>>),
    #[serde(rename = "check_end")]
    End(Sum),
}

/// A file and what was found.
#[derive(Serialize, JsonSchema)]
struct File<'a> {
    /// Version of the format.
    v: u32,
    /// As it was named; what a terminal would obey is escaped.
    path: String,
    /// `clean`, `findings`, `inconclusive`, `refused`.
    verdict: &'static str,
    /// Why it is inconclusive or was refused.
    reason: Option<&'a str>,
    table: Option<String>,
    start: Option<String>,
    next: Option<String>,
    show: Option<String>,
    stop: Option<String>,
    /// Bytes of the first whole read.
    bytes: u64,
    /// Records in them.
    records: u64,
    /// How the first whole read ended: `eof`, `error`, `cut`.
    end: Option<&'static str>,
    errno: Option<i32>,
    /// The same way of reading got other bytes at another time: where they change they were not judged.
    volatile: bool,
    /// The bytes of at least one way of reading were compared with those of a whole read. If not, `clean`
    /// means: as far as positions and pointers show.
    bytes_compared: bool,
    /// Events that were lost while it was read.
    lost: u64,
    plans: Vec<Plan>,
    findings: Vec<Finding<'a>>,
    notes: &'a [String],
    reproduce: Option<Reproduce<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct Plan {
    name: &'static str,
    what: &'static str,
    /// `ok`, `fail`, `changed` (the file changes: not judged), `excused` (other
    /// numbers, for a reason that a note names), `unsure` (whether it does is not known),
    /// `skip`, `blocked`, `killed` (the reader was).
    outcome: &'static str,
    detail: Option<String>,
    calls: u64,
    bytes: u64,
    /// File offset of the first byte that differs.
    offset: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
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

#[derive(Serialize, JsonSchema)]
struct Reproduce<'a> {
    command: &'a str,
    shows: &'a str,
    correct: Option<&'a str>,
}

/// How many files came to what.
#[derive(Serialize, JsonSchema)]
struct Sum {
    /// Version of the format.
    v: u32,
    files: u64,
    clean: u64,
    findings: u64,
    inconclusive: u64,
    refused: u64,
    volatile: u64,
}

/// The schema of a line, its parts among the generator's definitions.
pub fn schema(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Object<'_>>()
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
        &Object::File(Box::new(File {
            v: 1,
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
            bytes_compared: report.bytes_compared,
            lost: report.lost,
            plans: report.plans.iter().map(plan).collect(),
            findings: report.found.iter().map(finding).collect(),
            notes: &report.notes,
            reproduce: report.repro.as_ref().map(|repro| Reproduce {
                command: &repro.command,
                shows: &repro.shows,
                correct: repro.correct.as_deref(),
            }),
        })),
        out,
    );
}

/// The sums.
pub(super) fn end(sums: &Sums, out: &mut Vec<u8>) {
    let Sums { files, clean, findings, inconclusive, refused, volatile } = *sums;
    let sum = Sum { v: 1, files, clean, findings, inconclusive, refused, volatile };
    line(&Object::End(sum), out);
}

fn plan(plan: &PlanReport) -> Plan {
    let (outcome, detail) = outcome(plan);
    let offset = match &plan.outcome {
        PlanOutcome::Fail(failure)
        | PlanOutcome::Volatile(failure)
        | PlanOutcome::Excused(failure)
        | PlanOutcome::Undecided(failure) => Some(failure.difference.at),
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
