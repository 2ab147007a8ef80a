//! A trace by hand: updates, rendered one by one.

use std::sync::Arc;

use super::{cat, session};
use crate::event::{Callback, Ptr, Role, SeqState, Task, Via, Wrapper};
use crate::session::update::{
    CallbackUpdate, Fate, Phase, Range, ReadEnd, Session, Summary, Totals, Update, UpdateKind,
};
use crate::{Options, Output, Ready, Renderer, Shown, Size, renderer};

pub(crate) const NULL: Ptr = Ptr::NULL;
/// Begin of tracing, ns since boot.
pub(crate) const BEGIN: u64 = 1_000_000_000_000;

/// Returns the address of a record.
pub(crate) fn record(number: u64) -> Ptr {
    Ptr(0xffff_8881_042a_3000 + 4 * number)
}

pub(crate) fn error(errno: u64) -> Ptr {
    Ptr(errno.wrapping_neg())
}

/// Sends updates to a sink and collects its output. Task, session and read are set once for several updates.
pub(crate) struct Story {
    sink: Box<dyn Renderer>,
    pub(crate) out: Output,
    /// Results of the sink for the updates.
    pub(crate) shown: Vec<Shown>,
    pub(crate) time: u64,
    pub(crate) session: Option<Arc<Session>>,
    pub(crate) read: Option<u32>,
    pub(crate) task: Option<Arc<Task>>,
    /// Phase of the next callbacks.
    pub(crate) phase: Phase,
}

impl Story {
    pub(crate) fn new(options: &Options) -> Self {
        Self::of(renderer(options).unwrap())
    }

    pub(crate) fn of(mut sink: Box<dyn Renderer>) -> Self {
        let mut out = Output::default();
        sink.ready(&Ready { begin: BEGIN, probes: 26 }, &mut out);
        Self {
            sink,
            out,
            shown: Vec::new(),
            time: BEGIN,
            session: Some(Arc::new(session(1, b"/proc/seqbugs/eof_stuck"))),
            read: None,
            task: Some(Arc::new(cat())),
            phase: Phase::First,
        }
    }

    /// Returns what the sink wrote for standard output.
    pub(crate) fn data(&self) -> &str {
        str::from_utf8(&self.out.data).unwrap()
    }

    pub(crate) fn emit(&mut self, what: UpdateKind) {
        let update = Update {
            time: self.time,
            cpu: 1,
            session: self.session.clone(),
            read: self.read,
            task: self.task.clone(),
            what,
        };
        self.forward(&update);
        self.time += 1_900;
    }

    pub(crate) fn forward(&mut self, update: &Update) {
        let shown = self.sink.update(update, &mut self.out);
        self.shown.push(shown);
    }

    pub(crate) fn refresh(&mut self) {
        self.sink.refresh(&mut self.out);
    }

    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.sink.resize(Size { columns, rows }, &mut self.out);
    }

    pub(crate) fn read(&mut self, number: u32, pos: i64, want: u64) {
        self.read = Some(number);
        self.phase = Phase::First;
        self.emit(UpdateKind::ReadBegin {
            pos,
            want,
            traverse_from: None,
            rewind: false,
            via: Some(Via::SeqRead),
            state: SeqState::default(),
        });
    }

    pub(crate) fn read_at(&mut self, number: u32, pos: i64, want: u64, core: i64) {
        self.read = Some(number);
        self.phase = Phase::Traverse;
        self.emit(UpdateKind::ReadBegin {
            pos,
            want,
            traverse_from: Some(core),
            rewind: false,
            via: Some(Via::ReadIter),
            state: SeqState { read_pos: core, ..SeqState::default() },
        });
    }

    pub(crate) fn callback(&mut self, change: impl FnOnce(&mut CallbackUpdate)) {
        let mut callback = CallbackUpdate {
            phase: self.phase,
            pass: 1,
            pos_in: Some(0),
            ret_int: None,
            size: Some(4096),
            duration: Some(212),
            fate: None,
            ..CallbackUpdate::observed(&Callback::new(1, Role::Show, 0))
        };
        change(&mut callback);
        self.emit(UpdateKind::Callback(callback));
    }

    pub(crate) fn start(&mut self, pos: i64, returned: Ptr) {
        self.callback(|callback| {
            callback.role = Role::Start;
            (callback.pos_in, callback.pos_out) = (Some(pos), pos);
            callback.ret_ptr = Some(returned);
        });
    }

    pub(crate) fn next(&mut self, from: i64, to: i64, v: Ptr, returned: Ptr) {
        self.callback(|callback| {
            callback.role = Role::Next;
            (callback.pos_in, callback.pos_out) = (Some(from), to);
            (callback.v, callback.ret_ptr) = (Some(v), Some(returned));
        });
    }

    pub(crate) fn show(&mut self, pos: i64, v: Ptr, bytes: u64, count: u64, fate: Fate) {
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

    pub(crate) fn stop(&mut self, pos: i64, v: Ptr) {
        self.callback(|callback| {
            callback.role = Role::Stop;
            (callback.pos_in, callback.pos_out) = (Some(pos), pos);
            callback.v = Some(v);
            callback.held = Some(10_240);
        });
    }

    pub(crate) fn read_end(&mut self, ret: i64, change: impl FnOnce(&mut ReadEnd)) {
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
        self.emit(UpdateKind::ReadEnd(Box::new(end)));
        self.read = None;
    }

    pub(crate) fn close(&mut self, totals: Totals) {
        self.emit(UpdateKind::Close {
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

    pub(crate) fn end(&mut self, summary: &Summary) {
        self.sink.end(summary, &mut self.out);
    }

    /// Renders a `cat` of three records of two bytes: open, two reads, close.
    pub(crate) fn cat(&mut self) {
        self.emit(UpdateKind::Open);
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
}
