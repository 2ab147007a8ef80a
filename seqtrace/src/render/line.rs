//! One line of text that knows how wide it has become.

use std::fmt::{self, Display, Write};
use std::io;

use super::escape;
use super::style::{Look, Tone};
use crate::errno::Errno;
use crate::event::{Ptr, PtrKind};
use crate::session::update::Symbol;

/// Appends to a buffer, counting columns. Colours do not count.
pub(super) struct Line<'a> {
    out: &'a mut Vec<u8>,
    column: usize,
    pub(super) look: Look,
}

impl Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.out.extend_from_slice(text.as_bytes());
        self.column += if text.is_ascii() { text.len() } else { text.chars().count() };
        Ok(())
    }
}

impl<'a> Line<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, look: Look) -> Self {
        Self { out, column: 0, look }
    }

    /// How many columns are filled.
    pub(super) fn column(&self) -> usize {
        self.column
    }

    pub(super) fn put(&mut self, what: impl Display) -> &mut Self {
        // A Line itself never fails, and a Display that does has nothing more to say.
        let _ = write!(self, "{what}");
        self
    }

    pub(super) fn tone(&mut self, tone: Tone, what: impl Display) -> &mut Self {
        if !self.look.color {
            return self.put(what);
        }
        // Not through write_str: escape sequences fill no columns. A Vec never fails.
        let _ = io::Write::write_fmt(self.out, format_args!("{}", tone.style().render()));
        self.put(what);
        self.out.extend_from_slice(b"\x1b[0m");
        self
    }

    /// Bytes that may hold anything.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let ascii = self.look.ascii;
        self.put(escape::text(bytes, ascii))
    }

    /// Blanks up to a column, at least `least`.
    pub(super) fn pad(&mut self, column: usize, least: usize) -> &mut Self {
        let blanks = column.saturating_sub(self.column).max(least);
        self.out.resize(self.out.len() + blanks, b' ');
        self.column += blanks;
        self
    }

    /// A value that ends at a column.
    pub(super) fn right(&mut self, column: usize, width: usize, what: impl Display) -> &mut Self {
        let start = column.saturating_sub(width);
        self.pad(start, 0).put(what)
    }

    pub(super) fn end(self) {
        while self.out.last() == Some(&b' ') {
            self.out.pop();
        }
        self.out.push(b'\n');
    }

    pub(super) fn duration(&self, ns: u64) -> Duration {
        Duration { ns, micro: self.look.glyphs.micro }
    }

    pub(super) fn symbol<'s>(&self, symbol: &'s Symbol) -> Name<'s> {
        Name { symbol, ascii: self.look.ascii }
    }
}

/// A time span with three digits: `0.2µs`, `961µs`, `1.25ms`, `2.10s`.
#[derive(Clone, Copy)]
pub(super) struct Duration {
    ns: u64,
    micro: &'static str,
}

impl Duration {
    /// Value in units of 10^-decimals of the unit, decimals, unit (`µ` is to be put before the s).
    fn parts(self) -> (u64, usize, Unit) {
        let scaled = |unit: u64| self.ns.saturating_add(unit / 2) / unit;
        for (unit, decimals, name) in [
            (100, 1, Unit::Micro),
            (1_000, 0, Unit::Micro),
            (10_000, 2, Unit::Milli),
            (100_000, 1, Unit::Milli),
            (1_000_000, 0, Unit::Milli),
            (10_000_000, 2, Unit::Second),
            (100_000_000, 1, Unit::Second),
        ] {
            if scaled(unit) < 1000 {
                return (scaled(unit), decimals, name);
            }
        }
        (scaled(1_000_000_000), 0, Unit::Second)
    }

    /// In columns.
    pub(super) fn width(self) -> usize {
        let (value, decimals, unit) = self.parts();
        let digits = 1 + value.checked_ilog10().map_or(0, |digits| digits as usize);
        let number = if decimals == 0 { digits } else { digits.max(decimals + 1) + 1 };
        number + if unit == Unit::Second { 1 } else { 2 }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Micro,
    Milli,
    Second,
}

impl Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, decimals, unit) = self.parts();
        match decimals {
            0 => write!(f, "{value}")?,
            1 => write!(f, "{}.{}", value / 10, value % 10)?,
            _ => write!(f, "{}.{:02}", value / 100, value % 100)?,
        }
        match unit {
            Unit::Micro => write!(f, "{}s", self.micro),
            Unit::Milli => f.write_str("ms"),
            Unit::Second => f.write_str("s"),
        }
    }
}

/// A pointer by name where it has one. Addresses are 16 digits, as `%px` prints them.
#[derive(Clone, Copy)]
pub(super) struct Pointer(pub(super) Ptr);

impl Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind() {
            PtrKind::Null => f.write_str("NULL"),
            PtrKind::Token => f.write_str("TOKEN"),
            PtrKind::Err(errno) => write!(f, "ERR_PTR(-{})", Errno(errno.unsigned_abs().into())),
            // An iterator's index or handle.
            PtrKind::Record(value) if value < 1 << 32 => write!(f, "{value:#x}"),
            PtrKind::Record(value) => write!(f, "{value:016x}"),
        }
    }
}

/// A function by name, without its module.
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

/// A function or table and where it is: `eof_next [seqbugs]`, and with its place there
/// `eof_next [seqbugs+0x250]`.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) with_offset: bool,
}

impl Display for Place<'_> {
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

/// A count with its noun: `1 record`, `3 records`.
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
    fn durations_have_three_digits() {
        for (ns, expected) in [
            (0, "0.0µs"),
            (212, "0.2µs"),
            (2_100, "2.1µs"),
            (13_449, "13.4µs"),
            (99_949, "99.9µs"),
            (99_951, "100µs"),
            (961_000, "961µs"),
            (999_499, "999µs"),
            (999_500, "1.00ms"),
            (1_250_000, "1.25ms"),
            (45_600_000, "45.6ms"),
            (456_000_000, "456ms"),
            (2_100_000_000, "2.10s"),
            (75_000_000_000, "75.0s"),
            (7_500_000_000_000, "7500s"),
        ] {
            let duration = Duration { ns, micro: "µ" };
            assert_eq!(duration.to_string(), expected);
            assert_eq!(duration.width(), expected.chars().count(), "{expected}");
        }
    }

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
        let place = |symbol, with_offset| {
            Place { name: Name { symbol, ascii: true }, with_offset }.to_string()
        };
        assert_eq!(place(&named, true), "eof_next [seqbugs+0x250]");
        assert_eq!(place(&named, false), "eof_next [seqbugs]");
        assert_eq!(place(&unnamed, true), "ffffffffc0000250 [seqbugs+0x250]");
        assert_eq!(place(&kernel, true), "ffffffff81000000");
        assert_eq!(place(&Symbol::unnamed(0), true), "-");
    }

    #[test]
    fn columns_count_characters_and_no_colours() {
        let mut out = Vec::new();
        let mut line = Line::new(&mut out, Look::new(true, false));
        line.tone(Tone::Error, "→µ").bytes(b"\x1b").pad(10, 1).put("x");
        assert_eq!(line.column(), 11);
        line.pad(20, 0);
        line.end();
        assert_eq!(String::from_utf8(out).unwrap(), "\x1b[1m\x1b[31m→µ\x1b[0m\\x1b    x\n");
    }
}
