//! A callback's line. Nearly all lines of a trace are one, so nothing of it goes through `fmt`.

use super::super::digits::hex;
use super::super::line::{Line, Pointer};
use super::super::style::{Color, Glyph};
use crate::errno::Errno;
use crate::event::{Ptr, PtrKind, Role};
use crate::session::update::{CallbackUpdate, Fate, Phase, Range, SessionId};

/// Columns of a callback's line, relative to the column of the event.
pub(super) struct Layout {
    /// The pointer that is passed to the callback.
    pub(super) pointer: usize,
    /// The arrow before the pointer that is returned. `None`: it follows the other pointer after a blank.
    pub(super) returned: Option<usize>,
    /// End of the duration.
    pub(super) end: usize,
}

impl Layout {
    pub(super) const WIDE: Self = Self { pointer: 22, returned: Some(39), end: 71 };
    /// For terminals that are too narrow for [`Layout::WIDE`].
    pub(super) const NARROW: Self = Self { pointer: 19, returned: None, end: 62 };
}

/// Columns that [`written`] fills with the number of bytes, its sign and its unit.
const BYTES: usize = 7;

/// Writes the event of a callback to an empty line.
pub(super) fn write(
    line: &mut Line<'_>,
    layout: &Layout,
    session: Option<SessionId>,
    callback: &CallbackUpdate,
) {
    // `result` writes some of the others. Not written: `pass`, because the starts and stops between the brackets show
    // the passes, `full`, because the fate implies it, and values for the rules only.
    let CallbackUpdate { role, phase, pos_in, pos_out, v, ret_ptr, .. } = callback;
    let CallbackUpdate { bytes, count, size, duration, .. } = callback;
    let glyphs = line.style.glyphs;
    let inside = if *phase == Phase::Traverse { glyphs.traverse } else { glyphs.inside };
    bracket(line, session, inside);
    match role {
        Role::Start => line.piece(b" start pos "),
        Role::Next => line.piece(b" next  pos "),
        Role::Show => line.piece(b" show  pos "),
        Role::Stop => line.piece(b" stop  pos "),
    };
    position(line, *role, *pos_in, *pos_out);
    line.pad(layout.pointer, 1);
    if let Some(v) = v {
        pointer(line, *v);
    }
    if let Some(record) = ret_ptr {
        match layout.returned {
            Some(column) => line.pad(column, 1),
            None => line.pad(0, usize::from(v.is_some())),
        };
        line.glyph(line.style.glyphs.arrow).piece(b" ");
        if matches!(record.kind(), PtrKind::Err(_)) {
            line.colored(Color::Error, |line| pointer(line, *record));
        } else {
            pointer(line, *record);
        }
    }
    // A stop is not to write anything: its bytes are shown only if it does.
    if let Some(bytes) = bytes.filter(|bytes| *role == Role::Show || *bytes > 0) {
        line.pad(layout.returned.map_or(0, |column| column + 2), 2);
        written(line, bytes, *count, *size);
    }
    if let Some(ns) = duration {
        line.duration_before(*ns, layout.end, 2);
    }
    result(line, callback);
}

/// Writes a bracket in the session's color.
pub(super) fn bracket(line: &mut Line<'_>, session: Option<SessionId>, bracket: Glyph) {
    match session {
        Some(session) => line.colored(Color::Session(session), |line| {
            line.glyph(bracket);
        }),
        None => line.glyph(bracket),
    };
}

/// Writes `0→1`, or `1` if the position did not change.
#[inline]
fn position(line: &mut Line<'_>, role: Role, before: Option<i64>, after: i64) {
    let arrow = line.style.glyphs.arrow;
    match before {
        // A next() that does not advance must be noticed, so it shows both.
        Some(before) if before == after && role != Role::Next => {}
        Some(before) => {
            line.signed(before).glyph(arrow);
        }
        None if matches!(role, Role::Start | Role::Next) => {
            line.piece(b"?").glyph(arrow);
        }
        None => {}
    }
    line.signed(after);
}

/// Writes `+3 B     buf 134/4096`.
#[inline]
fn written(line: &mut Line<'_>, bytes: u64, count: u64, size: Option<u64>) {
    let end = line.column() + BYTES;
    line.piece(b"+").decimal(bytes).piece(b" B").pad(end, 0);
    line.piece(b"  buf ").decimal(count);
    if let Some(size) = size {
        line.piece(b"/").decimal(size);
    }
}

/// Writes what follows the duration: the fate of what show() rendered, and anything unusual.
#[inline]
fn result(line: &mut Line<'_>, callback: &CallbackUpdate) {
    let CallbackUpdate { ret_int, fate: rendering, range, held, fixed_up, .. } = callback;
    if let Some(rendering) = rendering {
        line.piece(b"  ");
        fate(line, *rendering, callback);
    } else {
        if let Some(ret) = ret_int.filter(|ret| *ret != 0) {
            line.piece(b"  returned ").signed(ret.into());
        }
        if let Some(range) = range {
            line.piece(b"  ");
            offsets(line, *range);
        }
    }
    if let Some(held) = held {
        line.color(Color::Dim, "  held ").colored(Color::Dim, |line| {
            line.duration(*held);
        });
    }
    if *fixed_up {
        line.color(Color::Warn, "  did not advance: the core adds 1");
    }
}

#[inline]
fn fate(line: &mut Line<'_>, fate: Fate, callback: &CallbackUpdate) {
    let traverse = callback.phase == Phase::Traverse;
    match fate {
        Fate::Emitted if traverse => line.piece(b"rest emitted"),
        Fate::Emitted => line.piece(b"emitted"),
        Fate::DiscardedOverflow => {
            line.color(Color::Warn, "OVERFLOW").color(Color::Dim, ": discarded, shown again")
        }
        Fate::DiscardedTail => line.color(Color::Dim, "tail did not fit: dropped, shown again"),
        Fate::Skipped => {
            let line = line.color(Color::Dim, "SEQ_SKIP: discarded");
            match callback.ret_int {
                Some(1) | None => line,
                Some(ret) => line.color(Color::Warn, format_args!(" (returned {ret})")),
            }
        }
        Fate::PassedOver => line.color(Color::Dim, "passed over"),
        Fate::Empty => line.color(Color::Dim, "empty"),
        Fate::Failed => {
            let errno = Errno(callback.ret_int.unwrap_or(0).unsigned_abs().into());
            line.color(Color::Error, "failed ").color(Color::Error, errno)
        }
        Fate::Unknown => line.color(Color::Warn, "fate unknown"),
    };
    let Some(range) = callback.range else { return };
    if fate == Fate::Emitted {
        if traverse {
            line.piece(b" of");
        }
        offsets(line.piece(b" "), range);
    } else {
        line.colored(Color::Dim, |line| offsets(line.piece(b" "), range));
    }
}

#[inline]
fn offsets(line: &mut Line<'_>, range: Range) {
    line.signed(range.start).piece(b"..").signed(range.end);
}

/// Writes what [`Pointer`] displays.
#[inline]
fn pointer(line: &mut Line<'_>, ptr: Ptr) {
    match ptr.kind() {
        PtrKind::Record(value) if value >= 1 << 32 => line.piece(&hex(value)),
        // An index or handle of the iterator.
        PtrKind::Record(value) => line.piece(b"0x").hex(value),
        PtrKind::Null | PtrKind::Token | PtrKind::Err(_) => line.put(Pointer(ptr)),
    };
}

#[cfg(test)]
mod tests;
