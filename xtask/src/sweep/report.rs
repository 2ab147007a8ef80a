//! What `seqtrace check` found in a full sweep, compared with the findings that have been argued.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, ensure};
use serde_json::Value;

/// The argued findings: xtask/sweep/known.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<Argued>);

/// A line of xtask/sweep/known: `PATH FUNCTION WHY`.
#[derive(Debug)]
struct Argued {
    /// A glob, whose `*` matches `/` too.
    path: String,
    /// The function that is blamed.
    function: String,
    why: String,
}

impl Known {
    /// Parses the file; what begins with # is a comment.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut known = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut words = line.splitn(3, ' ').map(str::trim);
            let mut word = || words.next().unwrap_or_default().to_owned();
            let argued = Argued { path: word(), function: word(), why: word() };
            ensure!(!argued.why.is_empty(), "not PATH FUNCTION WHY: {line}");
            known.push(argued);
        }
        Ok(Self(known))
    }

    /// Why a root finding of `path` that blames `function` is true.
    fn why(&self, path: &str, function: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|argued| argued.function == function && matches(&argued.path, path))
            .map(|argued| argued.why.as_str())
    }
}

/// Whether the glob matches all of `text`; `*` matches anything.
fn matches(glob: &str, text: &str) -> bool {
    let Some((begin, rest)) = glob.split_once('*') else { return glob == text };
    text.strip_prefix(begin).is_some_and(|text| {
        (0..=text.len()).any(|at| text.get(at..).is_some_and(|tail| matches(rest, tail)))
    })
}

/// The files of a sweep by verdict, and their errors and warnings by whether they are argued.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Files by what became of them: a verdict, or a kind of refusal.
    counts: BTreeMap<String, u64>,
    /// Files whose text changes by itself.
    volatile: u64,
    known: Vec<String>,
    unknown: Vec<String>,
    inconclusive: Vec<String>,
    trouble: Vec<String>,
}

impl Report {
    /// Reads the JSON lines of `seqtrace check`.
    pub(super) fn read(lines: &str, known: &Known) -> Self {
        let mut report = Self::default();
        let mut cut = 0;
        for line in lines.lines() {
            match serde_json::from_str::<Value>(line) {
                Ok(object) if text(&object, "type") == "check" => report.file(&object, known),
                Ok(_) => {}
                Err(_) => cut += 1,
            }
        }
        if cut > 0 {
            report.trouble(format!("{cut} lines of the report are no JSON"));
        }
        report
    }

    /// Something went wrong: the sweep is not whole.
    pub(super) fn trouble(&mut self, what: String) {
        self.trouble.push(what);
    }

    /// Whether the sweep is whole, and every error and warning of it argued.
    pub(super) fn good(&self) -> bool {
        self.unknown.is_empty() && self.trouble.is_empty() && !self.counts.is_empty()
    }

    fn file(&mut self, object: &Value, known: &Known) {
        let verdict = text(object, "verdict");
        let (path, reason) = (text(object, "path"), text(object, "reason"));
        let kind = if verdict == "refused" {
            format!("refused: {}", reason.split(':').next().unwrap_or_default())
        } else {
            verdict.to_owned()
        };
        *self.counts.entry(kind).or_default() += 1;
        self.volatile += u64::from(object.get("volatile") == Some(&Value::Bool(true)));
        if verdict == "inconclusive" {
            self.inconclusive.push(format!("{path}: {reason}"));
        }
        let findings = object.get("findings").and_then(Value::as_array);
        for finding in findings.into_iter().flatten() {
            let severe = matches!(text(finding, "severity"), "error" | "warning");
            // A consequence stands and falls with its root.
            let root = finding.get("cause").is_none_or(Value::is_null);
            if !(severe && root) {
                continue;
            }
            let function = function(text(finding, "blame"));
            let head = format!(
                "{path}: {} {} in {function}",
                text(finding, "severity"),
                text(finding, "id")
            );
            match known.why(path, function) {
                Some(why) => self.known.push(format!("{head} ({why})")),
                None => self.unknown.push(format!("{head}: {}", text(finding, "message"))),
            }
        }
    }

    /// The summary, for people.
    pub(super) fn summary(&self, release: &str) -> String {
        let mut out = format!("Linux {release}: {} files\n", self.counts.values().sum::<u64>());
        for (kind, count) in &self.counts {
            writeln!(out, "{count:8} {kind}").ok();
        }
        writeln!(out, "{:8} of them change by themselves", self.volatile).ok();
        for (head, lines) in [
            ("Errors and warnings that have been argued", &self.known),
            ("Errors and warnings that have not", &self.unknown),
            ("Inconclusive", &self.inconclusive),
            ("Trouble", &self.trouble),
        ] {
            writeln!(out, "{head}: {}", lines.len()).ok();
            for line in lines {
                writeln!(out, "    {line}").ok();
            }
        }
        out
    }
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The function's name of `g_start+0x10` or `bpq_seq_start [bpqether+0x10]`; `-` if there is none.
fn function(blame: &str) -> &str {
    match blame.split([' ', '+']).next() {
        Some(name) if !name.is_empty() => name,
        _ => "-",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, findings: &[(&str, &str, &str, Option<&str>)]) -> String {
        let findings: Vec<Value> = findings
            .iter()
            .map(|(id, severity, blame, cause)| {
                serde_json::json!({"id": id, "severity": severity, "blame": blame, "cause": cause,
                    "message": "m"})
            })
            .collect();
        let verdict = if findings.is_empty() { "clean" } else { "findings" };
        let line = serde_json::json!({"type": "check", "path": path, "verdict": verdict,
            "reason": null, "volatile": false, "findings": findings});
        format!("{line}\n")
    }

    fn known() -> Known {
        Known::parse("# why\n/t/set_graph_* g_start docs/kernel-bugs.md\n").unwrap()
    }

    #[test]
    fn a_root_that_is_argued_covers_its_consequences() {
        let lines = check(
            "/t/set_graph_function",
            &[
                ("SQ104", "error", "g_start+0x10", None),
                ("SQ201", "error", "g_start", Some("SQ104 g_start")),
                ("SQ301", "info", "g_show", None),
            ],
        );
        let report = Report::read(&lines, &known());
        assert!(report.good());
        assert_eq!(
            report.known,
            ["/t/set_graph_function: error SQ104 in g_start (docs/kernel-bugs.md)"]
        );
    }

    #[test]
    fn another_function_or_file_is_not_argued() {
        for (path, blame) in [("/t/set_graph_function", "g_show [x+0x1]"), ("/t/trace", "g_start")]
        {
            let report = Report::read(&check(path, &[("SQ104", "warning", blame, None)]), &known());
            assert!(!report.good());
            assert_eq!(report.unknown.len(), 1);
        }
    }

    #[test]
    fn a_report_of_nothing_is_not_good() {
        assert!(!Report::read("", &known()).good());
        let mut report = Report::read(&check("/proc/a", &[]), &known());
        assert!(report.good());
        report.trouble("the guest died".to_owned());
        assert!(!report.good());
        assert!(!Report::read("{\"type\":\"check\",", &known()).good());
    }

    #[test]
    fn a_line_without_a_reason_is_no_argument() {
        assert!(Known::parse("/t/x g_start\n").is_err());
    }

    #[test]
    fn globs_match_the_whole() {
        assert!(matches("/a/*/c*", "/a/b/x/c1"));
        assert!(!matches("/a/*", "/b/a/c"));
        assert!(!matches("/a", "/a/b"));
    }
}
