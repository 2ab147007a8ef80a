//! Workflow commands of GitHub Actions (`::error title=…::…`): a line for each finding, and one for a file that could
//! not be judged.

use std::fmt::{self, Write as _};

use super::{Layout, Report, bad, blamed_line, path, paths, source};
use crate::{check::verdict::Verdict, escape, render::Count, rules::Severity, symbol::SourceLine};

#[derive(Debug)]
pub(super) struct Github;

impl Layout for Github {
    fn report(&mut self, report: &Report, text: &mut String) -> fmt::Result {
        let path = path(report);
        for found in bad(report) {
            let finding = &found.finding;
            let command = if finding.severity == Severity::Error { "error" } else { "warning" };
            let title = format!("{} {}: {path}", finding.id, finding.name);
            let mut message = finding.message.clone();
            if let Some(blamed) = blamed_line(finding) {
                write!(message, "\nin {blamed}")?;
            }
            if let Some(repro) = &report.repro {
                write!(message, "\nreproduce: {}\n{}", repro.command, repro.shows)?;
            }
            write!(text, "::{command} ")?;
            if let Some(SourceLine { file, line }) = source(finding) {
                let file = escape::text(file.as_bytes(), false).to_string();
                write!(text, "file={},line={line},", Property(&file))?;
            }
            writeln!(text, "title={}::{}", Property(&title), Message(&message))?;
        }
        let (command, title, message) = match &report.verdict {
            Verdict::Inconclusive(why) => ("warning", "inconclusive", why.clone()),
            Verdict::Refused(why) => ("notice", "not judged", why.clone()),
            Verdict::Clean if let Some(why) = report.reservation() => {
                ("notice", "bytes not compared", format!("clean {why}"))
            }
            _ => return Ok(()),
        };
        let title = format!("{title}: {path}");
        writeln!(text, "::{command} title={}::{}", Property(&title), Message(&message))
    }

    fn interrupted(&mut self, left: &[Report], text: &mut String) -> fmt::Result {
        // GitHub shows ten annotations of a step.
        let message = format!("{} not judged: {}", Count(left.len() as u64, "file"), paths(left));
        writeln!(text, "::warning title=interrupted::{}", Message(&message))
    }
}

/// Displays the part of a command after the second `::`, escaped.
struct Message<'a>(&'a str);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = self.0.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        f.write_str(&escaped)
    }
}

/// Displays the value of a property, escaped.
struct Property<'a>(&'a str);

impl fmt::Display for Property<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = Message(self.0).to_string().replace(':', "%3A").replace(',', "%2C");
        f.write_str(&escaped)
    }
}
