//! The text of a trace's summary: findings, files, fates of records, durations, ledgers.

use seqtrace_model::summary::{Durations, FileSummary, FindingSummary, Ledger, TraceSummary};
use seqtrace_model::trace::Sink;

use super::line::{self, Count, Line, Pointer};
use super::status::Status;
use super::style::{Color, Style};
use super::table::Table;
use super::{Clock, Header, Output, Ready, Renderer, Shown, TargetInfo, wording, wrap};
use crate::errno::Errno;
use crate::escape;
use crate::session::update::{Fate, Range, Summary, Update};

/// Options of a report.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Conversion of times to wall time.
    pub clock: Clock,
    /// True if the text may have escape sequences for colors.
    pub color: bool,
    /// True if the text must be ASCII.
    pub ascii: bool,
    /// Greatest number of rows of the tables of files and functions. `None`: no limit.
    pub top: Option<usize>,
    /// Adds the ledger of each session: which record the reader got at which file offsets.
    pub ledger: bool,
    /// Width of the text in columns. `None`: lines have any length.
    pub width: Option<u16>,
}

/// Column at which the second line of a finding begins.
const INDENT: usize = 9;

/// Sums up a trace and renders the summary when the trace ends.
pub struct Report {
    summary: TraceSummary,
    clock: Clock,
    style: Style,
    /// Greatest number of rows of the tables of files and functions. `None`: no limit.
    top: Option<usize>,
    /// Width of the text in columns. `None`: lines have any length.
    width: Option<u16>,
}

impl Report {
    /// Makes a report of no updates.
    pub fn new(options: Options) -> Self {
        let Options { clock, color, ascii, top, ledger, width } = options;
        let summary = if ledger { TraceSummary::with_ledgers() } else { TraceSummary::default() };
        Self { summary, clock, style: Style::new(color, ascii), top, width }
    }
}

impl Renderer for Report {
    fn header(&mut self, header: &Header, _out: &mut Output) {
        self.summary.header(header);
    }

    fn target(&mut self, _target: &TargetInfo, _out: &mut Output) {}

    fn ready(&mut self, ready: &Ready, _out: &mut Output) {
        self.summary.ready(ready);
    }

    fn update(&mut self, update: &Update, _out: &mut Output) -> Shown {
        self.summary.update(update)
    }

    fn end(&mut self, summary: &Summary, out: &mut Output) {
        self.summary.end(summary);
        self.write(&mut out.data);
    }
}

impl Report {
    fn write(&self, out: &mut Vec<u8>) {
        let from = out.len();
        self.head(out);
        self.failures(out);
        for finding in &self.summary.findings {
            self.finding(finding, out);
        }
        if let Some(width) = self.width {
            wrap::wrap(out, from, width.into(), INDENT);
        }
        self.files(out);
        self.renderings(out);
        self.durations(out);
        self.functions(out);
        for (id, ledger) in self.summary.ledgers.iter().flatten() {
            self.ledger(id.0, ledger, out);
        }
    }

    fn head(&self, out: &mut Vec<u8>) {
        let TraceSummary { header, begin, last, sums, .. } = &self.summary;
        let status = Status::of(self.style);
        status.header(header, out);
        if !header.command.is_empty() {
            line::write(out, self.style, |line| {
                line.put("by");
                for word in &header.command {
                    line.put(" ").bytes(word);
                }
            });
        }
        line::write(out, self.style, |line| {
            let begin = self.clock.utc(begin.unwrap_or(*last));
            line.put(format_args!("from {begin}, for ")).duration(self.summary.duration());
        });
        status.summary(sums, out);
    }

    /// `1 gap  2 opens failed with ENOMEM  1 read failed with EFAULT`
    fn failures(&self, out: &mut Vec<u8>) {
        let TraceSummary { gaps, disagreements, failed_opens, failed_reads, .. } = &self.summary;
        let mut notes = Vec::new();
        for (count, noun) in
            [(*gaps, "gap"), (*disagreements, "disagreement with the core's algorithm")]
        {
            notes.extend((count > 0).then(|| Count(count, noun).to_string()));
        }
        let opens = failed_opens.iter().map(|(ret, count)| ("open", i64::from(*ret), *count));
        let reads = failed_reads.iter().map(|(ret, count)| ("read", *ret, *count));
        notes.extend(opens.chain(reads).map(|(noun, ret, count)| {
            format!("{} failed with {}", Count(count, noun), Errno(ret.unsigned_abs()))
        }));
        if !notes.is_empty() {
            line::write(out, self.style, |line| {
                line.color(Color::Warn, notes.join("  "));
            });
        }
    }

    fn finding(&self, sum: &FindingSummary, out: &mut Vec<u8>) {
        let FindingSummary { path, finding, sessions, .. } = sum;
        out.push(b'\n');
        line::write(out, self.style, |line| wording::finding(line, finding));
        line::write(out, self.style, |line| {
            line.pad(INDENT, 0).bytes(path).put("   ");
            if *sessions > 1 {
                line.put(format_args!("{sessions} sessions, first "));
            }
            line.put(format_args!("s{}", finding.session.0));
            if let Some(read) = finding.read {
                line.put(format_args!(".r{read}"));
            }
            line.put("   ");
            wording::explanation(line, finding);
        });
    }

    fn files(&self, out: &mut Vec<u8>) {
        let mut table = Table::new(
            "FILE, SESSIONS, PARTIAL, READS, BYTES, EMITTED, DISCARDED, PASSED OVER, RESTARTS, NEVER FETCHED",
            self.top,
        )
        .fit(self.width);
        for (path, file) in self.summary.busiest_files() {
            if !table.has_row() {
                continue;
            }
            let FileSummary { sessions, partial, undelivered, totals } = file;
            let numbers = [
                *sessions,
                *partial,
                totals.reads,
                totals.bytes,
                totals.emitted,
                totals.discarded,
                totals.passed_over,
                totals.restarts,
                *undelivered,
            ];
            let name = escape::text(path, self.style.ascii).to_string();
            table.row(name, numbers.map(|number| number.to_string()));
        }
        table.write(self.style, out);
    }

    fn renderings(&self, out: &mut Vec<u8>) {
        let mut table = Table::new("RENDERED, RECORDS, BYTES", None);
        for sum in self.summary.renderings.0.iter().filter(|sum| sum.count > 0) {
            table.row(fate(sum.fate).to_owned(), [sum.count.to_string(), sum.bytes.to_string()]);
        }
        table.write(self.style, out);
    }

    fn durations(&self, out: &mut Vec<u8>) {
        let TraceSummary { reads, lseeks, passes, .. } = &self.summary;
        let mut table = Table::new("TIME, COUNT, P50, P90, P99, MAX, TOTAL", None);
        for (name, durations) in [("read", reads), ("lseek", lseeks), ("start to stop", passes)] {
            if durations.count() > 0 {
                table.row(name.to_owned(), self.distribution(durations));
            }
        }
        table.write(self.style, out);
    }

    fn functions(&self, out: &mut Vec<u8>) {
        let mut table =
            Table::new("CALLBACK, COUNT, P50, P90, P99, MAX, TOTAL", self.top).fit(self.width);
        for (role, sum) in self.summary.slowest_functions() {
            if !table.has_row() {
                continue;
            }
            let name = self.text(|line| {
                line.put(format_args!("{:<6}", role.name()));
                wording::symbol(line, &sum.function);
            });
            table.row(name, self.distribution(&sum.durations));
        }
        table.write(self.style, out);
    }

    /// Returns the cells COUNT to TOTAL.
    fn distribution(&self, durations: &Durations) -> Vec<String> {
        let times = [0.5, 0.9, 0.99].map(|quantile| durations.quantile(quantile));
        let times = times.into_iter().chain([durations.max(), durations.sum()]);
        let times = times.map(|ns| self.text(|line| _ = line.duration(ns)));
        std::iter::once(durations.count().to_string()).chain(times).collect()
    }

    fn ledger(&self, session: u32, ledger: &Ledger, out: &mut Vec<u8>) {
        out.push(b'\n');
        line::write(out, self.style, |line| {
            line.color(Color::Strong, format_args!("LEDGER s{session}"));
            line.put("  ").bytes(&ledger.path);
        });
        let dash = || "-".to_owned();
        let mut table = Table::new("BYTES, LENGTH, POS, RECORD, PASS, READ, ", None);
        for entry in &ledger.entries {
            let Range { start, end } = entry.range;
            let record = match entry.record {
                _ if entry.stop => "stop()".to_owned(),
                Some(record) => Pointer(record).to_string(),
                None => dash(),
            };
            table.row(
                format!("{start}..{end}"),
                [
                    end.saturating_sub(start).to_string(),
                    entry.pos.map_or_else(dash, |pos| pos.to_string()),
                    record,
                    entry.pass.to_string(),
                    entry.read.map_or_else(dash, |read| format!("r{read}")),
                    if entry.passed_over { "passed over" } else { "" }.to_owned(),
                ],
            );
        }
        table.write(self.style, out);
    }

    /// Returns the text that `write` writes, without colors.
    fn text(&self, write: impl FnOnce(&mut Line<'_>)) -> String {
        line::text(Style::new(false, self.style.ascii), write)
    }
}

fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Emitted => "emitted",
        Fate::PassedOver => "passed over",
        Fate::DiscardedOverflow => "discarded, overflow",
        Fate::DiscardedTail => "discarded, tail",
        Fate::Skipped => "skipped",
        Fate::Empty => "empty",
        Fate::Failed => "failed",
        Fate::Unknown => "unknown",
    }
}
