//! Numbers as digits, several at a time.
//!
//! Nearly all that is rendered of a callback is numbers. A division for each digit, and the machinery
//! of `fmt` around it, would take most of the time that a trace takes.

/// One more than the largest number of three digits.
const THREE: usize = 1000;
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

/// `0` to `999`, the first digit in the low byte, and how many they are in the high one.
static SHORT: [u32; THREE] = {
    let mut short = [0; THREE];
    let mut value = 0;
    while value < 1000 {
        let digits = 0x0030_3030 + ((value % 10) << 16) + ((value / 10 % 10) << 8) + value / 100;
        let length = 1 + (value > 9) as u32 + (value > 99) as u32;
        short[value as usize] = digits >> (8 * (3 - length)) | length << 24;
        value += 1;
    }
    short
};

/// `0.0` to `99.9`, the first digit in the low byte.
static TENTHS: [u32; THREE] = {
    let mut tenths = [0; THREE];
    let mut value = 0;
    while value < 1000 {
        let digits = 0x302e_3030 + ((value % 10) << 24) + ((value / 10 % 10) << 8) + value / 100;
        tenths[value as usize] = if value > 99 { digits } else { digits >> 8 };
        value += 1;
    }
    tenths
};

/// So many tenths, and how many bytes that is; `None` for 100 and more.
#[inline]
pub(super) fn tenths(value: u64) -> Option<([u8; 4], usize)> {
    let word = TENTHS.get(usize::try_from(value).ok()?)?;
    Some((word.to_le_bytes(), if value > 99 { 4 } else { 3 }))
}

/// The digits of a number below 10^4 without zeros in front, and how many they are.
#[inline]
pub(super) fn leading(value: u64) -> ([u8; 4], usize) {
    // In most numbers that are short, and all of them known.
    match usize::try_from(value).ok().and_then(|value| SHORT.get(value)) {
        Some(word) => (word.to_le_bytes(), (word >> 24) as usize),
        None => (four(value), 4),
    }
}

/// The four digits of a number below 10^4, with zeros in front.
#[inline]
pub(super) fn four(value: u64) -> [u8; 4] {
    // A hundredth, for these numbers.
    let high = (value * 5243) >> 19;
    let low = value - 100 * high;
    (PAIRS[(high & 127) as usize] | PAIRS[(low & 127) as usize] << 16).to_le_bytes()
}

/// The eight digits of a number below 10^8, with zeros in front. Its halves are divided at once, and
/// theirs.
#[inline]
pub(super) fn eight(value: u64) -> [u8; 8] {
    // A ten-thousandth, a hundredth and a tenth, for these numbers.
    let high = (value * 3_518_437_209) >> 45;
    let fours = (value << 32) - high * ((FOUR << 32) - 1);
    let high = ((fours * 5243) >> 19) & 0x0000_007f_0000_007f;
    let pairs = (fours << 16) - high * ((100 << 16) - 1);
    let high = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    ((pairs << 8) - high * ((10 << 8) - 1) + 0x3030_3030_3030_3030).to_le_bytes()
}

/// The six digits of a number below 10^6, with zeros in front.
#[inline]
pub(super) fn six(value: u64) -> [u8; 6] {
    let [_, _, digits @ ..] = eight(value);
    digits
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
        let low = value % EIGHT;
        assert_eq!(str::from_utf8(&eight(low)), Ok(format!("{low:08}").as_str()));
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
