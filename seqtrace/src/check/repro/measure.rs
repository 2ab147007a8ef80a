//! Properties by which outputs are compared: all bytes if the file does not change; else the bytes without numbers, the
//! number of lines, or the number of bytes.

use super::{facts::Facts, output::Whole, right::Segment, script::Script};

/// A property by which outputs are compared, and the shell filter that prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Text,
    /// All bytes except for digits and blanks.
    Masked,
    /// The number of lines.
    Lines,
    /// The number of bytes.
    Count,
}

impl Measure {
    /// Returns the measures for a script, the most exact first. For a script that begins or ends at an offset, all
    /// bytes are the only measure: if numbers change, the offset may be in another line.
    pub(super) fn of(script: &Script, facts: &Facts) -> &'static [Self] {
        let segments = script.segments(facts);
        // A read at this offset gets nothing, even if numbers in the file grow longer.
        let is_far = |segment: &Segment| segment.begin >= facts.len.saturating_mul(2);
        match script {
            Script::Endless { .. } => &[Self::Count, Self::Lines],
            Script::Whole(_) | Script::Lseek { .. } | Script::Turns { .. } => &[Self::Text],
            _ if segments == [Segment::WHOLE] => {
                &[Self::Text, Self::Masked, Self::Lines, Self::Count]
            }
            _ if facts.len > 0 && segments.iter().all(is_far) => &[Self::Text, Self::Lines],
            _ => &[Self::Text],
        }
    }

    /// Returns the output of the filter for `bytes`.
    pub(super) fn apply(self, bytes: &[u8]) -> Vec<u8> {
        let number = |count: usize| format!("{count}\n").into_bytes();
        match self {
            Self::Text => bytes.to_vec(),
            Self::Masked => {
                let kept = bytes.iter().filter(|byte| !matches!(byte, b'0'..=b'9' | b' '));
                kept.copied().collect()
            }
            Self::Lines => number(lines(bytes)),
            Self::Count => number(bytes.len()),
        }
    }

    /// Returns true if two whole reads have the same property.
    pub(super) fn same(self, one: &Whole, other: &Whole) -> bool {
        one.end == other.end
            && match self {
                Self::Text => one.bytes == other.bytes,
                Self::Masked => self.apply(&one.bytes) == self.apply(&other.bytes),
                Self::Lines => lines(&one.bytes) == lines(&other.bytes),
                Self::Count => one.bytes.len() == other.bytes.len(),
            }
    }

    /// Returns the number that the filter prints for `bytes`; `None` if the filter prints bytes of the file.
    pub(super) fn number(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Text | Self::Masked => None,
            Self::Lines => Some(lines(bytes)),
            Self::Count => Some(bytes.len()),
        }
    }

    /// Returns the filter as shell code to append to a command.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Text => "",
            Self::Masked => " | tr -d '0-9 '",
            Self::Lines => " | wc -l",
            Self::Count => " | wc -c",
        }
    }

    /// Returns the unit of the number that the filter prints.
    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::Lines => "line",
            Self::Text | Self::Masked | Self::Count => "byte",
        }
    }
}

fn lines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').skip(1).count()
}
