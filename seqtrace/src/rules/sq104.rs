//! SQ104: start disagrees with next.
//!
//! Trigger: at the end of a pass next had handed out a record that was not shown; the core then asks
//! start for that position, and start returns another record (rewound, ahead) or NULL (vanished).
//! Only pointers that name records are compared. Where the position itself was wrong (SQ101 not
//! mended by the core, SQ103) start is not to blame.
//!
//! One mismatch does not tell a wrong start() from a list that changed between two reads: it is a
//! warning. It is an error if it is deterministic: the same again in another generation, or every
//! resume goes astray in the same way. Where start moves the position it says itself that there is
//! nothing at it any more, and the pointers of which it is not known whether records keep them:
//! information.

use crate::event::{Ptr, Role};
use crate::rules::bench::{Bench, Draft};
use crate::rules::finding::Value;
use crate::rules::history::{History, Mismatch};
use crate::rules::ledger::identity::Trust;
use crate::rules::ledger::pass::Resume;
use crate::rules::rule::{Id, Rule, Severity};
use crate::session::update::SessionId;

/// See the [module](self).
pub(super) static RULE: Rule = Rule {
    id: Id(104),
    name: "start disagrees with next",
    least: Severity::Info,
    most: Severity::Error,
    what: "A read resumed with another record than the one that next() had handed out last, or with \
        none.",
    why: "After each record that it keeps the core asks next() for the following one, and often has no \
        room for it. The next read gets that record from start() by its position. If start() goes \
        back, records come twice; if it goes ahead or finds nothing, records are lost, one for each \
        read: what cat shows is right up to the first 4 KiB.",
    contract: "start(*pos) returns the record for which next() set *pos, whoever asks and whenever, as \
        long as that record exists. Documentation/filesystems/seq_file.rst, \"The iterator \
        interface\"; since 4.19 (seq_read_iter(), fs/seq_file.c) next() always runs before stop().",
    fix: "Derive the record from *pos alone in start(), with the same arithmetic as next(); count the \
        header; take a position that does not move when others are deleted (a key instead of an \
        ordinal); keep no cursor outside of the seq_file.",
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

/// Resumes that go astray in one way, without any that does not, before that counts as a rule.
const ALWAYS: u32 = 3;
/// The same where start says that the old position is gone: lists do change.
const ALWAYS_ROUNDED: u32 = 8;

/// The resumes of a session.
#[derive(Debug, Default)]
pub(super) struct Resumes {
    agreed: u32,
    astray: u32,
    /// How the last one went astray, and how often in that way.
    way: Option<(Way, u32)>,
    /// Seen, but it is not known yet what the pointers mean.
    weak: Option<(Resume, u64)>,
    /// Worst that was said of this session.
    pub(super) severity: Option<Severity>,
}

/// In which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
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
    pub(super) fn judge(
        &mut self,
        resume: &Resume,
        time: u64,
        here: (SessionId, u32),
        file: &mut History,
        bench: &mut Bench,
    ) -> Option<Severity> {
        if resume.agrees {
            self.agreed += 1;
            self.way = None;
            self.settle(file, bench);
            return None;
        }
        if resume.trust == Trust::None || resume.handed.out_of_step {
            return None;
        }
        self.astray += 1;
        let way = way(resume);
        let times = match self.way {
            Some((last, times)) if last == way => times + 1,
            _ => 1,
        };
        self.way = Some((way, times));
        let mismatch = Mismatch {
            pos: resume.handed.pos,
            handed: resume.handed.identity.key(),
            returned: resume.identity.key(),
        };
        let firm = resume.trust == Trust::Firm;
        let again = firm && !resume.rounded && file.mismatched(mismatch, here);
        let always = if resume.rounded { ALWAYS_ROUNDED } else { ALWAYS };
        let severity = match (firm, resume.rounded) {
            (true, _) if again || (times >= always && self.agreed == 0) => Severity::Error,
            (true, false) => Severity::Warning,
            _ => Severity::Info,
        };
        if !firm && self.weak.is_none() {
            self.weak = Some((*resume, time));
        }
        self.severity = self.severity.max(Some(severity));
        let total = self.astray + self.agreed;
        raise(resume, way, time, severity, (1, self.astray, total), bench);
        self.settle(file, bench);
        Some(severity)
    }

    /// Was something learned of the pointers that makes an older mismatch certain?
    fn settle(&mut self, file: &History, bench: &mut Bench) {
        let Some((resume, time)) = self.weak else { return };
        match file.pointers.trust(resume.identity, resume.handed.identity) {
            Trust::Weak => {}
            Trust::None => self.weak = None,
            Trust::Firm => {
                self.weak = None;
                if !resume.rounded {
                    self.severity = self.severity.max(Some(Severity::Warning));
                    let counts = (0, self.astray, self.astray + self.agreed);
                    raise(&resume, way(&resume), time, Severity::Warning, counts, bench);
                }
            }
        }
    }
}

fn raise(
    resume: &Resume,
    way: Way,
    time: u64,
    severity: Severity,
    (times, astray, total): (u64, u32, u32),
    bench: &mut Bench,
) {
    let read = bench.read;
    bench.raise_many(&RULE, severity, times, || {
        let (handed, returned) = (&resume.handed, resume.returned);
        let pos = handed.pos;
        let promised = format!("next() had handed out {:?}", handed.ptr);
        let message = match (way, resume.seen) {
            (Way::Vanished, _) => {
                format!("start() found nothing at position {pos}, where {promised}")
            }
            (Way::Rewound(_), Some(seen)) => format!(
                "start() went back at position {pos}: {promised}, start() returned {returned:?}, \
                 already emitted as bytes {}..{}",
                seen.start,
                seen.end()
            ),
            _ => format!(
                "start() went ahead at position {pos}: {promised}, start() returned {returned:?}"
            ),
        };
        let doubt = match severity {
            Severity::Error => format!("; {astray} of {total} resumes, and always so"),
            Severity::Warning => "; the list changed, or start() is wrong".to_owned(),
            Severity::Info if resume.rounded => {
                "; it moved the position: the list has changed".to_owned()
            }
            Severity::Info => "; unless each pass allocates its own records".to_owned(),
        };
        let draft = Draft::new(message + &doubt)
            .blame(Role::Start)
            .with("position", Value::Position(pos))
            .with("handed out", Value::Pointer(handed.ptr))
            .with("handed out", Value::Event { time: handed.time, read: handed.read })
            .with("returned", Value::Pointer(returned))
            .with("returned", Value::Event { time, read })
            .with("astray", Value::Count(astray.into()))
            .with("resumes", Value::Count(total.into()));
        let draft = match way {
            Way::Rewound(delta) => draft.with("records", Value::Delta(delta)),
            Way::Ahead | Way::Vanished => draft,
        };
        draft.because(handed.fixed_up.then_some(Id(101)))
    });
}
