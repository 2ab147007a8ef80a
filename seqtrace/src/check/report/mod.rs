//! The results of a check, in formats for people and for their tools: one file for each format.

mod github;
pub(crate) mod json;
mod junit;
mod ktap;
#[cfg(feature = "html")]
mod page;
mod text;

use std::fmt::{self, Debug};

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    repro::describe,
    verdict::{Failure, Found, PlanOutcome, PlanReport, Report, Verdict, errno_name, is_bad},
};
use crate::{
    escape,
    render::{Count, Name, SymbolLocation, texts},
    rules::{Finding, Severity},
    session::update::Symbol,
    symbol::SourceLine,
};

/// Formats of `check --format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
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

/// Options of the output. All except for the format apply to [`Format::Text`] only.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent command line switch")]
pub(crate) struct Options {
    pub(crate) format: Format,
    pub(crate) color: bool,
    /// True if everything that is not ASCII is escaped.
    pub(crate) ascii: bool,
    /// True if clean files are reported in full, and findings of severity info are listed.
    pub(crate) verbose: bool,
    /// True if clean files are left out.
    pub(crate) quiet: bool,
    /// True if the only target is one file: it is reported in full, without a line of sums.
    pub(crate) single: bool,
}

/// Numbers of files by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Sums {
    pub(crate) files: u64,
    pub(crate) clean: u64,
    pub(crate) findings: u64,
    pub(crate) inconclusive: u64,
    pub(crate) refused: u64,
    /// Number of clean files and files with findings whose bytes change by themselves, so that not all bytes were
    /// judged.
    pub(crate) volatile: u64,
}

/// Numbers of files that [`Format::Text`] does not list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unlisted {
    /// Number of files that a glob matches and that were not read. No sum counts them.
    pub(crate) skipped: u64,
    /// Number of named files that are not seq files. The sums count them as refused.
    pub(crate) non_seq: u64,
    /// Number of files that were not judged because a signal ended the check. The sums count them as inconclusive.
    pub(crate) interrupted: u64,
}

/// The reason why the files that an interrupted check has not judged are inconclusive.
const INTERRUPTED: &str = "interrupted before it was judged";

/// Writes reports in one format. An error of `fmt` never occurs, because writing to a String cannot fail.
trait Layout: Debug {
    /// Appends the text before the first report. `files`: number of reports that will follow.
    fn begin(&mut self, _files: u64, _out: &mut String) -> fmt::Result {
        Ok(())
    }

    /// Appends the report on one file.
    fn report(&mut self, report: &Report, out: &mut String) -> fmt::Result;

    /// Appends the files that were not judged because a signal ended the check, as reports with that reason.
    fn interrupted(&mut self, left: &[Report], out: &mut String) -> fmt::Result {
        left.iter().try_for_each(|report| self.report(report, out))
    }

    /// Appends the text after the last report.
    fn end(&mut self, _sums: &Sums, _unlisted: Unlisted, _out: &mut String) -> fmt::Result {
        Ok(())
    }
}

impl Sums {
    fn count_report(&mut self, report: &Report) {
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

/// Writes the reports of a check to a buffer, and counts them.
#[derive(Debug)]
pub(crate) struct ReportWriter {
    layout: Box<dyn Layout>,
    pub(crate) sums: Sums,
    pub(crate) unlisted: Unlisted,
    /// True if reports on files that are not seq files come last.
    defers_non_seq: bool,
    /// Reports on files that are not seq files, buffered until it is known if they are listed.
    non_seq: Vec<Report>,
    /// The reports as parts of a page.
    #[cfg(feature = "html")]
    pub(crate) files: Vec<seqtrace_html::CheckedFile>,
}

impl ReportWriter {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            layout: match options.format {
                Format::Text => Box::new(text::Text { options }),
                Format::Json => Box::new(json::Json),
                Format::Ktap => Box::new(ktap::Ktap::default()),
                Format::Junit => Box::new(junit::Junit::default()),
                Format::Github => Box::new(github::Github),
            },
            sums: Sums::default(),
            unlisted: Unlisted::default(),
            defers_non_seq: options.format == Format::Text && !options.verbose,
            non_seq: Vec::new(),
            #[cfg(feature = "html")]
            files: Vec::new(),
        }
    }

    /// Appends the text before the first report. `files`: number of reports that will follow.
    pub(crate) fn begin(&mut self, files: u64, out: &mut Vec<u8>) {
        append(out, |text| self.layout.begin(files, text));
    }

    /// Appends the report on one file.
    pub(crate) fn report(&mut self, report: &Report, out: &mut Vec<u8>) {
        self.sums.count_report(report);
        #[cfg(feature = "html")]
        self.files.push(page::file(report));
        append(out, |text| self.layout.report(report, text));
    }

    /// Counts a file that a glob matches and that was not read.
    pub(crate) fn count_skipped(&mut self) {
        self.unlisted.skipped += 1;
    }

    /// Reports a file that is not a seq file. [`Format::Text`] lists such files after the others, or only counts them
    /// if there are several beside files that were judged.
    pub(crate) fn report_non_seq(&mut self, report: Report, out: &mut Vec<u8>) {
        if self.defers_non_seq {
            self.non_seq.push(report);
        } else {
            self.report(&report, out);
        }
    }

    /// Returns the number of files so far, including those that are not listed.
    pub(crate) fn done(&self) -> usize {
        let listed = usize::try_from(self.sums.files + self.unlisted.skipped).unwrap_or(usize::MAX);
        listed.saturating_add(self.non_seq.len())
    }

    /// Reports the files that were not judged because a signal ended the check.
    pub(crate) fn report_interrupted<'a>(
        &mut self,
        left: impl Iterator<Item = &'a [u8]>,
        out: &mut Vec<u8>,
    ) {
        let report = |path: &[u8]| Report {
            verdict: Verdict::Inconclusive(INTERRUPTED.to_owned()),
            ..Report::new(path.to_vec())
        };
        let left: Vec<Report> = left.map(report).collect();
        for report in &left {
            self.sums.count_report(report);
            #[cfg(feature = "html")]
            self.files.push(page::file(report));
        }
        self.unlisted.interrupted += left.len() as u64;
        append(out, |text| self.layout.interrupted(&left, text));
    }

    /// Appends the text after the last report.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) {
        let non_seq = std::mem::take(&mut self.non_seq);
        let lists = self.sums.files == self.sums.refused || non_seq.len() <= 1;
        for report in &non_seq {
            if lists {
                self.report(report, out);
            } else {
                self.sums.count_report(report);
                self.unlisted.non_seq += 1;
            }
        }
        append(out, |text| self.layout.end(&self.sums, self.unlisted, text));
    }
}

fn append(out: &mut Vec<u8>, write: impl FnOnce(&mut String) -> fmt::Result) {
    let mut text = String::new();
    let _infallible = write(&mut text);
    out.extend_from_slice(text.as_bytes());
}

/// Returns the paths of the first files, and the number of the others: `/proc/a, /proc/b and 7 others`.
fn paths(reports: &[Report]) -> String {
    const SHOWN: usize = 5;
    let first: Vec<String> = reports.iter().take(SHOWN).map(path).collect();
    let first = first.join(", ");
    match reports.len().saturating_sub(SHOWN) {
        0 => first,
        others => format!("{first} and {}", Count(others as u64, "other")),
    }
}

/// Returns the path of the file, escaped for a terminal.
fn path(report: &Report) -> String {
    escape::text(&report.path, false).to_string()
}

/// Returns the verdict as one word: `clean`, `findings`, `inconclusive` or `refused`.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Clean => "clean",
        Verdict::Findings => "findings",
        Verdict::Inconclusive(_) => "inconclusive",
        Verdict::Refused(_) => "refused",
    }
}

/// Returns the reason for a verdict of inconclusive or refused; `None` for other verdicts.
fn reason(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Clean | Verdict::Findings => None,
        Verdict::Inconclusive(why) | Verdict::Refused(why) => Some(why),
    }
}

/// Returns the outcome of a plan as one word, and its details; `None` if there are none.
fn outcome(plan: &PlanReport) -> (&'static str, Option<String>) {
    let difference = plan.outcome.failure().map(|failure| &failure.difference);
    let differs = difference.map(|difference| describe(difference.at, &difference.what));
    match &plan.outcome {
        PlanOutcome::Ok => ("ok", None),
        PlanOutcome::Fail(Failure { steady: false, .. }) => {
            ("FAIL", differs.map(|text| text + "; other bytes each time"))
        }
        PlanOutcome::Fail(_) => ("FAIL", differs),
        PlanOutcome::Volatile(_) => ("changed", differs),
        PlanOutcome::Excused(_) => ("excused", differs),
        PlanOutcome::Undecided(_) => ("unsure", differs),
        PlanOutcome::Unsupported { syscall, errno } => {
            ("skip", Some(format!("{} gives {}", syscall.name(), errno_name(*errno))))
        }
        PlanOutcome::Blocked => ("blocked", Some("a read did not return".to_owned())),
        PlanOutcome::Killed => ("killed", Some("the reader was killed while it read".to_owned())),
        PlanOutcome::NotRun(why) => ("skip", Some((*why).to_owned())),
    }
}

/// Returns the function at fault in a finding: `eof_next [seqbugs+0x250]`.
fn blamed(finding: &Finding) -> Option<String> {
    finding.blame.as_ref().map(|blame| location(&blame.function))
}

/// Returns the function at fault in a finding, with its line: `eof_next [seqbugs+0x250] at seqbugs/eof.c:123`.
fn blamed_line(finding: &Finding) -> Option<String> {
    finding.blame.as_ref().map(texts::blame)
}

/// Returns the line of the function at fault in a finding; `None` if it is unknown.
fn source(finding: &Finding) -> Option<&SourceLine> {
    finding.blame.as_ref()?.source.as_ref()
}

/// Returns a symbol with its module: `eof_next [seqbugs]`.
fn symbol(symbol: &Symbol) -> String {
    SymbolLocation { name: Name { symbol, ascii: false }, with_offset: false }.to_string()
}

/// Returns a symbol with its module and offset: `eof_next [seqbugs+0x250]`.
fn location(symbol: &Symbol) -> String {
    SymbolLocation { name: Name { symbol, ascii: false }, with_offset: true }.to_string()
}

/// Returns the cause of a finding: `SQ102 eof_next [seqbugs+0x250] at seqbugs/eof.c:123`.
fn cause_line(finding: &Finding) -> Option<String> {
    let cause = finding.cause.as_ref()?;
    let blame = cause.blame.as_ref().map(|blame| format!(" {}", texts::blame(blame)));
    Some(format!("{}{}", cause.id, blame.unwrap_or_default()))
}

/// Returns the cause of a finding: `SQ102 eof_next [seqbugs+0x250]`.
fn cause(finding: &Finding) -> Option<String> {
    let cause = finding.cause.as_ref()?;
    let blame = cause.blame.as_ref().map(|blame| format!(" {}", location(&blame.function)));
    Some(format!("{}{}", cause.id, blame.unwrap_or_default()))
}

/// Returns the findings that make a check fail.
fn bad(report: &Report) -> impl Iterator<Item = &Found> {
    report.found.iter().filter(|found| is_bad(&found.finding))
}

/// Returns the number of findings with this severity.
fn how_many(report: &Report, severity: Severity) -> u64 {
    bad(report).filter(|found| found.finding.severity == severity).count() as u64
}

#[cfg(test)]
mod tests;
