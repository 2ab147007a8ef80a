//! A line of bounded length, put together in a fixed buffer.
//!
//! Nearly every line of a trace is a callback's. It consists of constant pieces, numbers and padding whose greatest
//! lengths are known, so a piece costs a store and an addition. Appended to a `Vec`, which compares its capacity each
//! time, the pieces of a line of JSON took 1,424 instructions instead of 850; through `fmt` a line of the timeline took
//! 9,000 (4eafb3c). Everything else is written by [`super::line::LineWriter`].

use std::fmt;

use super::chars::Chars;
use super::digits::{self, EIGHT_DIGITS, FOUR_DIGITS};
use super::duration::{Duration, Number, Unit};
use super::style::{Color, Glyph, RESET, Style};
use crate::errno::Errno;

/// Greatest length of a line in bytes. A mask: it keeps an index in range without a branch.
const MAX: usize = 0x3ff;
/// Greatest length of a piece in bytes.
const MAX_PIECE: usize = 192;

/// Number of blanks that are stored at once.
const BLANKS: usize = 32;

/// Storage for one line at a time.
pub(super) struct LineBuffer([u8; MAX + MAX_PIECE]);

impl Default for LineBuffer {
    fn default() -> Self {
        Self([0; MAX + MAX_PIECE])
    }
}

impl LineBuffer {
    /// Begins a line. The previous one is overwritten.
    #[inline]
    pub(super) fn begin(&mut self, style: Style) -> BoundedLine<'_> {
        BoundedLine { bytes: &mut self.0, end: 0, hidden: 0, style }
    }
}

/// A line in a [`LineBuffer`]. The caller guarantees that it never gets longer than [`MAX`]: the rest of a longer line
/// would overwrite its beginning.
pub(super) struct BoundedLine<'a> {
    bytes: &'a mut [u8; MAX + MAX_PIECE],
    /// Length in bytes.
    end: usize,
    /// Bytes that fill no terminal column.
    hidden: usize,
    pub(super) style: Style,
}

impl BoundedLine<'_> {
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.end).unwrap_or_default()
    }

    /// Returns the line, which has at most `N` bytes, as a piece for other lines.
    pub(super) fn copy<const N: usize>(&self) -> Chars<N> {
        const { assert!(N <= MAX_PIECE) };
        let bytes = self.bytes.first_chunk().copied().unwrap_or([0; N]);
        Chars { bytes, length: self.end.min(N) }
    }

    /// Returns the number of terminal columns filled so far.
    #[inline]
    pub(super) fn column(&self) -> usize {
        self.end.wrapping_sub(self.hidden)
    }

    /// Appends ASCII.
    #[inline]
    pub(super) fn put<const N: usize>(&mut self, piece: &[u8; N]) -> &mut Self {
        self.end = store(self.bytes, self.end, piece, N);
        self
    }

    #[inline]
    pub(super) fn chars<const N: usize>(&mut self, chars: Chars<N>) -> &mut Self {
        self.end = store(self.bytes, self.end, &chars.bytes, chars.length);
        self
    }

    /// Appends ASCII of any length.
    pub(super) fn ascii(&mut self, text: &[u8]) -> &mut Self {
        const CHUNK: usize = 16;
        for chunk in text.chunks(CHUNK) {
            let mut bytes = [0; CHUNK];
            bytes.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            self.chars(Chars { bytes, length: chunk.len() });
        }
        self
    }

    #[inline]
    pub(super) fn glyph(&mut self, glyph: Glyph) -> &mut Self {
        self.hidden += glyph.text.length - glyph.columns;
        self.chars(glyph.text)
    }

    #[inline]
    pub(super) fn decimal(&mut self, value: u64) -> &mut Self {
        self.end = match value {
            0..FOUR_DIGITS => return self.chars(digits::up_to_four(value)),
            FOUR_DIGITS..EIGHT_DIGITS => store_eight(self.bytes, self.end, value),
            _ => store_long(self.bytes, self.end, value),
        };
        self
    }

    #[inline]
    pub(super) fn signed(&mut self, value: i64) -> &mut Self {
        if value < 0 {
            self.put(b"-");
        }
        self.decimal(value.unsigned_abs())
    }

    /// Appends a number in hexadecimal without leading zeros.
    #[inline]
    pub(super) fn hex(&mut self, value: u64) -> &mut Self {
        self.chars(digits::short_hex(value))
    }

    /// Appends blanks up to a column, at least `least`.
    #[inline]
    pub(super) fn pad(&mut self, column: usize, least: usize) -> &mut Self {
        let blanks = column.saturating_sub(self.column()).max(least);
        self.end = match blanks {
            0..=BLANKS => store(self.bytes, self.end, &[b' '; BLANKS], blanks),
            _ => store_blanks(self.bytes, self.end, blanks),
        };
        self
    }

    /// Appends what `write` writes, in a color.
    #[inline]
    pub(super) fn colored(&mut self, color: Color, write: impl FnOnce(&mut Self)) -> &mut Self {
        if !self.style.color {
            write(self);
            return self;
        }
        self.ascii(color.sequence());
        self.hidden += color.sequence().len();
        write(self);
        self.hidden += RESET.len();
        self.ascii(RESET)
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
            Number::Short(number) => self.chars(number),
            Number::Whole(value) => self.decimal(value),
        };
        match duration.unit {
            Unit::Micro => self.glyph(self.style.glyphs.micros),
            Unit::Milli => self.put(b"ms"),
            Unit::Second => self.put(b"s"),
        }
    }

    /// Appends an error's name, as [`Errno`] displays it.
    pub(super) fn errno(&mut self, errno: Errno) -> &mut Self {
        match errno.name() {
            Some(name) => self.ascii(name.as_bytes()),
            None => self.put(b"errno ").decimal(errno.0),
        }
    }
}

/// For ASCII only: of other text, [`BoundedLine::column`] would be wrong.
impl fmt::Write for BoundedLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.ascii(text.as_bytes());
        Ok(())
    }
}

// These are not methods, so that `end` stays in a register from piece to piece.

/// Copies all of `piece` to `end` and returns the end of its first `length` bytes.
#[inline]
fn store<const N: usize>(
    bytes: &mut [u8; MAX + MAX_PIECE],
    end: usize,
    piece: &[u8; N],
    length: usize,
) -> usize {
    const { assert!(N <= MAX_PIECE && (MAX + 1).is_power_of_two()) };
    debug_assert!(end + length <= MAX && length <= N, "a line is longer than its buffer");
    let end = end & MAX;
    bytes[end..end + N].copy_from_slice(piece);
    (end + length) & MAX
}

/// Stores any number of blanks at `end` and returns their end.
#[inline(never)]
fn store_blanks(bytes: &mut [u8; MAX + MAX_PIECE], end: usize, blanks: usize) -> usize {
    (0..blanks).fold(end, |end, _| store(bytes, end, b" ", 1))
}

/// Stores the digits of a number below 10^8 at `end` and returns their end.
#[inline(never)]
fn store_eight(bytes: &mut [u8; MAX + MAX_PIECE], end: usize, value: u64) -> usize {
    let Chars { bytes: digits, length } = digits::up_to_eight(value);
    store(bytes, end, &digits, length)
}

/// Stores the digits of a number of at least 10^8 at `end` and returns their end.
#[inline(never)]
fn store_long(bytes: &mut [u8; MAX + MAX_PIECE], end: usize, value: u64) -> usize {
    let (high, low) = (value / EIGHT_DIGITS, value % EIGHT_DIGITS);
    let end = if high < EIGHT_DIGITS {
        let Chars { bytes: digits, length } = digits::up_to_eight(high);
        store(bytes, end, &digits, length)
    } else {
        let Chars { bytes: digits, length } = digits::up_to_four(high / EIGHT_DIGITS);
        let end = store(bytes, end, &digits, length);
        store(bytes, end, &digits::eight(high % EIGHT_DIGITS), 8)
    };
    store(bytes, end, &digits::eight(low), 8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(value: u64) {
        let mut buffer = LineBuffer::default();
        let mut line = buffer.begin(Style::new(false, false));
        line.decimal(value).put(b" ").signed(value.cast_signed()).put(b" 0x").hex(value);
        let expected = format!("{value} {} {value:#x}", value.cast_signed());
        assert_eq!(str::from_utf8(line.bytes()), Ok(expected.as_str()));
    }

    #[test]
    fn numbers_of_each_length() {
        check(0);
        check(u64::MAX);
        for power in (0..20).map(|digits| 10u64.pow(digits)) {
            for value in [power - 1, power, power + 1, power.saturating_mul(9)] {
                check(value);
                check(value.wrapping_neg());
            }
        }
    }

    proptest! {
        #[test]
        fn any_number(value: u64, shift in 0..64) {
            check(value >> shift);
        }
    }

    #[test]
    fn pieces_and_columns() {
        let mut buffer = LineBuffer::default();
        let mut line = buffer.begin(Style::new(true, false));
        line.put(b"abc").pad(50, 0).ascii(b"a text of more than sixteen bytes").pad(0, 1);
        line.colored(Color::Warn, |line| {
            line.glyph(line.style.glyphs.arrow);
        });
        assert_eq!(line.column(), 85);
        let expected = format!("abc{:47}a text of more than sixteen bytes \x1b[33m→\x1b[0m", "");
        assert_eq!(str::from_utf8(line.bytes()), Ok(expected.as_str()));
        assert_eq!(buffer.begin(Style::new(false, false)).bytes(), b"");
    }
}
