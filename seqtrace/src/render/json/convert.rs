//! From the internal values to the objects of the format.

use super::object::{
    At, Blame, Cause, Cb, Close, End, Evidence, Fate, Finding, FindingCount, Function, Functions,
    Gap, Grow, Header, Kind, Lseek, Note, NoteKind, Object, Open, Partial, Phase, Preview, Range,
    Read, Ready, Role, Severity, Target, Totals, Transfer, Who,
};
use super::text::{
    Address, BootTime, Device, ErrorName, Pointer, Raw, ReadName, RuleName, SessionName, Version,
    raw, text,
};
use super::{LseekBegin, ReadBegin};
use crate::event::{self, FileKind, OpTable, Task, Via};
use crate::render::{self, Clock};
use crate::rules;
use crate::session::update::{self, CallbackUpdate, ReadEnd, Session, Update, What};

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
        command: command.iter().map(|word| text(word)).collect(),
        command_bytes: (!readable).then(|| command.iter().map(|word| Raw(word)).collect()),
    })
}

pub(super) fn target(target: &render::TargetInfo) -> Object<'_> {
    let render::TargetInfo { word, callbacks, note } = target;
    Object::Target(Target {
        v: Version,
        word: text(word),
        word_bytes: raw(word),
        functions: callbacks.as_ref().map(functions).unwrap_or_default(),
        note: note.as_deref(),
    })
}

pub(super) fn ready(ready: &render::Ready, clock: &Clock) -> Object<'static> {
    let render::Ready { begin, probes } = *ready;
    let wall = clock.utc(begin);
    Object::Ready(Ready { v: Version, begin: BootTime(begin), wall, probes })
}

pub(super) fn end(summary: &update::Summary) -> Object<'static> {
    let update::Summary { sessions, totals: sums, lost, missed, partial, findings } = summary;
    let (sessions, lost, missed, partial) = (*sessions, *lost, *missed, *partial);
    let findings = counts(findings);
    Object::End(End { v: Version, sessions, totals: totals(sums), lost, missed, partial, findings })
}

/// Makes the object of one update.
pub(super) struct Converter<'a> {
    pub(super) begin: u64,
    pub(super) preview: usize,
    pub(super) update: &'a Update,
}

impl<'a> Converter<'a> {
    /// `None` for beginnings: they are told with their ends.
    pub(super) fn object(
        &self,
        read: Option<ReadBegin>,
        lseek: Option<LseekBegin>,
    ) -> Option<Object<'a>> {
        let at = self.at();
        Some(match &self.update.what {
            What::ReadBegin { .. } | What::LseekBegin { .. } => return None,
            What::Open => self.open(0)?,
            What::OpenFailed { ret } | What::OpenLeaked { ret } => self.open(*ret)?,
            What::Callback(callback) => Object::Cb(cb(at, callback)),
            What::Preview { bytes } => {
                let bytes = bytes.get(..self.preview).unwrap_or(bytes);
                Object::Preview(Preview { at, text: text(bytes), text_bytes: raw(bytes) })
            }
            What::Grow { from, to, restart, traverse } => {
                let (from, to, restart, traverse) = (*from, *to, *restart, *traverse);
                Object::Grow(Grow { at, from, to, restart, traverse })
            }
            What::ReadEnd(end) => Object::Read(Box::new(self.read(end, read))),
            What::LseekEnd { ret, passed_over, leftover, duration } => {
                Object::Lseek(Box::new(Lseek {
                    at,
                    who: self.who(),
                    began: lseek.map(|begin| self.relative(begin.time)),
                    offset: lseek.map(|begin| begin.offset),
                    whence: lseek.map(|begin| begin.whence),
                    ret: *ret,
                    errno: ErrorName::of(*ret),
                    passed_over: *passed_over,
                    leftover: *leftover,
                    duration: *duration,
                }))
            }
            What::Write { pos, want, ret } => Object::Write(self.transfer(*pos, *want, *ret)),
            What::PlainRead { pos, want, ret } => {
                Object::PlainRead(self.transfer(*pos, *want, *ret))
            }
            What::Close {
                by,
                totals: sums,
                lifetime,
                undelivered,
                partial: reasons,
                removed,
                private,
                findings,
            } => Object::Close(Box::new(Close {
                at,
                who: self.who(),
                by: by.map(event::Wrapper::name),
                totals: totals(sums),
                lifetime: *lifetime,
                undelivered: *undelivered,
                partial: reasons.iter().map(|reason| partial(*reason)).collect(),
                removed: *removed,
                private: private.map(Address),
                findings: counts(findings),
            })),
            What::Finding(finding) => Object::Finding(Box::new(self.finding(finding))),
            What::Gap { lost, sessions } => {
                let sessions = sessions.iter().map(|id| SessionName(*id)).collect();
                Object::Gap(Gap { at, lost: *lost, sessions })
            }
            What::Blind { function: blind, role: callback, reason } => Object::Note(Note {
                at,
                kind: NoteKind::Blind,
                role: Some(role(*callback)),
                function: Some(function(blind)),
                reason: Some(reason),
                expected: None,
                observed: None,
            }),
            What::Disagreement { expected, observed } => Object::Note(Note {
                at,
                kind: NoteKind::Disagreement,
                role: None,
                function: None,
                reason: None,
                expected: Some(expected),
                observed: Some(observed),
            }),
        })
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
        let task = self.update.task.as_deref();
        let session = self.update.session.as_deref();
        who(task, session)
    }

    fn finding(&self, finding: &'a rules::Finding) -> Finding<'a> {
        let rules::Finding {
            id,
            name,
            severity: how,
            // In `at`.
            session: _,
            read: _,
            blame: blamed,
            message,
            evidence: seen,
            cause,
            times,
        } = finding;
        Finding {
            at: self.at(),
            who: self.who(),
            id: RuleName(*id),
            name,
            severity: severity(*how),
            blame: blamed.as_ref().map(blame),
            message,
            cause: cause.as_ref().map(|cause| {
                let rules::Cause { id, blame: blamed } = cause;
                Cause { id: RuleName(*id), blame: blamed.as_ref().map(blame) }
            }),
            times: *times,
            evidence: seen.iter().map(evidence).collect(),
        }
    }

    fn transfer(&self, pos: i64, want: u64, ret: i64) -> Transfer<'a> {
        let bytes = u64::try_from(ret).unwrap_or(0);
        let errno = ErrorName::of(ret);
        Transfer { at: self.at(), who: self.who(), pos, want, ret, errno, bytes }
    }

    fn read(&self, end: &ReadEnd, begin: Option<ReadBegin>) -> Read<'a> {
        let ReadEnd {
            ret,
            range: delivered,
            totals,
            leftover,
            from_leftover,
            duration,
            eof,
            partial: reason,
        } = end;
        let update::Totals {
            // 1, the bytes of `ret`, and what has nothing to do with a read.
            reads: _,
            bytes: _,
            writes: _,
            written: _,
            emitted,
            discarded,
            passed_over,
            callbacks,
            passes,
            restarts,
        } = *totals;
        Read {
            at: self.at(),
            who: self.who(),
            began: begin.map(|begin| self.relative(begin.time)),
            pos: begin.map(|begin| begin.pos),
            want: begin.map(|begin| begin.want),
            traverse_from: begin.and_then(|begin| begin.traverse_from),
            rewind: begin.map(|begin| begin.rewind),
            via: begin.and_then(|begin| begin.via).map(Via::name),
            ret: *ret,
            errno: ErrorName::of(*ret),
            bytes: u64::try_from(*ret).unwrap_or(0),
            range: range(*delivered),
            emitted,
            discarded,
            passed_over,
            callbacks,
            passes,
            restarts,
            leftover: *leftover,
            from_leftover: *from_leftover,
            duration: *duration,
            eof: *eof,
            partial: reason.map(partial),
        }
    }

    fn open(&self, ret: i32) -> Option<Object<'a>> {
        let session = self.update.session.as_deref()?;
        let Session {
            id: _,
            path: _,
            path_cut,
            opener,
            opened_by,
            adopted,
            kind,
            callbacks,
            handlers,
            file,
            ino,
            dev,
        } = session;
        let handler = |index: usize| {
            handlers.as_ref().map(|both| &both[index]).filter(|one| one.address != 0).map(function)
        };
        let mut open = Open {
            at: self.at(),
            who: who(Some(self.update.task.as_deref().unwrap_or(opener)), Some(session)),
            path_cut: *path_cut,
            ret,
            errno: ErrorName::of(ret.into()),
            opened_by: opened_by.name(),
            adopted: *adopted,
            kind: Kind::Seq,
            m: None,
            op: None,
            private: None,
            size: None,
            functions: callbacks.as_ref().map(functions).unwrap_or_default(),
            plain_read: handler(0),
            plain_write: handler(1),
            file: Address(*file),
            ino: *ino,
            dev: Device(*dev),
        };
        match *kind {
            FileKind::Seq { m, op, table, private, size, inner: _ } => {
                open.m = Some(Address(m));
                open.op = Some(Address(op));
                open.private = Some(Address(private));
                open.size = Some(size);
                // Without symbols the addresses are still known.
                if callbacks.is_none() && table != OpTable::default() {
                    open.functions = addresses(table);
                }
            }
            FileKind::Plain { .. } => open.kind = Kind::Plain,
        }
        Some(Object::Open(Box::new(open)))
    }
}

fn who<'a>(task: Option<&'a Task>, session: Option<&'a Session>) -> Who<'a> {
    Who {
        uid: task.map(|task| task.uid),
        comm: task.map(|task| text(&task.comm)),
        comm_bytes: task.and_then(|task| raw(&task.comm)),
        path: session.map(|session| text(&session.path)),
        path_bytes: session.and_then(|session| raw(&session.path)),
    }
}

fn cb(at: At, callback: &CallbackUpdate) -> Cb {
    let CallbackUpdate {
        role: callback_role,
        phase: callback_phase,
        pass,
        pos_in,
        pos_out,
        v,
        ret_ptr,
        ret_int,
        bytes,
        count,
        size,
        full,
        duration,
        fate: rendering,
        range: offsets,
        held,
        fixed_up,
        private,
    } = callback;
    Cb {
        at,
        role: role(*callback_role),
        phase: phase(*callback_phase),
        pass: *pass,
        pos_in: *pos_in,
        pos_out: *pos_out,
        ptr_in: v.map(Pointer),
        ptr_out: ret_ptr.map(Pointer),
        ret: *ret_int,
        bytes: *bytes,
        count: *count,
        size: *size,
        full: *full,
        duration: *duration,
        fate: rendering.map(fate),
        range: offsets.map(range),
        held: *held,
        fixed_up: *fixed_up,
        private: private.map(Address),
    }
}

fn blame(blame: &rules::Blame) -> Blame<'_> {
    let rules::Blame { role: callback, function: named } = blame;
    Blame { role: role(*callback), function: function(named) }
}

fn severity(severity: rules::Severity) -> Severity {
    match severity {
        rules::Severity::Info => Severity::Info,
        rules::Severity::Warning => Severity::Warning,
        rules::Severity::Error => Severity::Error,
    }
}

fn counts(counts: &[rules::FindingCount]) -> Vec<FindingCount> {
    counts
        .iter()
        .map(|count| {
            let rules::FindingCount { id, name, severity: worst, sessions, times } = *count;
            FindingCount { id: RuleName(id), name, severity: severity(worst), sessions, times }
        })
        .collect()
}

fn evidence(evidence: &rules::Evidence) -> Evidence {
    let rules::Evidence { label, value } = evidence;
    let mut object = Evidence { label, ..Evidence::default() };
    match value {
        rules::Value::Position(pos) => object.pos = Some(*pos),
        rules::Value::Pointer(ptr) => object.ptr = Some(Pointer(*ptr)),
        rules::Value::Range(bytes) => object.range = Some(range(*bytes)),
        rules::Value::Event { time, read } => {
            (object.time, object.read) = (Some(BootTime(*time)), *read);
        }
        rules::Value::Count(count) => object.count = Some(*count),
        rules::Value::Delta(delta) => object.delta = Some(*delta),
        rules::Value::Errno(errno) => object.errno = ErrorName::of(-i64::from(*errno)),
        rules::Value::Witnesses(agree) => {
            object.witnesses = Some(agree.iter().map(|witness| witness.name()).collect());
        }
    }
    object
}

fn functions(callbacks: &update::Callbacks) -> Functions<'_> {
    let update::Callbacks { table, start, next, show, stop } = callbacks;
    Functions {
        table: table.as_ref().map(function),
        start: Some(function(start)),
        next: Some(function(next)),
        show: Some(function(show)),
        stop: Some(function(stop)),
    }
}

fn addresses(table: OpTable) -> Functions<'static> {
    let OpTable { start, next, show, stop } = table;
    let bare = |address| {
        Some(Function { address: Address(address), name: None, module: None, offset: None })
    };
    Functions {
        table: None,
        start: bare(start),
        next: bare(next),
        show: bare(show),
        stop: bare(stop),
    }
}

fn function(symbol: &update::Symbol) -> Function<'_> {
    let update::Symbol { address, name, module, offset } = symbol;
    Function {
        address: Address(*address),
        name: name.as_deref(),
        module: module.as_deref(),
        offset: *offset,
    }
}

fn totals(sums: &update::Totals) -> Totals {
    let update::Totals {
        reads,
        bytes,
        emitted,
        discarded,
        passed_over,
        callbacks,
        passes,
        restarts,
        writes,
        written,
    } = *sums;
    Totals {
        reads,
        bytes,
        emitted,
        discarded,
        passed_over,
        callbacks,
        passes,
        restarts,
        writes,
        written,
    }
}

fn range(range: update::Range) -> Range {
    let update::Range { start, end } = range;
    Range { start, end }
}

fn role(role: event::Role) -> Role {
    match role {
        event::Role::Start => Role::Start,
        event::Role::Next => Role::Next,
        event::Role::Show => Role::Show,
        event::Role::Stop => Role::Stop,
    }
}

fn phase(phase: update::Phase) -> Phase {
    match phase {
        update::Phase::Traverse => Phase::Traverse,
        update::Phase::First => Phase::First,
        update::Phase::Fill => Phase::Fill,
        update::Phase::Unknown => Phase::Unknown,
    }
}

fn fate(fate: update::Fate) -> Fate {
    match fate {
        update::Fate::Emitted => Fate::Emitted,
        update::Fate::DiscardedOverflow => Fate::DiscardedOverflow,
        update::Fate::DiscardedTail => Fate::DiscardedTail,
        update::Fate::Skipped => Fate::Skipped,
        update::Fate::PassedOver => Fate::PassedOver,
        update::Fate::Empty => Fate::Empty,
        update::Fate::Failed => Fate::Failed,
        update::Fate::Unknown => Fate::Unknown,
    }
}

fn partial(reason: update::Partial) -> Partial {
    match reason {
        update::Partial::Adopted => Partial::Adopted,
        update::Partial::LateAttach => Partial::LateAttach,
        update::Partial::Gap => Partial::Gap,
        update::Partial::Blind => Partial::Blind,
        update::Partial::Disagrees => Partial::Disagrees,
        update::Partial::Overlap => Partial::Overlap,
        update::Partial::StillOpen => Partial::StillOpen,
        update::Partial::BpfIterator => Partial::BpfIterator,
    }
}
