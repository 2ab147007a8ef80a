//! The text of a comparison of two traces: a unified diff of the words of the timeline.
//!
//! ```text
//! --- before.seqtrace  Linux 6.12.117 x86_64  backend core
//! +++ after.seqtrace  Linux 6.12.117 x86_64  backend core
//! @@ /proc/seqbugs/eof_stuck  session 1/2  read 1 @@
//!  │  show  pos 2      #2  +2 B  emitted
//! -│  next  pos 2→2    #2 → NULL  did not advance: the core adds 1
//! +│  next  pos 2→3    #2 → NULL
//!  │  stop  pos 3      NULL
//! ```

pub(crate) mod words;

use seqtrace_diff::{
    DurationPair, Edit, Item, Outcome, Recording, Row, Rows, SessionPair, Verdict, hunks,
};

use super::line::{self, Count, Line};
use super::style::{Color, Style};
use super::table::Table;
use super::{Output, wording};
use crate::escape;

/// Renders a comparison. The methods are called in the order of their declaration.
pub trait DiffRenderer {
    /// Renders the circumstances of both traces.
    fn begin(&mut self, traces: [&Recording; 2], out: &mut Output);
    /// Renders a difference, or a session that was not seen whole.
    fn item(&mut self, rows: &Rows, item: &Item<'_>, out: &mut Output);
    /// Renders the durations of callbacks.
    fn durations(&mut self, pairs: &[DurationPair<'_>], out: &mut Output);
    /// Renders the sums and the verdict.
    fn end(&mut self, outcome: &Outcome, out: &mut Output);
}

/// Options of the text of a comparison.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names of the recordings, escaped.
    pub names: [String; 2],
    /// Number of equal lines before and after a difference.
    pub context: usize,
    /// Width in columns into which the table of durations fits. `None`: it has any width.
    pub width: Option<u16>,
    /// True if the text may have escape sequences for colors.
    pub color: bool,
    /// True if the text must be ASCII.
    pub ascii: bool,
}

/// Renders a comparison as text.
pub struct Text {
    names: [String; 2],
    context: usize,
    width: Option<u16>,
    style: Style,
}

/// Names of the traces in the text.
const SIDES: [&str; 2] = ["A", "B"];
const COLORS: [Color; 2] = [Color::Removed, Color::Added];

impl Text {
    /// Creates a renderer of text.
    pub fn new(options: Options) -> Self {
        let Options { names, context, width, color, ascii } = options;
        Self { names, context, width, style: Style::new(color, ascii) }
    }

    fn hunk(
        &self,
        rows: &Rows,
        pair: &SessionPair<'_>,
        edits: &[Edit],
        reads: usize,
        out: &mut Vec<u8>,
    ) {
        let ([Some(a), Some(b)], Some(first)) = (pair.sessions, edits.first()) else { return };
        line::write(out, self.style, |line| {
            let plain = |line: &mut Line<'_>| {
                line.put("@@ ");
                path(line, pair);
                line.put("  ");
                number(line, pair);
                if reads > 0 {
                    line.put(format_args!("  read {reads}"));
                }
                line.put(" @@");
            };
            let text = line::text(Style::new(false, self.style.ascii), plain);
            line.color(Color::Strong, text);
        });
        let context = |line: &Row, out: &mut Vec<u8>| self.row(' ', None, line, out);
        let mut at = first.rows[0].start.saturating_sub(self.context);
        for edit in edits {
            rows.range(a, at..edit.rows[0].start).for_each(|row| context(row, out));
            for (side, (session, sign)) in [(a, '-'), (b, '+')].into_iter().enumerate() {
                let only = rows.range(session, edit.rows[side].clone());
                only.for_each(|row| self.row(sign, COLORS.get(side).copied(), row, out));
            }
            at = edit.rows[0].end;
        }
        let end = at.saturating_add(self.context);
        rows.range(a, at..end).for_each(|row| context(row, out));
    }

    fn row(&self, sign: char, color: Option<Color>, row: &Row, out: &mut Vec<u8>) {
        line::write(out, self.style, |line| {
            let text = words::text(row, self.style.ascii);
            match color {
                Some(color) => line.color(color, format_args!("{sign}{text}")),
                None => line.put(sign).put(text),
            };
        });
    }

    fn session(&self, rows: &Rows, pair: &SessionPair<'_>, out: &mut Vec<u8>) {
        for (side, session) in SIDES.into_iter().zip(pair.sessions) {
            let Some(session) = session.filter(|session| !session.partial.is_empty()) else {
                continue;
            };
            line::write(out, self.style, |line| {
                line.color(Color::Warn, format_args!("Not seen whole in {side}: "));
                path(line, pair);
                line.put("  ");
                number(line, pair);
                wording::reasons(line, &session.partial);
            });
        }
        let missing = pair.sessions.iter().position(Option::is_none);
        if let Some(missing) = missing {
            let session = pair.sessions.into_iter().flatten().next();
            line::write(out, self.style, |line| {
                line.color(COLORS[1 - missing], format_args!("Only in {}: ", SIDES[1 - missing]));
                path(line, pair);
                line.put("  ");
                number(line, pair);
                let rows = session.map_or(0, |session| session.rows() as u64);
                line.put(format_args!("  {}", Count(rows, "line")));
            });
        }
        let (mut at, mut reads) = (0, 0);
        for edits in hunks(&pair.edits, self.context) {
            // Reads are counted up to the first row that differs, with that row.
            let Some(first) = edits.first().map(|edit| &edit.rows[0]) else { continue };
            if let Some(a) = pair.sessions[0] {
                let begun = rows.range(a, at..first.start + 1);
                reads += begun.filter(|row| matches!(row, Row::Read { .. })).count();
                at = first.start + 1;
            }
            self.hunk(rows, pair, edits, reads, out);
        }
    }
}

/// Writes the path of a file, or both paths if they differ.
fn path(line: &mut Line<'_>, pair: &SessionPair<'_>) {
    let [a, b] = pair.files.map(|file| file.path.as_slice());
    line.bytes(a);
    if a != b {
        let arrow = line.style.glyphs.arrow;
        line.put(" ").put(arrow).put(" ").bytes(b);
    }
}

/// Writes `session 1/2`, with the numbers of the session in its traces if they are others: `session 1/2 (s3, s5)`.
fn number(line: &mut Line<'_>, pair: &SessionPair<'_>) {
    let count = pair.files.map(|file| file.sessions.len()).into_iter().max().unwrap_or(0);
    line.put(format_args!("session {}/{count}", pair.number));
    let mut ids: Vec<u32> =
        pair.sessions.into_iter().flatten().map(|session| session.id.0).collect();
    if ids.iter().any(|id| usize::try_from(*id) != Ok(pair.number)) {
        ids.dedup();
        let ids: Vec<String> = ids.into_iter().map(|id| format!("s{id}")).collect();
        line.put(format_args!(" ({})", ids.join(", ")));
    }
}

impl DiffRenderer for Text {
    fn begin(&mut self, traces: [&Recording; 2], out: &mut Output) {
        for (index, sign) in ["---", "+++"].into_iter().enumerate() {
            let Recording { header, lost, missed, cut, .. } = traces[index];
            line::write(&mut out.data, self.style, |line| {
                let color = COLORS[index];
                line.color(color, format_args!("{sign} {}", self.names[index]));
                line.put("  Linux ").bytes(header.kernel.as_bytes());
                line.put(" ").bytes(header.machine.as_bytes());
                line.put("  backend ").bytes(header.backend.as_bytes());
                if *lost > 0 {
                    line.color(Color::Warn, format_args!("  {} lost", Count(*lost, "event")));
                }
                if *missed > 0 {
                    line.color(
                        Color::Warn,
                        format_args!("  {} missed", Count(*missed, "probe hit")),
                    );
                }
                if *cut {
                    line.color(Color::Warn, "  cut off");
                }
            });
        }
    }

    fn item(&mut self, rows: &Rows, item: &Item<'_>, out: &mut Output) {
        match item {
            Item::File { side, file } => line::write(&mut out.data, self.style, |line| {
                line.color(COLORS[*side], format_args!("Only in {}: ", SIDES[*side]));
                line.bytes(&file.path);
                line.put(format_args!("  {}", Count(file.sessions.len() as u64, "session")));
            }),
            Item::Session(pair) => self.session(rows, pair, &mut out.data),
        }
    }

    fn durations(&mut self, pairs: &[DurationPair<'_>], out: &mut Output) {
        let ascii = self.style.ascii;
        let plain = |write: &dyn Fn(&mut Line<'_>)| line::text(Style::new(false, ascii), write);
        let mut table =
            Table::new("CALLBACK, A COUNT, B COUNT, A P50, B P50, RATIO", None).fit(self.width);
        for pair in pairs {
            let [path_a, _] = pair.paths.map(|path| escape::text(path, ascii).to_string());
            let [a, b] = pair.callbacks;
            let [name_a, name_b] = [a, b]
                .map(|callback| escape::text(callback.function.as_bytes(), ascii).to_string());
            let arrow = self.style.glyphs.arrow;
            let name = if name_a == name_b { name_a } else { format!("{name_a} {arrow} {name_b}") };
            let counts = [a, b].map(|callback| callback.durations.count().to_string());
            let times = pair.medians().map(|ns| plain(&|line| _ = line.duration(ns)));
            let ratio = pair.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
            let name = format!("{path_a}  {:<5} {name}", pair.role.name());
            table.row(name, counts.into_iter().chain(times).chain([ratio]));
        }
        table.write(self.style, &mut out.data);
        if !pairs.is_empty() {
            out.data.push(b'\n');
        }
    }

    fn end(&mut self, outcome: &Outcome, out: &mut Output) {
        let Outcome { files, sessions, different, only_files, only_sessions, .. } = outcome;
        let Outcome { only_rows, partial, .. } = outcome;
        line::write(&mut out.data, self.style, |line| {
            let (word, color) = match outcome.verdict() {
                Verdict::Same => ("the same", Color::Strong),
                Verdict::Different => ("different", Color::Strong),
                Verdict::Inconclusive => ("inconclusive", Color::Warn),
            };
            line.color(color, format_args!("{word}: "));
            line.put(format_args!("{}, {}", Count(*files, "file"), Count(*sessions, "session")));
            if *different > 0 {
                let verb = if *different == 1 { "differs" } else { "differ" };
                line.put(format_args!(", {different} {verb}"));
            }
            for (index, side) in SIDES.into_iter().enumerate() {
                let sums = [
                    (only_files[index], "file"),
                    (only_sessions[index], "session"),
                    (only_rows[index], "line"),
                ];
                let some = sums.into_iter().filter(|(count, _)| *count > 0);
                let some: Vec<String> = some.map(|sum| Count(sum.0, sum.1).to_string()).collect();
                if !some.is_empty() {
                    line.put(format_args!("  only in {side}: {}", some.join(", ")));
                }
                if partial[index] > 0 {
                    let count = Count(partial[index], "session");
                    line.color(Color::Warn, format_args!("  not seen whole in {side}: {count}"));
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
