//! KTAP, Documentation/dev-tools/ktap.rst: a test for each kernel, in it one for the build, each module, each file and
//! the kernel's log.

use std::fmt::Write as _;

use super::cases::{Outcome, cases};
use super::results::Results;

/// Returns the lines of the protocol.
pub(super) fn report(results: &Results) -> String {
    let mut out = format!("KTAP version 1\n1..{}\n", results.kernels.len());
    for (number, kernel) in results.kernels.iter().enumerate() {
        let cases = cases(kernel);
        writeln!(out, "  KTAP version 1\n  1..{}", cases.len()).ok();
        let mut good = true;
        for (number, case) in cases.iter().enumerate() {
            let (number, name) = (number + 1, case.name.replace('#', "\\#"));
            match &case.outcome {
                Outcome::Passed => writeln!(out, "  ok {number} {name}"),
                Outcome::Skipped(why) => writeln!(out, "  ok {number} {name} # SKIP {why}"),
                Outcome::Inconclusive(why) => {
                    good = false;
                    writeln!(out, "  # inconclusive: {why}\n  not ok {number} {name}")
                }
                Outcome::Failed(failures) => {
                    good = false;
                    for failure in failures {
                        let at = failure.source.as_ref().map(|source| source.text() + ": ");
                        let text = format!(
                            "{}{}\n{}",
                            at.unwrap_or_default(),
                            failure.title,
                            failure.text
                        );
                        for line in text.lines() {
                            writeln!(out, "  # {line}").ok();
                        }
                    }
                    writeln!(out, "  not ok {number} {name}")
                }
            }
            .ok();
        }
        let not = if good { "" } else { "not " };
        writeln!(out, "{not}ok {} Linux {}", number + 1, kernel.release).ok();
    }
    out
}
