//! SQ204: replay differs.
//!
//! Trigger: a position renders other text than in another generation of the file. That is a file
//! whose data changes: information, once. If the text of several records in a row is that of their
//! neighbours, by the same distance, and pointers do not say that the list itself moved, then show or
//! start moves something of its own; and if that begins at the same position in more than one
//! generation, the list did not change by accident: an error. Needs the bytes of records.

use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::bench::{Bench, Draft};
use crate::rules::history::History;
use crate::rules::hooks::{Accepted, Context, Hooks};
use crate::rules::ledger::entries::Entry;
use crate::rules::ledger::identity::{Identity, Trust};
use crate::rules::rule::Rule;
use crate::session::update::SessionId;

/// See the [module](self).
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

/// How far away the text can be.
const REACH: usize = 3;
/// Records in a row that are no accident.
const ROW: u32 = 2;

/// A run of records with their neighbours' text.
#[derive(Debug, Default)]
pub(super) struct State {
    /// How far, how many, and where it began.
    run: Option<(i64, u32, i64)>,
    told: bool,
}

impl Hooks for State {
    fn forget(&mut self) {
        *self = Self::default();
    }

    #[inline]
    fn on_accept(&mut self, cx: &mut Context<'_>, accepted: &Accepted<'_>) {
        if accepted.double.is_none() {
            self.accepted(cx, accepted);
        }
    }
}

impl State {
    fn accepted(&mut self, cx: &mut Context<'_>, accepted: &Accepted<'_>) {
        let here = cx.here();
        let (file, bench, fresh) = (&mut *cx.history, &mut *cx.bench, accepted.fresh);
        let (entry, identity) = (&fresh.entry, fresh.identity);
        let number = usize::try_from(accepted.number).unwrap_or(usize::MAX);
        let Some(before) = file.sample.get(number).copied().filter(|one| one.pos == entry.pos)
        else {
            self.run = None;
            return;
        };
        if !identity.is_fixed() && identity != Identity::Blank {
            match (file.same_name(&before, fresh), before.same_text(entry)) {
                // Its pointer outlived a generation.
                (true, _) if number > 0 => file.pointers.survived(),
                // The record did, and its pointer did not. Nor does that say much of a text that
                // others have, too.
                (false, Some(true)) => file.pointers.is_cursor(),
                // Another record, or another place for the same one.
                (false, None) => file.pointers.strayed(),
                _ => {}
            }
        }
        if before.same_text(entry) != Some(false) {
            self.run = None;
            return;
        }
        // The record itself is another: the list changed, not the text.
        let moved = !file.same_name(&before, fresh)
            && file.pointers.trust(identity, identity) > Trust::None;
        if moved {
            return;
        }
        if let Some(far) = distance(&file.sample, number, entry) {
            self.shifted(far, entry, here, file, bench);
        } else {
            self.run = None;
            changed(&before, entry, file, bench);
        }
    }

    fn shifted(
        &mut self,
        far: i64,
        entry: &Entry,
        here: (SessionId, u32),
        file: &mut History,
        bench: &mut Bench,
    ) {
        let (count, begin) = match self.run {
            Some((same, count, begin)) if same == far => (count + 1, begin),
            _ => (1, entry.pos),
        };
        self.run = Some((far, count, begin));
        if count < ROW || std::mem::replace(&mut self.told, true) {
            return;
        }
        let known = file.shifted.filter(|(pos, there)| *pos == begin && *there != here);
        file.shifted.get_or_insert((begin, here));
        let severity = if known.is_some() { Severity::Error } else { Severity::Info };
        let cause = bench.root();
        bench.raise(&RULE, severity, || {
            let always = if known.is_some() { ", and not for the first time" } else { "" };
            Draft::new(format!(
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

/// How many records away the text was before.
fn distance(sample: &[Entry], number: usize, entry: &Entry) -> Option<i64> {
    let near = |at: usize| {
        let other = sample.get(at)?;
        (other.hash != 0 && other.same_text(entry) == Some(true)).then_some(())
    };
    (1..=REACH).find_map(|far| {
        let signed = i64::try_from(far).ok()?;
        if near(number + far).is_some() {
            return Some(signed);
        }
        number.checked_sub(far).and_then(near).map(|()| -signed)
    })
}

fn changed(before: &Entry, entry: &Entry, file: &mut History, bench: &mut Bench) {
    file.changes = file.changes.saturating_add(1);
    if file.changes > 1 {
        return;
    }
    let cause = bench.root();
    bench.raise(&RULE, Severity::Info, || {
        Draft::new(format!("position {} had another text in another reading", entry.pos))
            .blame(Role::Show)
            .because(cause)
            .with("position", Value::Position(entry.pos))
            .with("before", Value::Range(before.range()))
            .with("now", Value::Range(entry.range()))
    });
}
