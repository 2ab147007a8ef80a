//! SQ601: shared cursor.
//!
//! Trigger: a session resumes with another record than was handed out, and exactly with the one
//! that next handed out to another session of the file since: the sessions move each other's
//! cursor. A warning at first (the list may have changed while two sessions read it in step), an
//! error if it happens again.

use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::collector::{FindingBuilder, FindingCollector};
use crate::rules::history::PassEnd;
use crate::rules::hooks::{Closed, Context, Hooks, PassStart, Returned};
use crate::rules::ledger::identity::Trust;
use crate::rules::ledger::pass::Resume;
use crate::rules::rule::Rule;
use crate::session::update::SessionId;

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

/// Time at which the last pass of the session ended, ns since boot.
#[derive(Debug, Default)]
pub(super) struct State {
    stopped: u64,
}

impl Hooks for State {
    fn on_start(&mut self, cx: &mut Context<'_>, _: &Returned<'_>, pass: &mut PassStart) {
        let Some(resume) = &pass.resume else { return };
        let mismatch = !resume.agrees && !resume.moved_ahead && resume.set_back.is_none();
        if !mismatch || resume.trust != Trust::Firm {
            return;
        }
        let other = cx.history.session_with(cx.session.id, resume.identity.key(), self.stopped);
        if let Some(other) = other {
            judge(resume, other, cx.findings);
            pass.explained = true;
        }
    }

    fn on_stop(&mut self, cx: &mut Context<'_>, stop: &Returned<'_>) {
        self.stopped = stop.time;
        let promised = cx.ledger.pass.as_ref().and_then(|pass| pass.pending_record.as_ref());
        let promised = promised.map_or(0, |promised| promised.identity.key());
        cx.history.note_pass_end(PassEnd { session: cx.session.id, promised, time: stop.time });
    }

    fn on_close(&mut self, cx: &mut Context<'_>, _: &Closed<'_>) {
        cx.history.remove_session(cx.session.id);
    }
}

/// Reports that a session resumed with the record that next had handed out to `other`.
fn judge(resume: &Resume, other: SessionId, findings: &mut FindingCollector) {
    let severity = if findings.times(RULE.id) > 0 { Severity::Error } else { Severity::Warning };
    findings.report(&RULE, severity, || {
        let (promised, returned) = (&resume.promised, resume.returned);
        FindingBuilder::new(format!(
            "start() at position {} returned {returned:?}, which next() had handed to s{}; here it had \
             handed out {:?}",
            promised.pos, other.0, promised.ptr
        ))
        .blame(Role::Start)
        .with("position", Value::Position(promised.pos))
        .with("handed out", Value::Pointer(promised.ptr))
        .with("returned", Value::Pointer(returned))
        .with("other session", Value::Count(other.0.into()))
    });
}
