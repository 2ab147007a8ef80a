//! Where pointers say nothing of records, their text can: start resumed with a record that was there before.

use super::{ALWAYS, RULE};
use crate::event::Role;
use crate::finding::{Severity, Value};
use crate::rules::bench::Draft;
use crate::rules::history::Mismatch;
use crate::rules::hooks::Context;
use crate::rules::ledger::Fresh;
use crate::rules::ledger::entries::Entry;
use crate::rules::ledger::identity::Trust;
use crate::session::update::CallbackUpdate;

/// The first records of the passes of a session, by their text.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// Those that were right.
    right: u32,
    /// Those that were there before, in a row.
    wrong: u32,
}

impl Texts {
    /// The first record of a pass was rendered with its text: is it the one that belongs there? Only where pointers do
    /// not tell.
    pub(super) fn read_first(&mut self, fresh: &Fresh, cx: &mut Context<'_>) {
        let entry = &fresh.entry;
        let (identity, text) = (fresh.identity, (entry.hash, entry.len));
        let unknown = cx.history.pointers.trust(identity, identity) == Trust::None;
        if entry.hash == 0 || !unknown || cx.ledger.is_broken() {
            return;
        }
        let Some(right) = cx.history.text_at(entry.pos) else { return };
        if right == text {
            self.right += 1;
            self.wrong = 0;
            return;
        }
        let earlier = cx.ledger.there_before(entry);
        let earlier = earlier.filter(|one| cx.history.text_at(one.pos) == Some(text));
        if let Some(earlier) = earlier {
            self.went_back(&earlier, entry, false, cx);
        }
    }

    /// next goes on behind the first record of a pass: if to where it had gone before from the record whose text that
    /// one has, it is start that went back.
    pub(super) fn follow(&mut self, next: &CallbackUpdate, first: &Entry, cx: &mut Context<'_>) {
        let other = cx.ledger.root().is_some_and(|root| root != RULE.id);
        if (other && cx.ledger.is_broken()) || cx.ledger.mended.is_some() {
            return;
        }
        let identity = cx.ledger.identity(first.ptr);
        if cx.history.pointers.trust(identity, identity) > Trust::None {
            return;
        }
        let earlier = cx.ledger.there_before(first);
        let behind = |one: &Entry| cx.ledger.behind(one) == Some(next.pos_out);
        if let Some(earlier) = earlier.filter(behind) {
            self.went_back(&earlier, first, true, cx);
        }
    }

    /// `entry` has the text of `earlier`. `certain`: that follows from where next went from there.
    fn went_back(&mut self, earlier: &Entry, entry: &Entry, certain: bool, cx: &mut Context<'_>) {
        self.wrong += 1;
        let (pos, to) = (entry.pos, earlier.pos);
        let mismatch = Mismatch::Astray { pos, handed: 0, returned: to.cast_unsigned() };
        // What was forgotten of a file that does so always counts, too.
        let again = cx.history.mismatched(mismatch, cx.here()) || cx.history.root == Some(RULE.id);
        let always = self.wrong >= ALWAYS && self.right == 0;
        let severity = if certain || again || always { Severity::Error } else { Severity::Info };
        cx.bench.raise(&RULE, severity, || {
            let doubt = if severity == Severity::Error { "" } else { "; unless the list changed" };
            Draft::new(format!(
                "start() went back at position {pos}: the record that it returned has the text of the one at \
                 position {to}, already emitted as bytes {}..{}{doubt}",
                earlier.start,
                earlier.end()
            ))
            .blame(Role::Start)
            .with("position", Value::Position(pos))
            .with("first", Value::Range(earlier.range()))
            .with("again", Value::Range(entry.range()))
        });
        cx.ledger.blame(RULE.id, severity > Severity::Info);
        if severity > Severity::Info {
            cx.ledger.astray();
        }
    }
}
