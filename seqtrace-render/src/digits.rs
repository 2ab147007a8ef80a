//! Decimal and hexadecimal digits, computed eight at a time in one word.
//!
//! A callback's line has about a dozen numbers. Through `itoa` and a copy of the digits that it returns, a number took
//! 73 instructions; eight digits that are computed and stored at once take 30.

use super::chars::Chars;

/// Smallest number with more than four digits.
pub(super) const FOUR_DIGITS: u64 = 10_000;
/// Smallest number with more than eight digits.
pub(super) const EIGHT_DIGITS: u64 = 100_000_000;

/// Returns the number of decimal digits. Most numbers have a few.
#[inline]
pub(super) fn count(value: u64) -> usize {
    match value {
        0..10 => 1,
        10..100 => 2,
        100..1000 => 3,
        _ => 1 + value.checked_ilog10().unwrap_or(0) as usize,
    }
}

/// Converts a number below 10^4, without leading zeros.
#[inline]
pub(super) fn up_to_four(value: u64) -> Chars<4> {
    let digits = split_four(value);
    // The last digit stays, even if it is 0.
    let zeros = (digits | 1 << 24).trailing_zeros() / 8;
    let [bytes @ .., _, _, _, _] = ((digits | ZEROS) >> (8 * zeros)).to_le_bytes();
    Chars { bytes, length: 4 - zeros as usize }
}

/// Converts a number below 10^8, without leading zeros.
#[inline]
pub(super) fn up_to_eight(value: u64) -> Chars<8> {
    let digits = split_eight(value);
    // The last digit stays, even if it is 0.
    let zeros = (digits | 1 << 56).trailing_zeros() / 8;
    let bytes = ((digits | ZEROS) >> (8 * zeros)).to_le_bytes();
    Chars { bytes, length: 8 - zeros as usize }
}

/// Converts a number below 10^8 to eight digits with leading zeros.
#[inline]
pub(super) fn eight(value: u64) -> [u8; 8] {
    (split_eight(value) | ZEROS).to_le_bytes()
}

/// Converts a number below 10^6 to six digits with leading zeros.
#[inline]
pub(super) fn six(value: u64) -> [u8; 6] {
    let [_, _, digits @ ..] = eight(value);
    digits
}

/// Converts a number below 1000 to three digits with leading zeros.
#[inline]
pub(super) fn three(value: u64) -> [u8; 3] {
    let [_, digits @ .., _, _, _, _] = (split_four(value) | ZEROS).to_le_bytes();
    digits
}

/// Converts a number to hexadecimal, without leading zeros.
#[inline]
pub(super) fn short_hex(value: u64) -> Chars<16> {
    // The last digit stays, even if it is 0.
    let zeros = (value | 1).leading_zeros() / 4;
    Chars { bytes: hex(value << (4 * zeros)), length: 16 - zeros as usize }
}

/// Converts a number to 16 hexadecimal digits with leading zeros.
#[inline]
pub(super) fn hex(value: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    digits[..8].copy_from_slice(&eight_hex(value >> 32).to_be_bytes());
    digits[8..].copy_from_slice(&eight_hex(value & 0xffff_ffff).to_be_bytes());
    digits
}

/// Eight times `0` in ASCII.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Splits a number below 10^8 into its eight digits (0 to 9), the first one in the least significant byte.
///
/// Each step halves all parts at once. It divides by multiplying with a rounded reciprocal, which is exact for numbers
/// of this size.
#[inline]
const fn split_eight(value: u64) -> u64 {
    // 2^45 / 10,000
    let high = (value * 3_518_437_209) >> 45;
    split_four((value << 32) - high * ((10_000 << 32) - 1))
}

/// Splits a number below 10^4, or one in each half of the word, into its digits.
#[inline]
const fn split_four(value: u64) -> u64 {
    // 2^19 / 100
    let high = ((value * 5243) >> 19) & 0x0000_007f_0000_007f;
    let pairs = (value << 16) - high * ((100 << 16) - 1);
    // 2^10 / 10
    let high = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    (pairs << 8) - high * ((10 << 8) - 1)
}

/// Converts 32 bits to eight hexadecimal digits in ASCII, the first one in the most significant byte.
#[inline]
const fn eight_hex(value: u64) -> u64 {
    let halves = (value | value << 16) & 0x0000_ffff_0000_ffff;
    let quarters = (halves | halves << 8) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (quarters | quarters << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // 1 in each byte of 10 or more. In ASCII, `a` is 39 behind the character that follows `9`.
    let letters = ((nibbles + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    nibbles + ZEROS + 39 * letters
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text<const N: usize>(chars: Chars<N>) -> String {
        str::from_utf8(chars.as_bytes()).unwrap().to_owned()
    }

    fn check(value: u64) {
        assert_eq!(count(value), value.to_string().len());
        let decimal = value % EIGHT_DIGITS;
        assert_eq!(text(up_to_eight(decimal)), decimal.to_string());
        assert_eq!(str::from_utf8(&eight(decimal)), Ok(format!("{decimal:08}").as_str()));
        let decimal = value % FOUR_DIGITS;
        assert_eq!(text(up_to_four(decimal)), decimal.to_string());
        let micros = value % 1_000_000;
        assert_eq!(str::from_utf8(&six(micros)), Ok(format!("{micros:06}").as_str()));
        assert_eq!(str::from_utf8(&hex(value)), Ok(format!("{value:016x}").as_str()));
        assert_eq!(text(short_hex(value)), format!("{value:x}"));
    }

    #[test]
    fn numbers_of_each_length() {
        for value in 0..10_000 {
            check(value);
        }
        for value in 0..1000 {
            assert_eq!(str::from_utf8(&three(value)), Ok(format!("{value:03}").as_str()));
        }
        for power in (0..20).map(|digits| 10u64.pow(digits)) {
            check(power - 1);
            check(power);
        }
        for bits in 0..64 {
            check((1 << bits) - 1);
            check(1 << bits);
        }
        check(u64::MAX);
    }

    proptest! {
        #[test]
        fn any_number(value: u64, shift in 0..64) {
            check(value >> shift);
        }
    }
}
