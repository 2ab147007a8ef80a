//! A callback's object, written without serde.
//!
//! Nearly every line of a trace is one. Through serde it took 12,600 instructions, because flattened parts go through
//! maps (4159d78). The format is defined by [`Cb`], from which the schema is made. A test compares the bytes of both.

use schemars::JsonSchema;
use serde::Serialize;

use super::super::chars::Chars;
use super::super::line::Line;
use super::super::owner::LastOwner;
use super::super::pieces::Window;
use super::super::style::Style;
use super::object::{self, At, Of, mirror};
use super::text::{Address, Pointer};
use crate::event::{Ptr, PtrKind, Role};
use crate::session::update::{self, CallbackUpdate, Fate, Phase, Range, SessionId, Update};

mirror! {
    /// A callback returned.
    struct Cb
    with {
        #[serde(flatten)]
        at: At,
    }
    of update::CallbackUpdate {
        role: object::Role,
        phase: object::Phase,
        /// Which start … stop of the session, from 1.
        pass: u32,
        /// m->index on entry.
        pos_in: Option<i64>,
        /// m->index on return.
        pos_out: i64,
        /// The record given to next, show and stop.
        ptr_in = v: Option<Pointer>,
        /// The record returned by start and next.
        ptr_out = ret_ptr: Option<Pointer>,
        /// What show returned.
        ret = ret_int: Option<i32>,
        /// Bytes written; the sum over fate "emitted" is what the reads of a whole file return.
        bytes: Option<u64>,
        /// m->count on return.
        count: u64,
        /// m->size on return.
        size: Option<u64>,
        /// What was rendered did not fit.
        full: bool,
        duration: Option<u64>,
        /// What became of what show rendered.
        fate: Option<object::Fate>,
        /// File offsets of what was emitted or passed over.
        range: Option<object::Range>,
        /// stop: ns since start was called.
        held: Option<u64>,
        /// next left the position alone and the core added 1.
        fixed_up: bool,
        /// start: m->private on return.
        private: Option<Address>,
    }
}

/// Writes the objects of callbacks.
pub(super) struct CallbackWriter {
    window: Window,
    owner: LastOwner,
    /// Text that [`owner`] writes for the last owner.
    owner_text: Chars<128>,
}

impl Default for CallbackWriter {
    fn default() -> Self {
        let (window, owner) = (Window::default(), LastOwner::default());
        Self { window, owner, owner_text: Chars::new("") }
    }
}

impl CallbackWriter {
    /// Appends the line of a callback. `begin` is the zero of relative times, ns since boot.
    pub(super) fn write(
        &mut self,
        begin: u64,
        update: &Update,
        callback: &CallbackUpdate,
        out: &mut Vec<u8>,
    ) {
        let style = Style::new(false, true);
        if self.owner.changes_with(update) {
            let mut line = Line::new(out, &mut self.window, style);
            owner(&mut line, update);
            self.owner_text = line.copy();
        }
        let mut line = Line::new(out, &mut self.window, style);
        line.piece(br#"{"type":"cb","v":1,"t":"#);
        if update.time < begin {
            line.piece(b"-");
        }
        line.decimal(update.time.abs_diff(begin).min(i64::MAX.cast_unsigned()));
        line.piece(br#","time":""#).decimal(update.time).chars(self.owner_text);
        call(&mut line, callback);
        result(&mut line, callback);
        outcome(&mut line, callback);
        line.flush();
    }
}

/// Writes `","cpu":1,"session":"s1","read":"s1.r1","pid":4123,"tid":4123`: at most 105 bytes.
fn owner(line: &mut Line<'_>, update: &Update) {
    line.piece(br#"","cpu":"#).decimal(update.cpu.into());
    match update.session.as_ref().map(|session| session.id) {
        None => line.piece(br#","session":null,"read":null"#),
        Some(SessionId(id)) => {
            line.piece(br#","session":"s"#).decimal(id.into());
            match update.read {
                None => line.piece(br#"","read":null"#),
                Some(read) => {
                    line.piece(br#"","read":"s"#).decimal(id.into());
                    line.piece(b".r").decimal(read.into()).piece(b"\"")
                }
            }
        }
    };
    match &update.task {
        None => line.piece(br#","pid":null,"tid":null"#),
        Some(task) => {
            line.piece(br#","pid":"#).decimal(task.pid.into());
            line.piece(br#","tid":"#).decimal(task.tid.into())
        }
    };
}

/// Writes the keys that identify the call: `,"role":"show","phase":"fill","pass":1,"pos_in":0,"pos_out":0`.
#[inline]
fn call(line: &mut Line<'_>, callback: &CallbackUpdate) {
    match callback.role {
        Role::Start => line.piece(br#","role":"start","phase":""#),
        Role::Next => line.piece(br#","role":"next","phase":""#),
        Role::Show => line.piece(br#","role":"show","phase":""#),
        Role::Stop => line.piece(br#","role":"stop","phase":""#),
    };
    match callback.phase {
        Phase::Traverse => line.piece(br#"traverse","pass":"#),
        Phase::First => line.piece(br#"first","pass":"#),
        Phase::Fill => line.piece(br#"fill","pass":"#),
        Phase::Unknown => line.piece(br#"unknown","pass":"#),
    };
    line.decimal(callback.pass.into()).piece(br#","pos_in":"#);
    match callback.pos_in {
        None => line.piece(b"null"),
        Some(pos) => line.signed(pos),
    };
    line.piece(br#","pos_out":"#).signed(callback.pos_out);
}

/// Writes arguments, results and cost of the call:
/// `,"ptr_in":"0xffff8881042a3000","ptr_out":null,"ret":0,"bytes":2,"count":2,"size":4096,"full":false,"duration":600`
#[inline]
fn result(line: &mut Line<'_>, callback: &CallbackUpdate) {
    line.piece(br#","ptr_in":"#);
    pointer(line, callback.v);
    line.piece(br#","ptr_out":"#);
    pointer(line, callback.ret_ptr);
    match callback.ret_int {
        None => line.piece(br#","ret":null,"bytes":"#),
        Some(0) => line.piece(br#","ret":0,"bytes":"#),
        Some(ret) => line.piece(br#","ret":"#).signed(ret.into()).piece(br#","bytes":"#),
    };
    number(line, callback.bytes);
    line.piece(br#","count":"#).decimal(callback.count).piece(br#","size":"#);
    number(line, callback.size);
    if callback.full {
        line.piece(br#","full":true,"duration":"#);
    } else {
        line.piece(br#","full":false,"duration":"#);
    }
    number(line, callback.duration);
}

/// Writes what the core did next, and the end of the line:
/// `,"fate":"emitted","range":{"start":0,"end":2},"held":null,"fixed_up":false,"private":null}`.
#[inline]
fn outcome(line: &mut Line<'_>, callback: &CallbackUpdate) {
    let CallbackUpdate { fate, range, held, fixed_up, private, .. } = callback;
    if let (None, None, None, false, None) = (fate, range, held, fixed_up, private) {
        // Most callbacks.
        line.piece(
            b",\"fate\":null,\"range\":null,\"held\":null,\"fixed_up\":false,\"private\":null}\n",
        );
        return;
    }
    match fate {
        None => line.piece(br#","fate":null,"range":"#),
        Some(Fate::Emitted) => line.piece(br#","fate":"emitted","range":"#),
        Some(Fate::DiscardedOverflow) => line.piece(br#","fate":"discarded_overflow","range":"#),
        Some(Fate::DiscardedTail) => line.piece(br#","fate":"discarded_tail","range":"#),
        Some(Fate::Skipped) => line.piece(br#","fate":"skipped","range":"#),
        Some(Fate::PassedOver) => line.piece(br#","fate":"passed_over","range":"#),
        Some(Fate::Empty) => line.piece(br#","fate":"empty","range":"#),
        Some(Fate::Failed) => line.piece(br#","fate":"failed","range":"#),
        Some(Fate::Unknown) => line.piece(br#","fate":"unknown","range":"#),
    };
    match range {
        None => line.piece(b"null"),
        Some(Range { start, end }) => {
            line.piece(br#"{"start":"#).signed(*start).piece(br#","end":"#).signed(*end).piece(b"}")
        }
    };
    line.piece(br#","held":"#);
    number(line, *held);
    if *fixed_up {
        line.piece(br#","fixed_up":true,"private":"#);
    } else {
        line.piece(br#","fixed_up":false,"private":"#);
    }
    match private {
        None => line.piece(b"null}\n"),
        Some(private) => line.piece(b"\"0x").hex(*private).piece(b"\"}\n"),
    };
}

#[inline]
fn number(line: &mut Line<'_>, value: Option<u64>) {
    match value {
        None => line.piece(b"null"),
        Some(value) => line.decimal(value),
    };
}

/// Writes a pointer, by name where it has one, as [`super::text::Pointer`] does.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call takes 17 of the 60 instructions of a pointer")]
fn pointer(line: &mut Line<'_>, value: Option<Ptr>) {
    match value.map(Ptr::kind) {
        None => line.piece(b"null"),
        Some(PtrKind::Record(value)) => line.piece(b"\"0x").hex(value).piece(b"\""),
        Some(PtrKind::Null) => line.piece(br#""NULL""#),
        Some(PtrKind::Token) => line.piece(br#""TOKEN""#),
        Some(PtrKind::Err(errno)) => {
            line.piece(br#""ERR_PTR(-"#).decimal(errno.unsigned_abs().into()).piece(br#")""#)
        }
    };
}
