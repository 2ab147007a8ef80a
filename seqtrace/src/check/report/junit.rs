//! JUnit's XML for continuous integration: a suite for each file, in it a case for each plan, for each finding and for the
//! verdict.

use std::fmt::{self, Write as _};

use super::{Layout, Report, Sums, Unlisted, bad, blamed, outcome, path, reason};
use crate::check::verdict::{PlanOutcome, Verdict};

#[derive(Debug, Default)]
pub(super) struct Junit {
    /// Suites so far. They are written last: the sums are attributes of the element around them.
    suites: String,
}

impl Layout for Junit {
    fn report(&mut self, report: &Report, _out: &mut String) -> fmt::Result {
        write(report, &mut self.suites)
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

fn write(report: &Report, text: &mut String) -> fmt::Result {
    let name = path(report);
    let name = Xml(&name);
    let failed = report.plans.iter().filter(|plan| plan.failed()).count();
    let killed = report.plans.iter().filter(|plan| plan.outcome == PlanOutcome::Killed).count();
    let skipped = |outcome: &PlanOutcome| {
        !matches!(outcome, PlanOutcome::Ok | PlanOutcome::Fail(_) | PlanOutcome::Killed)
    };
    let (mut errors, mut skips) = (killed, 0);
    match report.verdict {
        Verdict::Refused(_) => skips += 1,
        Verdict::Inconclusive(_) => errors += 1,
        Verdict::Clean | Verdict::Findings => {}
    }
    skips += report.plans.iter().filter(|plan| skipped(&plan.outcome)).count();
    let failures = failed + bad(report).count();
    let tests = report.plans.len() + bad(report).count() + 1;
    writeln!(
        text,
        "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" \
         skipped=\"{skips}\">"
    )?;
    for plan in &report.plans {
        let (_, detail) = outcome(plan);
        let detail = detail.unwrap_or_default();
        let case = plan.kind.name();
        write!(text, "    <testcase classname=\"{name}\" name=\"{case}\"")?;
        match &plan.outcome {
            PlanOutcome::Ok => writeln!(text, "/>")?,
            PlanOutcome::Fail(_) => {
                writeln!(text, "><failure message=\"{}\"/></testcase>", Xml(&detail))?;
            }
            PlanOutcome::Killed => {
                writeln!(text, "><error message=\"{}\"/></testcase>", Xml(&detail))?;
            }
            _ => writeln!(text, "><skipped message=\"{}\"/></testcase>", Xml(&detail))?,
        }
    }
    for found in bad(report) {
        let finding = &found.finding;
        let (id, title) = (finding.id, finding.name);
        writeln!(text, "    <testcase classname=\"{name}\" name=\"{id} {}\">", Xml(title))?;
        write!(text, "      <failure type=\"{id}\" message=\"{}\">", Xml(&finding.message))?;
        if let Some(blamed) = blamed(finding) {
            writeln!(text, "in {}", Xml(&blamed))?;
        }
        if let Some(repro) = &report.repro {
            writeln!(text, "reproduce: {}\n{}", Xml(&repro.command), Xml(&repro.shows))?;
        }
        writeln!(text, "</failure>\n    </testcase>")?;
    }
    write!(text, "    <testcase classname=\"{name}\" name=\"verdict\"")?;
    match (&report.verdict, reason(&report.verdict)) {
        (Verdict::Refused(_), Some(why)) => {
            writeln!(text, "><skipped message=\"{}\"/></testcase>", Xml(why))?;
        }
        (_, Some(why)) => writeln!(text, "><error message=\"{}\"/></testcase>", Xml(why))?,
        (_, None) => match report.reservation() {
            Some(why) => writeln!(text, "><system-out>clean {}</system-out></testcase>", Xml(why))?,
            None => writeln!(text, "/>")?,
        },
    }
    writeln!(text, "  </testsuite>")
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
                // XML 1.0 does not allow these even as references (section 2.2, Char).
                '\0'..='\u{8}'
                | '\u{b}'
                | '\u{c}'
                | '\u{e}'..='\u{1f}'
                | '\u{fffe}'
                | '\u{ffff}' => {
                    f.write_str("\u{fffd}")?;
                }
                '\n' | '\r' | '\t' => write!(f, "&#{};", u32::from(c))?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
