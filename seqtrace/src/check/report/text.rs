//! Text format: a full report for a single file, a line for each of several files.

use std::fmt::{self, Write as _};

use anstyle::{AnsiColor, Color, Style};

use super::{
    Layout, Options, Report, Sums, Unlisted, bad, blamed_line, cause_line, how_many, outcome, path,
    paths, reason, word,
};
use crate::{
    check::{
        oracle::End,
        repro::Repro,
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

    fn interrupted(&mut self, left: &[Report], out: &mut String) -> fmt::Result {
        if self.options.single || self.options.verbose {
            return left.iter().try_for_each(|report| self.report(report, out));
        }
        let files = Count(left.len() as u64, "file");
        let text = format!("  {files} not judged: {}", paths(left));
        Screen { out, options: self.options }
            .line([(WARN, "interrupted".to_owned()), (PLAIN, text)])
    }

    fn end(&mut self, sums: &Sums, unlisted: Unlisted, out: &mut String) -> fmt::Result {
        if self.options.single {
            return Ok(());
        }
        let Sums { files, clean, findings, inconclusive, refused, volatile } = *sums;
        let Unlisted { skipped, non_seq, interrupted: _ } = unlisted;
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

/// Appends lines to a buffer, in the style that the options allow.
struct Screen<'a> {
    out: &'a mut String,
    options: Options,
}

const PLAIN: Style = Style::new();
const DIM: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();
const fn color(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color)))
}
const BAD: Style = color(AnsiColor::Red).bold();
const WARN: Style = color(AnsiColor::Yellow);
const GOOD: Style = color(AnsiColor::Green);

impl Screen<'_> {
    /// Appends a line that consists of these texts, each in its style.
    fn line<const N: usize>(&mut self, texts: [(Style, String); N]) -> fmt::Result {
        for (style, mut text) in texts {
            // Foreign bytes are already escaped: only marks and words of seqtrace itself can be beyond ASCII.
            if self.options.ascii {
                text = escape::text(text.as_bytes(), true).to_string().replace("\\\\", "\\");
            }
            if self.options.color && !text.is_empty() {
                write!(self.out, "{style}{text}{style:#}")?;
            } else {
                self.out.push_str(&text);
            }
        }
        self.out.write_char('\n')
    }

    fn one_line(&mut self, report: &Report) -> fmt::Result {
        let (style, word) = verdict(report);
        let pad = 13usize.saturating_sub(word.len());
        let path = format!("{:pad$}{}", "", path(report));
        let is_read = !report.plans.is_empty();
        let size = if is_read { format!("  {}", size(report)) } else { String::new() };
        let why = reason(&report.verdict).or(report.reservation());
        let why = why.map(|why| format!("  {why}")).unwrap_or_default();
        self.line([(style, word), (PLAIN, path), (DIM, size), (PLAIN, why)])
    }

    fn full(&mut self, report: &Report) -> fmt::Result {
        let table = report.callbacks.as_ref().map(|callbacks| {
            let table = callbacks.table.as_ref().unwrap_or(&callbacks.show);
            format!("  {}", super::symbol(table))
        });
        let size = format!("  {}", size(report));
        self.line([(STRONG, path(report)), (PLAIN, table.unwrap_or_default()), (DIM, size)])?;
        for plan in &report.plans {
            self.plan(plan)?;
        }
        for note in &report.notes {
            self.line([(PLAIN, format!("  note: {note}"))])?;
        }
        for found in &report.found {
            let Finding { severity, id, .. } = found.finding;
            if self.options.verbose || severity > Severity::Info || id.is_quality() {
                self.finding(found)?;
            }
        }
        if let Some(Repro { command, shows, correct }) = &report.repro {
            self.line([(STRONG, "  reproduce: ".to_owned()), (PLAIN, command.clone())])?;
            let correct = correct.as_ref().map(|correct| format!("; correct output: {correct}"));
            self.line([(PLAIN, format!("    {shows}")), (DIM, correct.unwrap_or_default())])?;
        }
        let errors = Count(how_many(report, Severity::Error), "error");
        let warnings = Count(how_many(report, Severity::Warning), "warning");
        let more = match (reason(&report.verdict), report.reservation()) {
            (Some(why), _) => format!(": {why}"),
            _ if bad(report).next().is_some() => format!(": {errors}, {warnings}"),
            (None, Some(why)) => format!(" {why}"),
            (None, None) => String::new(),
        };
        self.line([(PLAIN, "  ".to_owned()), verdict(report), (PLAIN, more)])
    }

    fn plan(&mut self, plan: &PlanReport) -> fmt::Result {
        let (word, more) = outcome(plan);
        let style = match plan.outcome {
            PlanOutcome::Ok => GOOD,
            PlanOutcome::Fail(_) | PlanOutcome::Killed => BAD,
            PlanOutcome::Blocked | PlanOutcome::Undecided(_) => WARN,
            _ => DIM,
        };
        let (bytes, calls) = (Count(plan.bytes, "byte"), Count(plan.calls, "call"));
        let more = match more {
            Some(more) => (PLAIN, more),
            None => (DIM, format!("{}: {bytes}, {calls}", plan.kind.what())),
        };
        let name = (PLAIN, format!("{:<16}", plan.kind.name()));
        self.line([(PLAIN, "  ".to_owned()), (style, format!("{word:<8}")), name, more])
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
        self.line([
            (PLAIN, "  ".to_owned()),
            (style, format!("{mark} {}", finding.id)),
            (STRONG, format!(" {}", finding.name)),
            (PLAIN, format!(": {}", finding.message)),
        ])?;
        let mut more = Vec::new();
        if let Some(cause) = cause_line(finding) {
            more.push(format!("cause {cause}"));
        } else if let Some(blamed) = blamed_line(finding) {
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
        self.line([(DIM, format!("        {}", more.join("   ")))])
    }
}

fn verdict(report: &Report) -> (Style, String) {
    let style = match report.verdict {
        Verdict::Clean => GOOD,
        Verdict::Findings => BAD,
        Verdict::Inconclusive(_) => WARN,
        Verdict::Refused(_) => DIM,
    };
    (style, word(&report.verdict).to_owned())
}

/// Returns the size of the file, and how the whole read ended: `8100 bytes, 300 records`.
pub(super) fn size(report: &Report) -> String {
    let (bytes, records) = (Count(report.bytes, "byte"), Count(report.records, "record"));
    let end = match report.end {
        Some(End::Cut) => ", and more: judged as far as read".to_owned(),
        Some(End::Error(errno)) => format!(", then {}", errno_name(errno)),
        Some(End::Eof) | None => String::new(),
    };
    let volatile = if report.volatile { ", volatile" } else { "" };
    format!("{bytes}, {records}{end}{volatile}")
}
