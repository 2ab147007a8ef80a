//! Conversion of times since boot to the text at the begin of a line.

use std::fmt::Write;

use jiff::Timestamp;
pub use jiff::tz::TimeZone;

use super::Time;
use super::digits;
use super::line::Line;

/// Converts times since boot to wall time. A value: it does not read clocks or time zones itself.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Wall time when CLOCK_MONOTONIC was 0, ns since 1970 UTC.
    pub wall_at_boot: i64,
    /// Zone of local times.
    pub zone: TimeZone,
}

impl Default for Clock {
    fn default() -> Self {
        Self { wall_at_boot: 0, zone: TimeZone::UTC }
    }
}

impl Clock {
    fn at(&self, boot: u64) -> Timestamp {
        let wall = i128::from(self.wall_at_boot) + i128::from(boot);
        Timestamp::from_nanosecond(wall).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Formats a time (ns since boot) as date and time in UTC, with nine decimals.
    pub(super) fn utc(&self, boot: u64) -> String {
        format!("{:.9}", self.at(boot))
    }
}

/// Returns the initial width of times in columns.
pub(super) fn width(mode: Time) -> usize {
    match mode {
        Time::None => 0,
        Time::Delta | Time::Rel => 8,
        Time::Boot => 13,
        Time::Wall => 15,
        Time::Utc => 27,
    }
}

/// Appends a time (ns since boot). `begin` is the zero of relative times. Times in seconds end at the column `end`.
#[inline]
pub(super) fn write(
    line: &mut Line<'_>,
    mode: Time,
    clock: &Clock,
    begin: u64,
    time: u64,
    end: usize,
) {
    // Writing to a Line never fails.
    match mode {
        Time::Delta | Time::Rel => seconds(line, time < begin, time.abs_diff(begin), end),
        Time::Boot => seconds(line, false, time, end),
        Time::None => {}
        Time::Wall => {
            let local = clock.at(time).to_zoned(clock.zone.clone());
            let micros = local.subsec_nanosecond() / 1000;
            let (hour, minute, second) = (local.hour(), local.minute(), local.second());
            let _ = write!(line, "{hour:02}:{minute:02}:{second:02}.{micros:06}");
        }
        Time::Utc => {
            let _ = write!(line, "{:.6}", clock.at(time));
        }
    }
}

/// Appends seconds with six decimals, rounded down.
#[inline]
fn seconds(line: &mut Line<'_>, negative: bool, ns: u64, end: usize) {
    let micros = ns / 1000;
    let (whole, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let length = usize::from(negative) + digits::count(whole) + ".123456".len();
    line.pad(end.saturating_sub(length), 0);
    if negative {
        line.piece(b"-");
    }
    line.decimal(whole).piece(b".").piece(&digits::six(fraction));
}

#[cfg(test)]
mod tests {
    use super::super::line;
    use super::super::style::Style;
    use super::*;

    fn shown(mode: Time, begin: u64, time: u64) -> String {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let clock = Clock { wall_at_boot: 1_700_000_000_123_456_789, zone };
        line::text(Style::new(false, false), |line| {
            write(line, mode, &clock, begin, time, width(mode));
        })
    }

    #[test]
    fn each_mode_has_its_width() {
        let (begin, time) = (5_000_000_000, 7_110_431_999);
        for (mode, expected) in [
            (Time::Delta, "2.110431"),
            (Time::Rel, "2.110431"),
            (Time::Boot, "     7.110431"),
            (Time::Wall, "00:13:27.233888"),
            (Time::Utc, "2023-11-14T22:13:27.233888Z"),
            (Time::None, ""),
        ] {
            assert_eq!(shown(mode, begin, time), expected);
            assert_eq!(expected.len(), width(mode));
        }
    }

    #[test]
    fn before_the_beginning_and_beyond_the_calendar() {
        assert_eq!(shown(Time::Rel, 2_000_000, 500_000), "-0.001500");
        assert_eq!(shown(Time::Rel, 0, 12_345_678_000_000), "12345.678000");
        assert!(shown(Time::Utc, 0, u64::MAX).starts_with("2608-"));
    }
}
