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
//! resume goes astray in the same way; or the next read really begins where start set the position back to, or a consequence of it is an error.
//! Where start moves the position to one that no record had, it says itself that there is nothing at the
//! old one: information, and so is a mismatch of pointers of which it is not known whether records keep them.

mod text;

pub(super) use self::text::Texts;
use crate::event::{Ptr, Role};
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::bench::{Bench, Draft};
use crate::rules::history::{History, Mismatch};
use crate::rules::ids::SQ101;
use crate::rules::ledger::identity::Trust;
use crate::rules::ledger::pass::Resume;
use crate::rules::rule::Rule;
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
    weak: Option<(Resume, Context)>,
    /// Worst that was said of this session.
    pub(super) severity: Option<Severity>,
}

/// What is known of the session when a resume is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    /// When start returned.
    pub(super) time: u64,
    /// The generation.
    pub(super) here: (SessionId, u32),
    /// The rule whose breach had broken the order of the generation before.
    pub(super) root: Option<Id>,
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
        context: Context,
        file: &mut History,
        bench: &mut Bench,
    ) -> Option<Severity> {
        if resume.agrees && resume.set_back.is_none() {
            self.agreed(file, bench);
            return None;
        }
        let position = resume.set_back.is_some();
        if !position && (resume.trust == Trust::None || resume.handed.out_of_step) {
            return None;
        }
        self.astray += 1;
        let times = self.again(way(resume));
        let severity = self.severity(resume, times, context.here, file);
        if resume.trust != Trust::Firm && self.weak.is_none() {
            self.weak = Some((*resume, context));
        }
        self.severity = self.severity.max(Some(severity));
        self.raise(resume, context, severity, 1, bench);
        self.settle(file, bench);
        Some(severity)
    }

    /// A resume agreed.
    pub(super) fn agreed(&mut self, file: &History, bench: &mut Bench) {
        self.agreed += 1;
        self.way = None;
        self.settle(file, bench);
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

    fn severity(
        &self,
        resume: &Resume,
        times: u32,
        here: (SessionId, u32),
        file: &mut History,
    ) -> Severity {
        let pos = resume.handed.pos;
        let (handed, returned) = (resume.handed.identity.key(), resume.identity.key());
        let mismatch = match resume.set_back {
            Some(to) => Mismatch::SetBack { from: pos, to },
            None => Mismatch::Astray { pos, handed, returned },
        };
        let firm = resume.trust == Trust::Firm;
        let again = firm && !resume.rounded && file.mismatched(mismatch, here);
        let always = if resume.rounded { ALWAYS_ROUNDED } else { ALWAYS };
        match (firm, resume.rounded) {
            (true, _) if again || (times >= always && self.agreed == 0) => Severity::Error,
            (true, false) => Severity::Warning,
            _ => Severity::Info,
        }
    }

    /// Was something learned of the pointers that makes an older mismatch certain?
    fn settle(&mut self, file: &History, bench: &mut Bench) {
        let Some((resume, context)) = self.weak else { return };
        match file.pointers.trust(resume.identity, resume.handed.identity) {
            Trust::Weak => {}
            Trust::None => self.weak = None,
            Trust::Firm => {
                self.weak = None;
                if !resume.rounded {
                    let severity = Severity::Warning;
                    self.severity = self.severity.max(Some(severity));
                    self.raise(&resume, context, severity, 0, bench);
                }
            }
        }
    }

    fn raise(
        &self,
        resume: &Resume,
        context: Context,
        severity: Severity,
        times: u64,
        bench: &mut Bench,
    ) {
        let (astray, total) = (self.astray, self.astray + self.agreed);
        let always = match severity {
            Severity::Error => format!("; {astray} of {total} resumes, and always so"),
            _ => String::new(),
        };
        let doubt = match severity {
            Severity::Error => "",
            Severity::Warning if resume.set_back.is_some() => "",
            Severity::Warning => "; the list changed, or start() is wrong",
            Severity::Info if resume.rounded => "; it moved the position: the list has changed",
            Severity::Info => "; unless each pass allocates its own records",
        };
        raise(resume, context, severity, (times, astray, total), (&always, doubt), bench);
    }

    /// A read begins at the position to which start had set it back.
    pub(super) fn began_again(&mut self, resume: &Resume, context: Context, bench: &mut Bench) {
        self.severity = Some(Severity::Error);
        let counts = (0, self.astray, self.astray + self.agreed);
        let so = ", and the next read began there";
        raise(resume, context, Severity::Error, counts, (so, ""), bench);
    }
}

/// A generation began with what next had handed out before it; `seen` is the record that was its first then.
pub(super) fn goes_on(
    resume: &Resume,
    context: Context,
    file: &mut History,
    bench: &mut Bench,
) -> Severity {
    let Resume { handed, seen, trust, .. } = resume;
    let pos = seen.map_or(0, |first| first.pos);
    let (first, returned) = (seen.map_or(0, |first| first.key), handed.identity.key());
    let mismatch = Mismatch::Astray { pos, handed: first, returned };
    let severity = match trust {
        Trust::Firm if file.mismatched(mismatch, context.here) => Severity::Error,
        Trust::Firm => Severity::Warning,
        _ => Severity::Info,
    };
    let (again, doubt) = match severity {
        Severity::Error => (", and not for the first time", ""),
        _ => ("", "; unless the list changed"),
    };
    let read = bench.read;
    bench.raise(&RULE, severity, || {
        Draft::new(format!(
            "start() returned {:?} at position {pos}, which next() had handed out for position {} before: \
             it does not look at *pos{again}",
            resume.returned, handed.pos
        ))
        .unless(doubt)
        .blame(Role::Start)
        .with("position", Value::Position(pos))
        .with("handed out", Value::Pointer(handed.ptr))
        .with("handed out", Value::Event { time: handed.time, read: handed.read })
        .with("returned", Value::Event { time: context.time, read })
    });
    severity
}

/// The rule whose breach shows in a resume that went astray: an older one of the generation (`root`), the next before
/// it whose position the core had to correct, or start itself.
pub(super) fn origin(resume: &Resume, root: Option<Id>) -> Option<Id> {
    let mended = resume.handed.fixed_up && root != Some(RULE.id);
    if mended { Some(SQ101) } else { root.or(Some(RULE.id)) }
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
    resume: &Resume,
    context: Context,
    severity: Severity,
    (times, astray, total): (u64, u32, u32),
    (certainty, doubt): (&str, &str),
    bench: &mut Bench,
) {
    let Context { time, here: _, root } = context;
    let read = bench.read;
    bench.raise_many(&RULE, severity, times, || {
        let handed = &resume.handed;
        let draft = Draft::new(deed(resume) + certainty)
            .unless(doubt)
            .blame(Role::Start)
            .with("position", Value::Position(handed.pos))
            .with("handed out", Value::Pointer(handed.ptr))
            .with("handed out", Value::Event { time: handed.time, read: handed.read })
            .with("returned", Value::Pointer(resume.returned))
            .with("returned", Value::Event { time, read })
            .with("astray", Value::Count(astray.into()))
            .with("resumes", Value::Count(total.into()));
        let draft = match (resume.set_back, way(resume)) {
            (Some(to), _) => draft.with("set back to", Value::Position(to)),
            (None, Way::Rewound(delta)) => draft.with("records", Value::Delta(delta)),
            (None, Way::Ahead | Way::Vanished) => draft,
        };
        draft.because(origin(resume, root).filter(|origin| *origin != RULE.id))
    });
}
