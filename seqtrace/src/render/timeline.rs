//! A line a callback: the format for reading.
//!
//! ```text
//! CPU TASK         SESSION  EVENT
//!   1 cat/4123     s1.r1    ┌─ READ  off 0  want 131072
//!   1 cat/4123     s1.r1    │  start pos 0                         → ffff8881042a3000         0.2µs
//!   1 cat/4123     s1.r1    │  show  pos 0        ffff8881042a3000   +2 B     buf 2/4096      0.6µs  emitted 0..2
//!   1 cat/4123     s1.r1    │  next  pos 0→1      ffff8881042a3000 → ffff8881042a3004         0.2µs
//! ```
//!
//! A callback's line has fixed places, so that the eye can follow one of them down: role, position,
//! pointer in, pointer out or bytes, duration, and what became of a rendering. Sessions interleave;
//! the brackets say which lines of a session belong together, its colour and id which session it is.

mod callback;

use std::collections::HashSet;

use self::callback::Layout;
use super::bounded::LineBuffer;
use super::columns::Columns;
use super::line::LineWriter;
use super::status::Status;
use super::style::{Color, Glyph, Style};
use super::wording::{self, CloseInfo};
use super::{FieldError, Header, Options, Output, Ready, Sink, TargetInfo};
use crate::event::{OpTable, Via};
use crate::rules::Finding;
use crate::session::update::{ReadEnd, Session, SessionId, Summary, Update, What};

const DEFAULT: [&str; 6] = ["time", "delta", "cpu", "task", "session", "event"];

/// Room for most of what stands behind the duration.
const FATE: usize = 20;

/// Where the lines of a finding begin: below the task, in the default columns.
const INDENT: usize = 21;

/// See the [module](self).
pub struct Timeline {
    style: Style,
    status: Status,
    columns: Columns,
    layout: &'static Layout,
    /// For callbacks.
    buffer: LineBuffer,
    preview: usize,
    quiet: bool,
    verbose: bool,
    /// Whose functions were named already: they are told once.
    told: HashSet<OpTable>,
    /// Whose the last line is, and where it ends: a finding that it proves is marked there.
    last: Option<(Option<SessionId>, usize)>,
}

impl Timeline {
    /// Takes what it needs from the options.
    ///
    /// # Errors
    ///
    /// A column that there is not.
    pub fn new(options: &Options) -> Result<Self, FieldError> {
        let columns = Columns::new(options, &DEFAULT)?;
        let wide = columns.width() + Layout::WIDE.end + FATE;
        let narrow = options.width.is_some_and(|width| usize::from(width) < wide);
        let style = Style::new(options.color, options.ascii);
        Ok(Self {
            style,
            status: Status::new(options),
            columns,
            layout: if narrow { &Layout::NARROW } else { &Layout::WIDE },
            buffer: LineBuffer::default(),
            preview: options.preview,
            quiet: options.quiet,
            verbose: options.verbose,
            told: HashSet::new(),
            last: None,
        })
    }

    #[expect(clippy::too_many_lines, reason = "a table, an update an arm")]
    fn event(&mut self, line: &mut LineWriter<'_>, update: &Update) {
        let frame = Frame { start: line.column(), layout: self.layout, update };
        match &update.what {
            What::Open => frame.session(line, "OPEN ", wording::identity),
            What::OpenFailed { ret } => {
                frame.session(line, "OPEN ", |line, session| {
                    line.put(session.opened_by.name()).put("  ");
                    wording::failed(line, (*ret).into());
                });
            }
            What::OpenLeaked { ret } => {
                frame.session(line, "OPEN ", |line, session| wording::leaked(line, session, *ret));
            }
            What::ReadBegin { pos, want, traverse_from, rewind, via, state } => {
                frame.bracket(line, line.style.glyphs.begin);
                line.color(Color::Strong, "READ ").put(format_args!(" off {pos}  want {want}"));
                if let Some(core) = traverse_from {
                    line.color(Color::Warn, format_args!("  position unknown: traverse 0..{pos}"));
                    line.color(Color::Dim, format_args!("  (the core is at {core})"));
                }
                if *rewind {
                    line.put("  rewind");
                }
                if self.verbose {
                    let via = via.map_or("?", Via::name);
                    line.color(
                        Color::Dim,
                        format_args!(
                            "  via {via}  index {} count {} from {} size {} read_pos {}",
                            state.index, state.count, state.from, state.size, state.read_pos
                        ),
                    );
                }
            }
            What::Preview { bytes } => {
                frame.bracket(line, line.style.glyphs.inside);
                line.pad(frame.start + 9, 0)
                    .put("\"")
                    .bytes(bytes.get(..self.preview).unwrap_or(bytes));
                line.put("\"");
            }
            What::Grow { from, to, restart, traverse } => {
                let glyphs = line.style.glyphs;
                frame.bracket(line, if *traverse { glyphs.traverse } else { glyphs.inside });
                line.color(
                    Color::Warn,
                    format_args!(
                        "OVERFLOW {from}/{from} {} grow {to}, restart {restart}",
                        glyphs.arrow
                    ),
                );
            }
            What::ReadEnd(end) => frame.read_end(line, end),
            What::LseekBegin { offset, whence } => {
                frame.bracket(line, line.style.glyphs.begin);
                line.color(Color::Strong, "LSEEK");
                line.put(format_args!(" {} {offset}", wording::whence(*whence)));
            }
            What::LseekEnd { ret, passed_over, leftover, duration } => {
                frame.bracket(line, line.style.glyphs.end);
                if *ret < 0 {
                    wording::failed(line, *ret);
                } else {
                    line.put(format_args!("= {ret}"));
                }
                if *passed_over > 0 {
                    line.put(format_args!("  {passed_over} passed over"));
                }
                if *leftover > 0 {
                    line.put(format_args!("  {leftover} B in the buffer"));
                }
                frame.duration(line, *duration);
            }
            What::Write { pos, want, ret } => {
                line.color(Color::Strong, "WRITE").put(" ");
                wording::write(line, *want, *ret, *pos);
            }
            What::PlainRead { pos, want, ret } => {
                line.color(Color::Strong, "READ ").put(" ");
                wording::plain_read(line, *want, *ret, *pos);
            }
            What::Close {
                by,
                totals,
                lifetime,
                undelivered,
                partial,
                removed,
                // Told by the release itself, and where they were found.
                private: _,
                findings: _,
            } => {
                line.color(Color::Strong, "CLOSE").put(" ");
                let (by, lifetime, undelivered) = (*by, *lifetime, *undelivered);
                let removed = *removed;
                wording::close(
                    line,
                    &CloseInfo { by, totals, lifetime, undelivered, partial, removed },
                );
            }
            What::Gap { lost, sessions } => wording::gap(line, *lost, update.cpu, sessions),
            What::Callback(update) => {
                let session = frame.update.session.as_ref().map(|session| session.id);
                let mut text = self.buffer.begin(self.style);
                callback::write(&mut text, self.layout, session, update);
                line.written(text.bytes(), text.column());
            }
            // It has lines of its own.
            What::Finding(_) => {}
            What::Blind { function, role, reason } => wording::blind(line, function, *role, reason),
            What::Disagreement { expected, observed } => {
                wording::disagreement(line, expected, observed);
            }
        }
    }

    /// A mark on the line that proves it, if that is the one just written, and below what it says.
    fn finding(&mut self, update: &Update, finding: &Finding, out: &mut Output) {
        let session = update.session.as_ref().map(|session| session.id);
        let data = &mut out.data;
        if self.last == Some((session, data.len())) && data.pop_if(|byte| *byte == b'\n').is_some()
        {
            let mut line = LineWriter::new(data, self.style);
            line.put("  ");
            wording::mark(&mut line, finding.severity, finding.id);
            line.end();
        }
        let indent = self.columns.width().min(INDENT);
        let mut line = LineWriter::new(data, self.style);
        line.pad(indent, 0);
        wording::finding(&mut line, finding);
        line.end();
        let mut line = LineWriter::new(data, self.style);
        line.pad(indent + 3, 0);
        wording::explanation(&mut line, finding);
        line.end();
        self.last = None;
    }

    /// The names of the functions, when a table is opened for the first time.
    fn functions(&mut self, session: &Session, out: &mut Vec<u8>) {
        let (Some(callbacks), crate::event::FileKind::Seq { table, .. }) =
            (&session.callbacks, &session.kind)
        else {
            return;
        };
        if self.told.insert(*table) {
            let mut line = LineWriter::new(out, self.style);
            line.pad(self.columns.width(), 0).put("      ");
            wording::callbacks(&mut line, callbacks);
            line.end();
        }
    }
}

impl Sink for Timeline {
    fn header(&mut self, header: &Header, out: &mut Output) {
        if !self.quiet {
            self.status.header(header, &mut out.status);
        }
    }

    fn target(&mut self, target: &TargetInfo, out: &mut Output) {
        if !self.quiet || target.note.is_some() {
            self.status.target(target, &mut out.status);
        }
    }

    fn ready(&mut self, ready: &Ready, out: &mut Output) {
        self.columns.ready(ready);
        if !self.quiet {
            self.status.ready(*ready, &mut out.status);
            self.columns.heading(&mut out.data, self.style);
        }
    }

    fn update(&mut self, update: &Update, out: &mut Output) {
        if matches!(update.what, What::Preview { .. }) && self.preview == 0 {
            return;
        }
        if let What::Finding(finding) = &update.what {
            if self.columns.has_event() {
                self.finding(update, finding, out);
            }
            return;
        }
        let mut line = LineWriter::new(&mut out.data, self.style);
        let event = self.columns.has_event();
        self.columns.write(&mut line, update);
        if event {
            self.event(&mut line, update);
        }
        line.end();
        if let (true, What::Open, Some(session)) = (event, &update.what, &update.session) {
            self.functions(session, &mut out.data);
        }
        self.last = Some((update.session.as_ref().map(|session| session.id), out.data.len()));
    }

    fn end(&mut self, summary: &Summary, out: &mut Output) {
        if !self.quiet {
            self.status.summary(summary, &mut out.status);
        }
    }
}

/// Where an event's text stands, and whose it is.
#[derive(Clone, Copy)]
struct Frame<'a> {
    start: usize,
    layout: &'static Layout,
    update: &'a Update,
}

impl Frame<'_> {
    /// The bracket in the session's colour, and a blank.
    fn bracket(self, line: &mut LineWriter<'_>, bracket: Glyph) {
        match &self.update.session {
            Some(session) => line.colored(Color::Session(session.id), |line| {
                line.glyph(bracket);
            }),
            None => line.glyph(bracket),
        };
        line.ascii(b" ");
    }

    /// `OPEN  /proc/foo   …`
    fn session(
        self,
        line: &mut LineWriter<'_>,
        word: &str,
        rest: impl FnOnce(&mut LineWriter<'_>, &Session),
    ) {
        line.color(Color::Strong, word).put(" ");
        if let Some(session) = &self.update.session {
            wording::path(line, session);
            line.put("   ");
            rest(line, session);
        }
    }

    fn duration(self, line: &mut LineWriter<'_>, ns: Option<u64>) {
        if let Some(ns) = ns {
            line.duration_before(ns, self.start + self.layout.end, 2);
        }
    }

    fn read_end(self, line: &mut LineWriter<'_>, end: &ReadEnd) {
        let ReadEnd { ret, range: _, totals, leftover, from_leftover, duration, eof, partial } =
            end;
        self.bracket(line, line.style.glyphs.end);
        if *ret < 0 {
            wording::failed(line, *ret);
        } else {
            line.put("= ").color(Color::Strong, format_args!("{ret} B"));
        }
        line.put("  ");
        wording::outcome(line, totals);
        self.duration(line, *duration);
        if *from_leftover > 0 {
            line.put(format_args!("  {from_leftover} B from the buffer"));
        }
        if *leftover > 0 {
            line.put(format_args!("  {leftover} B left over"));
        }
        if *eof {
            line.put("  end of file");
        }
        if let Some(reason) = partial {
            line.color(Color::Warn, format_args!("  partial: {}", wording::because(*reason)));
        }
    }
}

#[cfg(test)]
mod tests;
