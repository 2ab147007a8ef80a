//! Text format: a full report for a single file, a line for each of several files.

use std::fmt::{self, Write as _};

use anstyle::{AnsiColor, Color, Style};

use super::{
    Layout, Options, Report, Sums, Unlisted, bad, blamed, cause, how_many, outcome, path, reason,
    word,
};
use crate::{
    check::{
        oracle::End,
        verdict::{Found, PlanOutcome, PlanReport, Verdict, errno_name},
    },
    escape,
    render::Count,
    rules::{Finding, Severity},
};

#[derive(Debug)]
pub(super) struct Text {
    pub(super) options: Options,
}

impl Layout for Text {
    fn report(&mut self, report: &Report, out: &mut String) -> fmt::Result {
        let options = self.options;
        let mut screen = Screen { out, options };
        let full = options.verbose || options.single || report.verdict == Verdict::Findings;
        match report.verdict {
            Verdict::Clean | Verdict::Refused(_) if options.quiet => Ok(()),
            Verdict::Refused(_) | Verdict::Inconclusive(_) if report.plans.is_empty() => {
                screen.one_line(report)
            }
            _ if full => screen.full(report),
            _ => screen.one_line(report),
        }
    }

    fn end(&mut self, sums: &Sums, unlisted: Unlisted, out: &mut String) -> fmt::Result {
        if self.options.single {
            return Ok(());
        }
        let Sums { files, clean, findings, inconclusive, refused, volatile } = *sums;
        let Unlisted { skipped, non_seq } = unlisted;
        if non_seq > 0 && !self.options.quiet {
            writeln!(out, "{non_seq} of the named files are not seq files: -v lists them")?;
        }
        write!(
            out,
            "{}: {clean} clean, {findings} with findings, {inconclusive} inconclusive, \
             {refused} not judged; {volatile} volatile",
            Count(files, "file")
        )?;
        if skipped > 0 {
            write!(out, "; {skipped} passed over: -v lists them")?;
        }
        out.write_char('\n')
    }
}

/// Appends the report to a buffer, in the style that the options allow.
struct Screen<'a> {
    out: &'a mut String,
    options: Options,
}

const DIM: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();
const fn color(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color)))
}
const BAD: Style = color(AnsiColor::Red).bold();
const WARN: Style = color(AnsiColor::Yellow);
const GOOD: Style = color(AnsiColor::Green);

impl Screen<'_> {
    fn put(&mut self, style: Style, text: impl std::fmt::Display) -> fmt::Result {
        // Foreign bytes are already escaped: only marks and words of seqtrace itself can be beyond ASCII.
        let mut text = text.to_string();
        if self.options.ascii {
            text = escape::text(text.as_bytes(), true).to_string().replace("\\\\", "\\");
        }
        if self.options.color {
            write!(self.out, "{style}{text}{style:#}")
        } else {
            self.out.write_str(&text)
        }
    }

    fn plain(&mut self, text: impl std::fmt::Display) -> fmt::Result {
        self.put(Style::new(), text)
    }

    fn end_line(&mut self) -> fmt::Result {
        self.out.write_char('\n')
    }

    /// Appends the rest of a line.
    fn line(&mut self, text: impl std::fmt::Display) -> fmt::Result {
        self.plain(text)?;
        self.end_line()
    }

    fn verdict(&mut self, report: &Report) -> fmt::Result {
        let style = match report.verdict {
            Verdict::Clean => GOOD,
            Verdict::Findings => BAD,
            Verdict::Inconclusive(_) => WARN,
            Verdict::Refused(_) => DIM,
        };
        self.put(style, word(&report.verdict))
    }

    fn one_line(&mut self, report: &Report) -> fmt::Result {
        self.verdict(report)?;
        let pad = 13usize.saturating_sub(word(&report.verdict).len());
        self.plain(format_args!("{:pad$}{}", "", path(report)))?;
        if !report.plans.is_empty() {
            self.put(DIM, format_args!("  {}", size(report)))?;
        }
        match reason(&report.verdict).or(report.reservation()) {
            Some(why) => self.line(format_args!("  {why}")),
            None => self.end_line(),
        }
    }

    fn full(&mut self, report: &Report) -> fmt::Result {
        self.put(STRONG, path(report))?;
        if let Some(callbacks) = &report.callbacks {
            let table = callbacks.table.as_ref().unwrap_or(&callbacks.show);
            self.plain(format_args!("  {}", super::symbol(table)))?;
        }
        self.put(DIM, format_args!("  {}", size(report)))?;
        self.end_line()?;
        for plan in &report.plans {
            self.plan(plan)?;
        }
        for note in &report.notes {
            self.line(format_args!("  note: {note}"))?;
        }
        for found in &report.found {
            let Finding { severity, id, .. } = found.finding;
            if self.options.verbose || severity > Severity::Info || id.is_quality() {
                self.finding(found)?;
            }
        }
        if let Some(repro) = &report.repro {
            self.put(STRONG, "  reproduce: ")?;
            self.line(&repro.command)?;
            self.plain(format_args!("    {}", repro.shows))?;
            if let Some(correct) = &repro.correct {
                self.put(DIM, format_args!("; correct output: {correct}"))?;
            }
            self.end_line()?;
        }
        self.plain("  ")?;
        self.verdict(report)?;
        let errors = Count(how_many(report, Severity::Error), "error");
        let warnings = Count(how_many(report, Severity::Warning), "warning");
        match (reason(&report.verdict), report.reservation()) {
            (Some(why), _) => self.line(format_args!(": {why}")),
            _ if bad(report).next().is_some() => self.line(format_args!(": {errors}, {warnings}")),
            (None, Some(why)) => self.line(format_args!(" {why}")),
            (None, None) => self.end_line(),
        }
    }

    fn plan(&mut self, plan: &PlanReport) -> fmt::Result {
        let (word, more) = outcome(plan);
        let style = match plan.outcome {
            PlanOutcome::Ok => GOOD,
            PlanOutcome::Fail(_) | PlanOutcome::Killed => BAD,
            PlanOutcome::Blocked | PlanOutcome::Undecided(_) => WARN,
            _ => DIM,
        };
        self.plain("  ")?;
        self.put(style, format_args!("{word:<8}"))?;
        self.plain(format_args!("{:<16}", plan.kind.name()))?;
        if let Some(more) = more {
            return self.line(more);
        }
        let (bytes, calls) = (Count(plan.bytes, "byte"), Count(plan.calls, "call"));
        self.put(DIM, format_args!("{}: {bytes}, {calls}", plan.kind.what()))?;
        self.end_line()
    }

    fn finding(&mut self, found: &Found) -> fmt::Result {
        let finding = &found.finding;
        let (mark, style) = match (finding.severity, self.options.ascii) {
            (Severity::Error, false) => ("✗✗", BAD),
            (Severity::Error, true) => ("xx", BAD),
            (Severity::Warning, false) => ("✗ ", WARN),
            (Severity::Warning, true) => ("x ", WARN),
            (Severity::Info, _) => ("i ", DIM),
        };
        self.plain("  ")?;
        self.put(style, format_args!("{mark} {}", finding.id))?;
        self.put(STRONG, format_args!(" {}", finding.name))?;
        self.line(format_args!(": {}", finding.message))?;
        let mut more = Vec::new();
        if let Some(cause) = cause(finding) {
            more.push(format!("cause {cause}"));
        } else if let Some(blamed) = blamed(finding) {
            more.push(format!("in {blamed}"));
        }
        let plans: Vec<&str> = found.plans.iter().take(4).map(|kind| kind.name()).collect();
        if !plans.is_empty() {
            let others = match found.plans.len() - plans.len() {
                0 => String::new(),
                others => format!(" and {}", Count(others as u64, "other")),
            };
            more.push(format!("seen in {}{others}", plans.join(", ")));
        }
        more.push(format!("seqtrace explain {}", finding.id));
        self.put(DIM, format_args!("        {}", more.join("   ")))?;
        self.end_line()
    }
}

/// Returns the size of the file, and how the whole read ended: `8100 bytes, 300 records`.
fn size(report: &Report) -> String {
    let (bytes, records) = (Count(report.bytes, "byte"), Count(report.records, "record"));
    let end = match report.end {
        Some(End::Cut) => ", and more: judged as far as read".to_owned(),
        Some(End::Error(errno)) => format!(", then {}", errno_name(errno)),
        Some(End::Eof) | None => String::new(),
    };
    let volatile = if report.volatile { ", volatile" } else { "" };
    format!("{bytes}, {records}{end}{volatile}")
}
