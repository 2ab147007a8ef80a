//! SQ104: start disagrees with next.
//!
//! Trigger: at the end of a pass next had handed out a record that was not shown; the core then asks
//! start for that position, and start returns another record (rewound, ahead) or NULL (vanished).
//! Only pointers that name records are compared. Where the position itself was wrong (SQ101 not
//! mended by the core, SQ103) start is not to blame.
//!
//! Or start sets the position back to one at which a record was accepted before: no pointer is needed for that.
//! Or a generation begins, and start goes on with what next had handed out before it.
//!
//! One mismatch does not tell a wrong start() from a list that changed between two reads: it is a
//! warning. It is an error if it is deterministic: the same again in another generation, or every
//! resume goes astray in the same way; or the next read really begins where start set the position back to.
//! Where start moves the position to one that no record had, it says itself that there is nothing at the
//! old one: information, and so is a mismatch of pointers of which it is not known whether records keep them.

mod resumes;
mod text;

use self::resumes::{Observed, Resumes};
use self::text::Texts;
use crate::event::Role;
use crate::finding::{Id, Severity, Value};
use crate::rules::bench::Draft;
use crate::rules::history::Mismatch;
use crate::rules::hooks::{Accepted, Context, Hooks, Returned, Started};
use crate::rules::ledger::entries::Entry;
use crate::rules::ledger::identity::Trust;
use crate::rules::ledger::pass::{Resume, is_record};
use crate::rules::ledger::{Fresh, Left};
use crate::rules::rule::Rule;
use crate::rules::{SQ101, SQ205, SQ601};

/// See the [module](self).
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

/// Resumes in a row that go astray in one way before that counts as a rule.
const ALWAYS: u32 = 3;

/// What is kept of a session.
#[derive(Debug, Default)]
pub(super) struct State {
    resumes: Resumes,
    texts: Texts,
    /// What the generation before had handed out, until the first start of this one returns.
    left: Option<Left>,
    /// A resume whose record may be the one that was handed out, at another address, and when it was: its text
    /// tells.
    moved: Option<(Resume, u64)>,
    /// A resume in which the last start set the position back.
    back: Option<Resume>,
}

impl Hooks for State {
    fn forget(&mut self) {
        self.left = None;
        self.moved = None;
        self.back = None;
    }

    fn on_generation(&mut self, cx: &mut Context<'_>) {
        self.left = cx.ledger.left();
    }

    fn before_start(&mut self, cx: &mut Context<'_>, start: &Returned<'_>) {
        let Some(resume) = self.back.take() else { return };
        if start.callback.pos_in == resume.set_back && is_record(start.ptr) {
            let root = cx.ledger.root();
            self.resumes.began_again(&Observed { resume, time: start.time, root }, cx);
        }
    }

    fn on_start(&mut self, cx: &mut Context<'_>, start: &Returned<'_>, pass: &mut Started) {
        if let Some(left) = self.left.take() {
            goes_on(&left, start, cx);
        }
        let Some(resume) = pass.resume.filter(|_| !pass.explained) else { return };
        if cx.texts && resume.can_be_moved() && cx.history.text_at(resume.handed.pos).is_some() {
            // The next rendering tells.
            self.moved = Some((resume, start.time));
        } else {
            self.disagreed(&resume, start.time, cx);
        }
    }

    #[inline]
    fn before_next(&mut self, cx: &mut Context<'_>, next: &Returned<'_>) {
        self.settle_moved(cx);
        if let Some(first) = cx.ledger.first_of_pass() {
            self.texts.follow(next.callback, &first, cx);
        }
    }

    fn on_stop(&mut self, cx: &mut Context<'_>, _: &Returned<'_>) {
        self.settle_moved(cx);
    }

    #[inline]
    fn before_accept(&mut self, cx: &mut Context<'_>, fresh: &Fresh) {
        if let Some((resume, time)) = self.moved.take() {
            self.recognise(resume, time, &fresh.entry, cx);
        }
    }

    #[inline]
    fn on_accept(&mut self, cx: &mut Context<'_>, accepted: &Accepted<'_>) {
        if accepted.fresh.resumed {
            self.texts.read_first(accepted.fresh, cx);
        }
    }
}

impl State {
    /// Is the record that start returned the one that was handed out, at another address? Or is it the one that it was
    /// before, by its text, too?
    fn recognise(&mut self, mut resume: Resume, time: u64, entry: &Entry, cx: &mut Context<'_>) {
        let known = entry.hash != 0;
        if known && cx.history.text_at(resume.handed.pos) == Some((entry.hash, entry.len)) {
            cx.ledger.agrees_after_all();
            if resume.seen.is_some() {
                cx.history.pointers.is_cursor();
            }
            self.resumes.agreed(cx);
            return;
        }
        if resume.trust == Trust::Weak
            && resume.seen.is_some_and(|seen| seen.same_text(entry) == Some(true))
        {
            resume.trust = Trust::Firm;
        }
        self.disagreed(&resume, time, cx);
    }

    /// The record that start returned was not rendered: nothing more will be known of it.
    #[inline]
    fn settle_moved(&mut self, cx: &mut Context<'_>) {
        if let Some((resume, time)) = self.moved.take() {
            self.disagreed(&resume, time, cx);
        }
    }

    /// start returned what it did: does it disagree?
    fn disagreed(&mut self, resume: &Resume, time: u64, cx: &mut Context<'_>) {
        // Who shares a cursor with others does not find what is handed out here.
        let shared = cx.history.root.filter(|root| *root == SQ601);
        let root = cx.ledger.root().or(shared);
        let observed = Observed { resume: *resume, time, root };
        let Some(severity) = self.resumes.judge(observed, cx) else { return };
        cx.ledger.blame(origin(resume, root).unwrap_or(RULE.id), severity > Severity::Info);
        if severity == Severity::Error && cx.ledger.root() == Some(SQ205) {
            cx.bench.worsen(SQ205, severity);
        }
        if severity > Severity::Info {
            cx.ledger.miss(resume.handed);
        }
        if resume.set_back.is_some() {
            self.back = Some(*resume);
        }
    }
}

/// A generation begins: with what next had handed out before it?
fn goes_on(left: &Left, start: &Returned<'_>, cx: &mut Context<'_>) {
    let (callback, pointers) = (start.callback, &cx.history.pointers);
    let Some(resume) = cx.ledger.goes_on(left, callback, start.ptr, pointers) else { return };
    // The record that was the first of the generation before.
    let Resume { handed, seen, trust, .. } = resume;
    let pos = seen.map_or(0, |first| first.pos);
    let (first, returned) = (seen.map_or(0, |first| first.key), handed.identity.key());
    let mismatch = Mismatch::Astray { pos, handed: first, returned };
    let severity = match trust {
        Trust::Firm if cx.history.mismatched(mismatch, cx.here()) => Severity::Error,
        Trust::Firm => Severity::Warning,
        _ => Severity::Info,
    };
    let doubt = if severity == Severity::Error {
        ", and not for the first time"
    } else {
        "; unless the list changed"
    };
    let (time, read) = (start.time, cx.bench.read);
    cx.bench.raise(&RULE, severity, || {
        Draft::new(format!(
            "start() returned {:?} at position {pos}, which next() had handed out for position {} before: \
             it does not look at *pos{doubt}",
            resume.returned, handed.pos
        ))
        .blame(Role::Start)
        .with("position", Value::Position(pos))
        .with("handed out", Value::Pointer(handed.ptr))
        .with("handed out", Value::Event { time: handed.time, read: handed.read })
        .with("returned", Value::Event { time, read })
    });
    cx.ledger.blame(RULE.id, severity > Severity::Info);
}

/// The rule whose breach shows in a resume that went astray: an older one of the generation (`root`), the next before
/// it whose position the core had to correct, or start itself.
fn origin(resume: &Resume, root: Option<Id>) -> Option<Id> {
    let mended = resume.handed.fixed_up && root != Some(RULE.id);
    if mended { Some(SQ101) } else { root.or(Some(RULE.id)) }
}
