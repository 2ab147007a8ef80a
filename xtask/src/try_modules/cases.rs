//! The results on a kernel as a list of tests, for the formats of test runners.

use super::results::{Finding, KernelResult, Source, Verdict};
use super::text::file_cell;

/// Result of one test.
#[derive(Debug)]
pub(super) struct Case {
    /// `build`, the name of a module with `.ko`, the path of a file, or `kernel log`.
    pub(super) name: String,
    pub(super) outcome: Outcome,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Passed,
    Failed(Vec<Failure>),
    /// Neither passed nor failed, for this reason.
    Inconclusive(String),
    Skipped(String),
}

#[derive(Debug)]
pub(super) struct Failure {
    /// Id of the rule; empty if no rule is broken.
    pub(super) id: String,
    /// Summary in one line.
    pub(super) title: String,
    /// Further lines; empty if there are none.
    pub(super) text: String,
    pub(super) source: Option<Source>,
    pub(super) is_error: bool,
}

impl Failure {
    fn new(title: &str, text: &str) -> Self {
        let (id, title, text) = (String::new(), title.to_owned(), text.to_owned());
        Self { id, title, text, source: None, is_error: true }
    }
}

/// Returns the tests of a kernel.
pub(super) fn cases(kernel: &KernelResult) -> Vec<Case> {
    let build = kernel
        .build_error
        .as_ref()
        .map_or(Outcome::Passed, |error| Outcome::Failed(compiler_errors(error)));
    let mut cases = vec![Case { name: "build".to_owned(), outcome: build }];
    for (module, result) in &kernel.modules {
        let defects = result.defects().iter().map(|defect| Failure::new(defect, "")).collect();
        cases.push(Case { name: format!("{module}.ko"), outcome: failed(defects) });
    }
    for (path, file) in &kernel.files {
        let reason = file.reason().unwrap_or_default().to_owned();
        let outcome = match file.verdict() {
            Verdict::Clean => Outcome::Passed,
            Verdict::Refused => Outcome::Skipped(reason),
            Verdict::Inconclusive => Outcome::Inconclusive(reason),
            Verdict::Died => {
                let what = file.died.clone().unwrap_or_default();
                Outcome::Failed(vec![Failure::new(&what, "")])
            }
            Verdict::Findings => {
                let shows = file
                    .reproducer()
                    .map(|repro| format!("reproduce: {}\n{}", repro.command, repro.shows));
                let mut failures: Vec<Failure> =
                    file.bad().iter().map(|(found, _)| finding(found, shows.as_deref())).collect();
                if failures.is_empty() {
                    failures
                        .push(Failure::new(&file_cell(file), shows.as_deref().unwrap_or_default()));
                }
                Outcome::Failed(failures)
            }
        };
        cases.push(Case { name: path.clone(), outcome });
    }
    for death in kernel.deaths.iter().filter(|death| death.file.is_none()) {
        let failure = Failure::new(&death.what, &death.console);
        cases.push(Case { name: death.step.clone(), outcome: Outcome::Failed(vec![failure]) });
    }
    let logs = kernel.logs.iter().map(|log| {
        Failure::new(
            &format!("the kernel complained in step `{}`", log.step),
            &log.lines.join("\n"),
        )
    });
    cases.push(Case { name: "kernel log".to_owned(), outcome: failed(logs.collect()) });
    cases
}

fn failed(failures: Vec<Failure>) -> Outcome {
    if failures.is_empty() { Outcome::Passed } else { Outcome::Failed(failures) }
}

fn finding(finding: &Finding, shows: Option<&str>) -> Failure {
    let function = finding.function().map(|function| format!("in {function}"));
    let lines: Vec<&str> = function.as_deref().into_iter().chain(shows).collect();
    Failure {
        id: finding.id.clone(),
        title: format!("{} {}: {}", finding.id, finding.name, finding.message),
        text: lines.join("\n"),
        source: finding.source.clone(),
        is_error: finding.is_error(),
    }
}

/// Returns a failure for each error of the compiler: `foo.c:12:3: error: …`. Without such lines, the whole output is one.
fn compiler_errors(output: &str) -> Vec<Failure> {
    let errors = output.lines().filter_map(|line| {
        let (at, message) = line.split_once(": error: ").or(line.split_once(": fatal error: "))?;
        let mut parts = at.splitn(3, ':');
        let (file, line) = (parts.next()?, parts.next()?.parse().ok()?);
        let source = Some(Source { file: file.to_owned(), line });
        Some(Failure { source, ..Failure::new(message, "") })
    });
    let errors: Vec<Failure> = errors.collect();
    if errors.is_empty() { vec![Failure::new("the modules do not build", output)] } else { errors }
}
