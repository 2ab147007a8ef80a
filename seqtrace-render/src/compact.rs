//! The format for busy systems: one line per read.
//!
//! ```text
//!     TIME TASK         SESSION  PATH             EVENT
//! 0.000019 cat/4123     s1.r1    /proc/seqfile    read 0+131072 = 6 B  start 0 → show×3 next×3 (eof) stop  3 emitted 0 discarded  13.4µs
//! ```
//!
//! Every line names its file, so that grep finds the lines of a file. The line of a read or lseek is written at its end.

mod fold;

use std::collections::HashMap;

use self::fold::{Begin, Folded};
use super::line::Line;
use super::style::Color;
use super::text::{Page, TextFormat};
use super::wording;
use crate::session::update::{ReadEnd, SessionId, Totals, Update, UpdateKind};

#[derive(Default)]
pub(super) struct Compact {
    /// Reads that have not ended, by their number, and lseeks (`None`).
    open: HashMap<(SessionId, Option<u32>), Folded>,
}

impl Compact {
    /// Takes an update that has no line of its own. Returns false if it has one.
    fn fold(&mut self, update: &Update) -> bool {
        let Some(session) = &update.session else { return false };
        let key = (session.id, update.read);
        let begin = match &update.what {
            // The callbacks show a traversal.
            UpdateKind::ReadBegin { pos, want, traverse_from: _, rewind, via: _, state: _ } => {
                Begin::Read { pos: *pos, want: *want, rewind: *rewind }
            }
            UpdateKind::LseekBegin { offset, whence } => {
                Begin::Lseek { offset: *offset, whence: *whence }
            }
            UpdateKind::Callback(callback) => {
                self.open.entry(key).or_default().callback(callback);
                return true;
            }
            UpdateKind::Grow { from: _, to, restart: _, traverse: _ } => {
                self.open.entry(key).or_default().grow(*to);
                return true;
            }
            // One line per record would not be compact.
            UpdateKind::Preview { .. } => return true,
            _ => return false,
        };
        self.open.insert(key, Folded::of(begin));
        true
    }

    /// Returns what was folded for the line of `update`: nothing, unless a read or lseek ends.
    fn unfold(&mut self, update: &Update) -> Folded {
        let session = update.session.as_ref().map(|session| session.id);
        let folded = match &update.what {
            UpdateKind::ReadEnd(_) | UpdateKind::LseekEnd { .. } => {
                session.and_then(|id| self.open.remove(&(id, update.read)))
            }
            UpdateKind::Close { .. } => {
                // The ends of these were lost.
                self.open.retain(|(id, _), _| Some(*id) != session);
                None
            }
            _ => None,
        };
        folded.unwrap_or_default()
    }
}

impl TextFormat for Compact {
    const COLUMNS: &'static [&'static str] = &["time", "task", "session", "path", "event"];

    fn update(&mut self, page: &mut Page, update: &Update, data: &mut Vec<u8>) {
        if self.fold(update) {
            return;
        }
        let folded = self.unfold(update);
        let has_event = page.columns.has_event();
        let mut line = page.line(update, data);
        if has_event {
            event(&mut line, update, &folded);
        }
        line.end();
    }
}

fn event(line: &mut Line<'_>, update: &Update, folded: &Folded) {
    match &update.what {
        UpdateKind::Open | UpdateKind::OpenFailed { .. } | UpdateKind::OpenLeaked { .. } => {
            line.color(Color::Strong, "open").put("  ");
            if let Some(session) = &update.session {
                wording::opened(line, update, session);
            }
        }
        UpdateKind::ReadEnd(end) => read_end(line, end, folded),
        UpdateKind::LseekEnd { ret, passed_over, leftover, duration } => {
            line.color(Color::Strong, "lseek");
            if let Some(Begin::Lseek { offset, whence }) = folded.begin {
                line.put(format_args!(" {} {offset}", wording::whence(whence)));
            }
            returned(line, *ret, "");
            folded.write(line);
            wording::lseek_rest(line, *passed_over, *leftover);
            duration_of(line, *duration);
        }
        UpdateKind::Write { .. } => wording::call(line, "write", update),
        UpdateKind::PlainRead { .. } => wording::call(line, "read", update),
        UpdateKind::Close { .. } => wording::call(line, "close", update),
        UpdateKind::Gap { .. } | UpdateKind::Blind { .. } | UpdateKind::Disagreement { .. } => {
            wording::common(line, update);
        }
        UpdateKind::Finding(finding) => {
            wording::finding(line, finding);
            line.put("   ");
            wording::explanation(line, finding);
        }
        // Folded.
        UpdateKind::ReadBegin { .. }
        | UpdateKind::LseekBegin { .. }
        | UpdateKind::Callback(_)
        | UpdateKind::Preview { .. }
        | UpdateKind::Grow { .. } => {}
    }
}

/// Writes ` = 6 B`, ` = ENOMEM`.
fn returned(line: &mut Line<'_>, ret: i64, unit: &str) {
    line.put(" ");
    if ret < 0 {
        wording::failed(line, ret);
    } else {
        line.put("= ").color(Color::Strong, format_args!("{ret}{unit}"));
    }
}

fn duration_of(line: &mut Line<'_>, ns: Option<u64>) {
    if let Some(ns) = ns {
        line.put("  ").colored(Color::Dim, |line| {
            line.duration(ns);
        });
    }
}

fn read_end(line: &mut Line<'_>, end: &ReadEnd, folded: &Folded) {
    // The last pass shows whether the end of the file was reached.
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
    if folded.is_empty() {
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
    wording::read_rest(line, *from_leftover, *leftover);
    duration_of(line, *duration);
    if let Some(reason) = partial {
        wording::partial(line, *reason);
    }
}

#[cfg(test)]
mod tests;
