//! Computes the output of a script for a correct file, and a command with this output.

use super::{
    facts::Facts,
    measure::Measure,
    output::Whole,
    script::{Script, joined},
};
use crate::check::oracle::End;

/// A range of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// File offset of the first byte.
    pub(super) begin: u64,
    /// Number of bytes; `None`: up to the end of the file.
    pub(super) len: Option<u64>,
}

/// Joins segments that are adjacent in the file.
pub(super) fn merged(segments: Vec<Segment>) -> Vec<Segment> {
    let mut merged: Vec<Segment> = Vec::with_capacity(segments.len());
    for segment in segments {
        if let Some(Segment { begin, len: last }) = merged.last_mut()
            && let Some(len) = *last
            && *begin + len == segment.begin
        {
            *last = segment.len.map(|more| len + more);
        } else {
            merged.push(segment);
        }
    }
    merged
}

impl Segment {
    pub(super) const WHOLE: Self = Self { begin: 0, len: None };

    /// Returns the bytes of the segment; `None` if the whole read ended before its end.
    pub(super) fn bytes<'a>(&self, whole: &'a Whole) -> Option<&'a [u8]> {
        let size = whole.bytes.len() as u64;
        let end = self.len.map_or(u64::MAX, |len| self.begin.saturating_add(len));
        if end > size && whole.end != End::Eof {
            return None;
        }
        let index = |at: u64| usize::try_from(at.min(size)).unwrap_or(usize::MAX);
        whole.bytes.get(index(self.begin)..index(end))
    }

    fn text(&self, source: &str) -> String {
        let tail = match self.begin {
            0 => String::new(),
            begin => format!(" | tail -c +{}", begin + 1),
        };
        let head = self.len.map(|len| format!(" | head -c {len}")).unwrap_or_default();
        format!("{source}{tail}{head}")
    }
}

/// Returns the output for a correct file; `None` if the whole read ended too early.
pub(super) fn bytes(segments: &[Segment], whole: &Whole) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for segment in segments {
        bytes.extend_from_slice(segment.bytes(whole)?);
    }
    Some(bytes)
}

/// Converts an offset in the output for a correct file to a file offset.
pub(super) fn file_offset(segments: &[Segment], whole: &Whole, mut at: u64) -> u64 {
    let mut end = whole.bytes.len() as u64;
    for segment in segments {
        let len = segment.bytes(whole).map_or(0, |bytes| bytes.len() as u64);
        if at < len {
            return segment.begin + at;
        }
        at -= len;
        end = segment.begin.saturating_add(len);
    }
    // Past the end of the output.
    end + at
}

/// Returns the command that prints the output for a correct file, through the filter of `measure`.
pub(super) fn command(script: &Script, measure: Measure, file: &str, facts: &Facts) -> String {
    let filter = measure.text();
    let source = facts.source(file);
    if let Script::Turns { block_bytes, turns } = script {
        return format!(
            "for i in {}; do for j in 3 4; do {source} | tail -c +$((i * {block_bytes} + 1)) | \
             head -c {block_bytes}; done; done",
            joined(0..*turns, " ")
        );
    }
    if let Script::Lseek { to } = script {
        return format!("echo {to}");
    }
    let segments = script.segments(facts);
    match segments.as_slice() {
        [] if measure.number(b"").is_some() => "echo 0".to_owned(),
        [] => ":".to_owned(),
        [segment] => segment.text(&source) + filter,
        segments => {
            let texts = joined(segments.iter().map(|segment| segment.text(&source)), "; ");
            format!("{{ {texts}; }}{filter}")
        }
    }
}
