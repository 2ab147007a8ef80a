//! SQ105: no end of file.
//!
//! Trigger: behind the end (start or next had returned NULL) start returns a record again, and that
//! is the last one once more: a warning at first, an error the third time. Or start sets the position back at the
//! end: a warning, an error if the next read begins there or if it does so in another generation. Or a
//! generation delivers more than eight times what the whole file had before, half of it twice.

use crate::event::{Ptr, Role};
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::SQ104;
use crate::rules::bench::{Bench, Draft};
use crate::rules::history::Mismatch;
use crate::rules::hooks::{Accepted, Context, Delivery, Hooks, Returned, Started};
use crate::rules::ledger::Double;
use crate::rules::ledger::entries::Entry;
use crate::rules::ledger::pass::is_record;
use crate::rules::rule::Rule;

/// See the [module](self).
pub(super) static RULE: Rule = Rule {
    id: Id(105),
    name: "no end of file",
    least: Severity::Warning,
    most: Severity::Error,
    culprit: Some(Role::Start),
    what: "The file does not end, or its end is emitted again and again.",
    why: "cat prints for ever. A read loop of a daemon never comes to its end and fills memory or disk.",
    contract: "A read returns 0 only if start() returns NULL (or nothing more is printed). That next() \
        returned NULL ends a read, not the file. The next read begins at the *pos that start() leaves. \
        seq_read_iter(), fs/seq_file.c.",
    fix: "Let start() derive the record from *pos, return NULL for every position behind the last record, and \
        leave *pos alone there. start() writes *pos only to skip forward to the next record there is; the core \
        itself sets it to 0 for a read at offset 0.",
    code: "\tif (*pos >= nr)\n\
        \t\treturn NULL;\t\t/* *pos stays */\n\
        \treturn foo_at(*pos);",
    seen: &[
        "mm/slub: an empty alloc_traces printed \"No data\" without end (2021)",
        "an example that is copied often: start() with \"*pos = 0; return NULL;\" at the end",
        "jbd2: jbd2_seq_info_next should increase position index (`while read` never ended)",
    ],
};

/// The end that often is no accident.
const ENDS: u32 = 3;
/// So many times the whole file is too much.
const TIMES: u64 = 8;

/// What was emitted behind the end, in one generation.
#[derive(Debug, Default)]
pub(super) struct State {
    again: u32,
    /// Bytes delivered, and records that came twice.
    bytes: u64,
    doubled: u64,
    told: bool,
    /// The last start set the position back.
    back: Option<Back>,
}

impl Hooks for State {
    fn forget(&mut self) {
        *self = Self::default();
    }

    fn before_start(&mut self, cx: &mut Context<'_>, start: &Returned<'_>) {
        let Some(back) = self.back.take() else { return };
        let again = start.callback.pos_in == Some(back.to) && is_record(start.ptr);
        if again && back.returned == Ptr::NULL {
            began_again(back, cx.ledger.root(), cx.bench);
        }
    }

    fn on_start(&mut self, cx: &mut Context<'_>, start: &Returned<'_>, pass: &mut Started) {
        let (Some(from), Some(to)) = (start.callback.pos_in, pass.set_back) else { return };
        let back = Back { from, to, returned: start.ptr };
        self.back = Some(back);
        // Where next had handed out a record, SQ104 judges.
        if pass.resume.is_none() {
            let mismatch = Mismatch::SetBack { from, to };
            let again = cx.history.mismatched(mismatch, cx.here()) || pass.was_set_back;
            let root = pass.root.or(cx.history.root.filter(|root| *root == SQ104));
            set_back(back, again, root, cx.bench);
            cx.ledger.blame(RULE.id, true);
        }
    }

    #[inline]
    fn on_accept(&mut self, cx: &mut Context<'_>, accepted: &Accepted<'_>) {
        let Some(last) = &accepted.last else { return };
        let root = cx.ledger.root().or(cx.history.root.filter(|root| *root != RULE.id));
        if self.behind(accepted.double, last, &accepted.fresh.entry, root, cx.bench) {
            cx.ledger.blame(RULE.id, true);
        }
    }

    fn on_delivered(&mut self, cx: &mut Context<'_>, delivery: &mut Delivery) {
        self.delivered(delivery, cx.ledger.entries.total(), cx.history.whole, cx.bench);
    }
}

impl State {
    /// A record was accepted in a pass that began behind the end; `last` was the last before it. `root`: the rule
    /// whose breach had broken the order of the generation before. Returns true if the rule is broken and
    /// nothing else explains that.
    fn behind(
        &mut self,
        double: Option<&Double>,
        last: &Entry,
        entry: &Entry,
        root: Option<Id>,
        bench: &mut Bench,
    ) -> bool {
        let same = |other: &Entry| {
            double.is_some_and(|double| !double.weak && double.earlier.start == other.start)
                || (other.hash != 0 && other.same_text(entry) == Some(true))
        };
        if !same(last) {
            return false;
        }
        self.again += 1;
        let times = self.again;
        let severity = if times < ENDS { Severity::Warning } else { Severity::Error };
        // What only looks alike, and what follows from another fault, counts if it goes on.
        let certain = root.is_none() && double.is_some_and(|double| !double.weak);
        if self.told || (severity < Severity::Error && !certain) {
            return false;
        }
        self.told = severity == Severity::Error;
        bench.raise(&RULE, severity, || {
            let often = match times {
                1 => "once more".to_owned(),
                times => format!("so far {times} times"),
            };
            Draft::new(format!(
                "start() returns the last record ({:?}) behind the end, {often}: at \
                 position {} it should return NULL",
                entry.ptr, entry.pos
            ))
            .blame(root.and_then(Id::culprit).unwrap_or(Role::Start))
            .because(root)
            .with("position", Value::Position(entry.pos))
            .with("record", Value::Pointer(entry.ptr))
            .with("emitted", Value::Range(entry.range()))
            .with("times", Value::Count(times.into()))
        });
        root.is_none()
    }

    /// `records` of the generation were accepted until now; the file had `whole` bytes when it ended last.
    fn delivered(
        &mut self,
        delivery: &Delivery,
        records: u64,
        whole: Option<u64>,
        bench: &mut Bench,
    ) {
        let Delivery { bytes, range: _, root, doubles } = *delivery;
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
            .blame(root.and_then(Id::culprit).unwrap_or(Role::Start))
            .because(root)
            .with("whole", Value::Count(whole))
            .with("delivered", Value::Count(self.bytes))
            .with("doubles", Value::Count(self.doubled))
        });
    }
}

/// A start that moved the position back to that of a record.
#[derive(Clone, Copy, Debug)]
struct Back {
    from: i64,
    to: i64,
    /// What start returned there.
    returned: Ptr,
}

/// start set the position back, and next had handed out nothing. `again`: it did so before, in this
/// generation or in another. `root`:
/// the rule whose breach explains it.
fn set_back(back: Back, again: bool, root: Option<Id>, bench: &mut Bench) {
    let severity = if again { Severity::Error } else { Severity::Warning };
    let what = match back.returned {
        Ptr::NULL => "the next read begins again",
        _ => "the file begins again",
    };
    raise(back, severity, what, 1, root, bench);
}

/// A read begins at the position to which start had set it back.
fn began_again(back: Back, root: Option<Id>, bench: &mut Bench) {
    let times = u64::from(bench.times(RULE.id) == 0);
    raise(back, Severity::Error, "the next read began again there", times, root, bench);
}

fn raise(
    back: Back,
    severity: Severity,
    what: &str,
    times: u64,
    root: Option<Id>,
    bench: &mut Bench,
) {
    bench.raise_many(&RULE, severity, times, || {
        let Back { from, to, returned } = back;
        Draft::new(format!(
            "start() returned {returned:?} and set *pos from {from} back to {to} at the end: {what}"
        ))
        .blame(Role::Start)
        .because(root)
        .with("from", Value::Position(from))
        .with("to", Value::Position(to))
        .with("returned", Value::Pointer(returned))
    });
}
