//! JUnit's XML for continuous integration: a suite for each file, in it a case for each plan, for each finding and for the
//! verdict.

use std::fmt::{self, Write as _};

use super::{Layout, Report, Sums, Unlisted, bad, blamed_line, outcome, path, source};
use crate::{
    check::verdict::{PlanOutcome, Verdict},
    rules::Finding,
    symbol::SourceLine,
};

#[derive(Debug, Default)]
pub(super) struct Junit {
    /// Suites so far. They are written last: the sums are attributes of the element around them.
    suites: String,
}

/// A case of a suite.
struct Case<'a> {
    name: String,
    /// Name of the element with the result; empty: the case has passed.
    result: &'static str,
    content: String,
    /// Line of the function at fault; `None`: unknown, or the case blames no function.
    source: Option<&'a SourceLine>,
}

impl Case<'_> {
    fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), result: "", content: String::new(), source: None }
    }
}

impl Layout for Junit {
    fn report(&mut self, report: &Report, _out: &mut String) -> fmt::Result {
        let text = &mut self.suites;
        let mut cases: Vec<Case<'_>> = Vec::new();
        let short = |result, message: &str| format!("<{result} message=\"{}\"/>", Xml(message));
        for plan in &report.plans {
            let result = match plan.outcome {
                PlanOutcome::Ok => "",
                PlanOutcome::Fail(_) => "failure",
                PlanOutcome::Killed => "error",
                _ => "skipped",
            };
            let content = outcome(plan).1.map(|detail| short(result, &detail)).unwrap_or_default();
            cases.push(Case { result, content, ..Case::new(plan.kind.name()) });
        }
        for found in bad(report) {
            let Finding { id, name, message, .. } = &found.finding;
            let message = Xml(message);
            let mut content = format!("\n      <failure type=\"{id}\" message=\"{message}\">");
            if let Some(blamed) = blamed_line(&found.finding) {
                writeln!(content, "in {}", Xml(&blamed))?;
            }
            if let Some(repro) = &report.repro {
                writeln!(content, "reproduce: {}\n{}", Xml(&repro.command), Xml(&repro.shows))?;
            }
            cases.push(Case {
                result: "failure",
                content: content + "</failure>\n    ",
                source: source(&found.finding),
                ..Case::new(format!("{id} {name}"))
            });
        }
        let (result, content) = match (&report.verdict, report.reservation()) {
            (Verdict::Refused(why), _) => ("skipped", short("skipped", why)),
            (Verdict::Inconclusive(why), _) => ("error", short("error", why)),
            (_, Some(why)) => ("", format!("<system-out>clean {}</system-out>", Xml(why))),
            (_, None) => ("", String::new()),
        };
        cases.push(Case { result, content, ..Case::new("verdict") });
        let count = |result| cases.iter().filter(|case| case.result == result).count();
        let (failures, errors, skipped) = (count("failure"), count("error"), count("skipped"));
        let (path, tests) = (path(report), cases.len());
        let path = Xml(&path);
        writeln!(
            text,
            "  <testsuite name=\"{path}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" \
         skipped=\"{skipped}\">"
        )?;
        for Case { name, result: _, content, source } in &cases {
            write!(text, "    <testcase classname=\"{path}\" name=\"{}\"", Xml(name))?;
            if let Some(SourceLine { file, line }) = source {
                write!(text, " file=\"{}\" line=\"{line}\"", Xml(file))?;
            }
            match content.as_str() {
                "" => writeln!(text, "/>")?,
                content => writeln!(text, ">{content}</testcase>")?,
            }
        }
        writeln!(text, "  </testsuite>")
    }

    fn end(&mut self, sums: &Sums, _unlisted: Unlisted, out: &mut String) -> fmt::Result {
        let Sums { files, clean: _, findings, inconclusive, refused, volatile: _ } = *sums;
        writeln!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <testsuites name=\"seqtrace check\" tests=\"{files}\" failures=\"{findings}\" \
             errors=\"{inconclusive}\" skipped=\"{refused}\">\n{}</testsuites>",
            self.suites
        )
    }
}

/// Displays an attribute or the content of an element, escaped.
struct Xml<'a>(&'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&apos;")?,
                '\n' | '\r' | '\t' => write!(f, "&#{};", u32::from(c))?,
                // XML 1.0 does not allow these even as references (section 2.2, Char).
                '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => f.write_str("\u{fffd}")?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
