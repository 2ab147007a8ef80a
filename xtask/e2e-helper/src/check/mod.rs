//! `json-check`: checks that a trace is consistent, and that it agrees with the logs of readers.
//!
//! The rules are those of the core's loop (seq_read_iter(), fs/seq_file.c) and of the format. They apply to every seq
//! file whose events were all traced. A trace may be large, so it is read object by object.

mod bytes;
mod readers;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use self::session::Session;
use crate::query::objects;

/// Checks a trace. Prints a line for each problem; exit status 1 if there is any.
#[derive(Args)]
pub(crate) struct Check {
    /// Trace to check: the output of seqtrace attach --format json
    trace: PathBuf,
    /// Log that readers wrote (repeatable): the trace must have each of their opens, with the same reads
    #[arg(long)]
    log: Vec<PathBuf>,
    /// Accept lost events, if the trace counts them; then only complete sessions are checked
    #[arg(long)]
    allow_loss: bool,
    /// Accept findings, because the files break rules
    #[arg(long)]
    broken: bool,
    /// Expected number of sessions
    #[arg(long)]
    sessions: Option<usize>,
    /// Print test results as xtask/e2e/lib.sh does instead: one for each file in the logs, and one for the trace; the exit
    /// status is 0
    #[arg(long, value_name = "NAME")]
    tap: Option<String>,
}

/// Problems by path of the file. The empty path stands for the whole trace.
#[derive(Default)]
struct Problems(BTreeMap<String, Vec<String>>);

impl Problems {
    fn add(&mut self, path: &str, text: String) {
        self.0.entry(path.to_owned()).or_default().push(text);
    }
}

impl Check {
    /// Checks the trace. Returns false if it has problems, unless test results are printed.
    pub(crate) fn run(&self) -> Result<bool> {
        let mut problems = Problems::default();
        let mut trace = Trace::default();
        for object in objects(&self.trace)? {
            trace.add(&object?, &mut problems);
        }
        let lost = trace.finish(&mut problems);
        if lost > 0 && !self.allow_loss {
            problems.add("", format!("{lost} events lost"));
        }
        let mut sessions = trace.sessions;
        if let Some(expected) = self.sessions
            && expected != sessions.len()
        {
            problems.add("", format!("{} sessions instead of {expected}", sessions.len()));
        }
        let mut opens = Vec::new();
        for log in &self.log {
            opens.extend(objects(log)?.collect::<Result<Vec<_>>>()?);
        }
        for session in sessions.values_mut() {
            // The trace has /proc/123/maps where the reader opened /proc/self/maps.
            if let Some(open) = opens.iter().find(|open| session.is_of(open)) {
                string(open, "path").clone_into(&mut session.path);
            }
            session.check(lost, self.broken, &mut problems);
        }
        readers::compare(&sessions, &opens, lost > 0, &mut problems);
        eprintln!(
            "json-check: {} objects, {} sessions, {} opens of readers, {lost} lost, {} wrong",
            trace.objects,
            sessions.len(),
            opens.len(),
            problems.0.values().map(Vec::len).sum::<usize>()
        );
        Ok(self.print(&problems, &opens))
    }

    fn print(&self, problems: &Problems, opens: &[Value]) -> bool {
        let Some(name) = &self.tap else {
            for line in problems.0.values().flatten() {
                println!("{line}");
            }
            return problems.0.is_empty();
        };
        let mut paths: BTreeSet<&str> = opens.iter().map(|open| string(open, "path")).collect();
        paths.insert("");
        paths.extend(problems.0.keys().map(String::as_str));
        for path in paths {
            let test = if path.is_empty() { "/trace" } else { path };
            match problems.0.get(path) {
                Some(lines) => {
                    println!("%% not ok {name}{test}: {}", lines[0].replace('\n', " "));
                    println!("{}", lines.join("\n"));
                }
                None => println!("%% ok {name}{test}"),
            }
        }
        true
    }
}

/// State of the check of a trace, after each object.
#[derive(Default)]
struct Trace {
    /// Number of objects, of sessions and others.
    objects: usize,
    sessions: BTreeMap<String, Session>,
    /// Number of events that gaps report as lost.
    lost_in_gaps: i64,
    /// Number of lost events and missed calls that the end of the trace reports.
    lost_at_end: i64,
    /// True after the object `end`.
    ended: bool,
}

impl Trace {
    fn add(&mut self, object: &Value, problems: &mut Problems) {
        self.objects += 1;
        let kind = string(object, "type");
        if int(object, "v") != Some(1) {
            problems.add("", format!("line {}: no \"v\":1", self.objects));
        }
        if self.ended {
            problems.add("", format!("line {}: {kind} after the end", self.objects));
        }
        match kind {
            "gap" => self.lost_in_gaps += int(object, "lost").unwrap_or(0),
            "end" => {
                self.ended = true;
                let missed = int(object, "missed").unwrap_or(0);
                self.lost_at_end = int(object, "lost").unwrap_or(0) + missed;
            }
            _ => {}
        }
        let Some(name) = object.get("session").and_then(Value::as_str) else { return };
        let session = self.sessions.entry(name.to_owned()).or_insert_with(|| Session::new(name));
        session.add(kind, object);
    }

    /// Checks the end of the trace, and returns the number of lost events.
    fn finish(&self, problems: &mut Problems) -> i64 {
        if !self.ended {
            problems.add("", "the trace has no end".to_owned());
        }
        self.lost_in_gaps.max(self.lost_at_end)
    }
}

/// Returns `start` and `end` of an object's range of file offsets; 0 for a missing one.
fn range(object: &Value) -> (i64, i64) {
    let edge = |key: &str| object.get("range").and_then(|range| int(range, key)).unwrap_or(0);
    (edge("start"), edge("end"))
}

fn int(object: &Value, key: &str) -> Option<i64> {
    object.get(key).and_then(Value::as_i64)
}

/// Returns the string value of a key; empty if the object has no such string.
fn string<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
