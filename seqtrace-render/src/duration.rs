//! Durations with three digits.

use super::chars::Chars;
use super::digits;

/// A duration as it is shown: `0.2µs`, `961µs`, `1.25ms`, `2.10s`.
#[derive(Clone, Copy)]
pub(super) struct Duration {
    pub(super) number: Number,
    pub(super) unit: Unit,
}

#[derive(Clone, Copy)]
pub(super) enum Number {
    /// Up to three digits, with or without a point.
    Short(Chars<4>),
    /// Seconds of more than three digits.
    Whole(u64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Micro,
    Milli,
    Second,
}

impl Duration {
    #[inline]
    pub(super) fn new(ns: u64) -> Self {
        // Callbacks rarely take longer than that.
        if ns < 99_950 {
            return Self { number: Number::with_tenths((ns + 50) / 100), unit: Unit::Micro };
        }
        Self::long(ns)
    }

    // Not inlined: the compiler would do all of the divisions before the match.
    #[inline(never)]
    fn long(ns: u64) -> Self {
        // Rounds, so that 999.5 of a unit become 1.00 of the next.
        let (unit, thousandth) = match ns {
            0..999_500 => (Unit::Micro, 1),
            999_500..999_500_000 => (Unit::Milli, 1_000),
            _ => (Unit::Second, 1_000_000),
        };
        let rounded = |step: u64| ns.saturating_add(step / 2) / step;
        let number = match ns / thousandth {
            0..9_995 => Number::with_hundredths(rounded(10 * thousandth)),
            9_995..99_950 => Number::with_tenths(rounded(100 * thousandth)),
            _ => Number::whole(rounded(1_000 * thousandth)),
        };
        Self { number, unit }
    }

    /// Returns the width in terminal columns.
    #[inline]
    pub(super) fn width(self) -> usize {
        let number = match self.number {
            Number::Short(digits) => digits.length,
            Number::Whole(value) => digits::count(value),
        };
        number + if self.unit == Unit::Second { 1 } else { 2 }
    }
}

impl Number {
    fn whole(value: u64) -> Self {
        if value > 999 {
            return Self::Whole(value);
        }
        Self::Short(digits::up_to_four(value))
    }

    /// `10.5` or `0.2`, of a number of tenths below 1000.
    #[inline]
    fn with_tenths(tenths: u64) -> Self {
        let [tens, ones, tenth] = digits::three(tenths);
        Self::Short(match tens {
            b'0' => Chars { bytes: [ones, b'.', tenth, 0], length: 3 },
            _ => Chars { bytes: [tens, ones, b'.', tenth], length: 4 },
        })
    }

    /// `1.25`, of a number of hundredths below 1000.
    fn with_hundredths(hundredths: u64) -> Self {
        let [ones, tenth, hundredth] = digits::three(hundredths);
        Self::Short(Chars { bytes: [ones, b'.', tenth, hundredth], length: 4 })
    }
}

#[cfg(test)]
mod tests {
    use super::super::line;
    use super::super::style::Style;
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
            let shown = line::text(Style::new(false, false), |line| {
                line.duration(ns);
                assert_eq!(line.column(), expected.chars().count(), "{expected}");
            });
            assert_eq!(Duration::new(ns).width(), expected.chars().count(), "{expected}");
            assert_eq!(shown, expected);
        }
    }
}
