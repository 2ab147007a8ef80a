//! SQ105: no end of file.
//!
//! Trigger: behind the end (start or next had returned NULL) start returns a record again, and that
//! is the last one once more, three times; or a generation delivers more than eight times what the
//! whole file had before, half of it twice.

use crate::event::Role;
use crate::rules::bench::{Bench, Draft};
use crate::rules::finding::Value;
use crate::rules::ledger::Double;
use crate::rules::ledger::entries::Entry;
use crate::rules::rule::{Id, Rule, Severity};

/// See the [module](self).
pub(super) static RULE: Rule = Rule {
    id: Id(105),
    name: "no end of file",
    least: Severity::Error,
    most: Severity::Error,
    what: "The file does not end, or its end is emitted again and again.",
    why: "cat prints for ever. A read loop of a daemon never comes to its end and fills memory or disk.",
    contract: "A read returns 0 only if start() returns NULL (or nothing more is printed). That next() \
        returned NULL ends a read, not the file. seq_read_iter(), fs/seq_file.c.",
    fix: "Let start() return NULL for every position behind the last record.",
    code: "\tif (*pos >= nr)\n\
        \t\treturn NULL;",
    seen: &[
        "mm/slub: an empty alloc_traces printed \"No data\" without end (2021)",
        "jbd2: jbd2_seq_info_next should increase position index (`while read` never ended)",
    ],
};

/// The end that often is no accident.
const ENDS: u32 = 3;
/// So many times the whole file is too much.
const TIMES: u64 = 8;

/// What was emitted behind the end, in one generation.
#[derive(Debug, Default)]
pub(super) struct Ends {
    again: u32,
    /// Bytes delivered, and records that came twice.
    bytes: u64,
    doubled: u64,
    told: bool,
}

impl Ends {
    /// A generation begins.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// A record was accepted in a pass that began behind the end; `last` was the last before it.
    pub(super) fn behind(
        &mut self,
        double: Option<&Double>,
        last: Option<&Entry>,
        entry: &Entry,
        bench: &mut Bench,
    ) {
        let same = |other: &Entry| {
            double.is_some_and(|double| !double.weak && double.earlier.start == other.start)
                || (other.hash != 0 && other.same_text(entry) == Some(true))
        };
        if !last.is_some_and(same) {
            return;
        }
        self.again += 1;
        if self.again < ENDS || std::mem::replace(&mut self.told, true) {
            return;
        }
        let times = self.again;
        bench.raise(&RULE, Severity::Error, || {
            Draft::new(format!(
                "start() returns the last record ({:?}) behind the end, so far {times} times: at \
                 position {} it should return NULL",
                entry.ptr, entry.pos
            ))
            .blame(Role::Start)
            .with("position", Value::Position(entry.pos))
            .with("record", Value::Pointer(entry.ptr))
            .with("emitted", Value::Range(entry.range()))
            .with("times", Value::Count(times.into()))
        });
    }

    /// A read delivered that many bytes; so many records were doubles. `whole`: bytes that the file
    /// had when it ended last.
    pub(super) fn delivered(
        &mut self,
        bytes: u64,
        doubles: u64,
        records: u64,
        whole: Option<u64>,
        bench: &mut Bench,
    ) {
        self.doubled += doubles;
        self.bytes = self.bytes.saturating_add(bytes);
        let Some(whole) = whole.filter(|whole| *whole > 0) else { return };
        let twice = self.doubled > 0 && self.doubled * 2 >= records;
        let too_much = twice && self.bytes / TIMES > whole;
        if !too_much || std::mem::replace(&mut self.told, true) {
            return;
        }
        bench.raise(&RULE, Severity::Error, || {
            Draft::new(format!(
                "{} bytes and no end, where the whole file had {whole}; {} of {records} records came \
                 before",
                self.bytes, self.doubled
            ))
            .blame(Role::Start)
            .with("whole", Value::Count(whole))
            .with("delivered", Value::Count(self.bytes))
            .with("doubles", Value::Count(self.doubled))
        });
    }
}
