//! The format for reading: one line per callback.
//!
//! ```text
//! CPU TASK         SESSION  EVENT
//!   1 cat/4123     s1.r1    ┌─ READ  off 0  want 131072
//!   1 cat/4123     s1.r1    │  start pos 0                         → ffff8881042a3000         0.2µs
//!   1 cat/4123     s1.r1    │  show  pos 0        ffff8881042a3000   +2 B     buf 2/4096      0.6µs  emitted 0..2
//!   1 cat/4123     s1.r1    │  next  pos 0→1      ffff8881042a3000 → ffff8881042a3004         0.2µs
//! ```
//!
//! The parts of a callback's line are in fixed columns: role, position, pointer passed, pointer returned or bytes
//! written, duration, fate. Lines of several sessions may interleave. Brackets connect the lines of a call; color and
//! id identify the session.

mod callback;
mod event;

use std::collections::HashSet;

use self::callback::Layout;
use super::Options;
use super::line;
use super::text::{Page, TextFormat};
use super::wording;
use crate::event::{FileKind, OpTable};
use crate::rules::Finding;
use crate::session::update::{Session, SessionId, Update, UpdateKind};

/// Columns that most fates fill behind the duration.
const FATE: usize = 20;

/// First column of a finding's lines: that of the task, in the default columns.
const INDENT: usize = 21;

pub(super) struct Timeline {
    layout: &'static Layout,
    /// Greatest number of bytes of a preview. 0: no previews.
    preview: usize,
    verbose: bool,
    /// Tables whose functions have been named. They are named once.
    named: HashSet<OpTable>,
    /// Session of the last line, and the length of the output after it. A finding marks this line if the line is still
    /// the last one and of the same session. `None`: there is no such line.
    last: Option<(Option<SessionId>, usize)>,
}

impl Timeline {
    pub(super) fn new(options: &Options, page: &Page) -> Self {
        let wide = page.columns.width() + Layout::WIDE.end + FATE;
        let narrow = options.width.is_some_and(|width| usize::from(width) < wide);
        Self {
            layout: if narrow { &Layout::NARROW } else { &Layout::WIDE },
            preview: options.preview,
            verbose: options.verbose,
            named: HashSet::new(),
            last: None,
        }
    }

    /// Marks the line before, if it proves the finding, and writes what was found below it.
    fn finding(&mut self, page: &Page, update: &Update, finding: &Finding, data: &mut Vec<u8>) {
        let session = update.session.as_ref().map(|session| session.id);
        let proven_by_last = self.last == Some((session, data.len()));
        if proven_by_last && data.pop_if(|byte| *byte == b'\n').is_some() {
            line::write(data, page.style, |line| {
                line.put("  ");
                wording::mark(line, finding.severity, finding.id);
            });
        }
        let indent = page.columns.width().min(INDENT);
        line::write(data, page.style, |line| {
            line.pad(indent, 0);
            wording::finding(line, finding);
        });
        line::write(data, page.style, |line| {
            line.pad(indent + 3, 0);
            wording::explanation(line, finding);
        });
        self.last = None;
    }

    /// Names the functions of a table that is opened for the first time.
    fn functions(&mut self, page: &Page, session: &Session, data: &mut Vec<u8>) {
        let (Some(callbacks), FileKind::Seq { table, .. }) = (&session.callbacks, &session.kind)
        else {
            return;
        };
        if self.named.insert(*table) {
            line::write(data, page.style, |line| {
                line.pad(page.columns.width(), 0).put("      ");
                wording::callbacks(line, callbacks);
            });
        }
    }
}

impl TextFormat for Timeline {
    const COLUMNS: &'static [&'static str] = &["time", "delta", "cpu", "task", "session", "event"];

    fn update(&mut self, page: &mut Page, update: &Update, data: &mut Vec<u8>) {
        let has_event = page.columns.has_event();
        match &update.what {
            UpdateKind::Preview { .. } if self.preview == 0 => return,
            UpdateKind::Finding(finding) => {
                if has_event {
                    self.finding(page, update, finding, data);
                }
                return;
            }
            _ => {}
        }
        let mut line = page.line(update, data);
        // Positions in the event are relative to its begin.
        line.restart_columns();
        let session = update.session.as_deref();
        let id = session.map(|session| session.id);
        match &update.what {
            _ if !has_event => {}
            UpdateKind::Callback(callback) => callback::write(&mut line, self.layout, id, callback),
            _ => self.event(&mut line, update),
        }
        line.end();
        if let (true, UpdateKind::Open, Some(session)) = (has_event, &update.what, session) {
            self.functions(page, session, data);
        }
        self.last = Some((id, data.len()));
    }
}

#[cfg(test)]
mod tests;
