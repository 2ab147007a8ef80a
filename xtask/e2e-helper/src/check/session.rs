//! Checks a session of a trace: the order of its objects, its passes and its totals.

use serde_json::Value;

use super::bytes::Bytes;
use super::{Problems, int, string};

/// A session of the trace.
#[derive(Default)]
pub(super) struct Session {
    pub(super) name: String,
    pub(super) tid: i64,
    ino: i64,
    /// Path of the file: the path that the reader opened, if the reader's log is known.
    pub(super) path: String,
    /// True for a file that is not a seq file.
    pub(super) plain: bool,
    pub(super) partial: bool,
    /// Number of objects `open`.
    opens: u32,
    closed: bool,
    passes: Passes,
    bytes: Bytes,
    pub(super) reads: Vec<Read>,
    /// Problems that are reported only if the session is not partial.
    problems: Vec<String>,
    /// Errors and warnings that the trace reports.
    findings: Vec<String>,
}

/// A read as the trace or a reader recorded it.
pub(super) struct Read {
    pub(super) tid: i64,
    /// File offset; `None`: not known.
    pub(super) pos: Option<i64>,
    /// Number of bytes requested.
    pub(super) want: Option<i64>,
    /// Number of bytes returned, or a negative error number.
    pub(super) ret: i64,
    /// True if a reader called splice().
    pub(super) spliced: bool,
}

impl Session {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Returns true if the thread that a reader logged opened the file of this session.
    pub(super) fn is_of(&self, open: &Value) -> bool {
        int(open, "tid") == Some(self.tid) && int(open, "ino") == Some(self.ino)
    }

    pub(super) fn add(&mut self, kind: &str, object: &Value) {
        // Findings that the close proves follow the close.
        if self.closed && !matches!(kind, "preview" | "finding") {
            self.problems.push(format!("{kind} after the close"));
        }
        match kind {
            "open" => self.open(object),
            "cb" => {
                self.passes.callback(object, &mut self.problems);
                self.bytes.callback(object);
            }
            "read" | "plain_read" => {
                self.partial |= object.get("partial").is_some_and(|partial| !partial.is_null());
                let (pos, want) = (int(object, "pos"), int(object, "want"));
                let ret = int(object, "ret").unwrap_or(0);
                let tid = int(object, "tid").unwrap_or(0);
                self.reads.push(Read { tid, pos, want, ret, spliced: false });
                if kind == "read" {
                    self.bytes.read(object, &mut self.problems);
                }
            }
            "lseek" => self.bytes.jumped = true,
            "finding" => self.finding(object),
            "close" => self.close(object),
            _ => {}
        }
    }

    fn open(&mut self, object: &Value) {
        self.opens += 1;
        self.tid = int(object, "tid").unwrap_or(0);
        self.ino = int(object, "ino").unwrap_or(0);
        string(object, "path").clone_into(&mut self.path);
        self.plain = string(object, "kind") == "plain";
        self.partial |= object.get("adopted") == Some(&Value::Bool(true));
        // A failed open has no close.
        self.closed = int(object, "ret").unwrap_or(0) < 0;
    }

    fn finding(&mut self, object: &Value) {
        let (id, severity) = (string(object, "id"), string(object, "severity"));
        let text = format!("{id} ({severity}): {}", string(object, "message"));
        // SQ9xx: the model and the kernel disagree, which must not happen with any file.
        if id.starts_with("SQ9") {
            self.problems.push(text);
        } else if severity != "info" {
            self.findings.push(text);
        }
    }

    fn close(&mut self, object: &Value) {
        self.closed = true;
        self.partial |=
            object.get("partial").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        if !self.plain {
            self.bytes.close(object, &mut self.problems);
        }
        let returned: i64 = self.reads.iter().map(|read| read.ret.max(0)).sum();
        if int(object, "bytes").is_some_and(|total| total != returned) {
            self.problems.push(format!("the close does not have the total of {returned} bytes"));
        }
    }

    /// Adds the problems of a complete session. `lost` is the number of lost events in the trace; findings are problems
    /// unless the file is known to be `broken`.
    pub(super) fn check(&mut self, lost: i64, broken: bool, problems: &mut Problems) {
        let (name, path) = (&self.name, &self.path);
        if self.partial {
            if lost == 0 {
                problems.add(path, format!("{name} ({path}): partial, but no event was lost"));
            }
            return;
        }
        if !broken {
            self.problems.append(&mut self.findings);
        }
        if self.opens != 1 {
            self.problems.push(format!("{} opens", self.opens));
        }
        if !self.closed {
            self.problems.push("no close".to_owned());
        }
        let Passes { starts, stops, .. } = self.passes;
        if starts != stops {
            self.problems.push(format!("{starts} starts and {stops} stops"));
        }
        for problem in &self.problems {
            problems.add(path, format!("{name} ({path}): {problem}"));
        }
    }
}

/// Checks the order of callbacks. A pass begins with start and ends with stop; show, next and stop get the pointer that
/// the last start or next returned.
#[derive(Default)]
struct Passes {
    /// Number of callbacks so far.
    callbacks: usize,
    starts: usize,
    stops: usize,
    /// Pointer that the last start or next returned; `None` between two passes.
    record: Option<String>,
}

impl Passes {
    fn callback(&mut self, callback: &Value, problems: &mut Vec<String>) {
        self.callbacks += 1;
        let role = string(callback, "role");
        let given = callback.get("ptr_in").and_then(Value::as_str);
        let at = format!("callback {} ({role})", self.callbacks);
        match (role, self.record.as_deref()) {
            ("start", None) => self.starts += 1,
            ("start", Some(_)) => problems.push(format!("{at}: start without stop")),
            (_, None) => problems.push(format!("{at}: before start")),
            ("show" | "next", Some("NULL")) => {
                problems.push(format!("{at}: called after the end"));
            }
            ("show" | "next" | "stop", Some(record)) => {
                if given.is_some_and(|given| given != record) {
                    problems.push(format!("{at}: got {given:?} instead of {record}"));
                }
                self.stops += usize::from(role == "stop");
            }
            _ => problems.push(format!("{at}: unknown role")),
        }
        match role {
            "start" | "next" => {
                self.record = callback.get("ptr_out").and_then(Value::as_str).map(str::to_owned);
                if self.record.is_none() {
                    problems.push(format!("{at}: returned nothing"));
                }
            }
            "stop" => self.record = None,
            _ => {}
        }
    }
}
