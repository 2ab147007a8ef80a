//! SQ601: shared cursor.
//!
//! Trigger: a session resumes astray, and with exactly the record that another session of the same
//! file was handed since: they move each other. A warning at first (the list may have changed
//! while two read it in step), an error if it happens again.

use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::bench::{Bench, Draft};
use crate::rules::history::Place;
use crate::rules::hooks::{Closed, Context, Hooks, Returned, Started};
use crate::rules::ledger::identity::Trust;
use crate::rules::ledger::pass::Resume;
use crate::rules::rule::Rule;
use crate::session::update::SessionId;

/// See the [module](self).
pub(super) static RULE: Rule = Rule {
    id: Id(601),
    name: "shared cursor",
    least: Severity::Warning,
    most: Severity::Error,
    culprit: Some(Role::Start),
    what: "A reader went on where another reader of the same file was.",
    why: "One reader alone sees nothing wrong. Two at once take records from each other: each gets a part \
        of the file, and takes it for all of it.",
    contract: "What an iterator remembers belongs to the open file: *pos, and m->private. \
        Documentation/filesystems/seq_file.rst.",
    fix: "Keep the cursor in m->private, made by seq_open_private(), or better have none: derive the \
        record from *pos.",
    code: "\tstruct foo_iter *it = __seq_open_private(file, &foo_ops, sizeof(*it));",
    seen: &["openzfs/zfs issue 7819: the cursor of a kstat was shared by its readers"],
};

/// When the last pass of the session ended, ns since boot.
#[derive(Debug, Default)]
pub(super) struct State {
    stopped: u64,
}

impl Hooks for State {
    fn on_start(&mut self, cx: &mut Context<'_>, _: &Returned<'_>, pass: &mut Started) {
        let Some(resume) = &pass.resume else { return };
        let astray = !resume.agrees && !resume.rounded && resume.set_back.is_none();
        if !astray || resume.trust != Trust::Firm {
            return;
        }
        let other = cx.history.other(cx.session.id, resume.identity.key(), self.stopped);
        if let Some(other) = other {
            judge(resume, other, cx.bench);
            pass.explained = true;
        }
    }

    fn on_stop(&mut self, cx: &mut Context<'_>, stop: &Returned<'_>) {
        self.stopped = stop.time;
        let handed = cx.ledger.pass.as_ref().and_then(|pass| pass.held.as_ref());
        let handed = handed.map_or(0, |handed| handed.identity.key());
        cx.history.stands(Place { session: cx.session.id, handed, time: stop.time });
    }

    fn on_close(&mut self, cx: &mut Context<'_>, _: &Closed<'_>) {
        cx.history.left(cx.session.id);
    }
}

/// A session resumed with what `other` had been handed.
fn judge(resume: &Resume, other: SessionId, bench: &mut Bench) {
    let severity = if bench.times(RULE.id) > 0 { Severity::Error } else { Severity::Warning };
    bench.raise(&RULE, severity, || {
        let (handed, returned) = (&resume.handed, resume.returned);
        Draft::new(format!(
            "start() at position {} returned {returned:?}, which next() had handed to s{}; here it had \
             handed out {:?}",
            handed.pos, other.0, handed.ptr
        ))
        .blame(Role::Start)
        .with("position", Value::Position(handed.pos))
        .with("handed out", Value::Pointer(handed.ptr))
        .with("returned", Value::Pointer(returned))
        .with("other session", Value::Count(other.0.into()))
    });
}
