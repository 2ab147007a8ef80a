//! Where pointers say nothing of records, their text can: start resumed with a record that was there before.

use super::{ALWAYS, RULE};
use crate::event::Role;
use crate::finding::Severity;
use crate::finding::Value;
use crate::rules::bench::{Bench, Draft};
use crate::rules::history::{History, Mismatch};
use crate::rules::ledger::entries::Entry;
use crate::session::update::SessionId;

/// The first records of the passes of a session, by their text.
#[derive(Debug, Default)]
pub(in crate::rules) struct Texts {
    /// Those that were right.
    right: u32,
    /// Those that were there before, in a row.
    wrong: u32,
}

impl Texts {
    /// The first record of a pass has the text that belongs to its position.
    pub(in crate::rules) fn agreed(&mut self) {
        self.right += 1;
        self.wrong = 0;
    }

    /// It has the text of `earlier`. `certain`: that follows from where next went from there. How bad it is.
    pub(in crate::rules) fn astray(
        &mut self,
        earlier: &Entry,
        entry: &Entry,
        certain: bool,
        here: (SessionId, u32),
        file: &mut History,
        bench: &mut Bench,
    ) -> Severity {
        self.wrong += 1;
        let (pos, to) = (entry.pos, earlier.pos);
        let mismatch = Mismatch::Astray { pos, handed: 0, returned: to.cast_unsigned() };
        // What was forgotten of a file that does so always counts, too.
        let again = file.mismatched(mismatch, here) || file.root == Some(RULE.id);
        let always = self.wrong >= ALWAYS && self.right == 0;
        let severity = if certain || again || always { Severity::Error } else { Severity::Info };
        bench.raise(&RULE, severity, || {
            let doubt = if severity == Severity::Error { "" } else { "; unless the list changed" };
            Draft::new(format!(
                "start() went back at position {pos}: the record that it returned has the text of the one at \
                 position {to}, already emitted as bytes {}..{}",
                earlier.start,
                earlier.end()
            ))
            .unless(doubt)
            .blame(Role::Start)
            .with("position", Value::Position(pos))
            .with("first", Value::Range(earlier.range()))
            .with("again", Value::Range(entry.range()))
        });
        severity
    }
}
