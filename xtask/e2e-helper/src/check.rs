//! `json-check`: is a trace consistent in itself, and does it agree with what readers got?
//!
//! The rules are those of the core's loop (fs/seq_file.c) and of the format, not of any file: they hold
//! for every seq file whose events were all seen.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use crate::query::load;

/// Prints a line for each thing that is wrong; exit status 1 if there is any.
#[derive(Args)]
pub(crate) struct Check {
    /// A trace: the output of seqtrace attach --format json
    trace: PathBuf,
    /// What readers noted (repeatable): each of their opens must be in the trace, read by read
    #[arg(long)]
    log: Vec<PathBuf>,
    /// Accept that events were lost, as long as that is said; then only whole sessions are judged
    #[arg(long)]
    allow_loss: bool,
    /// How many sessions there must be
    #[arg(long)]
    sessions: Option<usize>,
}

/// A session of the trace.
#[derive(Default)]
struct Session {
    name: String,
    tid: i64,
    ino: i64,
    path: String,
    plain: bool,
    partial: bool,
    opens: u32,
    closed: bool,
    undelivered: i64,
    totals: Value,
    callbacks: Vec<Value>,
    reads: Vec<Value>,
}

#[derive(Default)]
struct Report {
    wrong: Vec<String>,
}

impl Report {
    fn wrong(&mut self, text: String) {
        self.wrong.push(text);
    }
}

impl Check {
    pub(crate) fn run(&self) -> Result<bool> {
        let objects = load(&self.trace)?;
        let mut report = Report::default();
        let (sessions, lost) = collect(&objects, &mut report);
        if lost > 0 && !self.allow_loss {
            report.wrong(format!("{lost} events lost"));
        }
        if let Some(wanted) = self.sessions
            && wanted != sessions.len()
        {
            report.wrong(format!("{} sessions instead of {wanted}", sessions.len()));
        }
        for session in sessions.values() {
            if !session.partial {
                judge(session, &mut report);
            } else if lost == 0 {
                report.wrong(format!("{} ({}) is partial", session.name, session.path));
            }
        }
        let mut opens = 0;
        for log in &self.log {
            let noted = load(log)?;
            opens += noted.len();
            compare(&sessions, &noted, lost > 0, &mut report);
        }
        for line in &report.wrong {
            println!("{line}");
        }
        eprintln!(
            "json-check: {} objects, {} sessions, {opens} opens of readers, {} wrong",
            objects.len(),
            sessions.len(),
            report.wrong.len()
        );
        Ok(report.wrong.is_empty())
    }
}

fn collect(objects: &[Value], report: &mut Report) -> (BTreeMap<String, Session>, i64) {
    let mut sessions: BTreeMap<String, Session> = BTreeMap::new();
    let mut lost = 0;
    let mut ended = false;
    for (number, object) in objects.iter().enumerate() {
        let kind = string(object, "type");
        if int(object, "v") != Some(1) {
            report.wrong(format!("line {}: no \"v\":1", number + 1));
        }
        if ended {
            report.wrong(format!("line {}: {kind} behind the end", number + 1));
        }
        match kind {
            "gap" => lost += int(object, "lost").unwrap_or(0),
            "end" => {
                ended = true;
                lost =
                    lost.max(int(object, "lost").unwrap_or(0) + int(object, "missed").unwrap_or(0));
            }
            _ => {}
        }
        let Some(name) = object.get("session").and_then(Value::as_str) else { continue };
        let session = sessions.entry(name.to_owned()).or_default();
        name.clone_into(&mut session.name);
        match kind {
            "open" => {
                session.opens += 1;
                session.tid = int(object, "tid").unwrap_or(0);
                session.ino = int(object, "ino").unwrap_or(0);
                string(object, "path").clone_into(&mut session.path);
                session.plain = string(object, "kind") == "plain";
                session.partial |= object.get("adopted") == Some(&Value::Bool(true));
                // A failed open has nothing behind it.
                session.closed = int(object, "ret").unwrap_or(0) < 0;
            }
            "cb" => session.callbacks.push(object.clone()),
            "read" | "plain_read" => {
                session.partial |= object.get("partial").is_some_and(|partial| !partial.is_null());
                session.reads.push(object.clone());
            }
            "close" => {
                session.closed = true;
                session.undelivered = int(object, "undelivered").unwrap_or(0);
                session.totals = object.clone();
                session.partial |=
                    object.get("partial").and_then(Value::as_array).is_some_and(|l| !l.is_empty());
            }
            _ => {}
        }
    }
    if !ended {
        report.wrong("the trace has no end".to_owned());
    }
    (sessions, lost)
}

/// What must be true of a session that was seen whole.
fn judge(session: &Session, report: &mut Report) {
    let name = format!("{} ({})", session.name, session.path);
    if session.opens != 1 {
        report.wrong(format!("{name}: {} opens", session.opens));
    }
    if !session.closed {
        report.wrong(format!("{name}: no close"));
    }
    passes(session, &name, report);
    if !session.plain {
        bytes(session, &name, report);
    }
    let returned: i64 = session.reads.iter().map(|read| int(read, "ret").unwrap_or(0).max(0)).sum();
    if let Some(total) = int(&session.totals, "bytes")
        && total != returned
    {
        report.wrong(format!("{name}: total of {total} bytes, but the reads returned {returned}"));
    }
}

/// start, then what start and next return goes into show, next and stop, until stop.
fn passes(session: &Session, name: &str, report: &mut Report) {
    let mut record: Option<&str> = None;
    let (mut starts, mut stops) = (0, 0);
    for (number, callback) in session.callbacks.iter().enumerate() {
        let role = string(callback, "role");
        let at = || format!("{name}: callback {} ({role})", number + 1);
        let given = callback.get("ptr_in").and_then(Value::as_str);
        match (role, record) {
            ("start", None) => starts += 1,
            ("start", Some(_)) => report.wrong(format!("{}: start without stop", at())),
            (_, None) => report.wrong(format!("{}: before start", at())),
            ("show" | "next", Some("NULL")) => {
                report.wrong(format!("{}: called behind the end", at()));
            }
            ("show" | "next" | "stop", Some(record)) => {
                if given.is_some_and(|given| given != record) {
                    report.wrong(format!("{}: given {given:?} instead of {record}", at()));
                }
                stops += i32::from(role == "stop");
            }
            _ => report.wrong(format!("{}: unknown role", at())),
        }
        match role {
            "start" | "next" => {
                record = callback.get("ptr_out").and_then(Value::as_str);
                if record.is_none() {
                    report.wrong(format!("{}: returned nothing", at()));
                }
            }
            "stop" => record = None,
            _ => {}
        }
    }
    if starts != stops {
        report.wrong(format!("{name}: {starts} starts and {stops} stops"));
    }
}

/// Every byte that a read returned was emitted by a record before.
fn bytes(session: &Session, name: &str, report: &mut Report) {
    // Emitted and delivered, in the order of the trace: t is when a callback or a read returned.
    let mut kept = Ranges::default();
    let mut callbacks = session.callbacks.iter().peekable();
    let time = |object: &Value| int(object, "t").unwrap_or(0);
    for read in &session.reads {
        while let Some(callback) = callbacks.next_if(|callback| time(callback) <= time(read)) {
            if string(callback, "fate") == "emitted" || string(callback, "role") == "stop" {
                kept.add(range(callback));
            }
        }
        let (start, end) = range(read);
        let ret = int(read, "ret").unwrap_or(0).max(0);
        if end - start != ret {
            report.wrong(format!("{name}: a read of {ret} bytes says it delivered {start}..{end}"));
        }
        if !kept.covers((start, end)) {
            report.wrong(format!(
                "{name}: {start}..{end} was delivered, but not all of it emitted ({kept:?})"
            ));
        }
    }
    // Read from the beginning to the end: emitted is delivered or left over, to the byte.
    let sequential = session.reads.iter().all(|read| {
        read.get("traverse_from").is_none_or(Value::is_null)
            && read.get("rewind") != Some(&Value::Bool(true))
    });
    let stop_wrote = session
        .callbacks
        .iter()
        .any(|callback| string(callback, "role") == "stop" && int(callback, "bytes") > Some(0));
    if sequential && !stop_wrote && int(&session.totals, "passed_over") == Some(0) {
        let emitted: i64 = session
            .callbacks
            .iter()
            .filter(|callback| string(callback, "fate") == "emitted")
            .map(|callback| int(callback, "bytes").unwrap_or(0))
            .sum();
        let returned: i64 =
            session.reads.iter().map(|read| int(read, "ret").unwrap_or(0).max(0)).sum();
        if emitted != returned + session.undelivered {
            report.wrong(format!(
                "{name}: {emitted} bytes emitted, {returned} returned, {} undelivered",
                session.undelivered
            ));
        }
    }
}

/// Each open that a reader noted is a session with the same reads.
fn compare(
    sessions: &BTreeMap<String, Session>,
    noted: &[Value],
    lossy: bool,
    report: &mut Report,
) {
    let mut free: Vec<&Session> = sessions.values().collect();
    free.sort_by_key(|session| session.name.trim_start_matches('s').parse::<u64>().unwrap_or(0));
    for open in noted {
        let (tid, ino) = (int(open, "tid"), int(open, "ino"));
        let found =
            free.iter().position(|s| Some(s.tid) == tid && Some(s.ino) == ino && agrees(s, open));
        if let Some(found) = found {
            free.remove(found);
            continue;
        }
        let near = free.iter().find(|s| Some(s.tid) == tid && Some(s.ino) == ino);
        if lossy && near.is_none_or(|session| session.partial) {
            continue;
        }
        let path = string(open, "path");
        let noted = calls(open.get("calls"));
        report.wrong(match near {
            Some(session) => format!(
                "{} ({path}): the reads of thread {} differ (offset, asked, returned)\n  \
                 reader: {noted}\n  trace:  {}",
                session.name,
                session.tid,
                calls(Some(&Value::Array(session.reads.clone())))
            ),
            None => format!("{path}: thread {tid:?} read it (inode {ino:?}); no such session"),
        });
    }
}

fn agrees(session: &Session, open: &Value) -> bool {
    let Some(noted) = open.get("calls").and_then(Value::as_array) else { return false };
    if noted.iter().any(|call| string(call, "call") == "splice") {
        // The kernel decides how many reads a splice becomes.
        let sum = |list: &[Value]| -> i64 {
            list.iter().map(|call| int(call, "ret").unwrap_or(0).max(0)).sum()
        };
        return sum(noted) == sum(&session.reads);
    }
    noted.len() == session.reads.len()
        && noted.iter().zip(&session.reads).all(|(noted, read)| {
            let same = |key: &str| int(noted, key) == int(read, key);
            // A plain file's position is the one after the call.
            same("want") && same("ret") && (session.plain || same("pos"))
        })
}

fn calls(list: Option<&Value>) -> String {
    const SHOWN: usize = 12;
    let list = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut text: Vec<String> = list
        .iter()
        .take(SHOWN)
        .map(|call| {
            let number = |key: &str| int(call, key).map_or("?".to_owned(), |n| n.to_string());
            format!("({}, {}, {})", number("pos"), number("want"), number("ret"))
        })
        .collect();
    if list.len() > SHOWN {
        text.push(format!("… {} in all", list.len()));
    }
    text.join(" ")
}

/// A set of file offsets.
#[derive(Default, Debug)]
struct Ranges(Vec<(i64, i64)>);

impl Ranges {
    fn add(&mut self, (start, end): (i64, i64)) {
        if start >= end {
            return;
        }
        let (mut start, mut end) = (start, end);
        self.0.retain(|&(from, to)| {
            let apart = to < start || from > end;
            if !apart {
                start = start.min(from);
                end = end.max(to);
            }
            apart
        });
        self.0.push((start, end));
    }

    fn covers(&self, (start, end): (i64, i64)) -> bool {
        start >= end || self.0.iter().any(|&(from, to)| from <= start && end <= to)
    }
}

fn range(object: &Value) -> (i64, i64) {
    let edge = |key: &str| object.get("range").and_then(|range| int(range, key)).unwrap_or(0);
    (edge("start"), edge("end"))
}

fn int(object: &Value, key: &str) -> Option<i64> {
    object.get(key).and_then(Value::as_i64)
}

fn string<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wrong(objects: &[Value]) -> Vec<String> {
        let mut report = Report::default();
        let (sessions, _) = collect(objects, &mut report);
        for session in sessions.values() {
            judge(session, &mut report);
        }
        report.wrong
    }

    fn trace() -> Vec<Value> {
        let cb = |t: i64, role: &str, given: Value, returned: Value, rest: Value| {
            let mut object = json!({"type": "cb", "v": 1, "session": "s1", "t": t, "role": role,
                "ptr_in": given, "ptr_out": returned});
            if let (Some(object), Some(rest)) = (object.as_object_mut(), rest.as_object()) {
                object.extend(rest.clone());
            }
            object
        };
        let emitted = json!({"bytes": 2, "fate": "emitted", "range": {"start": 0, "end": 2}});
        vec![
            json!({"type": "open", "v": 1, "session": "s1", "tid": 7, "ino": 9, "kind": "seq", "ret": 0}),
            cb(1, "start", Value::Null, json!("0x1"), json!({})),
            cb(2, "show", json!("0x1"), Value::Null, emitted),
            cb(3, "next", json!("0x1"), json!("NULL"), json!({})),
            cb(4, "stop", json!("NULL"), Value::Null, json!({})),
            json!({"type": "read", "v": 1, "session": "s1", "t": 5, "pos": 0, "want": 10, "ret": 2,
                "range": {"start": 0, "end": 2}}),
            json!({"type": "close", "v": 1, "session": "s1", "bytes": 2, "passed_over": 0,
                "undelivered": 0, "partial": []}),
            json!({"type": "end", "v": 1, "lost": 0, "missed": 0}),
        ]
    }

    #[test]
    fn a_right_trace_is_right() {
        assert_eq!(wrong(&trace()), Vec::<String>::new());
    }

    #[test]
    fn each_object_is_missed() {
        for number in 0..trace().len() {
            let mut objects = trace();
            objects.remove(number);
            assert!(!wrong(&objects).is_empty(), "without object {number}");
        }
    }

    #[test]
    fn readers_are_found_by_thread_file_and_reads() {
        let mut report = Report::default();
        let (sessions, _) = collect(&trace(), &mut report);
        let open = |ret: i64| {
            json!({"tid": 7, "ino": 9, "path": "x",
                "calls": [{"call": "read", "pos": 0, "want": 10, "ret": ret}]})
        };
        compare(&sessions, &[open(2)], false, &mut report);
        assert_eq!(report.wrong, Vec::<String>::new());
        compare(&sessions, &[open(3)], false, &mut report);
        compare(&sessions, &[open(2), open(2)], false, &mut report);
        assert_eq!(report.wrong.len(), 2);
    }

    #[test]
    fn ranges_grow_together() {
        let mut ranges = Ranges::default();
        ranges.add((0, 4));
        ranges.add((6, 8));
        assert!(!ranges.covers((2, 7)));
        ranges.add((4, 6));
        assert!(ranges.covers((0, 8)) && ranges.covers((100, 100)) && !ranges.covers((7, 9)));
    }
}
