//! SQ204: replay differs.
//!
//! Trigger: the record at a position has other bytes than in another generation of the file. A file whose data changes
//! can cause this: information, once. If several consecutive records have the bytes of their neighbours at the same
//! distance, and pointers do not show that the list itself moved, then show or start moves a cursor of its own. If that
//! begins at the same position in more than one generation, the list did not change by chance: an error. The rule needs
//! record bytes.

use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::collector::{FindingBuilder, FindingCollector};
use crate::rules::history::History;
use crate::rules::hooks::{Accepted, Context, Hooks};
use crate::rules::ledger::entries::Entry;
use crate::rules::ledger::identity::{Identity, Trust};
use crate::rules::rule::Rule;
use crate::session::update::SessionId;

pub(super) static RULE: Rule = Rule {
    id: Id(204),
    name: "replay differs",
    least: Severity::Info,
    most: Severity::Error,
    culprit: None,
    what: "The same position was rendered with other text before.",
    why: "If the data changes, that is what a reader has to live with. If the text depends on how the file is \
        read, a callback carries something from one call to the next: show() that advances a cursor of its own \
        loses a record with each rendering that the core throws away, start() that sets up less than next() \
        renders the first record of each read wrongly, and next() that leads elsewhere than start() shows \
        other records to a small read than to a large one.",
    contract: "The core calls show() for a record as often as it likes and keeps one rendering, and it calls \
        start() for any position that next() has set. What show() prints follows from the record, and the \
        record from *pos. seq_read_iter(), traverse(), fs/seq_file.c.",
    fix: "Move in next() only, and let show() print what it is given. start() sets up everything that show() and \
        next() use, from *pos and at every position: an iterator that it allocates, a cursor or a state in \
        m->private. next() sets up the same when it gets to that position.",
    code: "",
    seen: &[
        "/proc/net/dev once lost devices at the 4 KiB border: show() had advanced its own position",
        "drivers/scsi/snic: show() takes the entry out of the trace",
    ],
};

/// Maximum distance in records at which the same bytes are searched for.
const REACH: usize = 3;
/// Number of consecutive records with the bytes of others from which the finding is more than information.
const ROW: u32 = 2;

/// State of a generation.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Run of records with the bytes of others: distance in records, length, first position; `None`: there is no run.
    run: Option<(i64, u32, i64)>,
    reported: bool,
}

impl Hooks for State {
    fn forget(&mut self) {
        *self = Self::default();
    }

    #[inline]
    fn on_accept(&mut self, cx: &mut Context<'_>, accepted: &Accepted<'_>) {
        if accepted.duplicate.is_none() {
            self.accepted(cx, accepted);
        }
    }
}

impl State {
    fn accepted(&mut self, cx: &mut Context<'_>, accepted: &Accepted<'_>) {
        let generation_key = cx.generation_key();
        let (history, findings, new_entry) =
            (&mut *cx.history, &mut *cx.findings, accepted.new_entry);
        let (entry, identity) = (&new_entry.entry, new_entry.identity);
        let number = usize::try_from(accepted.number).unwrap_or(usize::MAX);
        let Some(before) = history.sample.get(number).copied().filter(|one| one.pos == entry.pos)
        else {
            self.run = None;
            return;
        };
        if !identity.is_fixed() && identity != Identity::Unknown {
            match (history.same_identity(&before, new_entry), before.same_bytes(entry)) {
                // The record had the same pointer in two generations.
                (true, _) if number > 0 => history.pointers.note_stable(),
                // The same record had another pointer, or other records have the same bytes.
                (false, Some(true)) => history.pointers.note_shared(),
                // Another record, or the same one at another address.
                (false, None) => history.pointers.note_mismatch(),
                _ => {}
            }
        }
        if before.same_bytes(entry) != Some(false) {
            self.run = None;
            return;
        }
        // The record is another one: the list changed, not the bytes of a record.
        let moved = !history.same_identity(&before, new_entry)
            && history.pointers.trust(identity, identity) > Trust::None;
        if moved {
            return;
        }
        if let Some(far) = distance(&history.sample, number, entry) {
            self.shifted(far, entry, generation_key, history, findings);
        } else {
            self.run = None;
            changed(&before, entry, history, findings);
        }
    }

    fn shifted(
        &mut self,
        far: i64,
        entry: &Entry,
        generation_key: (SessionId, u32),
        history: &mut History,
        findings: &mut FindingCollector,
    ) {
        let (count, begin) = match self.run {
            Some((same, count, begin)) if same == far => (count + 1, begin),
            _ => (1, entry.pos),
        };
        self.run = Some((far, count, begin));
        if count < ROW || std::mem::replace(&mut self.reported, true) {
            return;
        }
        let known =
            history.shifted.filter(|(pos, there)| *pos == begin && *there != generation_key);
        history.shifted.get_or_insert((begin, generation_key));
        let severity = if known.is_some() { Severity::Error } else { Severity::Info };
        let cause = findings.root_cause();
        findings.report(&RULE, severity, || {
            let always = if known.is_some() { ", and not for the first time" } else { "" };
            FindingBuilder::new(format!(
                "from position {begin} on each has the text of the one {far:+} away in another reading\
                 {always}: show() or start() moves something of its own"
            ))
            .blame(Role::Show)
            .because(cause)
            .with("from", Value::Position(begin))
            .with("records", Value::Delta(far))
            .with("now", Value::Range(entry.range()))
        });
    }
}

/// Returns the distance in records to the record of the sample that has the same bytes; `None` if there is none.
fn distance(sample: &[Entry], number: usize, entry: &Entry) -> Option<i64> {
    let near = |at: usize| {
        let other = sample.get(at)?;
        (other.hash != 0 && other.same_bytes(entry) == Some(true)).then_some(())
    };
    (1..=REACH).find_map(|far| {
        let signed = i64::try_from(far).ok()?;
        if near(number + far).is_some() {
            return Some(signed);
        }
        number.checked_sub(far).and_then(near).map(|()| -signed)
    })
}

fn changed(before: &Entry, entry: &Entry, history: &mut History, findings: &mut FindingCollector) {
    history.changes = history.changes.saturating_add(1);
    if history.changes > 1 {
        return;
    }
    let cause = findings.root_cause();
    findings.report(&RULE, Severity::Info, || {
        FindingBuilder::new(format!("position {} had another text in another reading", entry.pos))
            .blame(Role::Show)
            .because(cause)
            .with("position", Value::Position(entry.pos))
            .with("before", Value::Range(before.range()))
            .with("now", Value::Range(entry.range()))
    });
}
