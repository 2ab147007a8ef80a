//! Short text whose longest form is known, put together piece by piece.
//!
//! A piece has a length that the compiler knows, and the room is a constant: a piece costs a few
//! instructions, where appending to a Vec asks each time whether there is room, and calls a function
//! to copy three bytes.

mod memo;

use std::fmt;

pub(super) use self::memo::Memo;
use super::digits::{self, EIGHT, FOUR};
use super::duration::{Duration, Number, Unit};
use super::style::{Color, Glyph, RESET};

/// The longest text: all of the low bits, so that a place is kept inside by a single instruction.
pub(super) const ROOM: usize = 0x3ff;
/// The longest piece.
pub(super) const PIECE: usize = 192;

/// Room for a text.
pub(super) struct Scratch([u8; ROOM + PIECE]);

impl Default for Scratch {
    fn default() -> Self {
        Self([0; ROOM + PIECE])
    }
}

impl Scratch {
    /// Begins a text.
    #[inline]
    pub(super) fn begin(&mut self) -> Text<'_> {
        self.resume(0, 0)
    }

    /// Goes on behind the first bytes of the text before, which are so wide.
    #[inline]
    pub(super) fn resume(&mut self, end: usize, columns: usize) -> Text<'_> {
        Text { bytes: &mut self.0, end: end & ROOM, wide: end - columns }
    }
}

/// A text in the making. Whoever writes one knows that it is never longer than [`ROOM`].
pub(super) struct Text<'a> {
    bytes: &'a mut [u8; ROOM + PIECE],
    end: usize,
    /// Bytes that fill no column.
    wide: usize,
}

impl<'a> Text<'a> {
    /// An empty one in the same place.
    pub(super) fn anew(self) -> Text<'a> {
        Text { bytes: self.bytes, end: 0, wide: 0 }
    }

    /// What was written.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.end).unwrap_or_default()
    }

    /// A piece.
    #[inline]
    pub(super) fn put<const N: usize>(&mut self, piece: &[u8; N]) {
        self.put_some(piece, N);
    }

    /// So many bytes from a piece's beginning.
    #[inline]
    pub(super) fn put_some<const N: usize>(&mut self, piece: &[u8; N], length: usize) {
        self.end = write(self.bytes, self.end, piece, length);
    }

    /// A piece in place of what is there already.
    #[inline]
    pub(super) fn replace<const N: usize>(&mut self, at: usize, piece: &[u8; N]) {
        write(self.bytes, at, piece, N);
    }

    /// How many bytes it has.
    #[inline]
    pub(super) fn length(&self) -> usize {
        self.end
    }

    /// So many bytes from a piece's beginning, which are so wide.
    #[inline]
    pub(super) fn part<const N: usize>(&mut self, piece: &[u8; N], length: usize, columns: usize) {
        self.put_some(piece, length);
        self.wide += length - columns;
    }

    /// A number.
    #[inline]
    pub(super) fn decimal(&mut self, value: u64) {
        self.end = match value {
            0..FOUR => leading(self.bytes, self.end, value),
            _ => number(self.bytes, self.end, value),
        };
    }

    /// A number with a sign if it is negative.
    #[inline]
    pub(super) fn signed(&mut self, value: i64) {
        if value < 0 {
            self.put(b"-");
        }
        self.decimal(value.unsigned_abs());
    }

    /// So many columns are filled, whatever was counted so far.
    #[inline]
    pub(super) fn set_column(&mut self, column: usize) {
        self.wide = self.end.wrapping_sub(column);
    }

    /// How many columns are filled.
    #[inline]
    pub(super) fn column(&self) -> usize {
        self.end.wrapping_sub(self.wide)
    }

    /// Blanks up to a column, at least `least`.
    #[inline]
    pub(super) fn pad(&mut self, column: usize, least: usize) {
        const FEW: usize = 32;
        let blanks = column.saturating_sub(self.column()).max(least);
        if blanks <= FEW {
            self.put_some(&[b' '; FEW], blanks);
        } else {
            self.end = blank(self.bytes, self.end, blanks);
        }
    }

    /// ASCII of any length.
    #[inline]
    pub(super) fn word(&mut self, word: &[u8]) {
        self.end = copy(self.bytes, self.end, word);
    }

    /// Other characters.
    #[inline]
    pub(super) fn glyph(&mut self, glyph: Glyph) {
        self.part(&glyph.bytes, glyph.length, glyph.columns);
    }

    /// What is written in it, in a tone; `None` without colours.
    #[inline]
    pub(super) fn colored(&mut self, color: Option<Color>, write: impl FnOnce(&mut Self)) {
        if let Some(color) = color {
            self.word(color.sequence());
            self.wide += color.sequence().len();
        }
        write(self);
        if color.is_some() {
            self.word(RESET);
            self.wide += RESET.len();
        }
    }

    /// A time span that ends at a column, with at least so many blanks before it.
    #[inline]
    pub(super) fn span(
        &mut self,
        ns: u64,
        column: usize,
        least: usize,
        color: Option<Color>,
        micros: Glyph,
    ) {
        if let Some((digits, length)) = Duration::tenths(ns) {
            // Nearly all: no need to ask for the unit.
            self.pad(column.saturating_sub(length + micros.columns), least);
            self.colored(color, |text| {
                text.put_some(&digits, length);
                text.glyph(micros);
            });
        } else {
            let duration = Duration::new(ns, "");
            self.pad(column.saturating_sub(duration.width()), least);
            self.colored(color, |text| text.duration(&duration, micros));
        }
    }

    /// A time span; `micros` is the unit of small ones.
    pub(super) fn duration(&mut self, duration: &Duration, micros: Glyph) {
        match duration.number {
            Number::Short(digits, length) => self.put_some(&digits, length),
            Number::Whole(value) => self.decimal(value),
        }
        match duration.unit {
            Unit::Micro => self.glyph(micros),
            Unit::Milli => self.put(b"ms"),
            Unit::Second => self.put(b"s"),
        }
    }

    /// A number in hex.
    #[inline]
    pub(super) fn hex(&mut self, value: u64) {
        let (piece, length) = digits::short_hex(value);
        self.put_some(&piece, length);
    }
}

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.word(text.as_bytes());
        self.wide += text.len() - text.chars().count();
        Ok(())
    }
}

/// Not methods, so that the end of a text stays in a register.
#[inline]
fn write<const N: usize>(
    bytes: &mut [u8; ROOM + PIECE],
    end: usize,
    piece: &[u8; N],
    length: usize,
) -> usize {
    const { assert!(N <= PIECE && (ROOM + 1).is_power_of_two()) };
    debug_assert!(end + length <= ROOM && length <= N, "a text is longer than it can be");
    let end = end & ROOM;
    bytes[end..end + N].copy_from_slice(piece);
    // Seen to be inside already where the next piece begins.
    (end + length) & ROOM
}

/// So many bytes of what was written.
#[inline]
fn read<const N: usize>(bytes: &[u8; ROOM + PIECE], start: usize) -> [u8; N] {
    const { assert!(N <= PIECE) };
    let start = start & ROOM;
    let mut piece = [0; N];
    piece.copy_from_slice(&bytes[start..start + N]);
    piece
}

#[inline]
fn leading(bytes: &mut [u8; ROOM + PIECE], end: usize, value: u64) -> usize {
    let (piece, length) = digits::leading(value);
    write(bytes, end, &piece, length)
}

/// Bytes of any number.
fn copy(bytes: &mut [u8; ROOM + PIECE], end: usize, word: &[u8]) -> usize {
    const CHUNK: usize = 16;
    word.chunks(CHUNK).fold(end, |end, part| {
        let mut piece = [0; CHUNK];
        piece.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
        write(bytes, end, &piece, part.len())
    })
}

/// Blanks of any number.
fn blank(bytes: &mut [u8; ROOM + PIECE], end: usize, blanks: usize) -> usize {
    (0..blanks).fold(end, |end, _| write(bytes, end, b" ", 1))
}

/// A number of more than four digits.
#[inline(never)]
fn number(bytes: &mut [u8; ROOM + PIECE], end: usize, value: u64) -> usize {
    match value {
        0..EIGHT => {
            let end = leading(bytes, end, value / FOUR);
            write(bytes, end, &digits::four(value % FOUR), 4)
        }
        _ => long(bytes, end, value),
    }
}

/// A number of more than eight digits.
fn long(bytes: &mut [u8; ROOM + PIECE], end: usize, value: u64) -> usize {
    let end = match value / EIGHT {
        high @ 0..FOUR => leading(bytes, end, high),
        high => number(bytes, end, high),
    };
    write(bytes, end, &digits::eight(value % EIGHT), 8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(value: u64) {
        let mut scratch = Scratch::default();
        let mut text = scratch.begin();
        text.decimal(value);
        text.put(b" ");
        text.signed(value.cast_signed());
        text.put(b" 0x");
        text.hex(value);
        let mut memo = Memo::<_, 20>::default();
        for value in [value, value, value ^ 5] {
            text.put(b" ");
            memo.put(&mut text, value, |text| text.decimal(value));
        }
        let signed = value.cast_signed();
        let expected = format!("{value} {signed} {value:#x} {value} {value} {}", value ^ 5);
        assert_eq!(str::from_utf8(text.bytes()), Ok(expected.as_str()));
    }

    #[test]
    fn where_the_number_of_digits_changes() {
        check(0);
        check(u64::MAX);
        for digits in 0..20 {
            let power = 10u64.pow(digits);
            for value in [power - 1, power, power + 1, power.saturating_mul(9)] {
                check(value);
                check(value.wrapping_neg());
            }
        }
        (0..64).for_each(|bits| check(1 << bits));
    }

    proptest! {
        #[test]
        fn any_number(value: u64, shift in 0..64) {
            check(value >> shift);
        }
    }

    #[test]
    fn pieces() {
        let mut scratch = Scratch::default();
        let mut text = scratch.begin();
        text.put(b"abc");
        text.put_some(b"defgh", 2);
        text.put(b"!");
        assert_eq!(text.bytes(), b"abcde!");
        assert_eq!(scratch.begin().bytes(), b"");
    }
}
