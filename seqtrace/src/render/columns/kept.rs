//! Columns that stay as they are from line to line, but for the times in them.

use super::super::Time;
use super::super::digits::six;
use super::super::duration::Duration;
use super::super::scratch::{Scratch, Text};

const SECOND: u64 = 1_000_000_000;

/// What a line's columns are, where they can be used again for the next one: they are still in the
/// scratch, and these places in them are all that a line of the same owner may have to change.
#[derive(Default)]
pub(super) struct Kept {
    /// There is something that can only be written anew.
    once: bool,
    /// The second (ns) that the time's text begins with, and where its microseconds are.
    time: Option<(u64, usize)>,
    /// Where the digits of the time since the line before are, and how many.
    delta: Option<(usize, usize)>,
    end: usize,
    columns: usize,
}

/// What another line has in these places.
pub(super) struct Changes {
    micros: Option<(usize, [u8; 6])>,
    delta: Option<(usize, usize, [u8; 4])>,
}

/// A time (ns since boot) as it is shown in seconds; `None` if it is not, or negative.
#[inline]
pub(super) fn seconds(mode: Time, begin: u64, time: u64) -> Option<u64> {
    match mode {
        Time::Delta | Time::Rel => time.checked_sub(begin),
        Time::Boot => Some(time),
        Time::Wall | Time::Utc | Time::None => None,
    }
}

impl Kept {
    /// Nothing is, so far.
    pub(super) fn nothing() -> Self {
        Self { once: true, ..Self::default() }
    }

    /// These columns cannot be used again.
    pub(super) fn once(&mut self) {
        self.once = true;
    }

    /// A time was written: these [`seconds`].
    pub(super) fn time(&mut self, text: &Text<'_>, shown: Option<u64>) {
        match shown {
            Some(ns) if self.time.is_none() => {
                self.time = Some((ns - ns % SECOND, text.length().saturating_sub(6)));
            }
            _ => self.once = true,
        }
    }

    /// The time since the line before is about to be written.
    pub(super) fn delta(&mut self, text: &Text<'_>, ns: u64) {
        match Duration::tenths(ns) {
            Some((_, length)) if self.delta.is_none() => {
                self.delta = Some((text.length(), length));
            }
            _ => self.once = true,
        }
    }

    /// All columns were written.
    pub(super) fn end(mut self, text: &Text<'_>) -> Self {
        (self.end, self.columns) = (text.length(), text.column());
        self
    }

    /// What has to change for the next line; `None` if it is more than can be.
    #[inline]
    pub(super) fn changes(&self, shown: Option<u64>, delta: Option<u64>) -> Option<Changes> {
        if self.once {
            return None;
        }
        let micros = match self.time {
            None => None,
            Some((second, at)) => {
                let within = shown?.wrapping_sub(second);
                if within >= SECOND {
                    return None;
                }
                Some((at, six(within / 1000)))
            }
        };
        let delta = match self.delta {
            None => None,
            Some((at, before)) => {
                let (digits, length) = Duration::tenths(delta?)?;
                if length != before {
                    return None;
                }
                Some((at, length, digits))
            }
        };
        Some(Changes { micros, delta })
    }

    /// The columns with these changes.
    #[inline]
    pub(super) fn again<'a>(&self, scratch: &'a mut Scratch, changes: &Changes) -> Text<'a> {
        let mut text = scratch.resume(self.end, self.columns);
        if let Some((at, micros)) = &changes.micros {
            text.replace(*at, micros);
        }
        match changes.delta {
            Some((at, 4, digits)) => text.replace(at, &digits),
            Some((at, _, [ones, point, tenths, _])) => text.replace(at, &[ones, point, tenths]),
            None => {}
        }
        text
    }
}
