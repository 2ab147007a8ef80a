//! Conversion of updates to the objects of the format.
//!
//! Values of the model are taken apart without `..`, so that a new field does not compile until it is decided here what
//! becomes of it.

mod session;

use self::session::who;
use super::object::{
    At, Cb, Close, End, Finding, Gap, Grow, Header, Lseek, Note, NoteKind, Object, Of, Preview,
    Ready, Role, SourceLine, Target, Transfer, Who,
};
use super::text::{BootTime, ErrorName, Raw, ReadName, SessionName, Version, raw, text};
use crate::session::update::{self, Update, UpdateKind};
use crate::{self as render, Clock};

pub(super) fn header(header: &render::Header) -> Object<'_> {
    let render::Header { version, kernel, machine, backend, backend_reason, ring_bytes, command } =
        header;
    let readable = command.iter().all(|word| str::from_utf8(word).is_ok());
    Object::Header(Header {
        v: Version,
        version,
        kernel,
        machine,
        backend,
        backend_reason: backend_reason.as_deref(),
        ring_bytes: *ring_bytes,
        command: Vec::of(command),
        command_bytes: (!readable).then(|| command.iter().map(|word| Raw(word)).collect()),
    })
}

pub(super) fn target(target: &render::TargetInfo) -> Object<'_> {
    let render::TargetInfo { word, callbacks, note } = target;
    Object::Target(Target {
        v: Version,
        word: text(word),
        word_bytes: raw(word),
        functions: Option::of(callbacks).unwrap_or_default(),
        note: note.as_deref(),
    })
}

pub(super) fn ready(ready: &render::Ready, clock: &Clock) -> Object<'static> {
    let render::Ready { begin, probes } = *ready;
    let wall = clock.utc(begin);
    Object::Ready(Ready { v: Version, begin: BootTime(begin), wall, probes })
}

pub(super) fn end(summary: &update::Summary) -> Object<'static> {
    Object::End(End::new(Version, summary))
}

/// Converts one update to an object.
pub(super) struct Converter<'a> {
    /// Zero of relative times, ns since boot.
    pub(super) begin: u64,
    /// Greatest number of bytes of a preview.
    pub(super) preview: usize,
    pub(super) update: &'a Update,
    /// Begin of the read or lseek that the update ends. `None`: it was not seen, or the update ends none.
    pub(super) call: Option<&'a Update>,
}

impl<'a> Converter<'a> {
    /// Returns `None` for the begin of a read or lseek: the object of its end covers both.
    pub(super) fn object(&self) -> Option<Object<'a>> {
        let at = self.at();
        Some(match &self.update.what {
            UpdateKind::ReadBegin { .. } | UpdateKind::LseekBegin { .. } => return None,
            UpdateKind::Open => self.open(0)?,
            UpdateKind::OpenFailed { ret } | UpdateKind::OpenLeaked { ret } => self.open(*ret)?,
            UpdateKind::Callback(callback) => Object::Cb(Cb::new(at, callback)),
            UpdateKind::Preview { bytes } => {
                let bytes = bytes.get(..self.preview).unwrap_or(bytes);
                Object::Preview(Preview { at, text: text(bytes), text_bytes: raw(bytes) })
            }
            UpdateKind::Grow { from, to, restart, traverse } => {
                let (from, to, restart, traverse) = (*from, *to, *restart, *traverse);
                Object::Grow(Grow { at, from, to, restart, traverse })
            }
            UpdateKind::ReadEnd(end) => Object::Read(Box::new(self.read(end))),
            &UpdateKind::LseekEnd { ret, passed_over, leftover, duration } => {
                let lseek = Lseek { ret, passed_over, leftover, duration, ..self.lseek(at) };
                Object::Lseek(Box::new(Lseek { errno: ErrorName::of(ret), ..lseek }))
            }
            UpdateKind::Write { pos, want, ret } => Object::Write(self.transfer(*pos, *want, *ret)),
            UpdateKind::PlainRead { pos, want, ret } => {
                Object::PlainRead(self.transfer(*pos, *want, *ret))
            }
            UpdateKind::Close {
                by,
                totals,
                lifetime,
                undelivered,
                partial,
                removed,
                private,
                findings,
            } => Object::Close(Box::new(Close {
                at,
                who: self.who(),
                by: Option::of(by),
                totals: Of::of(totals),
                lifetime: *lifetime,
                undelivered: *undelivered,
                partial: Vec::of(partial),
                removed: *removed,
                private: Option::of(private),
                findings: Vec::of(findings),
            })),
            UpdateKind::Finding(finding) => {
                let source = finding.blame.as_ref().and_then(|blame| blame.source.as_ref());
                let source = source.map(SourceLine::of);
                Object::Finding(Box::new(Finding::new(at, self.who(), source, finding)))
            }
            UpdateKind::Gap { lost, sessions } => {
                Object::Gap(Gap { at, lost: *lost, sessions: Vec::of(sessions) })
            }
            UpdateKind::Blind { function, role, reason } => Object::Note(Note {
                role: Some(Role::of(role)),
                function: Of::of(function),
                reason: Some(reason),
                ..note(at, NoteKind::Blind)
            }),
            UpdateKind::Disagreement { expected, observed } => Object::Note(Note {
                expected: Some(expected),
                observed: Some(observed),
                ..note(at, NoteKind::Disagreement)
            }),
            UpdateKind::ReaderDied { role, pos: _ } => Object::Note(reader_died(at, *role)),
        })
    }

    /// Returns the object of an lseek without its result.
    fn lseek(&self, at: At) -> Lseek<'a> {
        let (offset, whence) = match self.call.map(|begin| &begin.what) {
            Some(UpdateKind::LseekBegin { offset, whence }) => (Some(*offset), Some(*whence)),
            _ => (None, None),
        };
        Lseek {
            at,
            who: self.who(),
            began: self.began(),
            offset,
            whence,
            ret: 0,
            errno: None,
            passed_over: 0,
            leftover: 0,
            duration: None,
        }
    }

    fn relative(&self, time: u64) -> i64 {
        let distance = i64::try_from(time.abs_diff(self.begin)).unwrap_or(i64::MAX);
        if time < self.begin { -distance } else { distance }
    }

    fn at(&self) -> At {
        let Update { time, cpu, session, read, task, what: _ } = self.update;
        let id = session.as_ref().map(|session| session.id);
        At {
            v: Version,
            t: self.relative(*time),
            time: BootTime(*time),
            cpu: *cpu,
            session: id.map(SessionName),
            read: id.zip(*read).map(|(id, read)| ReadName(id, read)),
            pid: task.as_ref().map(|task| task.pid),
            tid: task.as_ref().map(|task| task.tid),
        }
    }

    fn who(&self) -> Who<'a> {
        who(self.update.task.as_deref(), self.update.session.as_deref())
    }

    /// Returns when the read or lseek began, ns since tracing began.
    fn began(&self) -> Option<i64> {
        self.call.map(|begin| self.relative(begin.time))
    }

    fn transfer(&self, pos: i64, want: u64, ret: i64) -> Transfer<'a> {
        let bytes = u64::try_from(ret).unwrap_or(0);
        let errno = ErrorName::of(ret);
        Transfer { at: self.at(), who: self.who(), pos, want, ret, errno, bytes }
    }
}

fn reader_died<'a>(at: At, role: Option<crate::event::Role>) -> Note<'a> {
    Note { role: role.as_ref().map(Role::of), ..note(at, NoteKind::ReaderDied) }
}

fn note<'a>(at: At, kind: NoteKind) -> Note<'a> {
    let (role, function, reason, expected, observed) = (None, None, None, None, None);
    Note { at, kind, role, function, reason, expected, observed }
}
