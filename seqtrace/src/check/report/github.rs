//! Workflow commands of GitHub Actions: `::error title=…::…`.

use std::fmt::{self, Write as _};

use super::{Report, bad, blamed, path, reason};
use crate::{check::verdict::Verdict, rules::Severity};

/// A file: a line for each finding, and one if it could not be judged.
pub(super) fn report(report: &Report, out: &mut Vec<u8>) {
    let mut text = String::new();
    let _infallible = write(report, &mut text);
    out.extend_from_slice(text.as_bytes());
}

fn write(report: &Report, text: &mut String) -> fmt::Result {
    let path = path(report);
    for found in bad(report) {
        let finding = &found.finding;
        let command = if finding.severity == Severity::Error { "error" } else { "warning" };
        let title = format!("{} {}: {path}", finding.id, finding.name);
        let mut message = finding.message.clone();
        if let Some(blamed) = blamed(finding) {
            let _infallible = write!(message, "\nin {blamed}");
        }
        if let Some(repro) = &report.repro {
            let _infallible = write!(message, "\nreproduce: {}\n{}", repro.command, repro.shows);
        }
        writeln!(text, "::{command} title={}::{}", Property(&title), Message(&message))?;
    }
    match (&report.verdict, reason(&report.verdict)) {
        (Verdict::Inconclusive(_), Some(why)) => {
            let title = format!("inconclusive: {path}");
            writeln!(text, "::warning title={}::{}", Property(&title), Message(why))
        }
        (Verdict::Refused(_), Some(why)) => {
            let title = format!("not judged: {path}");
            writeln!(text, "::notice title={}::{}", Property(&title), Message(why))
        }
        (Verdict::Clean, _) if let Some(why) = report.reservation() => {
            let title = format!("bytes not compared: {path}");
            let message = format!("clean {why}");
            writeln!(text, "::notice title={}::{}", Property(&title), Message(&message))
        }
        _ => Ok(()),
    }
}

/// What stands after the second `::`.
struct Message<'a>(&'a str);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = self.0.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        f.write_str(&escaped)
    }
}

/// A value of a property.
struct Property<'a>(&'a str);

impl fmt::Display for Property<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = Message(self.0).to_string().replace(':', "%3A").replace(',', "%2C");
        f.write_str(&escaped)
    }
}
