//! What a check says, in the formats that people and their tools read.

mod github;
pub mod json;
mod junit;
mod ktap;
mod text;

use clap::ValueEnum;

use super::verdict::{PlanOutcome, PlanReport, Report, Verdict};
use crate::{
    render::{Name, SymbolLocation, escape},
    rules::{Finding, Severity},
    session::update::Symbol,
};

/// What the output looks like (`check --format`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For reading
    #[default]
    Text,
    /// An object a line: one for each file, and a summary
    Json,
    /// The kernel's test protocol
    Ktap,
    /// XML for continuous integration
    Junit,
    /// Annotations of GitHub Actions
    Github,
}

/// How it looks.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent command line switch")]
pub struct Look {
    /// Which format.
    pub format: Format,
    /// Colour it, if it is text.
    pub color: bool,
    /// Nothing but ASCII.
    pub ascii: bool,
    /// Clean files in full, and findings that are information.
    pub verbose: bool,
    /// Nothing of clean files.
    pub quiet: bool,
    /// There is one target, and it is worth a screen.
    pub single: bool,
}

/// How many files came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// All of them.
    pub files: u64,
    /// Nothing wrong.
    pub clean: u64,
    /// Something wrong.
    pub findings: u64,
    /// Not enough seen.
    pub inconclusive: u64,
    /// Not read.
    pub refused: u64,
    /// Of the judged ones, those whose bytes could not be.
    pub volatile: u64,
}

/// How many files text does not list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unlisted {
    /// Files that a glob matches and that were not read. No sum counts them.
    pub(crate) passed_by: u64,
    /// Named files that are no seq files. The sums count them as refused.
    pub(crate) others: u64,
}

impl Sums {
    /// One more.
    pub fn add(&mut self, report: &Report) {
        self.files += 1;
        let judged = matches!(report.verdict, Verdict::Clean | Verdict::Findings);
        self.volatile += u64::from(report.volatile && judged);
        *match report.verdict {
            Verdict::Clean => &mut self.clean,
            Verdict::Findings => &mut self.findings,
            Verdict::Inconclusive(_) => &mut self.inconclusive,
            Verdict::Refused(_) => &mut self.refused,
        } += 1;
    }
}

/// Turns reports into bytes.
#[derive(Debug)]
pub struct Writer {
    look: Look,
    sums: Sums,
    junit: Vec<u8>,
    unlisted: Unlisted,
    /// Files that are no seq files, until it is known whether they are listed.
    others: Vec<Report>,
}

impl Writer {
    /// One that has said nothing.
    pub fn new(look: Look) -> Self {
        Self {
            look,
            sums: Sums::default(),
            junit: Vec::new(),
            unlisted: Unlisted::default(),
            others: Vec::new(),
        }
    }

    /// Before the first report; `files` is how many there will be.
    pub fn begin(&self, files: u64, out: &mut Vec<u8>) {
        if self.look.format == Format::Ktap {
            ktap::begin(files, out);
        }
    }

    /// A file.
    pub fn report(&mut self, report: &Report, out: &mut Vec<u8>) {
        self.sums.add(report);
        match self.look.format {
            Format::Text => text::report(report, self.look, out),
            Format::Json => json::report(report, out),
            Format::Ktap => ktap::report(self.sums.files, report, out),
            // The sums stand before the files.
            Format::Junit => junit::report(report, &mut self.junit),
            Format::Github => github::report(report, out),
        }
    }

    /// Counts a file that a glob matches and that was not read.
    pub(crate) fn pass_by(&mut self) {
        self.unlisted.passed_by += 1;
    }

    /// Reports a file that is no seq file. Text lists them after the others, or counts them if there are
    /// several beside files that were judged.
    pub(crate) fn other(&mut self, report: Report, out: &mut Vec<u8>) {
        if self.look.format == Format::Text && !self.look.verbose {
            self.others.push(report);
        } else {
            self.report(&report, out);
        }
    }

    fn others(&mut self, out: &mut Vec<u8>) {
        let others = std::mem::take(&mut self.others);
        let judged = self.sums.files > self.sums.refused;
        if judged && others.len() > 1 {
            for report in &others {
                self.sums.add(report);
            }
            self.unlisted.others = u64::try_from(others.len()).unwrap_or(u64::MAX);
        } else {
            for report in &others {
                self.report(report, out);
            }
        }
    }

    /// After the last one.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        self.others(out);
        match self.look.format {
            Format::Text => text::end(&self.sums, self.unlisted, self.look, out),
            Format::Json => json::end(&self.sums, out),
            Format::Ktap => ktap::end(&self.sums, out),
            Format::Junit => junit::end(&self.sums, &self.junit, out),
            Format::Github => {}
        }
    }

    /// What is not listed.
    pub(crate) fn unlisted(&self) -> Unlisted {
        self.unlisted
    }

    /// What there was.
    pub fn sums(&self) -> Sums {
        self.sums
    }
}

/// The path, safe to print.
fn path(report: &Report) -> String {
    escape::text(&report.path, false).to_string()
}

/// A verdict in a word.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Clean => "clean",
        Verdict::Findings => "findings",
        Verdict::Inconclusive(_) => "inconclusive",
        Verdict::Refused(_) => "refused",
    }
}

/// Why there is no verdict.
fn reason(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Clean | Verdict::Findings => None,
        Verdict::Inconclusive(why) | Verdict::Refused(why) => Some(why),
    }
}

/// An outcome in a word, and what there is to say of it.
fn outcome(plan: &PlanReport) -> (&'static str, Option<String>) {
    use super::{repro::describe, verdict::errno_name};
    match &plan.outcome {
        PlanOutcome::Ok => ("ok", None),
        PlanOutcome::Fail(failure) => {
            let mut text = describe(failure.difference.at, &failure.difference.what);
            if !failure.steady {
                text.push_str("; each time something else");
            }
            ("FAIL", Some(text))
        }
        PlanOutcome::Volatile(failure) => {
            ("changed", Some(describe(failure.difference.at, &failure.difference.what)))
        }
        PlanOutcome::Excused(failure) => {
            ("excused", Some(describe(failure.difference.at, &failure.difference.what)))
        }
        PlanOutcome::Undecided(failure) => {
            ("unsure", Some(describe(failure.difference.at, &failure.difference.what)))
        }
        PlanOutcome::Unsupported { syscall, errno } => {
            ("skip", Some(format!("{} gives {}", syscall.name(), errno_name(*errno))))
        }
        PlanOutcome::Blocked => ("blocked", Some("a read did not return".to_owned())),
        PlanOutcome::Killed => ("killed", Some("the reader was killed while it read".to_owned())),
        PlanOutcome::NotRun(why) => ("skip", Some((*why).to_owned())),
    }
}

/// The function that a finding blames: `eof_next [seqbugs+0x250]`.
fn blamed(finding: &Finding) -> Option<String> {
    finding.blame.as_ref().map(|blame| place(&blame.function))
}

/// `eof_next [seqbugs]`
fn symbol(symbol: &Symbol) -> String {
    SymbolLocation { name: Name { symbol, ascii: false }, with_offset: false }.to_string()
}

/// `eof_next [seqbugs+0x250]`
fn place(symbol: &Symbol) -> String {
    SymbolLocation { name: Name { symbol, ascii: false }, with_offset: true }.to_string()
}

/// What causes a finding: `SQ102 eof_next [seqbugs+0x250]`.
fn cause(finding: &Finding) -> Option<String> {
    let cause = finding.cause.as_ref()?;
    let blame = cause.blame.as_ref().map(|blame| format!(" {}", place(&blame.function)));
    Some(format!("{}{}", cause.id, blame.unwrap_or_default()))
}

/// Findings that make a check fail.
fn bad(report: &Report) -> impl Iterator<Item = &super::verdict::Found> {
    report.found.iter().filter(|found| super::verdict::is_bad(&found.finding))
}

/// How many there are of a severity.
fn how_many(report: &Report, severity: Severity) -> u64 {
    bad(report).filter(|found| found.finding.severity == severity).map(|_| 1).sum()
}

#[cfg(test)]
mod tests;
