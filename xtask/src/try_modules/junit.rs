//! JUnit's XML: a suite for each kernel, in it a case for the build, each module, each file and the kernel's log.

use std::fmt::{self, Write as _};

use super::cases::{Failure, Outcome, cases};
use super::results::Results;

/// Returns the XML document.
pub(super) fn report(results: &Results) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"seqtrace try\">\n",
    );
    for kernel in &results.kernels {
        let cases = cases(kernel);
        let count = |wanted: fn(&Outcome) -> bool| {
            cases.iter().filter(|case| wanted(&case.outcome)).count()
        };
        writeln!(
            out,
            "  <testsuite name=\"Linux {}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">",
            Xml(&kernel.release),
            cases.len(),
            count(|outcome| matches!(outcome, Outcome::Failed(_))),
            count(|outcome| matches!(outcome, Outcome::Inconclusive(_))),
            count(|outcome| matches!(outcome, Outcome::Skipped(_))),
            kernel.seconds
        )
        .ok();
        for case in cases {
            let source = match &case.outcome {
                Outcome::Failed(failures) => {
                    failures.iter().find_map(|failure| failure.source.clone())
                }
                _ => None,
            };
            write!(
                out,
                "    <testcase classname=\"{}\" name=\"{}\"",
                Xml(&kernel.name),
                Xml(&case.name)
            )
            .ok();
            if let Some(source) = source {
                write!(out, " file=\"{}\" line=\"{}\"", Xml(&source.file), source.line).ok();
            }
            match &case.outcome {
                Outcome::Passed => out.push_str("/>\n"),
                Outcome::Failed(failures) => {
                    out.push_str(">\n");
                    for failure in failures {
                        element(failure, &mut out);
                    }
                    out.push_str("    </testcase>\n");
                }
                Outcome::Inconclusive(why) => {
                    writeln!(out, "><error message=\"{}\"/></testcase>", Xml(why)).ok();
                }
                Outcome::Skipped(why) => {
                    writeln!(out, "><skipped message=\"{}\"/></testcase>", Xml(why)).ok();
                }
            }
        }
        out.push_str("  </testsuite>\n");
    }
    out + "</testsuites>\n"
}

fn element(failure: &Failure, out: &mut String) {
    let Failure { id, title, text, source, is_error: _ } = failure;
    let at = source.as_ref().map(|source| source.text() + "\n").unwrap_or_default();
    let (id, title) = (Xml(id), Xml(title));
    let content = format!("{at}{text}");
    writeln!(out, "      <failure type=\"{id}\" message=\"{title}\">{}</failure>", Xml(&content))
        .ok();
}

/// Displays an attribute or the content of an element, escaped.
pub(super) struct Xml<'a>(pub(super) &'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\n' | '\t' => f.write_char(c)?,
                // XML 1.0 does not allow these even as references (section 2.2, Char).
                '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => f.write_str("\u{fffd}")?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
