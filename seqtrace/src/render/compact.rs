//! A line a read: the format for busy systems.
//!
//! ```text
//!     TIME TASK         SESSION  PATH             EVENT
//! 0.000019 cat/4123     s1.r1    /proc/seqfile    read 0+131072 = 6 B  start 0 → show×3 next×3 (eof) stop  3 emitted 0 discarded  13.4µs
//! ```
//!
//! Every line names its file, so that grep finds what belongs together. The callbacks of a read or
//! lseek are folded into one phrase a pass; the line comes when it ends.

use std::collections::HashMap;

use super::columns::Columns;
use super::line::{LineWriter, Pointer};
use super::status::Status;
use super::style::{Color, Style};
use super::wording::{self, CloseInfo};
use super::{FieldError, Header, Options, Output, Ready, Sink, TargetInfo};
use crate::event::{Ptr, PtrKind, Role};
use crate::session::update::{
    CallbackUpdate, Fate, Phase, ReadEnd, SessionId, Summary, Totals, Update, What,
};

const DEFAULT: [&str; 5] = ["time", "task", "session", "path", "event"];

/// How many passes a line tells of.
const PASSES: usize = 4;

/// See the [module](self).
pub struct Compact {
    style: Style,
    status: Status,
    columns: Columns,
    quiet: bool,
    /// Reads and (without a number) lseeks that have not ended.
    open: HashMap<(SessionId, Option<u32>), Folded>,
}

/// What is kept of a read or lseek until its line is written.
#[derive(Debug, Default)]
struct Folded {
    begin: Option<Begin>,
    passes: Vec<Pass>,
    /// Passes that are not in `passes`.
    more: u64,
}

/// How it began.
#[derive(Clone, Copy, Debug)]
enum Begin {
    Read { pos: i64, want: u64, rewind: bool },
    Lseek { offset: i64, whence: u32 },
}

/// start … stop.
#[derive(Clone, Copy, Debug, Default)]
struct Pass {
    traverse: bool,
    /// The position that start was asked for, where start was seen.
    start: Option<i64>,
    shows: u64,
    nexts: u64,
    /// Of the shows.
    skipped: u64,
    empty: u64,
    failed: u64,
    /// Whether next was told to have stayed where it was.
    fixed_up: u64,
    /// What start or next returned last.
    last: Option<Ptr>,
    stopped: bool,
    /// The buffer's size after this pass, if it overflowed.
    grown: Option<u64>,
}

impl Folded {
    fn pass(&mut self, begins: bool) -> Option<&mut Pass> {
        let ended = self.passes.last().is_none_or(|pass| pass.stopped);
        if begins || ended {
            if self.passes.len() == PASSES {
                self.more += u64::from(begins);
                return None;
            }
            self.passes.push(Pass::default());
        }
        self.passes.last_mut()
    }

    fn callback(&mut self, callback: &CallbackUpdate) {
        let begins = callback.role == Role::Start;
        if self.more > 0 && !begins {
            return;
        }
        let Some(pass) = self.pass(begins) else {
            return;
        };
        pass.traverse = callback.phase == Phase::Traverse;
        pass.last = callback.ret_ptr.or(pass.last);
        pass.fixed_up += u64::from(callback.fixed_up);
        match callback.role {
            Role::Start => pass.start = Some(callback.pos_in.unwrap_or(callback.pos_out)),
            Role::Next => pass.nexts += 1,
            Role::Stop => pass.stopped = true,
            Role::Show => {
                pass.shows += 1;
                match callback.fate {
                    Some(Fate::Skipped) => pass.skipped += 1,
                    Some(Fate::Empty) => pass.empty += 1,
                    Some(Fate::Failed) => pass.failed += 1,
                    _ => {}
                }
            }
        }
    }

    fn grow(&mut self, to: u64) {
        if let (0, Some(pass)) = (self.more, self.passes.last_mut()) {
            pass.grown = Some(to);
        }
    }

    fn write(&self, line: &mut LineWriter<'_>) {
        for pass in &self.passes {
            pass.write(line);
        }
        if self.more > 0 {
            let more = line.style.glyphs.more;
            line.color(Color::Dim, format_args!("  {more} {} more passes", self.more));
        }
    }
}

impl Pass {
    fn write(&self, line: &mut LineWriter<'_>) {
        let glyphs = line.style.glyphs;
        line.put(if self.traverse { "  traverse " } else { "  " });
        match self.start {
            Some(pos) => line.put(format_args!("start {pos}")),
            None => line.put(glyphs.more),
        };
        if self.shows + self.nexts > 0 {
            line.put(" ").put(glyphs.arrow);
        }
        for (name, count) in [
            (" show", self.shows),
            (" next", self.nexts),
            (" SEQ_SKIP", self.skipped),
            (" empty", self.empty),
        ] {
            if count > 0 {
                line.put(name).put(glyphs.times).put(count);
            }
        }
        for (name, count) in [(" failed", self.failed), (" stuck", self.fixed_up)] {
            if count > 0 {
                line.color(Color::Error, name)
                    .color(Color::Error, glyphs.times)
                    .color(Color::Error, count);
            }
        }
        match self.last.map(Ptr::kind) {
            Some(PtrKind::Null) => {
                line.put(" (eof)");
            }
            Some(PtrKind::Err(_)) => {
                line.put(" ").color(Color::Error, Pointer(self.last.unwrap_or_default()));
            }
            _ => {}
        }
        if self.stopped {
            line.put(" stop");
        }
        if let Some(size) = self.grown {
            line.color(Color::Warn, format_args!("  OVERFLOW {} {size}", glyphs.arrow));
        }
    }
}

impl Compact {
    /// Takes what it needs from the options.
    ///
    /// # Errors
    ///
    /// A column that there is not.
    pub fn new(options: &Options) -> Result<Self, FieldError> {
        Ok(Self {
            style: Style::new(options.color, options.ascii),
            status: Status::new(options),
            columns: Columns::new(options, &DEFAULT)?,
            quiet: options.quiet,
            open: HashMap::new(),
        })
    }

    /// Keeps what has no line of its own. True if there is nothing more to do with it.
    fn fold(&mut self, update: &Update) -> bool {
        let Some(session) = &update.session else {
            return false;
        };
        let key = (session.id, update.read);
        let begin = match &update.what {
            // Its callbacks tell of a traversal.
            What::ReadBegin { pos, want, traverse_from: _, rewind, via: _, state: _ } => {
                Begin::Read { pos: *pos, want: *want, rewind: *rewind }
            }
            What::LseekBegin { offset, whence } => {
                Begin::Lseek { offset: *offset, whence: *whence }
            }
            What::Callback(callback) => {
                self.open.entry(key).or_default().callback(callback);
                return true;
            }
            What::Grow { from: _, to, restart: _, traverse: _ } => {
                self.open.entry(key).or_default().grow(*to);
                return true;
            }
            // A line a record would not be compact.
            What::Preview { .. } => return true,
            _ => return false,
        };
        self.open.insert(key, Folded { begin: Some(begin), ..Folded::default() });
        true
    }

    fn event(line: &mut LineWriter<'_>, update: &Update, folded: &Folded) {
        match &update.what {
            What::Open => {
                line.color(Color::Strong, "open").put("  ");
                if let Some(session) = &update.session {
                    wording::identity(line, session);
                }
            }
            What::OpenFailed { ret } => {
                line.color(Color::Strong, "open").put("  ");
                wording::failed(line, (*ret).into());
            }
            What::OpenLeaked { ret } => {
                line.color(Color::Strong, "open").put("  ");
                if let Some(session) = &update.session {
                    wording::leaked(line, session, *ret);
                }
            }
            What::ReadEnd(end) => read_end(line, end, folded),
            What::LseekEnd { ret, passed_over, leftover, duration } => {
                line.color(Color::Strong, "lseek");
                if let Some(Begin::Lseek { offset, whence }) = folded.begin {
                    line.put(format_args!(" {} {offset}", wording::whence(whence)));
                }
                returned(line, *ret, "");
                folded.write(line);
                if *passed_over > 0 {
                    line.put(format_args!("  {passed_over} passed over"));
                }
                if *leftover > 0 {
                    line.put(format_args!("  {leftover} B in the buffer"));
                }
                duration_of(line, *duration);
            }
            What::Write { pos, want, ret } => {
                line.color(Color::Strong, "write").put(" ");
                wording::write(line, *want, *ret, *pos);
            }
            What::PlainRead { pos, want, ret } => {
                line.color(Color::Strong, "read").put(" ");
                wording::plain_read(line, *want, *ret, *pos);
            }
            What::Close {
                by,
                totals,
                lifetime,
                undelivered,
                partial,
                removed,
                private: _,
                findings: _,
            } => {
                line.color(Color::Strong, "close").put(" ");
                let (by, lifetime, undelivered) = (*by, *lifetime, *undelivered);
                let removed = *removed;
                let info = CloseInfo { by, totals, lifetime, undelivered, partial, removed };
                wording::close(line, &info);
            }
            What::Gap { lost, sessions } => wording::gap(line, *lost, update.cpu, sessions),
            What::Finding(finding) => {
                wording::finding(line, finding);
                line.put("   ");
                wording::explanation(line, finding);
            }
            What::Blind { function, role, reason } => wording::blind(line, function, *role, reason),
            What::Disagreement { expected, observed } => {
                wording::disagreement(line, expected, observed);
            }
            // Folded.
            What::ReadBegin { .. }
            | What::LseekBegin { .. }
            | What::Callback(_)
            | What::Preview { .. }
            | What::Grow { .. } => {}
        }
    }
}

impl Sink for Compact {
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
        if self.fold(update) {
            return;
        }
        let session = update.session.as_ref().map(|session| session.id);
        let folded = match &update.what {
            What::ReadEnd(_) | What::LseekEnd { .. } => {
                session.and_then(|id| self.open.remove(&(id, update.read)))
            }
            What::Close { .. } => {
                // Whatever lost its end.
                self.open.retain(|(id, _), _| Some(*id) != session);
                None
            }
            _ => None,
        };
        let mut line = LineWriter::new(&mut out.data, self.style);
        self.columns.write(&mut line, update);
        if self.columns.has_event() {
            Self::event(&mut line, update, &folded.unwrap_or_default());
        }
        line.end();
    }

    fn end(&mut self, summary: &Summary, out: &mut Output) {
        if !self.quiet {
            self.status.summary(summary, &mut out.status);
        }
    }
}

/// ` = 6 B`, ` = ENOMEM`
fn returned(line: &mut LineWriter<'_>, ret: i64, unit: &str) {
    line.put(" ");
    if ret < 0 {
        wording::failed(line, ret);
    } else {
        line.put("= ").color(Color::Strong, format_args!("{ret}{unit}"));
    }
}

fn duration_of(line: &mut LineWriter<'_>, ns: Option<u64>) {
    if let Some(ns) = ns {
        line.put("  ").colored(Color::Dim, |line| {
            line.duration(ns);
        });
    }
}

fn read_end(line: &mut LineWriter<'_>, end: &ReadEnd, folded: &Folded) {
    // The last pass tells of the end of the file.
    let ReadEnd { ret, range: _, totals, leftover, from_leftover, duration, eof: _, partial } = end;
    line.color(Color::Strong, "read");
    match folded.begin {
        Some(Begin::Read { pos, want, rewind }) => {
            line.put(format_args!(" {pos}+{want}"));
            returned(line, *ret, " B");
            if rewind {
                line.put("  rewind");
            }
        }
        _ => returned(line, *ret, " B"),
    }
    if folded.passes.is_empty() {
        line.color(Color::Dim, "  no callbacks");
    }
    folded.write(line);
    let Totals { emitted, discarded, passed_over, .. } = totals;
    if *emitted > 0 || *discarded > 0 || *passed_over > 0 {
        line.put(format_args!("  {emitted} emitted {discarded} discarded"));
    }
    if *passed_over > 0 {
        line.put(format_args!(" {passed_over} passed over"));
    }
    if *from_leftover > 0 {
        line.put(format_args!("  {from_leftover} B from the buffer"));
    }
    if *leftover > 0 {
        line.put(format_args!("  {leftover} B left over"));
    }
    duration_of(line, *duration);
    if let Some(reason) = partial {
        line.color(Color::Warn, format_args!("  partial: {}", wording::because(*reason)));
    }
}

#[cfg(test)]
mod tests;
