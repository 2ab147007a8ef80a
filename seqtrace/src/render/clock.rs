//! Times as people read them.

use std::fmt::Write;

use jiff::Timestamp;
pub use jiff::tz::TimeZone;

use super::Time;
use super::digits::six;
use super::scratch::{Scratch, Text};

/// How boot time becomes wall time. A value: whoever reads clocks and time zones makes it.
#[derive(Clone, Debug)]
pub struct Clock {
    /// The wall clock (ns since 1970, UTC) at the moment when CLOCK_MONOTONIC was 0.
    pub wall_at_boot: i64,
    /// For local times.
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

    /// Date and time in UTC, to the nanosecond.
    pub(super) fn utc(&self, boot: u64) -> String {
        format!("{:.9}", self.at(boot))
    }
}

/// How wide times are at first, in columns; 0 where there is none.
pub(super) fn width(mode: Time) -> usize {
    match mode {
        Time::None => 0,
        Time::Delta | Time::Rel => 8,
        Time::Boot => 13,
        Time::Wall => 15,
        Time::Utc => 27,
    }
}

/// Writes a time of day, or a date; nothing for the other modes.
fn calendar(text: &mut Text<'_>, mode: Time, clock: &Clock, time: u64) {
    // A text takes everything: writing to it never fails.
    match mode {
        Time::None | Time::Delta | Time::Rel | Time::Boot => {}
        Time::Wall => {
            let local = clock.at(time).to_zoned(clock.zone.clone());
            let micros = local.subsec_nanosecond() / 1000;
            let _ = write!(
                text,
                "{:02}:{:02}:{:02}.{micros:06}",
                local.hour(),
                local.minute(),
                local.second()
            );
        }
        Time::Utc => {
            let _ = write!(text, "{:.6}", clock.at(time));
        }
    }
}

/// A number of seconds and the point, where six digits follow.
fn before_point(text: &mut Text<'_>, negative: bool, whole: u64, width: usize) {
    let digits = 1 + whole.checked_ilog10().map_or(0, |digits| digits as usize);
    text.pad(0, width.saturating_sub(usize::from(negative) + digits + 7));
    if negative {
        text.put(b"-");
    }
    text.decimal(whole);
    text.put(b".");
}

/// Writes times; most often only the microseconds differ from the time before.
#[derive(Default)]
pub(super) struct Times {
    scratch: Scratch,
    /// Sign, seconds and width of the time before, and its text up to the point.
    before: Option<(bool, u64, usize)>,
    text: [u8; 32],
    length: usize,
}

impl Times {
    /// Writes a time (ns since boot), `begin` being the zero of relative ones; of those and of times since boot, at
    /// least `width` wide.
    #[inline]
    pub(super) fn write(
        &mut self,
        text: &mut Text<'_>,
        mode: Time,
        clock: &Clock,
        begin: u64,
        time: u64,
        width: usize,
    ) {
        let (negative, ns) = match mode {
            Time::Delta | Time::Rel => (time < begin, time.abs_diff(begin)),
            Time::Boot => (false, time),
            _ => return calendar(text, mode, clock, time),
        };
        let micros = ns / 1000;
        let key = Some((negative, micros / 1_000_000, width));
        if self.before != key {
            let mut other = self.scratch.begin();
            before_point(&mut other, negative, micros / 1_000_000, width);
            self.text.iter_mut().zip(other.bytes()).for_each(|(to, from)| *to = *from);
            self.length = other.bytes().len().min(self.text.len());
            self.before = key;
        }
        text.put_some(&self.text, self.length);
        text.put(&six(micros % 1_000_000));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(mode: Time, begin: u64, time: u64) -> String {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let clock = Clock { wall_at_boot: 1_700_000_000_123_456_789, zone };
        let mut scratch = Scratch::default();
        let mut text = scratch.begin();
        Times::default().write(&mut text, mode, &clock, begin, time, width(mode));
        let mut other = Scratch::default();
        let (mut again, mut times) = (other.begin(), Times::default());
        for time in [time, time, time.saturating_sub(1_000_000_000), time] {
            again = other.begin();
            times.write(&mut again, mode, &clock, begin, time, width(mode));
        }
        assert_eq!(again.bytes(), text.bytes());
        str::from_utf8(text.bytes()).unwrap().to_owned()
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
