//! Hand-made updates for tests of what is made of them.

use std::rc::Rc;

use super::{Options, Output, Ready, sink};
use crate::event::{FileKind, OpTable, Ptr, Role, SeqState, Task, Via, Wrapper};
use crate::rules::{Blame, Cause, Evidence, Finding, FindingCount, Id, Severity, Value, Witness};
use crate::session::update::{
    CallbackUpdate, Callbacks, Fate, Partial, Phase, Range, ReadEnd, Session, SessionId, Summary,
    Symbol, Totals, Update, What,
};

pub(super) const NULL: Ptr = Ptr::NULL;
/// When tracing began.
pub(super) const BEGIN: u64 = 1_000_000_000_000;

/// A record's address.
pub(super) fn record(number: u64) -> Ptr {
    Ptr(0xffff_8881_042a_3000 + 4 * number)
}

pub(super) fn error(errno: u64) -> Ptr {
    Ptr(errno.wrapping_neg())
}

pub(super) fn symbol(name: &str, module: Option<&str>) -> Symbol {
    Symbol {
        address: 0xffff_ffff_c000_0000 + name.len() as u64,
        name: Some(name.into()),
        module: module.map(Into::into),
        offset: module.map(|_| 0x10 * name.len() as u64),
    }
}

pub(super) fn callbacks(prefix: &str, module: Option<&str>) -> Callbacks {
    let named = |name: &str| symbol(&format!("{prefix}_{name}"), module);
    Callbacks {
        table: Some(named("ops")),
        start: named("start"),
        next: named("next"),
        show: named("show"),
        stop: named("stop"),
    }
}

pub(super) fn cat() -> Task {
    Task { pid: 4123, tid: 4123, uid: 1000, comm: b"cat".to_vec() }
}

pub(crate) fn session(id: u32, path: &[u8]) -> Session {
    Session {
        id: SessionId(id),
        path: path.to_vec(),
        path_cut: false,
        opener: cat(),
        opened_by: Wrapper::SeqOpen,
        adopted: false,
        kind: FileKind::Seq {
            m: 0xffff_8881_0000_1000,
            op: 0xffff_ffff_c000_2000,
            table: OpTable { start: 1, next: 2, show: 3, stop: id.into() },
            private: 0,
            size: 0,
            inner: 0,
        },
        callbacks: Some(callbacks("eof", Some("seqbugs"))),
        handlers: None,
        file: 0xffff_8881_0000_2000,
        ino: 42,
        dev: 8 << 20 | 1,
    }
}

/// Collects what one sink makes of a story: who acts is set once, then each call is an update.
pub(super) struct Story {
    sink: Box<dyn super::Sink>,
    pub(super) out: Output,
    pub(super) time: u64,
    pub(super) session: Option<Rc<Session>>,
    pub(super) read: Option<u32>,
    pub(super) task: Option<Rc<Task>>,
    /// For callbacks.
    pub(super) phase: Phase,
}

impl Story {
    pub(super) fn new(options: &Options) -> Self {
        let mut sink = sink(options).unwrap();
        let mut out = Output::default();
        sink.ready(&Ready { begin: BEGIN, probes: 26 }, &mut out);
        Self {
            sink,
            out,
            time: BEGIN,
            session: Some(Rc::new(session(1, b"/proc/seqbugs/eof_stuck"))),
            read: None,
            task: Some(Rc::new(cat())),
            phase: Phase::First,
        }
    }

    /// What went to standard output.
    pub(super) fn data(&self) -> &str {
        str::from_utf8(&self.out.data).unwrap()
    }

    pub(super) fn say(&mut self, what: What) {
        let update = Update {
            time: self.time,
            cpu: 1,
            session: self.session.clone(),
            read: self.read,
            task: self.task.clone(),
            what,
        };
        self.sink.update(&update, &mut self.out);
        self.time += 1_900;
    }

    pub(super) fn read(&mut self, number: u32, pos: i64, want: u64) {
        self.read = Some(number);
        self.phase = Phase::First;
        self.say(What::ReadBegin {
            pos,
            want,
            traverse_from: None,
            rewind: false,
            via: Some(Via::SeqRead),
            state: SeqState::default(),
        });
    }

    pub(super) fn read_at(&mut self, number: u32, pos: i64, want: u64, core: i64) {
        self.read = Some(number);
        self.phase = Phase::Traverse;
        self.say(What::ReadBegin {
            pos,
            want,
            traverse_from: Some(core),
            rewind: false,
            via: Some(Via::ReadIter),
            state: SeqState { read_pos: core, ..SeqState::default() },
        });
    }

    pub(super) fn callback(&mut self, change: impl FnOnce(&mut CallbackUpdate)) {
        let mut callback = CallbackUpdate {
            role: Role::Show,
            phase: self.phase,
            pass: 1,
            pos_in: Some(0),
            pos_out: 0,
            v: None,
            ret_ptr: None,
            ret_int: None,
            bytes: None,
            count: 0,
            size: Some(4096),
            full: false,
            duration: Some(212),
            fate: None,
            range: None,
            held: None,
            fixed_up: false,
            private: None,
        };
        change(&mut callback);
        self.say(What::Callback(callback));
    }

    pub(super) fn start(&mut self, pos: i64, returned: Ptr) {
        self.callback(|callback| {
            callback.role = Role::Start;
            (callback.pos_in, callback.pos_out) = (Some(pos), pos);
            callback.ret_ptr = Some(returned);
        });
    }

    pub(super) fn next(&mut self, from: i64, to: i64, v: Ptr, returned: Ptr) {
        self.callback(|callback| {
            callback.role = Role::Next;
            (callback.pos_in, callback.pos_out) = (Some(from), to);
            (callback.v, callback.ret_ptr) = (Some(v), Some(returned));
        });
    }

    pub(super) fn show(&mut self, pos: i64, v: Ptr, bytes: u64, count: u64, fate: Fate) {
        self.callback(|callback| {
            (callback.pos_in, callback.pos_out) = (Some(pos), pos);
            (callback.v, callback.ret_int) = (Some(v), Some(0));
            (callback.bytes, callback.count) = (Some(bytes), count);
            callback.duration = Some(600);
            callback.fate = Some(fate);
            if matches!(fate, Fate::Emitted | Fate::PassedOver) {
                let end = i64::try_from(count).unwrap();
                let start = end - i64::try_from(bytes).unwrap();
                callback.range = Some(Range { start, end });
            }
        });
        self.phase = if self.phase == Phase::First { Phase::Fill } else { self.phase };
    }

    pub(super) fn stop(&mut self, pos: i64, v: Ptr) {
        self.callback(|callback| {
            callback.role = Role::Stop;
            (callback.pos_in, callback.pos_out) = (Some(pos), pos);
            callback.v = Some(v);
            callback.held = Some(10_240);
        });
    }

    pub(super) fn read_end(&mut self, ret: i64, change: impl FnOnce(&mut ReadEnd)) {
        let bytes = u64::try_from(ret).unwrap_or(0);
        let mut end = ReadEnd {
            ret,
            range: Range { start: 0, end: ret.max(0) },
            totals: Totals { reads: 1, bytes, ..Totals::default() },
            leftover: 0,
            from_leftover: 0,
            duration: Some(13_400),
            eof: false,
            partial: None,
        };
        change(&mut end);
        self.say(What::ReadEnd(Box::new(end)));
        self.read = None;
    }

    pub(super) fn close(&mut self, totals: Totals) {
        self.say(What::Close {
            by: Some(Wrapper::SeqRelease),
            totals,
            lifetime: Some(1_250_000),
            undelivered: 0,
            partial: Vec::new(),
            removed: None,
            private: None,
            findings: Vec::new(),
        });
    }

    pub(super) fn end(&mut self, summary: &Summary) {
        self.sink.end(summary, &mut self.out);
    }

    /// `cat` of three records of two bytes: open, two reads, close.
    pub(super) fn cat(&mut self) {
        self.say(What::Open);
        self.read(1, 0, 131_072);
        self.start(0, record(0));
        for number in 0..3 {
            let pos = i64::try_from(number).unwrap();
            self.show(pos, record(number), 2, 2 * number + 2, Fate::Emitted);
            let next = if number == 2 { NULL } else { record(number + 1) };
            self.next(pos, pos + 1, record(number), next);
        }
        self.stop(3, NULL);
        self.read_end(6, |end| (end.totals.emitted, end.totals.callbacks) = (3, 8));
        self.read(2, 6, 131_072);
        self.start(3, NULL);
        self.stop(3, NULL);
        self.read_end(0, |end| {
            end.range = Range { start: 6, end: 6 };
            end.eof = true;
        });
        let totals = Totals { reads: 2, bytes: 6, emitted: 3, callbacks: 10, ..Totals::default() };
        self.close(totals);
    }

    /// A finding with every kind of evidence, and a cause in a function without a name.
    pub(super) fn finding(&mut self) {
        let blame = |role, function| Some(Blame { role, function });
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
        self.say(What::Finding(Box::new(Finding {
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

    /// Everything else that can be said, once.
    #[expect(clippy::too_many_lines, reason = "a list")]
    pub(super) fn oddities(&mut self) {
        self.read(1, 0, 4096);
        self.start(0, record(0));
        self.show(0, record(0), 4096, 4096, Fate::DiscardedOverflow);
        self.stop(0, record(0));
        self.say(What::Grow { from: 4096, to: 8192, restart: 1, traverse: false });
        self.start(0, Ptr::TOKEN);
        self.show(0, Ptr::TOKEN, 0, 0, Fate::Empty);
        self.show(1, record(1), 0, 0, Fate::Unknown);
        self.show(2, record(2), 90, 90, Fate::Emitted);
        self.say(What::Preview { bytes: b"eth0: \x1b[31m1\n\xff".to_vec() });
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
        self.read_at(2, 27, 131_072, 95);
        self.start(0, record(0));
        self.show(0, record(0), 27, 27, Fate::PassedOver);
        self.show(1, record(1), 27, 54, Fate::Emitted);
        self.say(What::Grow { from: 8192, to: 16384, restart: 2, traverse: true });
        self.read_end(-14, |end| end.totals.passed_over = 1);
        self.say(What::LseekBegin { offset: 40, whence: 1 });
        let (passed_over, leftover) = (1, 14);
        self.say(What::LseekEnd { ret: 40, passed_over, leftover, duration: Some(3_100) });
        self.say(What::LseekBegin { offset: 0, whence: 2 });
        self.say(What::LseekEnd { ret: -22, passed_over: 0, leftover: 0, duration: None });
        self.say(What::Write { pos: 6, want: 6, ret: 6 });
        self.say(What::Write { pos: 8, want: 6, ret: 2 });
        self.say(What::Write { pos: 8, want: 6, ret: -22 });
        self.say(What::Blind {
            function: symbol("t_show", None),
            role: Role::Show,
            reason: "notrace function".to_owned(),
        });
        self.finding();
        self.say(What::Disagreement {
            expected: "show, next or stop".to_owned(),
            observed: "start".to_owned(),
        });
        self.say(What::Close {
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
        let mut plain = session(2, b"/proc/version_\x1b[2J\xff");
        plain.kind = FileKind::Plain { read: 0xffff_ffff_8110_0000, write: 0 };
        plain.callbacks = None;
        plain.opened_by = Wrapper::ProcRegOpen;
        plain.path_cut = true;
        self.session = Some(Rc::new(plain));
        self.task = Some(Rc::new(Task { tid: 4130, comm: b"a\x1b]0;b\xc3".to_vec(), ..cat() }));
        self.say(What::Open);
        self.say(What::PlainRead { pos: 12, want: 131_072, ret: 12 });
        self.say(What::PlainRead { pos: 12, want: 131_072, ret: -5 });
        let mut adopted = session(3, b"/sys/fs/cgroup/cpu.stat");
        adopted.adopted = true;
        adopted.callbacks = None;
        self.session = Some(Rc::new(adopted));
        self.say(What::Open);
        let mut single = session(4, b"/proc/uptime");
        single.opened_by = Wrapper::SingleOpen;
        single.callbacks = Some(Callbacks {
            table: None,
            show: symbol("up_show", Some("up")),
            stop: Symbol::unnamed(0xffff_ffff_8100_1234),
            ..callbacks("single", None)
        });
        self.session = Some(Rc::new(single));
        self.say(What::Open);
        self.say(What::OpenFailed { ret: -12 });
        self.say(What::OpenLeaked { ret: -22 });
        self.say(What::Close {
            by: None,
            totals: Totals::default(),
            lifetime: Some(9_000),
            undelivered: 0,
            partial: Vec::new(),
            removed: None,
            private: None,
            findings: Vec::new(),
        });
        (self.session, self.task) = (None, None);
        self.say(What::Gap { lost: 37, sessions: (7..9).map(SessionId).collect() });
        self.say(What::Gap { lost: 1, sessions: (1..21).map(SessionId).collect() });
        self.end(&Summary::default());
    }
}
