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
        let is_kept = |byte: &&u8| self == Self::Text || !matches!(byte, b'0'..=b'9' | b' ');
        match self.number(bytes) {
            Some(number) => format!("{number}\n").into_bytes(),
            None => bytes.iter().filter(is_kept).copied().collect(),
        }
    }

    /// Returns true if two whole reads have the same property.
    pub(super) fn same(self, one: &Whole, other: &Whole) -> bool {
        one.end == other.end && self.apply(&one.bytes) == self.apply(&other.bytes)
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
    pub(super) fn unit(self) -> &'static str {
        if self == Self::Lines { "line" } else { "byte" }
    }
}

fn lines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').skip(1).count()
}
