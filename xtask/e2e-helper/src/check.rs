//! `json-check`: is a trace consistent in itself, and does it agree with what readers got?
//!
//! The rules are those of the core's loop (fs/seq_file.c) and of the format, not of any file: they hold
//! for every seq file whose events were all seen. A trace is read object by object and may be large.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use crate::query::{load, objects};

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
    /// The files break rules: findings are no surprise
    #[arg(long)]
    broken: bool,
    /// How many sessions there must be
    #[arg(long)]
    sessions: Option<usize>,
    /// Print test results instead, as xtask/e2e/lib.sh does: one for each file of the logs and one for the
    /// trace as a whole; the exit status is 0
    #[arg(long, value_name = "NAME")]
    tap: Option<String>,
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
    passes: Passes,
    bytes: Bytes,
    reads: Vec<Read>,
    /// What is wrong, unless it turns out to be partial.
    wrong: Vec<String>,
    /// Errors and warnings that were found.
    found: Vec<String>,
}

struct Read {
    tid: i64,
    pos: Option<i64>,
    want: Option<i64>,
    ret: i64,
}

#[derive(Default)]
struct Report {
    /// By path; without one, what concerns the trace.
    wrong: BTreeMap<String, Vec<String>>,
}

impl Report {
    fn wrong(&mut self, path: &str, text: String) {
        self.wrong.entry(path.to_owned()).or_default().push(text);
    }
}

impl Check {
    pub(crate) fn run(&self) -> Result<bool> {
        let mut report = Report::default();
        let mut trace = Trace::default();
        for object in objects(&self.trace)? {
            trace.take(&object?, &mut report);
        }
        let lost = trace.finish(&mut report);
        if lost > 0 && !self.allow_loss {
            report.wrong("", format!("{lost} events lost"));
        }
        let mut sessions = trace.sessions;
        if let Some(wanted) = self.sessions
            && wanted != sessions.len()
        {
            report.wrong("", format!("{} sessions instead of {wanted}", sessions.len()));
        }
        let mut noted = Vec::new();
        for log in &self.log {
            noted.extend(load(log)?);
        }
        // The trace says /proc/123/maps where the reader opened /proc/self/maps.
        for session in sessions.values_mut() {
            let by = |open: &&Value| {
                int(open, "tid") == Some(session.tid) && int(open, "ino") == Some(session.ino)
            };
            if let Some(open) = noted.iter().find(by) {
                string(open, "path").clone_into(&mut session.path);
            }
        }
        for session in sessions.values_mut() {
            if !self.broken {
                session.wrong.append(&mut session.found);
            }
            judge(session, lost, &mut report);
        }
        compare(&sessions, &noted, lost > 0, &mut report);
        eprintln!(
            "json-check: {} objects, {} sessions, {} opens of readers, {lost} lost, {} wrong",
            trace.objects,
            sessions.len(),
            noted.len(),
            report.wrong.values().map(Vec::len).sum::<usize>()
        );
        Ok(self.print(&report, &noted))
    }

    fn print(&self, report: &Report, noted: &[Value]) -> bool {
        let Some(name) = &self.tap else {
            for line in report.wrong.values().flatten() {
                println!("{line}");
            }
            return report.wrong.is_empty();
        };
        let mut paths: BTreeSet<&str> = noted.iter().map(|open| string(open, "path")).collect();
        paths.insert("");
        paths.extend(report.wrong.keys().map(String::as_str));
        for path in paths {
            let test = if path.is_empty() { "/trace" } else { path };
            match report.wrong.get(path).map(Vec::as_slice) {
                Some([first, rest @ ..]) => {
                    println!("%% not ok {name}{test}: {}", first.replace('\n', " "));
                    println!("{first}");
                    for line in rest {
                        println!("{line}");
                    }
                }
                _ => println!("%% ok {name}{test}"),
            }
        }
        true
    }
}

/// A trace as it is read.
#[derive(Default)]
struct Trace {
    objects: usize,
    sessions: BTreeMap<String, Session>,
    /// Told by gaps.
    gaps: i64,
    /// Told at the end.
    lost: i64,
    ended: bool,
}

impl Trace {
    fn take(&mut self, object: &Value, report: &mut Report) {
        self.objects += 1;
        let kind = string(object, "type");
        if int(object, "v") != Some(1) {
            report.wrong("", format!("line {}: no \"v\":1", self.objects));
        }
        if self.ended {
            report.wrong("", format!("line {}: {kind} behind the end", self.objects));
        }
        match kind {
            "gap" => self.gaps += int(object, "lost").unwrap_or(0),
            "end" => {
                self.ended = true;
                self.lost = int(object, "lost").unwrap_or(0) + int(object, "missed").unwrap_or(0);
            }
            _ => {}
        }
        let Some(name) = object.get("session").and_then(Value::as_str) else { return };
        if !self.sessions.contains_key(name) {
            self.sessions.insert(name.to_owned(), Session::default());
        }
        if let Some(session) = self.sessions.get_mut(name) {
            name.clone_into(&mut session.name);
            session.take(kind, object);
        }
    }

    /// How many events were lost.
    fn finish(&self, report: &mut Report) -> i64 {
        if !self.ended {
            report.wrong("", "the trace has no end".to_owned());
        }
        self.gaps.max(self.lost)
    }
}

impl Session {
    fn take(&mut self, kind: &str, object: &Value) {
        // What a close proves comes behind it.
        if self.closed && !matches!(kind, "preview" | "finding") {
            self.wrong.push(format!("{kind} behind the close"));
        }
        match kind {
            "open" => {
                self.opens += 1;
                self.tid = int(object, "tid").unwrap_or(0);
                self.ino = int(object, "ino").unwrap_or(0);
                string(object, "path").clone_into(&mut self.path);
                self.plain = string(object, "kind") == "plain";
                self.partial |= object.get("adopted") == Some(&Value::Bool(true));
                // A failed open has nothing behind it.
                self.closed = int(object, "ret").unwrap_or(0) < 0;
            }
            "cb" => {
                self.passes.callback(object, &mut self.wrong);
                self.bytes.callback(object);
            }
            "read" | "plain_read" => {
                self.partial |= object.get("partial").is_some_and(|partial| !partial.is_null());
                let (pos, want) = (int(object, "pos"), int(object, "want"));
                let ret = int(object, "ret").unwrap_or(0);
                let tid = int(object, "tid").unwrap_or(0);
                self.reads.push(Read { tid, pos, want, ret });
                if kind == "read" {
                    self.bytes.read(object, &mut self.wrong);
                }
            }
            "lseek" => self.bytes.jumped = true,
            "finding" => {
                let (id, severity) = (string(object, "id"), string(object, "severity"));
                let text = format!("{id} ({severity}): {}", string(object, "message"));
                // The model and the kernel must agree, whatever the file does.
                if id.starts_with("SQ9") {
                    self.wrong.push(text);
                } else if severity != "info" {
                    self.found.push(text);
                }
            }
            "close" => {
                self.closed = true;
                self.partial |=
                    object.get("partial").and_then(Value::as_array).is_some_and(|l| !l.is_empty());
                if !self.plain {
                    self.bytes.close(object, &mut self.wrong);
                }
                let returned: i64 = self.reads.iter().map(|read| read.ret.max(0)).sum();
                if int(object, "bytes").is_some_and(|total| total != returned) {
                    self.wrong.push(format!("the close does not say the {returned} bytes read"));
                }
            }
            _ => {}
        }
    }
}

/// start, then what start and next return goes into show, next and stop, until stop.
#[derive(Default)]
struct Passes {
    callbacks: usize,
    starts: usize,
    stops: usize,
    record: Option<String>,
}

impl Passes {
    fn callback(&mut self, callback: &Value, wrong: &mut Vec<String>) {
        self.callbacks += 1;
        let role = string(callback, "role");
        let given = callback.get("ptr_in").and_then(Value::as_str);
        let at = format!("callback {} ({role})", self.callbacks);
        match (role, self.record.as_deref()) {
            ("start", None) => self.starts += 1,
            ("start", Some(_)) => wrong.push(format!("{at}: start without stop")),
            (_, None) => wrong.push(format!("{at}: before start")),
            ("show" | "next", Some("NULL")) => wrong.push(format!("{at}: called behind the end")),
            ("show" | "next" | "stop", Some(record)) => {
                if given.is_some_and(|given| given != record) {
                    wrong.push(format!("{at}: given {given:?} instead of {record}"));
                }
                self.stops += usize::from(role == "stop");
            }
            _ => wrong.push(format!("{at}: unknown role")),
        }
        match role {
            "start" | "next" => {
                self.record = callback.get("ptr_out").and_then(Value::as_str).map(str::to_owned);
                if self.record.is_none() {
                    wrong.push(format!("{at}: returned nothing"));
                }
            }
            "stop" => self.record = None,
            _ => {}
        }
    }
}

/// Every byte that a read returns was emitted by a record before.
#[derive(Default)]
struct Bytes {
    kept: Ranges,
    /// By read: what its own callbacks kept. Of a file that is shared, a read may begin before the one
    /// ahead of it has returned.
    own: BTreeMap<String, Ranges>,
    emitted: i64,
    returned: i64,
    /// Not read from the beginning to the end: an offset was jumped to, or stop wrote something.
    jumped: bool,
}

impl Bytes {
    fn callback(&mut self, callback: &Value) {
        let written = int(callback, "bytes").unwrap_or(0);
        if string(callback, "fate") == "emitted" {
            self.emitted += written;
            self.keep(callback);
        } else if string(callback, "role") == "stop" && written > 0 {
            self.jumped = true;
            self.keep(callback);
        }
    }

    fn keep(&mut self, callback: &Value) {
        self.kept.add(range(callback));
        let read = string(callback, "read").to_owned();
        self.own.entry(read).or_default().add(range(callback));
    }

    fn read(&mut self, read: &Value, wrong: &mut Vec<String>) {
        let (start, end) = range(read);
        let ret = int(read, "ret").unwrap_or(0).max(0);
        if end - start != ret {
            wrong.push(format!("a read of {ret} bytes says that it delivered {start}..{end}"));
        }
        if !self.kept.covers((start, end)) {
            wrong.push(format!("{start}..{end} was delivered, but only {:?} emitted", self.kept.0));
        }
        // What was in the buffer before, and what its own callbacks put there: nobody else's.
        let mut own = self.own.remove(string(read, "read")).unwrap_or_default();
        own.add((start, start + int(read, "from_leftover").unwrap_or(0).min(ret)));
        if !own.covers((start, end)) {
            wrong.push(format!(
                "{}: {start}..{end} was delivered, but its own callbacks explain {:?}",
                string(read, "read"),
                own.0
            ));
        }
        self.returned += ret;
        self.jumped |= read.get("traverse_from").is_some_and(|from| !from.is_null())
            || read.get("rewind") == Some(&Value::Bool(true));
    }

    /// Read from the beginning on: what was emitted was delivered or is left over, to the byte.
    fn close(&self, close: &Value, wrong: &mut Vec<String>) {
        let undelivered = int(close, "undelivered").unwrap_or(0);
        if !self.jumped && self.emitted != self.returned + undelivered {
            wrong.push(format!(
                "{} bytes emitted, {} returned, {undelivered} undelivered",
                self.emitted, self.returned
            ));
        }
    }
}

/// What must be true of a session that was seen whole.
fn judge(session: &mut Session, lost: i64, report: &mut Report) {
    let (name, path) = (&session.name, &session.path);
    if session.partial {
        if lost == 0 {
            report.wrong(path, format!("{name} ({path}): partial, though nothing was lost"));
        }
        return;
    }
    if session.opens != 1 {
        session.wrong.push(format!("{} opens", session.opens));
    }
    if !session.closed {
        session.wrong.push("no close".to_owned());
    }
    let Passes { starts, stops, .. } = session.passes;
    if starts != stops {
        session.wrong.push(format!("{starts} starts and {stops} stops"));
    }
    for wrong in &session.wrong {
        report.wrong(path, format!("{name} ({path}): {wrong}"));
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
        let same = |session: &&Session| Some(session.tid) == tid && Some(session.ino) == ino;
        if let Some(found) = free.iter().position(|session| same(session) && agrees(session, open))
        {
            free.remove(found);
            continue;
        }
        let near = free.iter().find(|session| same(session));
        if lossy && near.is_none_or(|session| session.partial) {
            continue;
        }
        let path = string(open, "path");
        let text = match near {
            Some(session) => format!(
                "{} ({path}): the reads of thread {} differ (offset, asked, returned)\n  \
                 reader: {}\n  trace:  {}",
                session.name,
                session.tid,
                list(&calls(open)),
                list(&session.reads)
            ),
            None => format!("{path}: thread {tid:?} read it (inode {ino:?}); no such session"),
        };
        report.wrong(path, text);
    }
}

fn calls(open: &Value) -> Vec<Read> {
    let calls = open.get("calls").and_then(Value::as_array);
    let read = |call| Read {
        tid: int(call, "tid").or_else(|| int(open, "tid")).unwrap_or(0),
        pos: int(call, "pos"),
        want: int(call, "want"),
        ret: int(call, "ret").unwrap_or(0),
    };
    calls.into_iter().flatten().map(read).collect()
}

fn agrees(session: &Session, open: &Value) -> bool {
    let noted = calls(open);
    let spliced = open
        .get("calls")
        .and_then(Value::as_array)
        .is_some_and(|calls| calls.iter().any(|call| string(call, "call") == "splice"));
    if spliced {
        // The kernel decides how many reads a splice becomes.
        let sum = |reads: &[Read]| -> i64 { reads.iter().map(|read| read.ret.max(0)).sum() };
        return sum(&noted) == sum(&session.reads);
    }
    let same = |noted: &Read, read: &Read| {
        // A plain file's position is the one after the call, a shared offset's is not known to readers.
        noted.tid == read.tid
            && noted.want == read.want
            && noted.ret == read.ret
            && (session.plain || noted.pos.is_none() || noted.pos == read.pos)
    };
    if noted.len() != session.reads.len() {
        return false;
    }
    if open.get("unordered") == Some(&Value::Bool(true)) {
        // Threads do not know whose read came first.
        let mut free: Vec<&Read> = session.reads.iter().collect();
        return noted.iter().all(|noted| {
            let found = free.iter().position(|read| same(noted, read));
            found.map(|found| free.remove(found)).is_some()
        });
    }
    noted.iter().zip(&session.reads).all(|(noted, read)| same(noted, read))
}

fn list(reads: &[Read]) -> String {
    const SHOWN: usize = 12;
    let number = |value: Option<i64>| value.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let mut text: Vec<String> = reads
        .iter()
        .take(SHOWN)
        .map(|read| format!("({}, {}, {})", number(read.pos), number(read.want), read.ret))
        .collect();
    if reads.len() > SHOWN {
        text.push(format!("… {} in all", reads.len()));
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

    fn read(objects: &[Value], report: &mut Report) -> BTreeMap<String, Session> {
        let mut trace = Trace::default();
        for object in objects {
            trace.take(object, report);
        }
        trace.finish(report);
        trace.sessions
    }

    fn wrong(objects: &[Value]) -> Vec<String> {
        let mut report = Report::default();
        for session in read(objects, &mut report).values_mut() {
            judge(session, 0, &mut report);
        }
        report.wrong.into_values().flatten().collect()
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
            json!({"type": "read", "v": 1, "session": "s1", "tid": 7, "t": 5, "pos": 0, "want": 10, "ret": 2,
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
        let sessions = read(&trace(), &mut report);
        let open = |ret: i64| {
            json!({"tid": 7, "ino": 9, "path": "x",
                "calls": [{"call": "read", "pos": 0, "want": 10, "ret": ret}]})
        };
        compare(&sessions, &[open(2)], false, &mut report);
        assert!(report.wrong.is_empty());
        compare(&sessions, &[open(3)], false, &mut report);
        compare(&sessions, &[open(2), open(2)], false, &mut report);
        assert_eq!(report.wrong.get("x").map(Vec::len), Some(2));
    }

    #[test]
    fn threads_do_not_know_whose_read_came_first() {
        let mut objects = trace();
        let mut second = objects[5].clone();
        second["tid"] = json!(8);
        second["ret"] = json!(0);
        objects.insert(6, second);
        let mut report = Report::default();
        let sessions = read(&objects, &mut report);
        let call = |tid: i64, ret: i64| json!({"tid": tid, "pos": null, "want": 10, "ret": ret});
        let open = |unordered: bool, calls: [Value; 2]| {
            json!({"tid": 7, "ino": 9, "path": "x",
                "unordered": unordered, "calls": calls})
        };
        compare(&sessions, &[open(true, [call(8, 0), call(7, 2)])], false, &mut report);
        compare(&sessions, &[open(false, [call(7, 2), call(8, 0)])], false, &mut report);
        assert!(report.wrong.is_empty());
        compare(&sessions, &[open(false, [call(8, 0), call(7, 2)])], false, &mut report);
        compare(&sessions, &[open(true, [call(7, 0), call(8, 2)])], false, &mut report);
        assert_eq!(report.wrong.get("x").map(Vec::len), Some(2));
    }

    #[test]
    fn a_read_is_explained_by_its_own_callbacks() {
        let mut objects = trace();
        objects[2]["read"] = json!("s1.r1");
        objects[5]["read"] = json!("s1.r1");
        assert_eq!(wrong(&objects), Vec::<String>::new());
        objects[2]["read"] = json!("s1.r2");
        assert_eq!(wrong(&objects).len(), 1);
        objects[5]["from_leftover"] = json!(2);
        assert_eq!(wrong(&objects), Vec::<String>::new());
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
