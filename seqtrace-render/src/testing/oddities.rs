//! Updates that are not in [`Story::cat`]: errors, odd callbacks, odd files.

use std::sync::Arc;

use super::{BEGIN, Story, callbacks, cat, error, record, session, symbol};
use crate::event::{FileKind, Ptr, Role, Task, Wrapper};
use crate::rules::{Blame, Cause, Evidence, Finding, FindingCount, Id, Severity, Value, Witness};
use crate::session::update::{
    Callbacks, Fate, Partial, Range, SessionId, Summary, Symbol, Totals, UpdateKind,
};

impl Story {
    /// Renders every other kind of update once.
    pub(crate) fn oddities(&mut self) {
        self.odd_callbacks();
        self.odd_calls();
        self.finding();
        self.odd_end();
        self.odd_sessions();
        (self.session, self.task) = (None, None);
        self.emit(UpdateKind::Gap { lost: 37, sessions: (7..9).map(SessionId).collect() });
        self.emit(UpdateKind::Gap { lost: 1, sessions: (1..21).map(SessionId).collect() });
        self.end(&Summary::default());
    }

    fn odd_callbacks(&mut self) {
        self.read(1, 0, 4096);
        self.start(0, record(0));
        self.show(0, record(0), 4096, 4096, Fate::DiscardedOverflow);
        self.stop(0, record(0));
        self.emit(UpdateKind::Grow { from: 4096, to: 8192, restart: 1, traverse: false });
        self.start(0, Ptr::TOKEN);
        self.show(0, Ptr::TOKEN, 0, 0, Fate::Empty);
        self.show(1, record(1), 0, 0, Fate::Unknown);
        self.show(2, record(2), 90, 90, Fate::Emitted);
        self.emit(UpdateKind::Preview { bytes: b"eth0: \x1b[31m1\n\xff".to_vec() });
        self.callback(|callback| {
            (callback.v, callback.ret_int) = (Some(record(3)), Some(7));
            (callback.bytes, callback.fate) = (Some(3), Some(Fate::Skipped));
        });
        self.callback(|callback| {
            (callback.v, callback.ret_int) = (Some(record(3)), Some(-12));
            (callback.bytes, callback.fate) = (Some(3), Some(Fate::Failed));
        });
        self.callback(|callback| {
            callback.role = Role::Next;
            (callback.pos_in, callback.pos_out, callback.fixed_up) = (Some(2), 2, true);
            (callback.v, callback.ret_ptr) = (Some(record(2)), Some(record(3)));
        });
        self.show(3, record(3), 8102, 90, Fate::DiscardedTail);
        self.callback(|callback| {
            callback.role = Role::Next;
            (callback.pos_in, callback.pos_out) = (None, -7);
            (callback.v, callback.ret_ptr) = (Some(record(2)), Some(error(12)));
        });
        self.callback(|callback| {
            (callback.role, callback.bytes, callback.count) = (Role::Stop, Some(5), 95);
            (callback.v, callback.duration) = (Some(error(12)), None);
        });
        self.read_end(95, |end| {
            (end.totals.emitted, end.totals.discarded, end.totals.restarts) = (1, 4, 1);
            (end.leftover, end.from_leftover) = (13, 5);
            end.partial = Some(Partial::Gap);
        });
    }

    fn odd_calls(&mut self) {
        self.read_at(2, 27, 131_072, 95);
        self.start(0, record(0));
        self.show(0, record(0), 27, 27, Fate::PassedOver);
        self.show(1, record(1), 27, 54, Fate::Emitted);
        self.emit(UpdateKind::Grow { from: 8192, to: 16384, restart: 2, traverse: true });
        self.read_end(-14, |end| end.totals.passed_over = 1);
        self.emit(UpdateKind::LseekBegin { offset: 40, whence: 1 });
        let (passed_over, leftover) = (1, 14);
        self.emit(UpdateKind::LseekEnd { ret: 40, passed_over, leftover, duration: Some(3_100) });
        self.emit(UpdateKind::LseekBegin { offset: 0, whence: 2 });
        self.emit(UpdateKind::LseekEnd { ret: -22, passed_over: 0, leftover: 0, duration: None });
        self.emit(UpdateKind::Write { pos: 6, want: 6, ret: 6 });
        self.emit(UpdateKind::Write { pos: 8, want: 6, ret: 2 });
        self.emit(UpdateKind::Write { pos: 8, want: 6, ret: -22 });
        self.emit(UpdateKind::Blind {
            function: symbol("t_show", None),
            role: Role::Show,
            reason: "notrace function".to_owned(),
        });
    }

    fn odd_end(&mut self) {
        self.emit(UpdateKind::Disagreement {
            expected: "show, next or stop".to_owned(),
            observed: "start".to_owned(),
        });
        self.emit(UpdateKind::ReaderDied { role: Some(Role::Show), pos: 5 });
        self.emit(UpdateKind::Close {
            by: None,
            totals: Totals { reads: 1, writes: 2, written: 8, ..Totals::default() },
            lifetime: None,
            undelivered: 13,
            partial: vec![Partial::Gap, Partial::StillOpen],
            removed: Some(true),
            private: Some(0xffff_8881_0000_3000),
            findings: vec![FindingCount {
                id: Id(201),
                name: "double emit",
                severity: Severity::Error,
                sessions: 1,
                times: 1,
            }],
        });
    }

    fn odd_sessions(&mut self) {
        let mut plain = session(2, b"/proc/version_\x1b[2J\xff");
        plain.kind = FileKind::Plain { read: 0xffff_ffff_8110_0000, write: 0 };
        plain.callbacks = None;
        plain.opened_by = Wrapper::ProcRegOpen;
        plain.path_cut = true;
        self.session = Some(Arc::new(plain));
        self.task = Some(Arc::new(Task { tid: 4130, comm: b"a\x1b]0;b\xc3".to_vec(), ..cat() }));
        self.emit(UpdateKind::Open);
        self.emit(UpdateKind::PlainRead { pos: 12, want: 131_072, ret: 12 });
        self.emit(UpdateKind::PlainRead { pos: 12, want: 131_072, ret: -5 });
        let mut adopted = session(3, b"/sys/fs/cgroup/cpu.stat");
        adopted.adopted = true;
        adopted.callbacks = None;
        self.session = Some(Arc::new(adopted));
        self.emit(UpdateKind::Open);
        let mut single = session(4, b"/proc/uptime");
        single.opened_by = Wrapper::SingleOpen;
        single.callbacks = Some(Callbacks {
            table: None,
            show: symbol("up_show", Some("up")),
            stop: Symbol::unnamed(0xffff_ffff_8100_1234),
            ..callbacks("single", None)
        });
        self.session = Some(Arc::new(single));
        self.emit(UpdateKind::Open);
        self.emit(UpdateKind::OpenFailed { ret: -12 });
        self.emit(UpdateKind::OpenLeaked { ret: -22 });
        self.emit(UpdateKind::Close {
            by: None,
            totals: Totals::default(),
            lifetime: Some(9_000),
            undelivered: 0,
            partial: Vec::new(),
            removed: None,
            private: None,
            findings: Vec::new(),
        });
    }

    /// Renders a finding with every kind of evidence, and a cause in a function without a name.
    pub(crate) fn finding(&mut self) {
        let blame = |role, function| Some(Blame { role, function, source: None });
        let evidence = [
            Value::Position(-2),
            Value::Pointer(record(2)),
            Value::Range(Range { start: 4, end: 6 }),
            Value::Event { time: BEGIN, read: Some(1) },
            Value::Count(3),
            Value::Delta(-1),
            Value::Errno(5),
            Value::Witnesses(vec![Witness::Position, Witness::Bytes]),
        ];
        self.emit(UpdateKind::Finding(Box::new(Finding {
            id: Id(201),
            name: "double emit",
            severity: Severity::Error,
            session: SessionId(1),
            read: self.read,
            blame: blame(Role::Start, symbol("eof_start", Some("seqbugs"))),
            message: "pos 2 passed over as bytes 4..6, emitted again as 6..8".to_owned(),
            evidence: evidence.map(|value| Evidence { label: "seen", value }).to_vec(),
            cause: Some(Cause { id: Id(102), blame: blame(Role::Next, Symbol::unnamed(0xc0de)) }),
            times: 1,
        })));
    }
}
