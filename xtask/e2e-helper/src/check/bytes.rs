//! Checks that each byte that a read returns was emitted by a record before.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{int, range, string};

/// Bytes that the callbacks of a session wrote and that its reads returned.
#[derive(Default)]
pub(super) struct Bytes {
    /// File offsets of all bytes that callbacks wrote and the core accepted.
    kept: Ranges,
    /// File offsets like `kept`, for the callbacks of each read that has not returned yet, by name of the read. With a
    /// shared file, a read may begin before the previous one has returned.
    by_read: BTreeMap<String, Ranges>,
    /// Number of bytes in emitted records.
    emitted: i64,
    /// Number of bytes that reads returned.
    returned: i64,
    /// If true, the totals need not agree: the file was not read from beginning to end, or stop wrote bytes.
    pub(super) jumped: bool,
}

impl Bytes {
    pub(super) fn callback(&mut self, callback: &Value) {
        let written = int(callback, "bytes").unwrap_or(0);
        if string(callback, "fate") == "emitted" {
            self.emitted += written;
            self.keep(callback);
        } else if string(callback, "role") == "stop" && written > 0 {
            self.jumped = true;
            self.keep(callback);
        }
    }

    fn keep(&mut self, callback: &Value) {
        self.kept.add(range(callback));
        let read = string(callback, "read").to_owned();
        self.by_read.entry(read).or_default().add(range(callback));
    }

    pub(super) fn read(&mut self, read: &Value, problems: &mut Vec<String>) {
        let (start, end) = range(read);
        let ret = int(read, "ret").unwrap_or(0).max(0);
        if end - start != ret {
            problems.push(format!("a read of {ret} bytes has the range {start}..{end}"));
        }
        if !self.kept.covers((start, end)) {
            problems
                .push(format!("{start}..{end} was delivered, but only {:?} emitted", self.kept.0));
        }
        // A read delivers bytes that were in the buffer before, and those that its own callbacks wrote.
        let mut own = self.by_read.remove(string(read, "read")).unwrap_or_default();
        own.add((start, start + int(read, "from_leftover").unwrap_or(0).min(ret)));
        if !own.covers((start, end)) {
            problems.push(format!(
                "{}: {start}..{end} was delivered, but its own callbacks explain {:?}",
                string(read, "read"),
                own.0
            ));
        }
        self.returned += ret;
        self.jumped |= read.get("traverse_from").is_some_and(|from| !from.is_null())
            || read.get("rewind") == Some(&Value::Bool(true));
    }

    /// Checks the totals: the emitted bytes of a file that was read from its beginning were delivered or are left over.
    pub(super) fn close(&self, close: &Value, problems: &mut Vec<String>) {
        let undelivered = int(close, "undelivered").unwrap_or(0);
        if !self.jumped && self.emitted != self.returned + undelivered {
            problems.push(format!(
                "{} bytes emitted, {} returned, {undelivered} undelivered",
                self.emitted, self.returned
            ));
        }
    }
}

/// A set of file offsets, as ranges that neither overlap nor touch.
#[derive(Default, Debug)]
struct Ranges(Vec<(i64, i64)>);

impl Ranges {
    fn add(&mut self, (start, end): (i64, i64)) {
        if start >= end {
            return;
        }
        let (mut start, mut end) = (start, end);
        self.0.retain(|&(from, to)| {
            let is_apart = to < start || from > end;
            if !is_apart {
                start = start.min(from);
                end = end.max(to);
            }
            is_apart
        });
        self.0.push((start, end));
    }

    fn covers(&self, (start, end): (i64, i64)) -> bool {
        start >= end || self.0.iter().any(|&(from, to)| from <= start && end <= to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_ranges_are_joined() {
        let mut ranges = Ranges::default();
        ranges.add((0, 4));
        ranges.add((6, 8));
        assert!(!ranges.covers((2, 7)));
        ranges.add((4, 6));
        assert!(ranges.covers((0, 8)) && ranges.covers((100, 100)) && !ranges.covers((7, 9)));
    }
}
