//! SQ105: no end of file.
//!
//! Trigger, one of:
//!
//! - Behind the end (start or next had returned NULL) start returns the last record once more: a
//!   warning, an error the third time.
//! - start sets the position back at the end: a warning, an error if the next read begins there or
//!   if it happens in another generation.
//! - A generation delivers more than eight times the bytes of the whole file, half of its records
//!   twice.

use crate::event::{Ptr, Role};
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::SQ104;
use crate::rules::collector::{FindingBuilder, FindingCollector};
use crate::rules::history::Mismatch;
use crate::rules::hooks::{Accepted, Context, Delivery, Hooks, PassStart, Returned};
use crate::rules::ledger::Duplicate;
use crate::rules::ledger::entries::Entry;
use crate::rules::ledger::pass::is_record;
use crate::rules::rule::Rule;

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

/// Number of repetitions of the last record behind the end from which the finding is an error.
const ENDS: u32 = 3;
/// Maximum ratio of the bytes that a generation delivers to the size of the whole file.
const TIMES: u64 = 8;

/// State of a generation.
#[derive(Debug, Default)]
pub(super) struct State {
    again: u32,
    /// Number of bytes delivered in this generation.
    bytes: u64,
    duplicated: u64,
    reported: bool,
    /// The last start, if it set the position back; else `None`.
    back: Option<SetBack>,
}

impl Hooks for State {
    fn forget(&mut self) {
        *self = Self::default();
    }

    fn before_start(&mut self, cx: &mut Context<'_>, start: &Returned<'_>) {
        let Some(back) = self.back.take() else { return };
        let again = start.callback.pos_in == Some(back.to) && is_record(start.ptr);
        if again && back.returned == Ptr::NULL {
            began_again(back, cx.ledger.root_cause(), cx.findings);
        }
    }

    fn on_start(&mut self, cx: &mut Context<'_>, start: &Returned<'_>, pass: &mut PassStart) {
        let (Some(from), Some(to)) = (start.callback.pos_in, pass.set_back) else { return };
        let back = SetBack { from, to, returned: start.ptr };
        self.back = Some(back);
        // If next had handed out a record, SQ104 checks the start.
        if pass.resume.is_none() {
            let mismatch = Mismatch::SetBack { from, to };
            let again = cx.history.mismatched(mismatch, cx.generation_key(), u64::MAX, start.time)
                || pass.was_set_back;
            let root_cause =
                pass.root_cause.or(cx.history.root_cause.filter(|root_cause| *root_cause == SQ104));
            set_back(back, again, root_cause, cx.findings);
            cx.ledger.blame(RULE.id, true);
        }
    }

    #[inline]
    fn on_accept(&mut self, cx: &mut Context<'_>, accepted: &Accepted<'_>) {
        let Some(last) = &accepted.last else { return };
        let root_cause = cx
            .ledger
            .root_cause()
            .or(cx.history.root_cause.filter(|root_cause| *root_cause != RULE.id));
        if self.behind(accepted.duplicate, last, &accepted.new_entry.entry, root_cause, cx.findings)
        {
            cx.ledger.blame(RULE.id, true);
        }
    }

    fn on_delivered(&mut self, cx: &mut Context<'_>, delivery: &mut Delivery) {
        self.delivered(delivery, cx.ledger.entries.total(), cx.history.whole_bytes, cx.findings);
    }
}

impl State {
    /// Checks a record that was accepted in a pass that began behind the end; `last` is the previous record. `root`:
    /// root cause, the rule whose violation had broken the order of the generation earlier. Returns true if the rule is
    /// broken and there is no root cause.
    fn behind(
        &mut self,
        duplicate: Option<&Duplicate>,
        last: &Entry,
        entry: &Entry,
        root_cause: Option<Id>,
        findings: &mut FindingCollector,
    ) -> bool {
        let same = |other: &Entry| {
            duplicate
                .is_some_and(|duplicate| !duplicate.weak && duplicate.earlier.start == other.start)
                || (other.hash != 0 && other.same_bytes(entry) == Some(true))
        };
        if !same(last) {
            return false;
        }
        self.again += 1;
        let times = self.again;
        let severity = if times < ENDS { Severity::Warning } else { Severity::Error };
        // A record that is only similar, or that has another root cause, is reported if the repetition continues.
        let certain = root_cause.is_none() && duplicate.is_some_and(|duplicate| !duplicate.weak);
        if self.reported || (severity < Severity::Error && !certain) {
            return false;
        }
        self.reported = severity == Severity::Error;
        findings.report(&RULE, severity, || {
            let often = match times {
                1 => "once more".to_owned(),
                times => format!("so far {times} times"),
            };
            FindingBuilder::new(format!(
                "start() returns the last record ({:?}) behind the end, {often}: at \
                 position {} it should return NULL",
                entry.ptr, entry.pos
            ))
            .blame(root_cause.and_then(Id::culprit).unwrap_or(Role::Start))
            .because(root_cause)
            .with("position", Value::Position(entry.pos))
            .with("record", Value::Pointer(entry.ptr))
            .with("emitted", Value::Range(entry.range()))
            .with("times", Value::Count(times.into()))
        });
        root_cause.is_none()
    }

    /// Checks a delivery. `records`: number of records accepted in this generation; `whole_bytes`: size of the whole
    /// file in bytes, if known.
    fn delivered(
        &mut self,
        delivery: &Delivery,
        records: u64,
        whole_bytes: Option<u64>,
        findings: &mut FindingCollector,
    ) {
        let Delivery { bytes, range: _, root_cause, duplicates } = *delivery;
        self.duplicated += duplicates;
        self.bytes = self.bytes.saturating_add(bytes);
        let Some(whole_bytes) = whole_bytes.filter(|whole_bytes| *whole_bytes > 0) else { return };
        let twice = self.duplicated > 0 && self.duplicated * 2 >= records;
        let too_much = twice && self.bytes / TIMES > whole_bytes;
        if !too_much || std::mem::replace(&mut self.reported, true) {
            return;
        }
        findings.report(&RULE, Severity::Error, || {
            FindingBuilder::new(format!(
                "{} bytes and no end, where the whole file had {whole_bytes}; {} of {records} records came \
                 before",
                self.bytes, self.duplicated
            ))
            .blame(root_cause.and_then(Id::culprit).unwrap_or(Role::Start))
            .because(root_cause)
            .with("whole", Value::Count(whole_bytes))
            .with("delivered", Value::Count(self.bytes))
            .with("doubles", Value::Count(self.duplicated))
        });
    }
}

/// A start that moved the position back to that of a record.
#[derive(Clone, Copy, Debug)]
struct SetBack {
    from: i64,
    to: i64,
    /// Pointer that start returned.
    returned: Ptr,
}

/// Reports a start that set the position back. `again`: true if start did so earlier, in this generation or in another.
/// `root`: the rule whose violation explains this.
fn set_back(back: SetBack, again: bool, root_cause: Option<Id>, findings: &mut FindingCollector) {
    let severity = if again { Severity::Error } else { Severity::Warning };
    let what = match back.returned {
        Ptr::NULL => "the next read begins again",
        _ => "the file begins again",
    };
    report(back, severity, what, 1, root_cause, findings);
}

/// Reports that a read begins at the position to which start had set it back.
fn began_again(back: SetBack, root_cause: Option<Id>, findings: &mut FindingCollector) {
    let times = u64::from(findings.times(RULE.id) == 0);
    report(back, Severity::Error, "the next read began again there", times, root_cause, findings);
}

fn report(
    back: SetBack,
    severity: Severity,
    what: &str,
    times: u64,
    root_cause: Option<Id>,
    findings: &mut FindingCollector,
) {
    findings.report_many(&RULE, severity, times, || {
        let SetBack { from, to, returned } = back;
        FindingBuilder::new(format!(
            "start() returned {returned:?} and set *pos from {from} back to {to} at the end: {what}"
        ))
        .blame(Role::Start)
        .because(root_cause)
        .with("from", Value::Position(from))
        .with("to", Value::Position(to))
        .with("returned", Value::Pointer(returned))
    });
}
