//! Resumes of files whose pointers do not identify records: the record bytes show that start went back.

use super::{ALWAYS, RULE};
use crate::event::Role;
use crate::finding::{Severity, Value};
use crate::rules::collector::FindingBuilder;
use crate::rules::history::Mismatch;
use crate::rules::hooks::Context;
use crate::rules::ledger::NewEntry;
use crate::rules::ledger::entries::Entry;
use crate::rules::ledger::identity::Trust;
use crate::session::update::CallbackUpdate;

/// Statistics about the bytes of the first record of each pass.
#[derive(Debug, Default)]
pub(super) struct FirstRecordBytes {
    /// Number of passes whose first record has the bytes that belong to its position.
    right: u32,
    /// Number of consecutive passes whose first record has the bytes of an earlier record.
    wrong: u32,
}

impl FirstRecordBytes {
    /// Checks the bytes of the first record of a pass, unless pointers identify records.
    pub(super) fn check_first_record(&mut self, new_entry: &NewEntry, cx: &mut Context<'_>) {
        let entry = &new_entry.entry;
        let (identity, text) = (new_entry.identity, (entry.hash, entry.len));
        let unknown = cx.history.pointers.trust(identity, identity) == Trust::None;
        if entry.hash == 0 || !unknown || cx.ledger.is_broken() {
            return;
        }
        let Some(right) = cx.history.bytes_at(entry.pos) else { return };
        if right == text {
            self.right += 1;
            self.wrong = 0;
            return;
        }
        let earlier = cx.ledger.earlier_with_bytes(entry);
        let earlier = earlier.filter(|one| cx.history.bytes_at(one.pos) == Some(text));
        if let Some(earlier) = earlier {
            self.report_rewind(&earlier, entry, false, cx);
        }
    }

    /// Checks the next after the first record of a pass. If next moves to the position to which it had moved from an
    /// earlier record with the same bytes, start went back to that record.
    pub(super) fn check_successor(
        &mut self,
        next: &CallbackUpdate,
        first: &Entry,
        cx: &mut Context<'_>,
    ) {
        let other = cx.ledger.root_cause().is_some_and(|root_cause| root_cause != RULE.id);
        if (other && cx.ledger.is_broken()) || cx.ledger.corrected.is_some() {
            return;
        }
        let identity = cx.ledger.identity(first.ptr);
        if cx.history.pointers.trust(identity, identity) > Trust::None {
            return;
        }
        let earlier = cx.ledger.earlier_with_bytes(first);
        let behind = |one: &Entry| cx.ledger.behind(one) == Some(next.pos_out);
        if let Some(earlier) = earlier.filter(behind) {
            self.report_rewind(&earlier, first, true, cx);
        }
    }

    /// Reports that `entry` has the bytes of `earlier`. `certain`: true if a next has confirmed that both are one
    /// record.
    fn report_rewind(
        &mut self,
        earlier: &Entry,
        entry: &Entry,
        certain: bool,
        cx: &mut Context<'_>,
    ) {
        self.wrong += 1;
        let (pos, to) = (entry.pos, earlier.pos);
        let mismatch = Mismatch::OtherRecord { pos, promised: 0, returned: to.cast_unsigned() };
        // For a file that always does so, the mismatch may have been dropped from the history.
        let again = cx.history.mismatched(mismatch, cx.generation_key(), u64::MAX, 0)
            || cx.history.root_cause == Some(RULE.id);
        let always = self.wrong >= ALWAYS && self.right == 0;
        let severity = if certain || again || always { Severity::Error } else { Severity::Info };
        cx.findings.report(&RULE, severity, || {
            let doubt = if severity == Severity::Error { "" } else { "; unless the list changed" };
            FindingBuilder::new(format!(
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
        cx.ledger.blame(RULE.id, severity > Severity::Info);
        if severity > Severity::Info {
            cx.ledger.mark_mismatch();
        }
    }
}
