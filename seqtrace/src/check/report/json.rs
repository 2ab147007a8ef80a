//! JSON, one object per line, as in the JSON of a trace: versioned, with every key always present but for `source`.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::{Layout, Report, Sums, Unlisted, blamed, cause, outcome, path, reason, word};
use crate::{
    check::{
        oracle::End,
        repro::Repro,
        verdict::{Found, PlanReport},
    },
    symbol::SourceLine,
};

/// The objects of `check --format json`. Their fields define the format: keys are only ever added.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type")]
#[schemars(rename = "check", title = "One line of seqtrace check --format json")]
enum Object<'a> {
    #[serde(rename = "check")]
    File(Box<File<'a>>),
    #[serde(rename = "check_end")]
    End(Sum),
}

/// The result for one file.
#[derive(Serialize, JsonSchema)]
struct File<'a> {
    /// Version of the format.
    v: u32,
    /// Path as the user named it, with control characters escaped.
    path: String,
    /// `clean`, `findings`, `inconclusive`, `refused`.
    verdict: &'static str,
    /// Reason why the file is inconclusive or was refused; null for other verdicts.
    reason: Option<&'a str>,
    table: Option<String>,
    start: Option<String>,
    next: Option<String>,
    show: Option<String>,
    stop: Option<String>,
    /// Number of bytes of the first whole read.
    bytes: u64,
    /// Number of records of the first whole read.
    records: u64,
    /// The way in which the first whole read ended: `eof`, `error`, `cut`; null if there was none.
    end: Option<&'static str>,
    errno: Option<i32>,
    /// True if one way of reading got different bytes at different times; such bytes are not judged.
    volatile: bool,
    /// True if the bytes of at least one way of reading were compared with those of a whole read. If false, `clean` is
    /// a conclusion from positions and pointers only.
    bytes_compared: bool,
    /// Number of events that were lost while the file was read.
    lost: u64,
    plans: Vec<Plan>,
    findings: Vec<Finding<'a>>,
    notes: &'a [String],
    reproduce: Option<&'a Repro>,
}

#[derive(Serialize, JsonSchema)]
struct Plan {
    name: &'static str,
    what: &'static str,
    /// `ok`, `fail`, `changed` (the file changes: not judged), `excused` (other
    /// numbers, for a reason that a note names), `unsure` (not known if the file changes),
    /// `skip`, `blocked`, `killed` (the reader was killed).
    outcome: &'static str,
    detail: Option<String>,
    calls: u64,
    bytes: u64,
    /// File offset of the first byte that differs; null if none differs.
    offset: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
struct Finding<'a> {
    id: String,
    name: &'a str,
    severity: &'static str,
    message: &'a str,
    blame: Option<String>,
    /// The line at which the function of `blame` is defined. The only key that is left out if its value is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source<'a>>,
    cause: Option<String>,
    sessions: u64,
    times: u64,
    plans: Vec<&'static str>,
}

/// A line of source.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Source<'a> {
    /// Path of the file, relative to the current directory of seqtrace if it lies below that, else to the folder in which
    /// the kernel or the module was built, else absolute.
    file: &'a str,
    /// Number of the line, from 1.
    line: u32,
}

impl<'a> From<&'a SourceLine> for Source<'a> {
    fn from(source: &'a SourceLine) -> Self {
        let SourceLine { file, line } = source;
        Self { file, line: *line }
    }
}

/// Numbers of files by verdict.
#[derive(Serialize, JsonSchema)]
struct Sum {
    /// Version of the format.
    v: u32,
    #[serde(flatten)]
    sums: Sums,
    /// True if a signal ended the check before all files were judged. Those that were not are inconclusive.
    interrupted: bool,
    /// Number of files that were not judged for that reason.
    not_reached: u64,
}

/// Returns the schema of a line; its parts are among the generator's definitions.
pub(crate) fn schema(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Object<'_>>()
}

#[derive(Debug)]
pub(super) struct Json;

impl Layout for Json {
    fn report(&mut self, report: &Report, out: &mut String) -> fmt::Result {
        line(&Object::File(Box::new(file(report))), out)
    }

    fn end(&mut self, sums: &Sums, unlisted: Unlisted, out: &mut String) -> fmt::Result {
        let not_reached = unlisted.interrupted;
        line(
            &Object::End(Sum { v: 1, sums: *sums, interrupted: not_reached > 0, not_reached }),
            out,
        )
    }
}

fn file(report: &Report) -> File<'_> {
    let callbacks = report.callbacks.as_ref();
    let (end, errno) = match report.end {
        None => (None, None),
        Some(End::Eof) => (Some("eof"), None),
        Some(End::Cut) => (Some("cut"), None),
        Some(End::Error(errno)) => (Some("error"), Some(errno)),
    };
    File {
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
        reproduce: report.repro.as_ref(),
    }
}

fn plan(plan: &PlanReport) -> Plan {
    let (outcome, detail) = outcome(plan);
    Plan {
        name: plan.kind.name(),
        what: plan.kind.what(),
        outcome: if outcome == "FAIL" { "fail" } else { outcome },
        detail,
        calls: plan.calls,
        bytes: plan.bytes,
        offset: plan.outcome.failure().map(|failure| failure.difference.at),
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
        source: super::source(finding).map(Source::from),
        cause: cause(finding),
        sessions: sessions.len() as u64,
        times: finding.times,
        plans: plans.iter().map(|kind| kind.name()).collect(),
    }
}

fn line(object: &Object<'_>, out: &mut String) -> fmt::Result {
    out.push_str(&serde_json::to_string(object).map_err(|_| fmt::Error)?);
    out.push('\n');
    Ok(())
}
