//! A callback's line, of which there are more than of all others.
//!
//! It is put together in a [`Text`], and nothing of it goes through `fmt`: that would cost more than
//! everything else that happens to an event.

use super::super::digits::hex;
use super::super::duration::Duration;
use super::super::scratch::{Memo, Text};
use super::super::style::{Color, Glyph, Style};
use crate::errno::Errno;
use crate::event::{Ptr, PtrKind, Role};
use crate::session::update::{CallbackUpdate, Fate, Phase, Range, SessionId};

/// Where the parts of a callback's line begin, counted from the event's column.
pub(super) struct Layout {
    pub(super) pointer: usize,
    /// The arrow of what is returned, where pointers are in two columns.
    pub(super) returned: Option<usize>,
    /// Behind the duration.
    pub(super) end: usize,
}

impl Layout {
    pub(super) const WIDE: Self = Self { pointer: 22, returned: Some(39), end: 71 };
    /// For terminals that are not wide enough.
    pub(super) const NARROW: Self = Self { pointer: 19, returned: None, end: 62 };
}

/// Columns of `│  show  pos `, whatever the colours and characters.
const BEGINNING: usize = 13;

/// Writes callbacks.
pub(super) struct Callbacks {
    marks: Marks,
    last: Last,
}

/// What was said of the callback before, and is often said of the next one too: a show is where the
/// next before it went, is given what that returned, and begins where the last show ended.
#[derive(Default)]
struct Last {
    /// For each role, of a session and inside a traversal or not.
    beginning: [Memo<(Option<SessionId>, bool), 32>; 4],
    position: Memo<i64, 16>,
    pointer: Memo<Ptr, 16>,
    size: Memo<u64, 16>,
    offset: Memo<i64, 16>,
}

/// What they are drawn with.
struct Marks {
    color: bool,
    inside: Glyph,
    traverse: Glyph,
    arrow: Glyph,
    micros: Glyph,
}

impl Callbacks {
    pub(super) fn new(style: Style) -> Self {
        let glyphs = style.glyphs;
        let marks = Marks {
            color: style.color,
            inside: glyphs.inside.into(),
            traverse: glyphs.traverse.into(),
            arrow: glyphs.arrow.into(),
            micros: Glyph::micros(glyphs),
        };
        Self { marks, last: Last::default() }
    }

    /// Writes what a callback is, behind the columns.
    #[inline]
    pub(super) fn write(
        &mut self,
        text: &mut Text<'_>,
        layout: &Layout,
        session: Option<SessionId>,
        callback: &CallbackUpdate,
    ) {
        self.marks.callback(text, &mut self.last, layout, session, callback);
    }
}

impl Marks {
    fn tone(&self, tone: Color) -> Option<Color> {
        self.color.then_some(tone)
    }

    #[inline]
    fn callback(
        &self,
        text: &mut Text<'_>,
        last: &mut Last,
        layout: &Layout,
        session: Option<SessionId>,
        callback: &CallbackUpdate,
    ) {
        let CallbackUpdate {
            role,
            phase,
            // Counted by the brackets' starts and stops.
            pass: _,
            pos_in,
            pos_out,
            v,
            ret_ptr,
            ret_int,
            bytes,
            count,
            size,
            // Said by the fate.
            full: _,
            duration,
            fate,
            range,
            held,
            fixed_up,
            // Only the rules need it.
            private: _,
        } = callback;
        let traverse = *phase == Phase::Traverse;
        last.beginning[*role as usize].put(text, (session, traverse), |text| {
            self.beginning(text, *role, session, traverse);
        });
        text.set_column(BEGINNING);
        match pos_in {
            // next is to advance: that it did not must catch the eye.
            Some(before) if before == pos_out && *role != Role::Next => {}
            Some(before) => {
                last.position.put(text, *before, |text| text.signed(*before));
                text.glyph(self.arrow);
            }
            None if matches!(role, Role::Start | Role::Next) => {
                text.put(b"?");
                text.glyph(self.arrow);
            }
            None => {}
        }
        last.position.put(text, *pos_out, |text| text.signed(*pos_out));
        text.pad(layout.pointer, 1);
        if let Some(v) = v {
            last.pointer.put(text, *v, |text| pointer(text, *v));
        }
        if let Some(record) = ret_ptr {
            match layout.returned {
                Some(column) => text.pad(column, 1),
                None => text.pad(0, usize::from(v.is_some())),
            }
            text.glyph(self.arrow);
            text.put(b" ");
            if matches!(record.kind(), PtrKind::Err(_)) {
                text.colored(self.tone(Color::Error), |text| pointer(text, *record));
            } else {
                last.pointer.put(text, *record, |text| pointer(text, *record));
            }
        }
        // stop writes nothing, unless it misbehaves.
        if let Some(bytes) = bytes.filter(|bytes| *role == Role::Show || *bytes > 0) {
            text.pad(layout.returned.map_or(0, |column| column + 2), 2);
            written(text, &mut last.size, bytes, *count, *size);
        }
        if let Some(ns) = duration {
            text.span(*ns, layout.end, 2, self.tone(Color::Dim), self.micros);
        }
        if let Some(fate) = fate {
            self.fate(text, &mut last.offset, *fate, callback);
        } else {
            if let Some(ret) = ret_int.filter(|ret| *ret != 0) {
                text.put(b"  returned ");
                text.signed(ret.into());
            }
            if let Some(range) = range {
                text.put(b"  ");
                offsets(text, &mut last.offset, *range);
            }
        }
        if let Some(held) = held {
            let held = Duration::new(*held, "");
            text.colored(self.tone(Color::Dim), |text| text.put(b"  held "));
            text.colored(self.tone(Color::Dim), |text| text.duration(&held, self.micros));
        }
        if *fixed_up {
            let tone = self.tone(Color::Warn);
            text.colored(tone, |text| text.put(b"  did not advance: the core adds 1"));
        }
    }

    /// `│  show  pos `
    fn beginning(
        &self,
        text: &mut Text<'_>,
        role: Role,
        session: Option<SessionId>,
        traverse: bool,
    ) {
        let bracket = if traverse { self.traverse } else { self.inside };
        let tone = session.and_then(|session| self.tone(Color::Session(session)));
        text.colored(tone, |text| text.glyph(bracket));
        match role {
            Role::Start => text.put(b" start pos "),
            Role::Next => text.put(b" next  pos "),
            Role::Show => text.put(b" show  pos "),
            Role::Stop => text.put(b" stop  pos "),
        }
    }

    /// What became of what a show rendered, and where it went.
    #[inline]
    fn fate(
        &self,
        text: &mut Text<'_>,
        offset: &mut Memo<i64, 16>,
        fate: Fate,
        callback: &CallbackUpdate,
    ) {
        let (dim, warn) = (self.tone(Color::Dim), self.tone(Color::Warn));
        let error = self.tone(Color::Error);
        let ret = callback.ret_int;
        text.put(b"  ");
        match fate {
            Fate::Emitted if callback.phase == Phase::Traverse => text.put(b"rest emitted"),
            Fate::Emitted => text.put(b"emitted"),
            Fate::DiscardedOverflow => {
                text.colored(warn, |text| text.put(b"OVERFLOW"));
                text.colored(dim, |text| text.put(b": discarded, shown again"));
            }
            Fate::DiscardedTail => {
                text.colored(dim, |text| text.put(b"tail did not fit: dropped, shown again"));
            }
            Fate::Skipped => {
                text.colored(dim, |text| text.put(b"SEQ_SKIP: discarded"));
                if let Some(ret) = ret.filter(|ret| *ret != 1) {
                    text.colored(warn, |text| {
                        text.put(b" (returned ");
                        text.signed(ret.into());
                        text.put(b")");
                    });
                }
            }
            Fate::PassedOver => text.colored(dim, |text| text.put(b"passed over")),
            Fate::Empty => text.colored(dim, |text| text.put(b"empty")),
            Fate::Failed => {
                text.colored(error, |text| text.put(b"failed "));
                let errno = Errno(ret.unwrap_or(0).unsigned_abs().into());
                text.colored(error, |text| error_name(text, errno));
            }
            Fate::Unknown => text.colored(warn, |text| text.put(b"fate unknown")),
        }
        let Some(range) = callback.range else { return };
        let tone = dim.filter(|_| fate != Fate::Emitted);
        text.colored(tone, |text| {
            text.put(b" ");
            if callback.phase == Phase::Traverse && fate == Fate::Emitted {
                text.put(b"of ");
            }
            offsets(text, offset, range);
        });
    }
}

/// `+3 B     buf 134/4096`
#[inline]
fn written(
    text: &mut Text<'_>,
    last: &mut Memo<u64, 16>,
    bytes: u64,
    count: u64,
    size: Option<u64>,
) {
    let fill = text.column() + 7;
    text.put(b"+");
    text.decimal(bytes);
    text.put(b" B");
    text.pad(fill, 0);
    text.put(b"  buf ");
    text.decimal(count);
    if let Some(size) = size {
        last.put(text, size, |text| {
            text.put(b"/");
            text.decimal(size);
        });
    }
}

#[inline]
fn offsets(text: &mut Text<'_>, last: &mut Memo<i64, 16>, range: Range) {
    last.put(text, range.start, |text| text.signed(range.start));
    text.put(b"..");
    last.put(text, range.end, |text| text.signed(range.end));
}

/// A pointer by name where it has one, as [`super::super::line::Pointer`] shows it.
#[inline]
fn pointer(text: &mut Text<'_>, ptr: Ptr) {
    match ptr.kind() {
        PtrKind::Record(value) if value >= 1 << 32 => text.put(&hex(value)),
        // An iterator's index or handle.
        PtrKind::Record(value) => {
            text.put(b"0x");
            text.hex(value);
        }
        PtrKind::Null => text.put(b"NULL"),
        PtrKind::Token => text.put(b"TOKEN"),
        PtrKind::Err(errno) => {
            text.put(b"ERR_PTR(-");
            error_name(text, Errno(errno.unsigned_abs().into()));
            text.put(b")");
        }
    }
}

fn error_name(text: &mut Text<'_>, errno: Errno) {
    if let Some(name) = errno.name() {
        text.word(name.as_bytes());
    } else {
        text.put(b"errno ");
        text.decimal(errno.0);
    }
}

#[cfg(test)]
mod tests;
