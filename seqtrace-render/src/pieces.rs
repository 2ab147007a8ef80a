//! Pieces of a line that are stored without `fmt`: constant text, numbers, durations, blanks.

use super::chars::Chars;
use super::digits::{self, EIGHT_DIGITS, FOUR_DIGITS};
use super::duration::{Duration, Number, Unit};
use super::line::Line;
use super::style::{Color, Glyph, RESET};

/// Greatest length of the text in a window in bytes. A mask: it keeps an index in range without a branch.
const MAX: usize = 0x3ff;
/// Greatest length of a piece in bytes.
const MAX_PIECE: usize = 192;

/// Number of blanks that are stored at once.
const BLANKS: usize = 32;

/// Storage for pieces of one line at a time. The caller guarantees that they never get longer than [`MAX`] without a
/// flush: the rest would overwrite the beginning. A callback has at most 700 bytes in JSON and 400 in the timeline.
pub(super) struct Window([u8; MAX + MAX_PIECE]);

impl Default for Window {
    fn default() -> Self {
        Self([0; MAX + MAX_PIECE])
    }
}

impl Window {
    /// Returns the first `length` bytes.
    #[inline]
    pub(super) fn first(&self, length: usize) -> &[u8] {
        self.0.get(..length).unwrap_or_default()
    }
}

impl Line<'_> {
    /// Returns the line, which has at most `N` bytes and was not flushed, as a piece for other lines.
    pub(super) fn copy<const N: usize>(&self) -> Chars<N> {
        const { assert!(N <= MAX_PIECE) };
        let bytes = self.window.0.first_chunk().copied().unwrap_or([0; N]);
        Chars { bytes, length: self.end.min(N) }
    }

    /// Flushes if the window is more than half full, so that it has space for the pieces of another part of the line.
    #[inline]
    pub(super) fn flush_half(&mut self) {
        if self.end > MAX / 2 {
            self.flush();
        }
    }

    /// Appends a constant piece of ASCII.
    #[inline]
    pub(super) fn piece<const N: usize>(&mut self, piece: &[u8; N]) -> &mut Self {
        self.end = store(&mut self.window.0, self.end, piece, N);
        self
    }

    #[inline]
    pub(super) fn chars<const N: usize>(&mut self, chars: Chars<N>) -> &mut Self {
        self.end = store(&mut self.window.0, self.end, &chars.bytes, chars.length);
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
        self.origin = self.origin.wrapping_add(glyph.text.length - glyph.columns);
        self.chars(glyph.text)
    }

    #[inline]
    pub(super) fn decimal(&mut self, value: u64) -> &mut Self {
        self.end = match value {
            0..FOUR_DIGITS => return self.chars(digits::up_to_four(value)),
            FOUR_DIGITS..EIGHT_DIGITS => store_eight(&mut self.window.0, self.end, value),
            _ => store_long(&mut self.window.0, self.end, value),
        };
        self
    }

    #[inline]
    pub(super) fn signed(&mut self, value: i64) -> &mut Self {
        if value < 0 {
            self.piece(b"-");
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
        if blanks > BLANKS {
            self.blanks(blanks);
        } else {
            self.end = store(&mut self.window.0, self.end, &[b' '; BLANKS], blanks);
        }
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
        self.origin = self.origin.wrapping_add(color.sequence().len());
        write(self);
        self.origin = self.origin.wrapping_add(RESET.len());
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
            Unit::Milli => self.piece(b"ms"),
            Unit::Second => self.piece(b"s"),
        }
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

    use super::super::line::text;
    use super::super::style::Style;
    use super::*;

    fn check(value: u64) {
        let shown = text(Style::new(false, false), |line| {
            line.decimal(value).piece(b" ").signed(value.cast_signed()).piece(b" 0x").hex(value);
        });
        assert_eq!(shown, format!("{value} {} {value:#x}", value.cast_signed()));
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
        let shown = text(Style::new(true, false), |line| {
            line.piece(b"abc").pad(50, 0).ascii(b"a text of more than sixteen bytes").pad(0, 1);
            line.colored(Color::Warn, |line| {
                line.glyph(line.style.glyphs.arrow);
            });
            assert_eq!(line.column(), 85);
        });
        let expected = format!("abc{:47}a text of more than sixteen bytes \x1b[33m→\x1b[0m", "");
        assert_eq!(shown, expected);
    }
}
