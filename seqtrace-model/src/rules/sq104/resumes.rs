//! Resumes of a session: how often start agreed with next, and in which way it did not.

use super::{ALWAYS, RULE, origin};
use crate::event::{Ptr, Role};
use crate::finding::{Id, Severity, Value};
use crate::rules::bench::{Bench, Draft};
use crate::rules::history::Mismatch;
use crate::rules::hooks::Context;
use crate::rules::ledger::identity::Trust;
use crate::rules::ledger::pass::Resume;

/// Resumes in a row that go astray in one way where start says that the old position is gone: lists do change.
const ALWAYS_ROUNDED: u32 = 8;

/// The resumes of a session.
#[derive(Debug, Default)]
pub(super) struct Resumes {
    agreed: u32,
    astray: u32,
    /// How the last one went astray, and how often in a row in that way.
    way: Option<(Way, u32)>,
    /// The first one whose pointers may still turn out to name records.
    weak: Option<Observed>,
}

/// A resume that went astray, and what was known then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observed {
    pub(super) resume: Resume,
    /// Time at which start returned, ns since boot.
    pub(super) time: u64,
    /// The rule whose breach had broken the order of the generation before.
    pub(super) root: Option<Id>,
}

/// In which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The record was accepted before, so many records back.
    Rewound(i64),
    /// It was not.
    Ahead,
    /// There is none.
    Vanished,
}

fn way(resume: &Resume) -> Way {
    match (resume.returned, resume.delta) {
        (Ptr::NULL, _) => Way::Vanished,
        (_, Some(delta)) => Way::Rewound(delta),
        _ => Way::Ahead,
    }
}

impl Resumes {
    /// start returned in a resume. How bad it is, if it disagrees and start is to blame.
    pub(super) fn judge(&mut self, observed: Observed, cx: &mut Context<'_>) -> Option<Severity> {
        let resume = &observed.resume;
        if resume.agrees && resume.set_back.is_none() {
            self.agreed(cx);
            return None;
        }
        let position = resume.set_back.is_some();
        if !position && (resume.trust == Trust::None || resume.handed.out_of_step) {
            return None;
        }
        self.astray += 1;
        let times = self.again(way(resume));
        let severity = self.severity(resume, times, cx);
        if resume.trust != Trust::Firm && self.weak.is_none() {
            self.weak = Some(observed);
        }
        self.raise(&observed, severity, 1, cx);
        self.settle(cx);
        Some(severity)
    }

    /// A resume agreed.
    pub(super) fn agreed(&mut self, cx: &mut Context<'_>) {
        self.agreed += 1;
        self.way = None;
        self.settle(cx);
    }

    /// How often in a row they went astray in this way.
    fn again(&mut self, way: Way) -> u32 {
        let times = match self.way {
            Some((last, times)) if last == way => times + 1,
            _ => 1,
        };
        self.way = Some((way, times));
        times
    }

    fn severity(&self, resume: &Resume, times: u32, cx: &mut Context<'_>) -> Severity {
        let pos = resume.handed.pos;
        let (handed, returned) = (resume.handed.identity.key(), resume.identity.key());
        let mismatch = match resume.set_back {
            Some(to) => Mismatch::SetBack { from: pos, to },
            None => Mismatch::Astray { pos, handed, returned },
        };
        let firm = resume.trust == Trust::Firm;
        let again = firm && !resume.rounded && cx.history.mismatched(mismatch, cx.here());
        let always = if resume.rounded { ALWAYS_ROUNDED } else { ALWAYS };
        match (firm, resume.rounded) {
            (true, _) if again || (times >= always && self.agreed == 0) => Severity::Error,
            (true, false) => Severity::Warning,
            _ => Severity::Info,
        }
    }

    /// Was something learned of the pointers that makes an older mismatch certain?
    fn settle(&mut self, cx: &mut Context<'_>) {
        let Some(observed) = self.weak else { return };
        let resume = &observed.resume;
        match cx.history.pointers.trust(resume.identity, resume.handed.identity) {
            Trust::Weak => {}
            Trust::None => self.weak = None,
            Trust::Firm => {
                self.weak = None;
                if !resume.rounded {
                    self.raise(&observed, Severity::Warning, 0, cx);
                }
            }
        }
    }

    fn raise(&self, observed: &Observed, severity: Severity, times: u64, cx: &mut Context<'_>) {
        let (astray, total) = (self.astray, self.astray + self.agreed);
        let resume = &observed.resume;
        let doubt = match severity {
            Severity::Error => format!("; {astray} of {total} resumes, and always so"),
            Severity::Warning if resume.set_back.is_some() => String::new(),
            Severity::Warning => "; the list changed, or start() is wrong".to_owned(),
            Severity::Info if resume.rounded => {
                "; it moved the position: the list has changed".to_owned()
            }
            Severity::Info => "; unless each pass allocates its own records".to_owned(),
        };
        cx.ledger.astray_severity = cx.ledger.astray_severity.max(Some(severity));
        raise(observed, severity, (times, astray, total), &doubt, cx.bench);
    }

    /// A read begins at the position to which start had set it back.
    pub(super) fn began_again(&self, observed: &Observed, cx: &mut Context<'_>) {
        cx.ledger.astray_severity = Some(Severity::Error);
        let counts = (0, self.astray, self.astray + self.agreed);
        let so = ", and the next read began there";
        raise(observed, Severity::Error, counts, so, cx.bench);
    }
}

/// What start did, in words.
fn deed(resume: &Resume) -> String {
    let (pos, returned) = (resume.handed.pos, resume.returned);
    let promised = format!("next() had handed out {:?}", resume.handed.ptr);
    let back = resume.set_back.map(|to| format!("set *pos back to {to}"));
    let also = back.as_ref().map_or(String::new(), |back| format!(", and {back}"));
    match (way(resume), resume.seen, &back) {
        (_, _, Some(back)) if resume.agrees => {
            format!(
                "start() returned {returned:?}, which next() had handed out for position {pos}, and {back}"
            )
        }
        (Way::Vanished, _, Some(back)) => {
            format!("start() gave up at position {pos}, where {promised}, and {back}")
        }
        (Way::Vanished, ..) => format!("start() found nothing at position {pos}, where {promised}"),
        (Way::Rewound(_), Some(seen), _) => format!(
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

fn raise(
    observed: &Observed,
    severity: Severity,
    (times, astray, total): (u64, u32, u32),
    doubt: &str,
    bench: &mut Bench,
) {
    let Observed { resume, time, root } = *observed;
    let read = bench.read;
    bench.raise_many(&RULE, severity, times, || {
        let handed = &resume.handed;
        let draft = Draft::new(deed(&resume) + doubt)
            .blame(Role::Start)
            .with("position", Value::Position(handed.pos))
            .with("handed out", Value::Pointer(handed.ptr))
            .with("handed out", Value::Event { time: handed.time, read: handed.read })
            .with("returned", Value::Pointer(resume.returned))
            .with("returned", Value::Event { time, read })
            .with("astray", Value::Count(astray.into()))
            .with("resumes", Value::Count(total.into()));
        let draft = match (resume.set_back, way(&resume)) {
            (Some(to), _) => draft.with("set back to", Value::Position(to)),
            (None, Way::Rewound(delta)) => draft.with("records", Value::Delta(delta)),
            (None, Way::Ahead | Way::Vanished) => draft,
        };
        draft.because(origin(&resume, root).filter(|origin| *origin != RULE.id))
    });
}
