//! A line of text, appended to the output.
//!
//! Callbacks, which are nearly all lines of a trace, are written by [`super::bounded::BoundedLine`] instead.

use std::fmt::{self, Display, Write};

use super::duration::{Duration, Number, Unit};
use super::style::{Color, Glyph, RESET, Style};
use crate::errno::Errno;
use crate::escape;
use crate::event::{Ptr, PtrKind};
use crate::session::update::Symbol;

/// Appends a line to a buffer and keeps count of the terminal columns that it fills. Escape sequences fill none.
pub(super) struct LineWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Length that `out` would have if no column of this line were filled, so that `out.len() - origin` is the
    /// column. ASCII moves only `out.len()`.
    origin: usize,
    pub(super) style: Style,
}

impl Write for LineWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let columns = if text.is_ascii() { text.len() } else { text.chars().count() };
        self.written(text.as_bytes(), columns);
        Ok(())
    }
}

impl<'a> LineWriter<'a> {
    #[inline]
    pub(super) fn new(out: &'a mut Vec<u8>, style: Style) -> Self {
        Self { origin: out.len(), out, style }
    }

    /// Returns the number of columns filled so far.
    #[inline]
    pub(super) fn column(&self) -> usize {
        self.out.len() - self.origin
    }

    /// Appends ASCII.
    #[inline]
    pub(super) fn ascii(&mut self, text: &[u8]) -> &mut Self {
        self.out.extend_from_slice(text);
        self
    }

    /// Appends printable text that fills this many columns.
    #[inline]
    pub(super) fn written(&mut self, text: &[u8], columns: usize) -> &mut Self {
        self.out.extend_from_slice(text);
        self.origin += text.len() - columns;
        self
    }

    pub(super) fn glyph(&mut self, glyph: Glyph) -> &mut Self {
        self.written(glyph.text.as_bytes(), glyph.columns)
    }

    pub(super) fn decimal(&mut self, value: u64) -> &mut Self {
        self.put(value)
    }

    /// Appends blanks up to a column, at least `least`.
    #[inline]
    pub(super) fn pad(&mut self, column: usize, least: usize) -> &mut Self {
        let blanks = column.saturating_sub(self.column()).max(least);
        self.out.resize(self.out.len() + blanks, b' ');
        self
    }

    /// Appends a duration (ns).
    pub(super) fn duration(&mut self, ns: u64) -> &mut Self {
        self.rounded(Duration::new(ns))
    }

    /// Appends a duration (ns), dimmed, that ends at a column, with at least `least` blanks before it.
    #[inline]
    pub(super) fn duration_before(&mut self, ns: u64, column: usize, least: usize) -> &mut Self {
        let duration = Duration::new(ns);
        self.pad(column.saturating_sub(duration.width()), least).colored(Color::Dim, |line| {
            line.rounded(duration);
        })
    }

    #[inline]
    fn rounded(&mut self, duration: Duration) -> &mut Self {
        match duration.number {
            Number::Short(digits) => self.ascii(digits.as_bytes()),
            Number::Whole(value) => self.decimal(value),
        };
        match duration.unit {
            Unit::Micro => self.glyph(self.style.glyphs.micros),
            Unit::Milli => self.ascii(b"ms"),
            Unit::Second => self.ascii(b"s"),
        }
    }

    /// Appends anything, through `fmt`.
    pub(super) fn put(&mut self, what: impl Display) -> &mut Self {
        // Writing to a LineWriter never fails; if the Display fails, the rest of it is missing.
        let _ = write!(self, "{what}");
        self
    }

    /// Appends anything in a color, through `fmt`.
    pub(super) fn color(&mut self, color: Color, what: impl Display) -> &mut Self {
        self.colored(color, |line| {
            line.put(what);
        })
    }

    /// Appends what `write` writes, in a color.
    #[inline]
    pub(super) fn colored(&mut self, color: Color, write: impl FnOnce(&mut Self)) -> &mut Self {
        if !self.style.color {
            write(self);
            return self;
        }
        self.written(color.sequence(), 0);
        write(self);
        self.written(RESET, 0)
    }

    /// Appends untrusted bytes, escaped.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let ascii = self.style.ascii;
        self.put(escape::text(bytes, ascii))
    }

    /// Returns the name of a symbol in this line's character set.
    pub(super) fn symbol<'s>(&self, symbol: &'s Symbol) -> Name<'s> {
        Name { symbol, ascii: self.style.ascii }
    }

    /// Ends the line. Trailing blanks are removed.
    pub(super) fn end(self) {
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
pub(crate) struct Name<'a> {
    pub(crate) symbol: &'a Symbol,
    pub(crate) ascii: bool,
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
pub(crate) struct SymbolLocation<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) with_offset: bool,
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

/// Displays a number with its noun: `1 record`, `3 records`.
pub(crate) struct Count(pub(crate) u64, pub(crate) &'static str);

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }

    #[test]
    fn columns_count_characters_and_no_colors() {
        let mut out = Vec::new();
        let mut line = LineWriter::new(&mut out, Style::new(true, false));
        line.color(Color::Error, "→µ").bytes(b"\x1b").pad(10, 1).put("x");
        assert_eq!(line.column(), 11);
        line.pad(20, 0);
        line.end();
        assert_eq!(String::from_utf8(out).unwrap(), "\x1b[1m\x1b[31m→µ\x1b[0m\\x1b    x\n");
    }
}
