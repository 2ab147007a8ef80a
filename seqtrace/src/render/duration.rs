//! Time spans as people read them.

use std::fmt::{self, Display, Write};

use super::digits::{four, leading, tenths};

/// A time span with three digits: `0.2µs`, `961µs`, `1.25ms`, `2.10s`.
#[derive(Clone, Copy)]
pub(super) struct Duration {
    pub(super) number: Number,
    pub(super) unit: Unit,
    micro: &'static str,
}

/// How many of the unit.
#[derive(Clone, Copy)]
pub(super) enum Number {
    /// Digits and point, and how many they are.
    Short([u8; 4], usize),
    /// Four digits or more.
    Whole(u64),
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// µs
    Micro,
    /// ms
    Milli,
    /// s
    Second,
}

impl Duration {
    /// Of so many ns; `micro` is what stands for millionths.
    #[inline]
    pub(super) fn new(ns: u64, micro: &'static str) -> Self {
        match Self::tenths(ns) {
            Some((digits, length)) => {
                Self { number: Number::Short(digits, length), unit: Unit::Micro, micro }
            }
            None => Self::long(ns, micro),
        }
    }

    /// The digits of one that is shown as tenths of a microsecond, as those of callbacks are, and how
    /// many bytes they are.
    #[inline]
    pub(super) fn tenths(ns: u64) -> Option<([u8; 4], usize)> {
        tenths((ns.saturating_add(50)) / 100)
    }

    // Inlined, all of the divisions would be done in advance.
    #[inline(never)]
    fn long(ns: u64, micro: &'static str) -> Self {
        // Rounded, not cut off: 999.5 of a unit are 1.00 of the next.
        let (value, decimals, unit) = match ns {
            0..999_500 => ((ns + 500) / 1_000, 0, Unit::Micro),
            999_500..9_995_000 => ((ns + 5_000) / 10_000, 2, Unit::Milli),
            9_995_000..99_950_000 => ((ns + 50_000) / 100_000, 1, Unit::Milli),
            99_950_000..999_500_000 => ((ns + 500_000) / 1_000_000, 0, Unit::Milli),
            999_500_000..9_995_000_000 => ((ns + 5_000_000) / 10_000_000, 2, Unit::Second),
            9_995_000_000..99_950_000_000 => ((ns + 50_000_000) / 100_000_000, 1, Unit::Second),
            _ => (ns.saturating_add(500_000_000) / 1_000_000_000, 0, Unit::Second),
        };
        let [_, hundreds, tens, ones] = four(value.min(999));
        let number = match decimals {
            0 if value > 999 => Number::Whole(value),
            0 => {
                let (digits, length) = leading(value);
                Number::Short(digits, length)
            }
            1 => Number::Short([hundreds, tens, b'.', ones], 4),
            _ => Number::Short([hundreds, b'.', tens, ones], 4),
        };
        Self { number, unit, micro }
    }

    /// In columns.
    #[inline]
    pub(super) fn width(&self) -> usize {
        let number = match self.number {
            Number::Short(_, length) => length,
            Number::Whole(value) => 1 + value.checked_ilog10().unwrap_or(0) as usize,
        };
        number + if self.unit == Unit::Second { 1 } else { 2 }
    }
}

impl Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Number::Short(digits, length) => {
                digits.iter().take(length).try_for_each(|digit| f.write_char((*digit).into()))?;
            }
            Number::Whole(value) => write!(f, "{value}")?,
        }
        match self.unit {
            Unit::Micro => write!(f, "{}s", self.micro),
            Unit::Milli => f.write_str("ms"),
            Unit::Second => f.write_str("s"),
        }
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
            (9_949, "9.9µs"),
            (9_950, "10.0µs"),
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
            (u64::MAX, "18446744073s"),
        ] {
            let duration = Duration::new(ns, "µ");
            assert_eq!(duration.to_string(), expected);
            assert_eq!(duration.width(), expected.chars().count(), "{expected}");
        }
    }
}
