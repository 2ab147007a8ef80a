//! What of an output is compared.
//!
//! The text, if the file keeps still. Of a file that does not, what it keeps: the text without its
//! numbers, the number of lines, or of bytes.

use super::{facts::Facts, output::Whole, right::Segment, script::Script};

/// A filter after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Everything.
    Text,
    /// Everything but digits and blanks.
    Masked,
    /// The number of lines.
    Lines,
    /// The number of bytes.
    Count,
}

impl Measure {
    /// The measures that make sense for a script, the most exact first. Where a line begins or
    /// ends at an offset, only the text does: with other numbers these offsets are in other lines.
    pub(super) fn of(script: &Script, facts: &Facts) -> &'static [Self] {
        let segments = script.segments(facts);
        // Nothing comes there, however long the lines are.
        let is_far = |segment: &Segment| segment.begin >= facts.len.saturating_mul(2);
        match script {
            Script::Endless { .. } => &[Self::Count, Self::Lines],
            Script::Whole | Script::Lseek { .. } | Script::Turns { .. } => &[Self::Text],
            _ if segments == [Segment::WHOLE] => {
                &[Self::Text, Self::Masked, Self::Lines, Self::Count]
            }
            _ if facts.len > 0 && segments.iter().all(is_far) => &[Self::Text, Self::Lines],
            _ => &[Self::Text],
        }
    }

    /// What the filter prints.
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

    /// True if two whole reads are the same by it.
    pub(super) fn same(self, one: &Whole, other: &Whole) -> bool {
        one.end == other.end
            && match self {
                Self::Text => one.bytes == other.bytes,
                Self::Masked => self.apply(&one.bytes) == self.apply(&other.bytes),
                Self::Lines => lines(&one.bytes) == lines(&other.bytes),
                Self::Count => one.bytes.len() == other.bytes.len(),
            }
    }

    /// The number it prints; `None` if it prints text.
    pub(super) fn number(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Text | Self::Masked => None,
            Self::Lines => Some(lines(bytes)),
            Self::Count => Some(bytes.len()),
        }
    }

    /// The filter, to be appended to a command.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Text => "",
            Self::Masked => " | tr -d '0-9 '",
            Self::Lines => " | wc -l",
            Self::Count => " | wc -c",
        }
    }

    /// What the number counts.
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
