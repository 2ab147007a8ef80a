//! Events of all lines but those of callbacks and findings.

use super::super::line::Line;
use super::super::style::{Color, Glyph};
use super::super::wording;
use super::{Timeline, callback};
use crate::event::{SeqState, Via};
use crate::session::update::{ReadEnd, Update, UpdateKind};

/// Column of a preview's text, relative to the event.
const PREVIEW: usize = 9;

impl Timeline {
    /// Writes the event of an update.
    pub(super) fn event(&self, line: &mut Line<'_>, update: &Update) {
        let glyphs = line.style.glyphs;
        match &update.what {
            UpdateKind::Open | UpdateKind::OpenFailed { .. } | UpdateKind::OpenLeaked { .. } => {
                open(line, update);
            }
            UpdateKind::ReadBegin { pos, want, traverse_from, rewind, via, state } => {
                bracket(line, update, glyphs.begin);
                line.color(Color::Strong, "READ ").put(format_args!(" off {pos}  want {want}"));
                if let Some(core) = traverse_from {
                    line.color(Color::Warn, format_args!("  position unknown: traverse 0..{pos}"));
                    line.color(Color::Dim, format_args!("  (the core is at {core})"));
                }
                if *rewind {
                    line.put("  rewind");
                }
                if self.verbose {
                    entry(line, *via, state);
                }
            }
            UpdateKind::Preview { bytes } => {
                bracket(line, update, glyphs.inside);
                let shown = bytes.get(..self.preview).unwrap_or(bytes);
                line.pad(PREVIEW, 0).put("\"").bytes(shown).put("\"");
            }
            UpdateKind::Grow { from, to, restart, traverse } => {
                bracket(line, update, if *traverse { glyphs.traverse } else { glyphs.inside });
                let arrow = glyphs.arrow;
                line.color(
                    Color::Warn,
                    format_args!("OVERFLOW {from}/{from} {arrow} grow {to}, restart {restart}"),
                );
            }
            UpdateKind::ReadEnd(end) => self.read_end(line, update, end),
            UpdateKind::LseekBegin { offset, whence } => {
                bracket(line, update, glyphs.begin);
                line.color(Color::Strong, "LSEEK");
                line.put(format_args!(" {} {offset}", wording::whence(*whence)));
            }
            UpdateKind::LseekEnd { ret, passed_over, leftover, duration } => {
                bracket(line, update, glyphs.end);
                if *ret < 0 {
                    wording::failed(line, *ret);
                } else {
                    line.put(format_args!("= {ret}"));
                }
                wording::lseek_rest(line, *passed_over, *leftover);
                self.duration(line, *duration);
            }
            UpdateKind::Write { .. } => wording::call(line, "WRITE", update),
            UpdateKind::PlainRead { .. } => wording::call(line, "READ ", update),
            UpdateKind::Close { .. } => wording::call(line, "CLOSE", update),
            UpdateKind::Gap { .. } | UpdateKind::Blind { .. } | UpdateKind::Disagreement { .. } => {
                wording::common(line, update);
            }
            // They have writers of their own.
            UpdateKind::Callback(_) | UpdateKind::Finding(_) => {}
        }
    }

    /// Writes a duration where callbacks have theirs. `None`: it is unknown.
    fn duration(&self, line: &mut Line<'_>, ns: Option<u64>) {
        if let Some(ns) = ns {
            line.duration_before(ns, self.layout.end, 2);
        }
    }

    fn read_end(&self, line: &mut Line<'_>, update: &Update, end: &ReadEnd) {
        let ReadEnd { ret, range: _, totals, leftover, from_leftover, duration, eof, partial } =
            end;
        bracket(line, update, line.style.glyphs.end);
        if *ret < 0 {
            wording::failed(line, *ret);
        } else {
            line.put("= ").color(Color::Strong, format_args!("{ret} B"));
        }
        line.put("  ");
        wording::outcome(line, totals);
        self.duration(line, *duration);
        wording::read_rest(line, *from_leftover, *leftover);
        if *eof {
            line.put("  end of file");
        }
        if let Some(reason) = partial {
            wording::partial(line, *reason);
        }
    }
}

/// Writes `OPEN  /proc/foo   ` and the result.
fn open(line: &mut Line<'_>, update: &Update) {
    line.color(Color::Strong, "OPEN ").put(" ");
    if let Some(session) = &update.session {
        wording::path(line, session);
        line.put("   ");
        if matches!(update.what, UpdateKind::OpenFailed { .. }) {
            line.put(session.opened_by.name()).put("  ");
        }
        wording::opened(line, update, session);
    }
}

/// Writes the bracket in the session's color, and a blank.
fn bracket(line: &mut Line<'_>, update: &Update, bracket: Glyph) {
    callback::bracket(line, update.session.as_ref().map(|session| session.id), bracket);
    line.piece(b" ");
}

/// Writes through which function a read came in, and the state of the seq_file at that time.
fn entry(line: &mut Line<'_>, via: Option<Via>, state: &SeqState) {
    let via = via.map_or("?", Via::name);
    let SeqState { size, from, count, index, read_pos } = state;
    line.color(
        Color::Dim,
        format_args!(
            "  via {via}  index {index} count {count} from {from} size {size} read_pos {read_pos}"
        ),
    );
}
