//! Numbers as digits, several at a time.
//!
//! Nearly all that is rendered of a callback is numbers. A division for each digit, and the machinery
//! of `fmt` around it, would take most of the time that a trace takes.

/// One more than the largest number of four digits.
pub(super) const FOUR: u64 = 10_000;
/// One more than the largest number of eight digits.
pub(super) const EIGHT: u64 = 100_000_000;
/// Digits of the largest number in hex.
pub(super) const HEX: usize = 16;

/// `00` to `99`, the first digit in the low byte; up to a power of two, so that no index is outside.
static PAIRS: [u32; 128] = {
    let mut pairs = [0; 128];
    let mut value = 0;
    while value < 100 {
        pairs[value as usize] = 0x3030 + ((value % 10) << 8) + value / 10;
        value += 1;
    }
    pairs
};

/// The digits of a number below 10^4, the first in the lowest byte.
#[inline]
fn word(value: u64) -> u32 {
    // A hundredth, for these numbers.
    let high = (value * 5243) >> 19;
    let low = value - 100 * high;
    PAIRS[(high & 127) as usize] | PAIRS[(low & 127) as usize] << 16
}

/// The digits of a number below 10^4 without zeros in front, and how many they are.
#[inline]
pub(super) fn leading(value: u64) -> ([u8; 4], usize) {
    let word = word(value);
    // The last one counts even if it is 0.
    let zeros = (word & 0x0f0f_0f0f | 1 << 24).trailing_zeros() / 8;
    ((word >> (8 * zeros)).to_le_bytes(), 4 - zeros as usize)
}

/// The four digits of a number below 10^4, with zeros in front.
#[inline]
pub(super) fn four(value: u64) -> [u8; 4] {
    word(value).to_le_bytes()
}

/// The six digits of a number below 10^6, with zeros in front.
#[inline]
pub(super) fn six(value: u64) -> [u8; 6] {
    let [_, _, high @ ..] = four(value / FOUR);
    let low = four(value % FOUR);
    [high[0], high[1], low[0], low[1], low[2], low[3]]
}

/// All sixteen digits of a number in hex.
#[inline]
pub(super) fn hex(value: u64) -> [u8; HEX] {
    let mut digits = [0; HEX];
    digits[..8].copy_from_slice(&nibbles(value >> 32).to_be_bytes());
    digits[8..].copy_from_slice(&nibbles(value & 0xffff_ffff).to_be_bytes());
    digits
}

/// The digits of a number in hex without zeros in front, and how many they are.
#[inline]
pub(super) fn short_hex(value: u64) -> ([u8; HEX], usize) {
    // Of 0 the last one counts.
    let zeros = (value | 1).leading_zeros() / 4;
    (hex(value << (4 * zeros)), HEX - zeros as usize)
}

/// A word of 32 bits as eight digits in hex, the first in the highest byte.
#[inline]
const fn nibbles(value: u64) -> u64 {
    let halves = (value | value << 16) & 0x0000_ffff_0000_ffff;
    let quarters = (halves | halves << 8) & 0x00ff_00ff_00ff_00ff;
    let digits = (quarters | quarters << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // 1 for a to f; they are 39 places behind where they would follow 9.
    let letters = ((digits + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    digits + 0x3030_3030_3030_3030 + 39 * letters
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(value: u64) {
        let micros = value % 1_000_000;
        assert_eq!(str::from_utf8(&six(micros)), Ok(format!("{micros:06}").as_str()));
        let digits = hex(value);
        assert_eq!(str::from_utf8(&digits), Ok(format!("{value:016x}").as_str()));
        let (short, length) = short_hex(value);
        assert_eq!(str::from_utf8(&short[..length]), Ok(format!("{value:x}").as_str()));
    }

    #[test]
    fn all_of_four_digits() {
        for value in 0..FOUR {
            let (short, length) = leading(value);
            assert_eq!(str::from_utf8(&short[..length]), Ok(value.to_string().as_str()));
            assert_eq!(str::from_utf8(&four(value)), Ok(format!("{value:04}").as_str()));
            check(value);
        }
    }

    #[test]
    fn where_the_number_of_digits_changes() {
        for bits in 0..64 {
            check(1 << bits);
            check((1 << bits) - 1);
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
