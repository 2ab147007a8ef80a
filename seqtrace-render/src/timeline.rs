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
mod fold;
mod layout;

use std::collections::HashSet;

use self::fold::Fold;
use self::layout::{FITS, LAYOUTS, Layout};
use super::Options;
use super::Shown;
use super::columns::{Column, Columns};
use super::line;
use super::text::{Fit, INDENT, Page, TextFormat};
use super::wording;
use crate::event::{FileKind, OpTable};
use crate::rules::Finding;
use crate::session::update::{Session, SessionId, Update, UpdateKind};

/// First column of a finding's lines: that of the task, in the default columns. On a terminal it is 0, so that findings
/// catch the eye.
const FINDING: usize = 21;

pub(super) struct Timeline {
    layout: &'static Layout,
    /// True if the line of an open has the task, which no column has.
    names_openers: bool,
    /// Greatest number of bytes of a preview. 0: no previews.
    preview: usize,
    verbose: bool,
    /// `None`: each callback has a line.
    fold: Option<Fold>,
    /// Tables whose functions have been named. They are named once.
    named: HashSet<OpTable>,
    /// Session of the last line, and the length of the output after it. A finding marks this line if the line is still
    /// the last one and of the same session. `None`: there is no such line.
    last: Option<(Option<SessionId>, usize)>,
}

impl Timeline {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            layout: &LAYOUTS[0],
            names_openers: false,
            preview: options.preview,
            verbose: options.verbose,
            fold: options.fold.then(Fold::default),
            named: HashSet::new(),
            last: None,
        }
    }

    /// Marks the line before, if it proves the finding, and writes what was found below it.
    fn finding(&mut self, page: &Page, update: &Update, finding: &Finding, data: &mut Vec<u8>) {
        let session = update.session.as_ref().map(|session| session.id);
        let proven_by_last = self.last == Some((session, data.len()));
        if proven_by_last && data.pop_if(|byte| *byte == b'\n').is_some() {
            let begin = data.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            line::write(data, page.style, |line| {
                line.put("  ");
                wording::mark(line, finding.severity, finding.id);
            });
            page.wrap(data, begin);
        }
        let begin = data.len();
        let indent = page.columns.width().min(FINDING);
        line::write(data, page.style, |line| {
            line.pad(if page.is_fitted() { 0 } else { indent }, 0);
            wording::finding(line, finding);
        });
        line::write(data, page.style, |line| {
            line.pad(if page.is_fitted() { page.columns.width() } else { indent } + INDENT, 0);
            wording::explanation(line, finding);
        });
        page.wrap(data, begin);
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
                let indent = page.columns.width() + if page.is_fitted() { INDENT } else { 6 };
                line.pad(indent, 0);
                wording::callbacks(line, callbacks);
            });
        }
    }
}

impl TextFormat for Timeline {
    const COLUMNS: &'static [&'static str] = &["time", "delta", "cpu", "task", "session", "event"];

    const LAYOUTS: &'static [Fit] = &FITS;

    fn lay_out(&mut self, index: usize, columns: &Columns) {
        self.layout = LAYOUTS.get(index).unwrap_or(&LAYOUTS[0]);
        self.names_openers = columns.hides(Column::Task);
    }

    fn update(&mut self, page: &mut Page, update: &Update, data: &mut Vec<u8>) -> Shown {
        let has_event = page.columns.has_event();
        match &update.what {
            UpdateKind::Preview { .. } if self.preview == 0 => return Shown::No,
            UpdateKind::Finding(_) if !has_event => return Shown::No,
            _ => {}
        }
        if has_event && self.holds_back(page, update, data) {
            return Shown::Yes;
        }
        if let UpdateKind::Finding(finding) = &update.what {
            self.finding(page, update, finding, data);
        } else {
            self.line(page, update, data);
        }
        Shown::Yes
    }

    fn refresh(&mut self, page: &mut Page, data: &mut Vec<u8>) {
        if self.fold.as_mut().is_some_and(Fold::is_idle) {
            self.end_run(page, data);
        }
    }

    fn end(&mut self, page: &mut Page, data: &mut Vec<u8>) {
        self.end_run(page, data);
    }
}

impl Timeline {
    /// Returns true if the lines of an update are written later. If not, writes those that are held back.
    fn holds_back(&mut self, page: &mut Page, update: &Update, data: &mut Vec<u8>) -> bool {
        let Some(fold) = &mut self.fold else { return false };
        let slow = fold.is_slow(update);
        if !slow && fold.takes(update) {
            return true;
        }
        if self.end_run(page, data)
            && !slow
            && self.fold.as_mut().is_some_and(|fold| fold.takes(update))
        {
            return true;
        }
        if let Some(fold) = &mut self.fold {
            fold.passes(update, slow);
        }
        false
    }

    /// Writes the lines that are held back. Returns false if there are none.
    fn end_run(&mut self, page: &mut Page, data: &mut Vec<u8>) -> bool {
        let Some(run) = self.fold.as_mut().and_then(Fold::end) else { return false };
        let (folded, rest) = run.parts();
        if let Some(folded) = folded {
            let begin = data.len();
            let mut line = page.line(folded.update(), data);
            line.restart_columns();
            folded.write(&mut line, self.layout);
            line.end();
            page.wrap(data, begin);
        }
        rest.for_each(|update| self.line(page, update, data));
        true
    }

    /// Writes the lines of an update that is no finding.
    fn line(&mut self, page: &mut Page, update: &Update, data: &mut Vec<u8>) {
        let has_event = page.columns.has_event();
        let begin = data.len();
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
        page.wrap(data, begin);
        self.last = Some((id, data.len()));
    }
}

#[cfg(test)]
mod tests;
