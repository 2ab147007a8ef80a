//! End-to-end test of `cargo xtask try`: tries docs/examples/keypad on one kernel.

use anyhow::Result;
use clap::Parser;

use super::results::{Results, Root};
use super::{Options, kernels, run_kernels, text};
use crate::arch::X86_64;
use crate::tally::Tally;
use crate::{paths, program, sh};

/// Name of the test.
pub(crate) const NAME: &str = "try/6.12/keypad";

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

/// Runs the test in a guest.
pub(crate) fn run() -> Tally {
    sh::progress("Testing", NAME);
    let mut tally = Tally::default();
    match problems() {
        Ok(problems) if problems.is_empty() => tally.passed += 1,
        Ok(problems) => tally.failed.push(format!("{NAME}: {}", problems.join("; "))),
        Err(error) => tally.failed.push(format!("{NAME}: {error:#}")),
    }
    tally
}

/// Returns what differs from the expected results; empty if nothing does.
fn problems() -> Result<Vec<String>> {
    let folder = paths::root().join("docs/examples/keypad");
    let source = paths::read(&folder.join("keypad.c"))?;
    let folder = folder.display().to_string();
    let options = Line::parse_from(["try", folder.as_str(), "--kernel", "6.12"]).options;
    program::build(&X86_64, "seqtrace")?;
    let results = Results { kernels: run_kernels(&options, kernels(&options.kernel))? };
    let problems = differences(&results, &source);
    if !problems.is_empty() {
        eprint!("{}", text::report(&results, true));
    }
    Ok(problems)
}

/// Compares the results with the bug that the head of keypad.c describes.
fn differences(results: &Results, source: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut expect = |right: bool, what: &str| {
        if !right {
            problems.push(what.to_owned());
        }
    };
    let roots = results.roots();
    let found: Vec<String> = roots.iter().map(describe).collect();
    expect(
        found == ["SQ102 keypad_next [keypad] /sys/kernel/debug/keypad/keys SQ201"],
        &format!("the findings are {found:?}"),
    );
    let line = source.lines().position(|line| line.contains("*keypad_next("));
    let line = line.and_then(|line| u64::try_from(line + 1).ok());
    for root in &roots {
        let at = root.finding.source.as_ref();
        let right = at.is_some_and(|at| at.file.ends_with("keypad.c") && Some(at.line) == line);
        expect(right, &format!("the source is {at:?}"));
    }
    for kernel in &results.kernels {
        expect(kernel.complete && kernel.deaths.is_empty(), "the guest did not come to its end");
        expect(kernel.logs.is_empty(), "the kernel complained");
        let module = kernel.modules.get("keypad");
        expect(
            module.is_some_and(|module| {
                module.defects().is_empty() && module.unloaded.contains("while read")
            }),
            "the module was not loaded and unloaded",
        );
    }
    expect(results.status() == 1, "the exit status is not 1");
    problems
}

/// Describes a root cause: rule, function, files, consequences.
fn describe(root: &Root<'_>) -> String {
    let function = root.finding.function().unwrap_or_default();
    let files: Vec<&str> = root.files.keys().copied().collect();
    let consequences: Vec<&str> = root.consequences.iter().copied().collect();
    format!("{} {function} {} {}", root.finding.id, files.join(" "), consequences.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_results_are_reported() {
        let results = super::super::testing::results();
        let problems = differences(&results, "");
        assert!(problems[0].contains("SQ102 leds_next [leds]"), "{problems:?}");
        assert!(problems.iter().any(|problem| problem == "the kernel complained"), "{problems:?}");
    }
}
