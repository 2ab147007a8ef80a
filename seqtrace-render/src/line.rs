//! A line of text, appended to the output.
//!
//! Nearly every line of a trace is a callback's. It consists of constant pieces, numbers and padding whose greatest
//! lengths are known. They are collected in a [`Window`], where a piece costs a store and an addition (`pieces.rs`).
//! Appended to a `Vec`, which compares its capacity each time, the pieces of a line of JSON took 1,424 instructions
//! instead of 850; through `fmt` a line of the timeline took 9,000 (4eafb3c). Text of any length bypasses the window.

use std::fmt::{self, Display, Write};

use super::pieces::Window;
use super::style::{Color, Style};
use super::wrap;
use crate::errno::Errno;
use crate::escape;
use crate::event::{Ptr, PtrKind};
use crate::rules::Blame;
use crate::session::update::Symbol;
use crate::symbol::SourceLine;

/// Appends a line to a buffer and keeps count of the terminal columns that it fills. Escape sequences fill none.
pub(super) struct Line<'a> {
    out: &'a mut Vec<u8>,
    /// The end of the line so far, which is not in `out` yet.
    pub(super) window: &'a mut Window,
    /// Number of bytes in the window.
    pub(super) end: usize,
    /// Value that `end` would have at column 0, modulo 2^64: `end - origin` is the column.
    pub(super) origin: usize,
    pub(super) style: Style,
}

impl Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let columns = match self.style.event_columns {
            _ if text.is_ascii() => text.len(),
            Some(_) => wrap::columns(text),
            None => text.chars().count(),
        };
        self.written(text.as_bytes(), columns);
        Ok(())
    }
}

/// Appends a line that `write` writes. Lines that are written often use one [`Window`] for all.
pub(super) fn write(out: &mut Vec<u8>, style: Style, write: impl FnOnce(&mut Line<'_>)) {
    let mut window = Window::default();
    let mut line = Line::new(out, &mut window, style);
    write(&mut line);
    line.end();
}

/// Returns the text that `write` writes.
pub(super) fn text(style: Style, write: impl FnOnce(&mut Line<'_>)) -> String {
    let (mut text, mut window) = (Vec::new(), Window::default());
    let mut line = Line::new(&mut text, &mut window, style);
    write(&mut line);
    line.flush();
    String::from_utf8_lossy(&text).into_owned()
}

impl<'a> Line<'a> {
    /// Begins a line. Text that is still in the window is lost.
    #[inline]
    pub(super) fn new(out: &'a mut Vec<u8>, window: &'a mut Window, style: Style) -> Self {
        Self { out, window, end: 0, origin: 0, style }
    }

    /// Returns the number of columns filled so far.
    #[inline]
    pub(super) fn column(&self) -> usize {
        self.end.wrapping_sub(self.origin)
    }

    /// Counts columns from here on.
    #[inline]
    pub(super) fn restart_columns(&mut self) {
        self.origin = self.end;
    }

    /// Moves the text in the window to the output.
    #[inline]
    pub(super) fn flush(&mut self) {
        self.out.extend_from_slice(self.window.first(self.end));
        self.origin = self.origin.wrapping_sub(self.end);
        self.end = 0;
    }

    /// Appends printable text of any length that fills this many columns.
    pub(super) fn written(&mut self, text: &[u8], columns: usize) -> &mut Self {
        self.flush();
        self.out.extend_from_slice(text);
        self.origin = self.origin.wrapping_sub(columns);
        self
    }

    /// Appends any number of blanks.
    #[inline(never)]
    pub(super) fn blanks(&mut self, blanks: usize) {
        self.flush();
        self.out.resize(self.out.len() + blanks, b' ');
        self.origin = self.origin.wrapping_sub(blanks);
    }

    /// Appends anything, through `fmt`.
    pub(super) fn put(&mut self, what: impl Display) -> &mut Self {
        // Writing to a Line never fails; if the Display fails, the rest of it is missing.
        let _ = write!(self, "{what}");
        self
    }

    /// Appends anything in a color, through `fmt`.
    pub(super) fn color(&mut self, color: Color, what: impl Display) -> &mut Self {
        self.colored(color, |line| {
            line.put(what);
        })
    }

    /// Appends untrusted bytes, escaped.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let ascii = self.style.ascii;
        self.put(escape::text(bytes, ascii))
    }

    /// Appends untrusted bytes, escaped, without their middle if they fill more than `limit` columns.
    pub(super) fn bytes_within(&mut self, bytes: &[u8], limit: usize) -> &mut Self {
        let text = escape::text(bytes, self.style.ascii).to_string();
        let more = self.style.glyphs.more;
        match wrap::without_middle(&text, limit, more.columns) {
            None => self.put(text),
            Some((head, tail)) => self.put(head).put(more).put(tail),
        }
    }

    /// Returns the name of a symbol in this line's character set.
    pub(super) fn symbol<'s>(&self, symbol: &'s Symbol) -> Name<'s> {
        Name { symbol, ascii: self.style.ascii }
    }

    /// Ends the line. Trailing blanks are removed.
    pub(super) fn end(mut self) {
        self.flush();
        while self.out.last() == Some(&b' ') {
            self.out.pop();
        }
        self.out.push(b'\n');
    }
}

/// Displays a pointer: special values by name, addresses with 16 digits as `%px` prints them.
#[derive(Clone, Copy)]
pub(super) struct Pointer(pub(super) Ptr);

impl Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind() {
            PtrKind::Null => f.write_str("NULL"),
            PtrKind::Token => f.write_str("TOKEN"),
            PtrKind::Err(errno) => write!(f, "ERR_PTR(-{})", Errno(errno.unsigned_abs().into())),
            // An index or handle of the iterator.
            PtrKind::Record(value) if value < 1 << 32 => write!(f, "{value:#x}"),
            PtrKind::Record(value) => write!(f, "{value:016x}"),
        }
    }
}

/// Displays the name of a function or table, or else its address.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    /// The function or table.
    pub symbol: &'a Symbol,
    /// True if the text must be ASCII.
    pub ascii: bool,
}

impl Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Symbol { address, name, module: _, offset: _ } = self.symbol;
        match name {
            Some(name) => write!(f, "{}", escape::text(name.as_bytes(), self.ascii)),
            None if *address == 0 => f.write_str("-"),
            None => write!(f, "{address:016x}"),
        }
    }
}

/// Displays a function or table with its module: `eof_next [seqbugs]`, or with its offset in the module
/// `eof_next [seqbugs+0x250]`.
#[derive(Clone, Copy)]
pub struct SymbolLocation<'a> {
    /// The function or table.
    pub name: Name<'a>,
    /// True if the offset in the module is displayed.
    pub with_offset: bool,
}

impl Display for SymbolLocation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Name { symbol, ascii } = self.name;
        write!(f, "{}", self.name)?;
        let Some(module) = &symbol.module else { return Ok(()) };
        write!(f, " [{}", escape::text(module.as_bytes(), ascii))?;
        if let Some(offset) = symbol.offset.filter(|_| self.with_offset) {
            write!(f, "+{offset:#x}")?;
        }
        f.write_str("]")
    }
}

/// Displays the function that a finding blames, with its line of source if that is known:
/// `eof_next [seqbugs+0x250] at seqbugs/eof.c:123`.
#[derive(Clone, Copy)]
pub struct Blamed<'a> {
    /// The callback that is probably faulty.
    pub blame: &'a Blame,
    /// True if the text must be ASCII.
    pub ascii: bool,
}

impl Display for Blamed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Blame { role: _, function, source } = self.blame;
        let name = Name { symbol: function, ascii: self.ascii };
        write!(f, "{}", SymbolLocation { name, with_offset: true })?;
        let Some(source) = source else { return Ok(()) };
        write!(f, " at {}", SourceText { source, ascii: self.ascii })
    }
}

/// Displays a line of source: `seqbugs/eof.c:123`.
#[derive(Clone, Copy)]
pub struct SourceText<'a> {
    /// The line to display.
    pub source: &'a SourceLine,
    /// True if the text must be ASCII.
    pub ascii: bool,
}

impl Display for SourceText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SourceLine { file, line } = self.source;
        write!(f, "{}:{line}", escape::text(file.as_bytes(), self.ascii))
    }
}

/// Displays a number with its noun: `1 record`, `3 records`.
pub struct Count(pub u64, pub &'static str);

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Role;

    #[test]
    fn special_pointers_have_names() {
        let shown = |value| Pointer(Ptr(value)).to_string();
        assert_eq!(shown(0), "NULL");
        assert_eq!(shown(1), "TOKEN");
        assert_eq!(shown(2), "0x2");
        assert_eq!(shown(12u64.wrapping_neg()), "ERR_PTR(-ENOMEM)");
        assert_eq!(shown(0xffff_8881_042a_3000), "ffff8881042a3000");
    }

    #[test]
    fn functions_are_named_and_placed() {
        let named = Symbol {
            address: 0xffff_ffff_c000_0250,
            name: Some("eof_next".into()),
            module: Some("seqbugs".into()),
            offset: Some(0x250),
        };
        let unnamed = Symbol { name: None, ..named.clone() };
        let kernel = Symbol::unnamed(0xffff_ffff_8100_0000);
        let location = |symbol, with_offset| {
            SymbolLocation { name: Name { symbol, ascii: true }, with_offset }.to_string()
        };
        assert_eq!(location(&named, true), "eof_next [seqbugs+0x250]");
        assert_eq!(location(&named, false), "eof_next [seqbugs]");
        assert_eq!(location(&unnamed, true), "ffffffffc0000250 [seqbugs+0x250]");
        assert_eq!(location(&kernel, true), "ffffffff81000000");
        assert_eq!(location(&Symbol::unnamed(0), true), "-");
        let source = SourceLine { file: "a\u{1b}é.c".into(), line: 7 };
        let mut blame = Blame { role: Role::Next, function: named, source: Some(source) };
        let blamed = |blame: &Blame, ascii| Blamed { blame, ascii }.to_string();
        assert_eq!(blamed(&blame, false), "eof_next [seqbugs+0x250] at a\\x1bé.c:7");
        assert_eq!(blamed(&blame, true), "eof_next [seqbugs+0x250] at a\\x1b\\xc3\\xa9.c:7");
        blame.source = None;
        assert_eq!(blamed(&blame, true), "eof_next [seqbugs+0x250]");
    }

    #[test]
    fn columns_count_characters_and_no_colors() {
        let mut out = Vec::new();
        write(&mut out, Style::new(true, false), |line| {
            line.color(Color::Error, "→µ").bytes(b"\x1b").pad(10, 1).put("x");
            assert_eq!(line.column(), 11);
            line.pad(3_000, 0).piece(b"y").pad(3_010, 0);
            assert_eq!(line.column(), 3_010);
        });
        let expected = format!("\x1b[1m\x1b[31m→µ\x1b[0m\\x1b    x{:2989}y\n", "");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
