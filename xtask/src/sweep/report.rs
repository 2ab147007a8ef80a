//! Summarizes a full sweep: separates known from new findings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, ensure};
use serde_json::Value;

/// The findings that are known and explained, from xtask/sweep/known.
#[derive(Debug, Default)]
pub(super) struct KnownFindings(Vec<KnownFinding>);

/// A line of xtask/sweep/known: `PATH FUNCTION WHY`.
#[derive(Debug)]
struct KnownFinding {
    /// Glob; `*` also matches `/`.
    path: String,
    /// Function at fault in the finding.
    function: String,
    /// Explanation why the finding is correct, or the document with the explanation.
    reason: String,
}

impl KnownFindings {
    /// Parses the file. Lines that begin with `#` are comments.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut known = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut words = line.splitn(3, ' ').map(str::trim);
            let mut word = || words.next().unwrap_or_default().to_owned();
            let finding = KnownFinding { path: word(), function: word(), reason: word() };
            ensure!(!finding.reason.is_empty(), "not PATH FUNCTION WHY: {line}");
            known.push(finding);
        }
        Ok(Self(known))
    }

    /// Returns the explanation of a root cause in `path` with `function` at fault; `None` if the finding is not known.
    fn reason(&self, path: &str, function: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|known| known.function == function && matches(&known.path, path))
            .map(|known| known.reason.as_str())
    }
}

/// Returns true if the glob matches all of `text`; `*` matches any text.
fn matches(glob: &str, text: &str) -> bool {
    let Some((begin, rest)) = glob.split_once('*') else { return glob == text };
    text.strip_prefix(begin).is_some_and(|text| {
        (0..=text.len()).any(|at| text.get(at..).is_some_and(|tail| matches(rest, tail)))
    })
}

/// Summary of a sweep.
#[derive(Debug, Default)]
pub(super) struct SweepReport {
    /// Number of files by verdict. Each reason for a refusal is counted separately.
    counts: BTreeMap<String, u64>,
    /// Number of files whose bytes change by themselves.
    volatile: u64,
    /// A line for each error and warning that is known.
    known: Vec<String>,
    /// A line for each error and warning that is not known.
    new: Vec<String>,
    /// A line for each file with an inconclusive verdict.
    inconclusive: Vec<String>,
    /// Reasons why the sweep is incomplete.
    problems: Vec<String>,
}

impl SweepReport {
    /// Reads the JSON lines of `seqtrace check`.
    pub(super) fn read(lines: &str, known: &KnownFindings) -> Self {
        let mut report = Self::default();
        let mut malformed = 0;
        for line in lines.lines() {
            match serde_json::from_str::<Value>(line) {
                Ok(object) if text(&object, "type") == "check" => report.add_file(&object, known),
                Ok(_) => {}
                Err(_) => malformed += 1,
            }
        }
        if malformed > 0 {
            report.add_problem(format!("{malformed} lines of the report are not JSON"));
        }
        report
    }

    /// Adds a reason why the sweep is incomplete.
    pub(super) fn add_problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Returns true if the sweep is complete and all errors and warnings are known.
    pub(super) fn is_good(&self) -> bool {
        self.new.is_empty() && self.problems.is_empty() && !self.counts.is_empty()
    }

    /// Adds the report of one file.
    fn add_file(&mut self, object: &Value, known: &KnownFindings) {
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
            let is_severe = matches!(text(finding, "severity"), "error" | "warning");
            // A known root cause explains its consequences.
            let is_root = finding.get("cause").is_none_or(Value::is_null);
            if !(is_severe && is_root) {
                continue;
            }
            let function = function(text(finding, "blame"));
            let line = format!(
                "{path}: {} {} in {function}",
                text(finding, "severity"),
                text(finding, "id")
            );
            match known.reason(path, function) {
                Some(reason) => self.known.push(format!("{line} ({reason})")),
                None => self.new.push(format!("{line}: {}", text(finding, "message"))),
            }
        }
    }

    /// Returns the summary as text.
    pub(super) fn summary(&self, release: &str) -> String {
        let mut out = format!("Linux {release}: {} files\n", self.counts.values().sum::<u64>());
        for (kind, count) in &self.counts {
            writeln!(out, "{count:8} {kind}").ok();
        }
        writeln!(out, "{:8} of them change by themselves", self.volatile).ok();
        for (heading, lines) in [
            ("Known errors and warnings", &self.known),
            ("New errors and warnings", &self.new),
            ("Inconclusive", &self.inconclusive),
            ("Problems of the sweep", &self.problems),
        ] {
            writeln!(out, "{heading}: {}", lines.len()).ok();
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

/// Returns the name of the function in `g_start+0x10` or `bpq_seq_start [bpqether+0x10]`; `-` if there is none.
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

    fn known() -> KnownFindings {
        KnownFindings::parse("# why\n/t/set_graph_* g_start docs/kernel-bugs.md\n").unwrap()
    }

    #[test]
    fn a_known_root_covers_its_consequences() {
        let lines = check(
            "/t/set_graph_function",
            &[
                ("SQ104", "error", "g_start+0x10", None),
                ("SQ201", "error", "g_start", Some("SQ104 g_start")),
                ("SQ301", "info", "g_show", None),
            ],
        );
        let report = SweepReport::read(&lines, &known());
        assert!(report.is_good());
        assert_eq!(
            report.known,
            ["/t/set_graph_function: error SQ104 in g_start (docs/kernel-bugs.md)"]
        );
    }

    #[test]
    fn another_function_or_file_is_not_known() {
        for (path, blame) in [("/t/set_graph_function", "g_show [x+0x1]"), ("/t/trace", "g_start")]
        {
            let report =
                SweepReport::read(&check(path, &[("SQ104", "warning", blame, None)]), &known());
            assert!(!report.is_good());
            assert_eq!(report.new.len(), 1);
        }
    }

    #[test]
    fn an_empty_report_is_not_good() {
        assert!(!SweepReport::read("", &known()).is_good());
        let mut report = SweepReport::read(&check("/proc/a", &[]), &known());
        assert!(report.is_good());
        report.add_problem("the guest died".to_owned());
        assert!(!report.is_good());
        assert!(!SweepReport::read("{\"type\":\"check\",", &known()).is_good());
    }

    #[test]
    fn a_known_finding_needs_a_reason() {
        assert!(KnownFindings::parse("/t/x g_start\n").is_err());
    }

    #[test]
    fn globs_match_the_whole_text() {
        assert!(matches("/a/*/c*", "/a/b/x/c1"));
        assert!(!matches("/a/*", "/b/a/c"));
        assert!(!matches("/a", "/a/b"));
    }
}
