//! SQ104: start disagrees with next.
//!
//! Trigger, one of:
//!
//! - At the end of a pass next had handed out a record that no show rendered. The core passes the position of that
//!   record to start, and start returns another record (rewound, ahead) or NULL (vanished). Only pointers that identify
//!   records are compared. If the position itself was wrong (SQ101 without a correction by the core, SQ103), start is
//!   not the cause.
//! - start sets the position back to one at which a record was accepted earlier. No pointer is needed for that.
//! - A generation begins, and start continues with the record that next had handed out before it.
//!
//! One mismatch does not distinguish a wrong start() from a list that changed between two reads: it is a warning. It is
//! an error if it is deterministic: if it happens again in another generation, if every resume disagrees in the same
//! way, or if the next read begins where start set the position back to. If start moves the position to one that no
//! record had, the record at the old position is probably gone: information. So is a mismatch of pointers that records
//! may not keep from pass to pass.

mod resumes;
mod text;

use self::resumes::{Observed, Resumes};
use self::text::FirstRecordBytes;
use crate::event::Role;
use crate::finding::{Id, Severity, Value};
use crate::rules::collector::FindingBuilder;
use crate::rules::history::Mismatch;
use crate::rules::hooks::{Accepted, Context, Hooks, PassStart, Returned};
use crate::rules::ledger::entries::Entry;
use crate::rules::ledger::identity::Trust;
use crate::rules::ledger::pass::{Resume, is_record};
use crate::rules::ledger::{NewEntry, PreviousGeneration};
use crate::rules::rule::Rule;
use crate::rules::{SQ101, SQ601};

pub(super) static RULE: Rule = Rule {
    id: Id(104),
    name: "start disagrees with next",
    least: Severity::Info,
    most: Severity::Error,
    culprit: Some(Role::Start),
    what: "A read resumed with another record than the one that next() had handed out last, or with \
        none.",
    why: "After each record that it keeps the core asks next() for the following one, and often has no \
        room for it. The next read gets that record from start() by its position. If start() goes \
        back, records come twice; if it goes ahead or finds nothing, records are lost, one for each \
        read: what cat shows is right up to the first 4 KiB.",
    contract: "start(*pos) returns the record for which next() set *pos, whoever asks and whenever, as \
        long as that record exists. Documentation/filesystems/seq_file.rst, \"The iterator \
        interface\"; since 4.19 (seq_read_iter(), fs/seq_file.c) next() always runs before stop().",
    fix: "Derive the record from *pos alone in start(), at every position and with the same arithmetic as \
        next(); count the header. Write *pos in start() only to skip forward to the next record there is, and \
        return NULL only behind the last one. Take a position that does not move when others are deleted (a \
        key instead of an ordinal); keep no cursor outside of the seq_file.",
    code: "static void *foo_start(struct seq_file *m, loff_t *pos)\n\
        {\n\
        \tmutex_lock(&foo_lock);\n\
        \treturn seq_list_start(&foo_list, *pos);\n\
        }",
    seen: &[
        "2d4ecb030dcc cgroup: cgroup_procs_next should increase position index (dd bs=1 lost every \
         other pid)",
        "datto/dattobd issues 174 and 175: start() off by one",
        "openzfs/zfs issue 7819: the cursor was shared, and nodes were freed between reads",
        "proc/mounts: add cursor (the position was an ordinal in a list that shrinks)",
    ],
};

/// Number of consecutive resumes that disagree in the same way from which the mismatch counts as deterministic.
const ALWAYS: u32 = 3;

/// State of a session.
#[derive(Debug, Default)]
pub(super) struct State {
    resumes: Resumes,
    first_records: FirstRecordBytes,
    /// Facts about the previous generation, until the first start of the current one returns; then `None`.
    previous: Option<PreviousGeneration>,
    /// A resume whose record may be the handed-out one at another address, until show renders the record and its bytes
    /// decide; with the time of the start in ns since boot.
    unconfirmed: Option<(Resume, u64)>,
    /// The last resume, if start set the position back in it; else `None`.
    set_back: Option<Resume>,
}

impl Hooks for State {
    fn forget(&mut self) {
        self.previous = None;
        self.unconfirmed = None;
        self.set_back = None;
    }

    fn on_generation(&mut self, cx: &mut Context<'_>) {
        self.previous = cx.ledger.previous_generation();
    }

    fn before_start(&mut self, cx: &mut Context<'_>, start: &Returned<'_>) {
        let Some(resume) = self.set_back.take() else { return };
        if start.callback.pos_in == resume.set_back && is_record(start.ptr) {
            let root_cause = cx.ledger.root_cause();
            self.resumes.began_again(&Observed { resume, time: start.time, root_cause }, cx);
        }
    }

    fn on_start(&mut self, cx: &mut Context<'_>, start: &Returned<'_>, pass: &mut PassStart) {
        if let Some(previous) = self.previous.take() {
            continues_previous(&previous, start, cx);
        }
        let Some(resume) = pass.resume.filter(|_| !pass.explained) else { return };
        if cx.previews
            && resume.can_be_moved()
            && cx.history.bytes_at(resume.promised.pos).is_some()
        {
            // The bytes of the next rendering decide.
            self.unconfirmed = Some((resume, start.time));
        } else {
            self.judge_resume(&resume, start.time, cx);
        }
    }

    #[inline]
    fn before_next(&mut self, cx: &mut Context<'_>, next: &Returned<'_>) {
        self.judge_unrendered(cx);
        if let Some(first) = cx.ledger.first_of_pass() {
            self.first_records.check_successor(next.callback, &first, cx);
        }
    }

    fn on_stop(&mut self, cx: &mut Context<'_>, _: &Returned<'_>) {
        self.judge_unrendered(cx);
    }

    #[inline]
    fn before_accept(&mut self, cx: &mut Context<'_>, new_entry: &NewEntry) {
        if let Some((resume, time)) = self.unconfirmed.take() {
            self.recognise(resume, time, &new_entry.entry, cx);
        }
    }

    #[inline]
    fn on_accept(&mut self, cx: &mut Context<'_>, accepted: &Accepted<'_>) {
        if accepted.new_entry.resumed {
            self.first_records.check_first_record(accepted.new_entry, cx);
        }
    }
}

impl State {
    /// Checks a resume by the bytes of its record: they may be those of the handed-out record, or of the record that
    /// had the same pointer earlier.
    fn recognise(&mut self, mut resume: Resume, time: u64, entry: &Entry, cx: &mut Context<'_>) {
        let known = entry.hash != 0;
        if known && cx.history.bytes_at(resume.promised.pos) == Some((entry.hash, entry.len)) {
            cx.ledger.confirm_resume();
            if resume.seen.is_some() {
                cx.history.pointers.note_shared();
            }
            self.resumes.agreed(cx);
            return;
        }
        if resume.trust == Trust::Weak
            && resume.seen.is_some_and(|seen| seen.same_bytes(entry) == Some(true))
        {
            resume.trust = Trust::Firm;
        }
        self.judge_resume(&resume, time, cx);
    }

    /// Checks a resume whose record was not rendered, so that its bytes stay unknown.
    #[inline]
    fn judge_unrendered(&mut self, cx: &mut Context<'_>) {
        if let Some((resume, time)) = self.unconfirmed.take() {
            self.judge_resume(&resume, time, cx);
        }
    }

    /// Checks a resume, and records the rule that explains a mismatch.
    fn judge_resume(&mut self, resume: &Resume, time: u64, cx: &mut Context<'_>) {
        // With a shared cursor the handed-out record may be gone.
        let shared = cx.history.root_cause.filter(|root_cause| *root_cause == SQ601);
        let root_cause = cx.ledger.root_cause().or(shared);
        let observed = Observed { resume: *resume, time, root_cause };
        let Some(severity) = self.resumes.judge(observed, cx) else { return };
        cx.ledger.blame(origin(resume, root_cause).unwrap_or(RULE.id), severity > Severity::Info);
        if severity > Severity::Info {
            cx.ledger.note_missed(resume.promised);
        }
        if resume.set_back.is_some() {
            self.set_back = Some(*resume);
        }
    }
}

/// Compares the record of the first start of a generation with the one that next had handed out at the end of the
/// previous generation.
fn continues_previous(previous: &PreviousGeneration, start: &Returned<'_>, cx: &mut Context<'_>) {
    let (callback, pointers) = (start.callback, &cx.history.pointers);
    let Some(resume) = cx.ledger.continues_previous(previous, callback, start.ptr, pointers) else {
        return;
    };
    // `seen` is the first record of the previous generation.
    let Resume { promised, seen, trust, .. } = resume;
    let pos = seen.map_or(0, |first| first.pos);
    let (first, returned) = (seen.map_or(0, |first| first.key), promised.identity.key());
    let mismatch = Mismatch::OtherRecord { pos, promised: first, returned };
    let again = |cx: &mut Context<'_>| {
        cx.history.mismatched(mismatch, cx.generation_key(), promised.time, start.time)
    };
    let severity = match trust {
        Trust::Firm if again(cx) => Severity::Error,
        Trust::Firm => Severity::Warning,
        _ => Severity::Info,
    };
    let (again, doubt) = match severity {
        Severity::Error => (", and not for the first time", ""),
        _ => ("", "; unless the list changed"),
    };
    let (time, read) = (start.time, cx.findings.read);
    cx.findings.report(&RULE, severity, || {
        FindingBuilder::new(format!(
            "start() returned {:?} at position {pos}, which next() had handed out for position {} before: \
             it does not look at *pos{again}",
            resume.returned, promised.pos
        ))
        .unless(doubt)
        .blame(Role::Start)
        .with("position", Value::Position(pos))
        .with("handed out", Value::Pointer(promised.ptr))
        .with("handed out", Value::Event { time: promised.time, read: promised.read })
        .with("returned", Value::Event { time, read })
    });
    cx.ledger.blame(RULE.id, severity > Severity::Info);
}

/// Returns the rule whose violation explains a resume that disagrees: the root cause of the generation, the rule broken
/// by a next whose position the core had corrected, or SQ104 itself.
fn origin(resume: &Resume, root_cause: Option<Id>) -> Option<Id> {
    let corrected = resume.promised.fixed_up && root_cause != Some(RULE.id);
    if corrected { Some(SQ101) } else { root_cause.or(Some(RULE.id)) }
}
