//! Totals per file and per callback, and nothing else. On a terminal they are replaced during the trace.

use seqtrace_model::event::Role;
use seqtrace_model::summary::{Activity, FileActivity, FunctionSummary};
use seqtrace_model::trace::Sink as _;

use super::line;
use super::status::Status;
use super::style::Style;
use super::table::Table;
use super::{Header, Output, Ready, Renderer, Shown, Size, TargetInfo, wording};
use crate::escape;
use crate::session::update::{Summary, Update};

/// Lines of the tables that are no rows: their headings, the numbers of their further rows, and an empty line.
const FRAME: usize = 5;

/// Options of the totals.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent command line switch")]
pub struct Options {
    /// True if the tables may have escape sequences for colors.
    pub color: bool,
    /// True if standard error may have escape sequences for colors.
    pub color_status: bool,
    /// True if the text must be ASCII.
    pub ascii: bool,
    /// True if header, targets and the sums over the trace are written to standard error.
    pub status: bool,
    /// Width of the tables in columns. `None`: they have any width.
    pub width: Option<u16>,
    /// Terminal on which the totals are refreshed during the trace. `None`: they are written at the end only.
    pub live: Option<Size>,
    /// Greatest number of rows of a table at the end. `None`: no limit.
    pub top: Option<usize>,
}

/// Renders totals per file and per callback.
pub struct Totals {
    activity: Activity,
    style: Style,
    /// `None`: nothing is written to standard error.
    status: Option<Status>,
    width: Option<u16>,
    live: Option<Size>,
    top: Option<usize>,
    /// Number of lines that were written last and are to be replaced.
    drawn: usize,
}

impl Totals {
    /// Makes a renderer without any totals.
    pub fn new(options: Options) -> Self {
        let Options { color, color_status, ascii, status, width, live, top } = options;
        let of_status = super::Options { color_status, ascii, ..super::Options::default() };
        let status = status.then(|| Status::new(&of_status));
        let style = Style::new(color, ascii);
        Self { activity: Activity::default(), style, status, width, live, top, drawn: 0 }
    }

    /// Returns the tables, of files and of functions with at most these numbers of rows.
    fn tables(&self, files: Option<usize>, functions: Option<usize>) -> Vec<u8> {
        let mut out = Vec::new();
        self.files(files).write(self.style, &mut out);
        self.functions(functions).write(self.style, &mut out);
        // An empty line separates tables.
        out.strip_prefix(b"\n").map(<[u8]>::to_vec).unwrap_or(out)
    }

    fn files(&self, top: Option<usize>) -> Table {
        let mut table =
            Table::new("FILE, READS, P50, P99, BYTES, RESTARTS, FINDINGS", top).fit(self.width);
        for (path, file) in self.activity.busiest_files() {
            if table.has_row() {
                table.row(escape::text(path, self.style.ascii).to_string(), self.file(file));
            }
        }
        if self.activity.others.reads + self.activity.others.findings > 0 && table.has_row() {
            table.row("(other files)".to_owned(), self.file(&self.activity.others));
        }
        table
    }

    /// Returns the cells behind the name of a file.
    fn file(&self, file: &FileActivity) -> [String; 6] {
        let FileActivity { reads, durations, bytes, restarts, findings } = file;
        let time = |quantile| self.duration(durations.quantile(quantile));
        let [p50, p99] = match durations.count() {
            0 => ["-".to_owned(), "-".to_owned()],
            _ => [time(0.5), time(0.99)],
        };
        let [reads, bytes, restarts, findings] =
            [reads, bytes, restarts, findings].map(u64::to_string);
        [reads, p50, p99, bytes, restarts, findings]
    }

    fn functions(&self, top: Option<usize>) -> Table {
        let mut table = Table::new("CALLBACK, CALLS, P50, P99, TOTAL", top).fit(self.width);
        for (role, sum) in self.activity.slowest_functions() {
            if table.has_row() {
                let FunctionSummary { function: _, durations } = sum;
                let times = [durations.quantile(0.5), durations.quantile(0.99), durations.sum()];
                let [p50, p99, total] = times.map(|ns| self.duration(ns));
                table.row(self.name(role, sum), [durations.count().to_string(), p50, p99, total]);
            }
        }
        table
    }

    fn name(&self, role: Role, sum: &FunctionSummary) -> String {
        line::text(Style::new(false, self.style.ascii), |line| {
            line.put(format_args!("{:<6}", role.name()));
            wording::symbol(line, &sum.function);
        })
    }

    fn duration(&self, ns: u64) -> String {
        line::text(Style::new(false, self.style.ascii), |line| _ = line.duration(ns))
    }

    /// Moves the cursor to the first of the lines that are to be replaced.
    fn move_up(&mut self, out: &mut Vec<u8>) {
        if self.drawn > 0 {
            out.extend_from_slice(format!("\x1b[{}A\r", self.drawn).as_bytes());
        }
        self.drawn = 0;
    }

    /// Replaces the tables on the terminal.
    fn redraw(&mut self, size: Size, out: &mut Vec<u8>) {
        // The cursor is in the line below the tables.
        let rows = usize::from(size.rows).saturating_sub(1 + FRAME).max(2);
        let functions = self.activity.slowest_functions().len();
        let files = rows.saturating_sub(functions).max(rows / 2);
        let functions = rows.saturating_sub(self.activity.files.len().min(files));
        let tables = self.tables(Some(files), Some(functions));
        self.move_up(out);
        for line in tables.split_inclusive(|byte| *byte == b'\n') {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            out.extend_from_slice(text);
            // The rest of the line, which the text before may have filled.
            out.extend_from_slice(b"\x1b[K\n");
            self.drawn += 1;
        }
        out.extend_from_slice(b"\x1b[J");
    }
}

impl Renderer for Totals {
    fn header(&mut self, header: &Header, out: &mut Output) {
        if let Some(status) = self.status {
            status.header(header, &mut out.status);
        }
    }

    fn target(&mut self, target: &TargetInfo, out: &mut Output) {
        if let Some(status) = self.status {
            status.target(target, &mut out.status);
        }
    }

    fn ready(&mut self, ready: &Ready, out: &mut Output) {
        if let Some(status) = self.status {
            status.ready(*ready, &mut out.status);
        }
    }

    fn update(&mut self, update: &Update, _out: &mut Output) -> Shown {
        self.activity.update(update);
        Shown::Yes
    }

    fn end(&mut self, summary: &Summary, out: &mut Output) {
        let replaced = self.drawn > 0;
        self.move_up(&mut out.data);
        if replaced {
            out.data.extend_from_slice(b"\x1b[J");
        }
        out.data.extend(self.tables(self.top, self.top));
        if let Some(status) = self.status {
            status.summary(summary, &mut out.status);
        }
    }

    fn refresh(&mut self, out: &mut Output) {
        if let (Some(size), true) = (self.live, self.activity.take_changed()) {
            self.redraw(size, &mut out.data);
        }
    }

    fn resize(&mut self, size: Size, out: &mut Output) {
        self.width = Some(size.columns);
        if self.live.is_some() {
            self.live = Some(size);
            // The terminal may have wrapped the lines, so their number is unknown: the tables begin anew.
            self.drawn = 0;
            self.redraw(size, &mut out.data);
        }
    }
}

#[cfg(test)]
mod tests;
