//! Resumes of a session: counts how often start agreed with next, and in which way it disagreed.

use super::{ALWAYS, RULE, origin};
use crate::event::{Ptr, Role};
use crate::finding::{Id, Severity, Value};
use crate::rules::collector::{FindingBuilder, FindingCollector};
use crate::rules::history::Mismatch;
use crate::rules::hooks::Context;
use crate::rules::ledger::identity::Trust;
use crate::rules::ledger::pass::Resume;

/// Like [`ALWAYS`], for a start that moves to a position that no record had. The number is larger, because lists do
/// change.
const ALWAYS_ROUNDED: u32 = 8;

/// Statistics about the resumes of a session.
#[derive(Debug, Default)]
pub(super) struct Resumes {
    agreed: u32,
    mismatched: u32,
    /// The last mismatch, and the number of consecutive resumes with it.
    mismatch: Option<(ResumeMismatch, u32)>,
    /// The first mismatch whose pointers may still turn out to identify records.
    weak: Option<Observed>,
}

/// A resume that disagreed, and the facts that were known at that time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observed {
    pub(super) resume: Resume,
    /// Time at which start returned, ns since boot.
    pub(super) time: u64,
    /// Root cause: the rule whose violation had broken the order of the generation earlier; `None`: the order was
    /// intact.
    pub(super) root_cause: Option<Id>,
}

/// The way in which a resume disagrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ResumeMismatch {
    /// The record was accepted earlier. Holds its distance in records, a negative number.
    Rewound(i64),
    /// The record was not accepted earlier.
    Ahead,
    /// start returned NULL instead of a record.
    Vanished,
}

fn mismatch(resume: &Resume) -> ResumeMismatch {
    match (resume.returned, resume.delta) {
        (Ptr::NULL, _) => ResumeMismatch::Vanished,
        (_, Some(delta)) => ResumeMismatch::Rewound(delta),
        _ => ResumeMismatch::Ahead,
    }
}

impl Resumes {
    /// Checks a resume. Returns the severity of the mismatch if start is its cause; else `None`.
    pub(super) fn judge(&mut self, observed: Observed, cx: &mut Context<'_>) -> Option<Severity> {
        let resume = &observed.resume;
        if resume.agrees && resume.set_back.is_none() {
            self.agreed(cx);
            return None;
        }
        let position = resume.set_back.is_some();
        if !position && (resume.trust == Trust::None || resume.promised.out_of_step) {
            return None;
        }
        self.mismatched += 1;
        let times = self.count(mismatch(resume));
        let severity = self.severity(&observed, times, cx);
        if resume.trust != Trust::Firm && self.weak.is_none() {
            self.weak = Some(observed);
        }
        self.report(&observed, severity, 1, cx);
        self.recheck(cx);
        Some(severity)
    }

    /// Counts a resume that agreed.
    pub(super) fn agreed(&mut self, cx: &mut Context<'_>) {
        self.agreed += 1;
        self.mismatch = None;
        self.recheck(cx);
    }

    /// Counts a mismatch. Returns the number of consecutive resumes that disagreed in this way.
    fn count(&mut self, mismatch: ResumeMismatch) -> u32 {
        let times = match self.mismatch {
            Some((last, times)) if last == mismatch => times + 1,
            _ => 1,
        };
        self.mismatch = Some((mismatch, times));
        times
    }

    fn severity(&self, observed: &Observed, times: u32, cx: &mut Context<'_>) -> Severity {
        let Observed { resume, time, .. } = *observed;
        let pos = resume.promised.pos;
        let (promised, returned) = (resume.promised.identity.key(), resume.identity.key());
        let mismatch = match resume.set_back {
            Some(to) => Mismatch::SetBack { from: pos, to },
            None => Mismatch::OtherRecord { pos, promised, returned },
        };
        let firm = resume.trust == Trust::Firm;
        let again = |cx: &mut Context<'_>| {
            cx.history.mismatched(mismatch, cx.generation_key(), resume.promised.time, time)
        };
        let count = firm && !resume.moved_ahead && again(cx);
        let always = if resume.moved_ahead { ALWAYS_ROUNDED } else { ALWAYS };
        match (firm, resume.moved_ahead) {
            (true, _) if count || (times >= always && self.agreed == 0) => Severity::Error,
            (true, false) => Severity::Warning,
            _ => Severity::Info,
        }
    }

    /// Reports an older mismatch, if pointers have turned out to identify records.
    fn recheck(&mut self, cx: &mut Context<'_>) {
        let Some(observed) = self.weak else { return };
        let resume = &observed.resume;
        match cx.history.pointers.trust(resume.identity, resume.promised.identity) {
            Trust::Weak => {}
            Trust::None => self.weak = None,
            Trust::Firm => {
                self.weak = None;
                if !resume.moved_ahead {
                    self.report(&observed, Severity::Warning, 0, cx);
                }
            }
        }
    }

    fn report(&self, observed: &Observed, severity: Severity, times: u64, cx: &mut Context<'_>) {
        let (mismatched, total) = (self.mismatched, self.mismatched + self.agreed);
        let resume = &observed.resume;
        let always = match severity {
            Severity::Error => format!("; {mismatched} of {total} resumes, and always so"),
            _ => String::new(),
        };
        let doubt = match severity {
            Severity::Error => "",
            Severity::Warning if resume.set_back.is_some() => "",
            Severity::Warning => "; the list changed, or start() is wrong",
            Severity::Info if resume.moved_ahead => "; it moved the position: the list has changed",
            Severity::Info => "; unless each pass allocates its own records",
        };
        cx.ledger.resume_severity = cx.ledger.resume_severity.max(Some(severity));
        report(observed, severity, (times, mismatched, total), (&always, doubt), cx.findings);
    }

    /// Reports that a read begins at the position to which start had set it back.
    pub(super) fn began_again(&self, observed: &Observed, cx: &mut Context<'_>) {
        cx.ledger.resume_severity = Some(Severity::Error);
        let counts = (0, self.mismatched, self.mismatched + self.agreed);
        let so = ", and the next read began there";
        report(observed, Severity::Error, counts, (so, ""), cx.findings);
    }
}

/// Describes how a resume disagrees.
fn describe(resume: &Resume) -> String {
    let (pos, returned) = (resume.promised.pos, resume.returned);
    let promised = format!("next() had handed out {:?}", resume.promised.ptr);
    let back = resume.set_back.map(|to| format!("set *pos back to {to}"));
    let also = back.as_ref().map_or(String::new(), |back| format!(", and {back}"));
    match (mismatch(resume), resume.seen, &back) {
        (_, _, Some(back)) if resume.agrees => {
            format!(
                "start() returned {returned:?}, which next() had handed out for position {pos}, and {back}"
            )
        }
        (ResumeMismatch::Vanished, _, Some(back)) => {
            format!("start() gave up at position {pos}, where {promised}, and {back}")
        }
        (ResumeMismatch::Vanished, ..) => {
            format!("start() found nothing at position {pos}, where {promised}")
        }
        (ResumeMismatch::Rewound(_), Some(seen), _) => format!(
            "start() went back at position {pos}: {promised}, start() returned {returned:?}, \
             already emitted as bytes {}..{}{also}",
            seen.start,
            seen.end()
        ),
        _ => format!(
            "start() went ahead at position {pos}: {promised}, start() returned {returned:?}{also}"
        ),
    }
}

fn report(
    observed: &Observed,
    severity: Severity,
    (times, mismatched, total): (u64, u32, u32),
    (certainty, doubt): (&str, &str),
    findings: &mut FindingCollector,
) {
    let Observed { resume, time, root_cause } = *observed;
    let read = findings.read;
    findings.report_many(&RULE, severity, times, || {
        let promised = &resume.promised;
        let draft = FindingBuilder::new(describe(&resume) + certainty)
            .unless(doubt)
            .blame(Role::Start)
            .with("position", Value::Position(promised.pos))
            .with("handed out", Value::Pointer(promised.ptr))
            .with("handed out", Value::Event { time: promised.time, read: promised.read })
            .with("returned", Value::Pointer(resume.returned))
            .with("returned", Value::Event { time, read })
            .with("astray", Value::Count(mismatched.into()))
            .with("resumes", Value::Count(total.into()));
        let draft = match (resume.set_back, mismatch(&resume)) {
            (Some(to), _) => draft.with("set back to", Value::Position(to)),
            (None, ResumeMismatch::Rewound(delta)) => draft.with("records", Value::Delta(delta)),
            (None, ResumeMismatch::Ahead | ResumeMismatch::Vanished) => draft,
        };
        draft.because(origin(&resume, root_cause).filter(|origin| *origin != RULE.id))
    });
}
