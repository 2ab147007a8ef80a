//! Workflow commands of GitHub Actions: an annotation for each root cause, at its source line where it is known, and for
//! everything else that is wrong.

use std::fmt::Write as _;

use super::cases::{Failure, Outcome, cases};
use super::results::Results;
use super::{names, unique};

/// Returns a workflow command for each problem.
pub(super) fn report(results: &Results) -> String {
    let mut out = String::new();
    for root in results.roots() {
        let kernels = unique(root.files.values().flatten().copied());
        let title = format!("{} {} on {}", root.finding.id, root.finding.name, names(kernels));
        let mut text = root.finding.message.clone();
        if let Some(function) = root.finding.function() {
            write!(text, "\nin {function}").ok();
        }
        for path in root.files.keys() {
            write!(text, "\n{path}").ok();
        }
        if let Some(reproducer) = root.reproducer {
            write!(text, "\nreproduce: {}\n{}", reproducer.command, reproducer.shows).ok();
        }
        let (source, is_error) = (root.finding.source.clone(), root.finding.is_error());
        command(&Failure { id: String::new(), title, text, source, is_error }, &mut out);
    }
    for kernel in &results.kernels {
        for case in cases(kernel) {
            let about = |what: &str| format!("Linux {}: {}: {what}", kernel.name, case.name);
            match &case.outcome {
                Outcome::Failed(failures) => {
                    // Those of a rule are among the root causes.
                    for failure in failures.iter().filter(|failure| failure.id.is_empty()) {
                        let (title, text) = (about(&failure.title), failure.text.clone());
                        let (source, id) = (failure.source.clone(), String::new());
                        command(&Failure { id, title, text, source, is_error: true }, &mut out);
                    }
                }
                Outcome::Inconclusive(why) => {
                    writeln!(
                        out,
                        "::warning title={}::{}",
                        property(&about("inconclusive")),
                        data(why)
                    )
                    .ok();
                }
                Outcome::Skipped(why) => {
                    writeln!(
                        out,
                        "::notice title={}::{}",
                        property(&about("not judged")),
                        data(why)
                    )
                    .ok();
                }
                Outcome::Passed => {}
            }
        }
    }
    out
}

fn command(failure: &Failure, out: &mut String) {
    let Failure { id: _, title, text, source, is_error } = failure;
    let level = if *is_error { "error" } else { "warning" };
    let at = source
        .as_ref()
        .map(|source| format!("file={},line={},", property(&source.file), source.line));
    let text = if text.is_empty() { title } else { text };
    writeln!(out, "::{level} {}title={}::{}", at.unwrap_or_default(), property(title), data(text))
        .ok();
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
