//! The summary of a trace: findings, files, fates of records, durations, and on request the ledger of each session.
//!
//! It is rendered at the end of the trace. Memory grows with the number of files and functions, not with events; with
//! the ledger it grows with records.

mod findings;
mod ledger;
mod table;

use std::collections::HashMap;
use std::hash::Hash;

use hdrhistogram::Histogram;

use super::line::{Count, LineWriter};
use super::style::{Color, Style};
use super::{Clock, Header, Output, Ready, Renderer, Shown, TargetInfo};
use crate::errno::Errno;
use crate::escape;
use crate::event::Role;
use crate::session::update::{
    CallbackUpdate, Callbacks, Fate, Summary, Symbol, Totals, Update, What,
};
use findings::Findings;
use ledger::Ledger;
use table::Table;

/// Options of a report.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Conversion of times to wall time.
    pub clock: Clock,
    /// Uses colors.
    pub color: bool,
    /// Only ASCII.
    pub ascii: bool,
    /// Greatest number of rows of the tables of files and functions. `None`: no limit.
    pub top: Option<usize>,
    /// Adds the ledger of each session: which record the reader got at which file offsets.
    pub ledger: bool,
}

/// Renders a report; see the [module](self).
pub struct Report {
    options: Options,
    style: Style,
    head: Vec<u8>,
    /// Begin of the trace, ns since boot.
    begin: Option<u64>,
    /// Time of the last update, ns since boot.
    last: u64,
    files: HashMap<Vec<u8>, FileSums>,
    /// Number of records and their bytes for each of [`FATES`].
    fates: [(u64, u64); FATES.len()],
    /// Keyed by role and address.
    functions: HashMap<(Role, u64), (Symbol, Spans)>,
    reads: Spans,
    lseeks: Spans,
    held: Spans,
    findings: Findings,
    ledger: Option<Ledger>,
    gaps: u64,
    disagreements: u64,
    /// Number of failures, keyed by the negative errno.
    failed_opens: HashMap<i32, u64>,
    failed_reads: HashMap<i64, u64>,
}

#[derive(Default)]
struct FileSums {
    sessions: u64,
    partial: u64,
    undelivered: u64,
    totals: Totals,
}

/// The fates in order of output.
const FATES: [(Fate, &str); 8] = [
    (Fate::Emitted, "emitted"),
    (Fate::PassedOver, "passed over"),
    (Fate::DiscardedOverflow, "discarded, overflow"),
    (Fate::DiscardedTail, "discarded, tail"),
    (Fate::Skipped, "skipped"),
    (Fate::Empty, "empty"),
    (Fate::Failed, "failed"),
    (Fate::Unknown, "unknown"),
];

/// Durations of something, in ns.
struct Spans {
    /// Keeps three significant digits. `None`: it could not be made, which does not happen.
    histogram: Option<Histogram<u64>>,
    sum: u64,
    max: u64,
}

impl Default for Spans {
    fn default() -> Self {
        // It resizes itself. new() fails for more than five digits only.
        Self { histogram: Histogram::new(3).ok(), sum: 0, max: 0 }
    }
}

impl Spans {
    fn add(&mut self, ns: Option<u64>) {
        let (Some(ns), Some(histogram)) = (ns, &mut self.histogram) else { return };
        // Fails for values out of range only; a histogram that resizes itself has no range.
        let _recorded = histogram.record(ns);
        self.sum = self.sum.saturating_add(ns);
        self.max = self.max.max(ns);
    }

    fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::len)
    }

    fn quantile(&self, quantile: f64) -> u64 {
        let value = self.histogram.as_ref().map_or(0, |all| all.value_at_quantile(quantile));
        // The histogram returns the upper end of a bucket.
        value.min(self.max)
    }
}

impl Report {
    /// Makes an empty report.
    pub fn new(options: Options) -> Self {
        Self {
            style: Style::new(options.color, options.ascii),
            ledger: options.ledger.then(Ledger::default),
            options,
            findings: Findings::default(),
            head: Vec::new(),
            begin: None,
            last: 0,
            files: HashMap::new(),
            fates: [(0, 0); FATES.len()],
            functions: HashMap::new(),
            reads: Spans::default(),
            lseeks: Spans::default(),
            held: Spans::default(),
            gaps: 0,
            disagreements: 0,
            failed_opens: HashMap::new(),
            failed_reads: HashMap::new(),
        }
    }

    fn callback(&mut self, callbacks: Option<&Callbacks>, update: &CallbackUpdate) {
        let CallbackUpdate { role, duration, held, fate, bytes, .. } = update;
        self.held.add(*held);
        if let Some(index) = fate.and_then(|fate| FATES.iter().position(|(one, _)| *one == fate)) {
            let (count, sum) = &mut self.fates[index];
            *count += 1;
            *sum = sum.saturating_add(bytes.unwrap_or(0));
        }
        let Some(callbacks) = callbacks else { return };
        let function = match role {
            Role::Start => &callbacks.start,
            Role::Next => &callbacks.next,
            Role::Show => &callbacks.show,
            Role::Stop => &callbacks.stop,
        };
        let (_, spans) = self
            .functions
            .entry((*role, function.address))
            .or_insert_with(|| (function.clone(), Spans::default()));
        spans.add(*duration);
    }

    fn duration(&self, ns: u64) -> String {
        let mut text = Vec::new();
        LineWriter::new(&mut text, self.style).duration(ns);
        String::from_utf8_lossy(&text).into_owned()
    }

    fn summary(&self, summary: &Summary, out: &mut Vec<u8>) {
        let mut line = LineWriter::new(out, self.style);
        let span = self.last.saturating_sub(self.begin.unwrap_or(self.last));
        let begin = self.options.clock.utc(self.begin.unwrap_or(self.last));
        line.put(format_args!("from {begin}, for {}", self.duration(span)));
        line.end();
        super::status::Status::of(self.style).summary(summary, out);
        let mut notes = Vec::new();
        notes.extend((self.gaps > 0).then(|| Count(self.gaps, "gap").to_string()));
        notes.extend((self.disagreements > 0).then(|| {
            Count(self.disagreements, "disagreement with the core's algorithm").to_string()
        }));
        for (ret, count) in sorted(&self.failed_opens, |ret, _| *ret) {
            notes.push(format!("{} {}", Count(*count, "open"), failed((*ret).into())));
        }
        for (ret, count) in sorted(&self.failed_reads, |ret, _| *ret) {
            notes.push(format!("{} {}", Count(*count, "read"), failed(*ret)));
        }
        if !notes.is_empty() {
            let mut line = LineWriter::new(out, self.style);
            line.color(Color::Warn, notes.join("  "));
            line.end();
        }
    }

    fn files(&self, out: &mut Vec<u8>) {
        let mut table = Table::new(
            "FILE",
            &[
                "SESSIONS",
                "PARTIAL",
                "READS",
                "BYTES",
                "EMITTED",
                "DISCARDED",
                "PASSED OVER",
                "RESTARTS",
                "NEVER FETCHED",
            ],
        );
        let order = |path: &Vec<u8>, sums: &FileSums| {
            (std::cmp::Reverse((sums.totals.callbacks, sums.sessions)), path.clone())
        };
        for (path, sums) in sorted(&self.files, order) {
            let FileSums { sessions, partial, undelivered, totals } = sums;
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
            let name = escape::text(path, self.options.ascii).to_string();
            table.row(name, numbers.map(|number| number.to_string()).to_vec());
        }
        table.write(self.style, self.options.top, out);
    }

    fn fates(&self, out: &mut Vec<u8>) {
        let mut table = Table::new("RENDERED", &["RECORDS", "BYTES"]);
        for ((_, name), (count, bytes)) in FATES.iter().zip(&self.fates) {
            if *count > 0 {
                table.row((*name).to_owned(), vec![count.to_string(), bytes.to_string()]);
            }
        }
        table.write(self.style, None, out);
    }

    fn times(&self, out: &mut Vec<u8>) {
        let mut table = Table::new("TIME", &["COUNT", "P50", "P90", "P99", "MAX", "TOTAL"]);
        let row = |table: &mut Table, name: String, spans: &Spans| {
            let mut cells = vec![spans.count().to_string()];
            for quantile in [0.5, 0.9, 0.99] {
                cells.push(self.duration(spans.quantile(quantile)));
            }
            cells.extend([self.duration(spans.max), self.duration(spans.sum)]);
            table.row(name, cells);
        };
        for (name, spans) in
            [("read", &self.reads), ("lseek", &self.lseeks), ("start to stop", &self.held)]
        {
            if spans.count() > 0 {
                row(&mut table, name.to_owned(), spans);
            }
        }
        table.write(self.style, None, out);
        let mut table = Table::new("CALLBACK", &["COUNT", "P50", "P90", "P99", "MAX", "TOTAL"]);
        let order = |(role, address): &(Role, u64), (_, spans): &(Symbol, Spans)| {
            (std::cmp::Reverse(spans.sum), *role, *address)
        };
        for ((role, _), (function, spans)) in sorted(&self.functions, order) {
            let mut name = Vec::new();
            let mut line = LineWriter::new(&mut name, Style::new(false, self.options.ascii));
            line.put(format_args!("{:<6}", role.name()));
            super::wording::symbol(&mut line, function);
            row(&mut table, String::from_utf8_lossy(&name).into_owned(), spans);
        }
        table.write(self.style, self.options.top, out);
    }
}

/// Returns the entries of a map, sorted by `order`.
fn sorted<K, V, O: Ord>(map: &HashMap<K, V>, order: impl Fn(&K, &V) -> O) -> Vec<(&K, &V)>
where
    K: Eq + Hash,
{
    let mut all: Vec<_> = map.iter().collect();
    all.sort_by_cached_key(|(key, value)| order(key, value));
    all
}

fn failed(ret: i64) -> String {
    format!("failed with {}", Errno(ret.unsigned_abs()))
}

impl Renderer for Report {
    fn header(&mut self, header: &Header, _out: &mut Output) {
        super::status::Status::of(self.style).header(header, &mut self.head);
        if !header.command.is_empty() {
            let mut line = LineWriter::new(&mut self.head, self.style);
            line.put("by");
            for word in &header.command {
                line.put(" ").bytes(word);
            }
            line.end();
        }
    }

    fn target(&mut self, _target: &TargetInfo, _out: &mut Output) {}

    fn ready(&mut self, ready: &Ready, _out: &mut Output) {
        self.begin = Some(ready.begin);
    }

    fn update(&mut self, update: &Update, _out: &mut Output) -> Shown {
        self.count(update);
        Shown::No
    }

    fn end(&mut self, summary: &Summary, out: &mut Output) {
        out.data.append(&mut self.head);
        self.summary(summary, &mut out.data);
        self.findings.write(self.style, &mut out.data);
        self.files(&mut out.data);
        self.fates(&mut out.data);
        self.times(&mut out.data);
        if let Some(ledger) = &self.ledger {
            ledger.write(self.style, &mut out.data);
        }
    }
}

impl Report {
    /// Adds an update to the tables.
    fn count(&mut self, update: &Update) {
        self.begin.get_or_insert(update.time);
        self.last = self.last.max(update.time);
        let session = update.session.as_deref();
        if let Some(ledger) = &mut self.ledger {
            ledger.update(update);
        }
        match &update.what {
            What::Callback(callback) => {
                self.callback(session.and_then(|session| session.callbacks.as_ref()), callback);
            }
            What::ReadEnd(end) => {
                self.reads.add(end.duration);
                if end.ret < 0 {
                    *self.failed_reads.entry(end.ret).or_default() += 1;
                }
            }
            What::PlainRead { ret, .. } if *ret < 0 => {
                *self.failed_reads.entry(*ret).or_default() += 1;
            }
            What::LseekEnd { duration, .. } => self.lseeks.add(*duration),
            What::OpenFailed { ret } | What::OpenLeaked { ret } => {
                *self.failed_opens.entry(*ret).or_default() += 1;
            }
            What::Close { totals, undelivered, partial, .. } => {
                let path = session.map(|session| session.path.clone()).unwrap_or_default();
                let sums = self.files.entry(path).or_default();
                sums.sessions += 1;
                sums.partial += u64::from(!partial.is_empty());
                sums.undelivered = sums.undelivered.saturating_add(*undelivered);
                sums.totals.add(totals);
            }
            What::Finding(finding) => {
                let path = session.map(|session| session.path.as_slice()).unwrap_or_default();
                self.findings.add(path, finding);
            }
            What::Gap { .. } => self.gaps += 1,
            What::Disagreement { .. } => self.disagreements += 1,
            _ => {}
        }
    }
}
