//! A callback's object, written without serde.
//!
//! Nearly every line of a trace is one. Through serde it took 12,600 instructions, because flattened parts go through
//! maps (4159d78). The format is defined by [`super::object::Cb`], from which the schema is made. A test compares the
//! bytes of both.

use super::super::bounded::{BoundedLine, LineBuffer};
use super::super::chars::Chars;
use super::super::owner::LastOwner;
use super::super::style::Style;
use crate::event::{Ptr, PtrKind, Role};
use crate::session::update::{CallbackUpdate, Fate, Phase, Range, SessionId, Update};

/// Writes the objects of callbacks.
pub(super) struct CallbackWriter {
    buffer: LineBuffer,
    owner: LastOwner,
    /// What [`owner`] writes for the last owner.
    owner_text: Chars<128>,
}

impl Default for CallbackWriter {
    fn default() -> Self {
        let (buffer, owner) = (LineBuffer::default(), LastOwner::default());
        Self { buffer, owner, owner_text: Chars::new("") }
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
            let mut line = self.buffer.begin(style);
            owner(&mut line, update);
            self.owner_text = line.copy();
        }
        let mut line = self.buffer.begin(style);
        line.put(br#"{"type":"cb","v":1,"t":"#);
        if update.time < begin {
            line.put(b"-");
        }
        line.decimal(update.time.abs_diff(begin).min(i64::MAX.cast_unsigned()));
        line.put(br#","time":""#).decimal(update.time).chars(self.owner_text);
        call(&mut line, callback);
        result(&mut line, callback);
        outcome(&mut line, callback);
        out.extend_from_slice(line.bytes());
    }
}

/// `","cpu":1,"session":"s1","read":"s1.r1","pid":4123,"tid":4123`: at most 105 bytes.
fn owner(line: &mut BoundedLine<'_>, update: &Update) {
    line.put(br#"","cpu":"#).decimal(update.cpu.into());
    match update.session.as_ref().map(|session| session.id) {
        None => line.put(br#","session":null,"read":null"#),
        Some(SessionId(id)) => {
            line.put(br#","session":"s"#).decimal(id.into());
            match update.read {
                None => line.put(br#"","read":null"#),
                Some(read) => {
                    line.put(br#"","read":"s"#).decimal(id.into());
                    line.put(b".r").decimal(read.into()).put(b"\"")
                }
            }
        }
    };
    match &update.task {
        None => line.put(br#","pid":null,"tid":null"#),
        Some(task) => {
            line.put(br#","pid":"#).decimal(task.pid.into());
            line.put(br#","tid":"#).decimal(task.tid.into())
        }
    };
}

/// `,"role":"show","phase":"fill","pass":1,"pos_in":0,"pos_out":0`
#[inline]
fn call(line: &mut BoundedLine<'_>, callback: &CallbackUpdate) {
    match callback.role {
        Role::Start => line.put(br#","role":"start","phase":""#),
        Role::Next => line.put(br#","role":"next","phase":""#),
        Role::Show => line.put(br#","role":"show","phase":""#),
        Role::Stop => line.put(br#","role":"stop","phase":""#),
    };
    match callback.phase {
        Phase::Traverse => line.put(br#"traverse","pass":"#),
        Phase::First => line.put(br#"first","pass":"#),
        Phase::Fill => line.put(br#"fill","pass":"#),
        Phase::Unknown => line.put(br#"unknown","pass":"#),
    };
    line.decimal(callback.pass.into()).put(br#","pos_in":"#);
    match callback.pos_in {
        None => line.put(b"null"),
        Some(pos) => line.signed(pos),
    };
    line.put(br#","pos_out":"#).signed(callback.pos_out);
}

/// `,"ptr_in":"0xffff8881042a3000","ptr_out":null,"ret":0,"bytes":2,"count":2,"size":4096,"full":false,"duration":600`
#[inline]
fn result(line: &mut BoundedLine<'_>, callback: &CallbackUpdate) {
    line.put(br#","ptr_in":"#);
    pointer(line, callback.v);
    line.put(br#","ptr_out":"#);
    pointer(line, callback.ret_ptr);
    match callback.ret_int {
        None => line.put(br#","ret":null,"bytes":"#),
        Some(0) => line.put(br#","ret":0,"bytes":"#),
        Some(ret) => line.put(br#","ret":"#).signed(ret.into()).put(br#","bytes":"#),
    };
    number(line, callback.bytes);
    line.put(br#","count":"#).decimal(callback.count).put(br#","size":"#);
    number(line, callback.size);
    if callback.full {
        line.put(br#","full":true,"duration":"#);
    } else {
        line.put(br#","full":false,"duration":"#);
    }
    number(line, callback.duration);
}

/// `,"fate":"emitted","range":{"start":0,"end":2},"held":null,"fixed_up":false,"private":null}` and the end of the line.
#[inline]
fn outcome(line: &mut BoundedLine<'_>, callback: &CallbackUpdate) {
    let CallbackUpdate {
        // Written by `call` and `result`.
        role: _,
        phase: _,
        pass: _,
        pos_in: _,
        pos_out: _,
        v: _,
        ret_ptr: _,
        ret_int: _,
        bytes: _,
        count: _,
        size: _,
        full: _,
        duration: _,
        fate,
        range,
        held,
        fixed_up,
        private,
    } = callback;
    if let (None, None, None, false, None) = (fate, range, held, fixed_up, private) {
        // Most callbacks.
        line.put(
            b",\"fate\":null,\"range\":null,\"held\":null,\"fixed_up\":false,\"private\":null}\n",
        );
        return;
    }
    match fate {
        None => line.put(br#","fate":null,"range":"#),
        Some(Fate::Emitted) => line.put(br#","fate":"emitted","range":"#),
        Some(Fate::DiscardedOverflow) => line.put(br#","fate":"discarded_overflow","range":"#),
        Some(Fate::DiscardedTail) => line.put(br#","fate":"discarded_tail","range":"#),
        Some(Fate::Skipped) => line.put(br#","fate":"skipped","range":"#),
        Some(Fate::PassedOver) => line.put(br#","fate":"passed_over","range":"#),
        Some(Fate::Empty) => line.put(br#","fate":"empty","range":"#),
        Some(Fate::Failed) => line.put(br#","fate":"failed","range":"#),
        Some(Fate::Unknown) => line.put(br#","fate":"unknown","range":"#),
    };
    match range {
        None => line.put(b"null"),
        Some(Range { start, end }) => {
            line.put(br#"{"start":"#).signed(*start).put(br#","end":"#).signed(*end).put(b"}")
        }
    };
    line.put(br#","held":"#);
    number(line, *held);
    if *fixed_up {
        line.put(br#","fixed_up":true,"private":"#);
    } else {
        line.put(br#","fixed_up":false,"private":"#);
    }
    match private {
        None => line.put(b"null}\n"),
        Some(private) => line.put(b"\"0x").hex(*private).put(b"\"}\n"),
    };
}

#[inline]
fn number(line: &mut BoundedLine<'_>, value: Option<u64>) {
    match value {
        None => line.put(b"null"),
        Some(value) => line.decimal(value),
    };
}

/// Writes a pointer, by name where it has one, as [`super::text::Pointer`] does.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call takes 17 of the 60 instructions of a pointer")]
fn pointer(line: &mut BoundedLine<'_>, value: Option<Ptr>) {
    match value.map(Ptr::kind) {
        None => line.put(b"null"),
        Some(PtrKind::Record(value)) => line.put(b"\"0x").hex(value).put(b"\""),
        Some(PtrKind::Null) => line.put(br#""NULL""#),
        Some(PtrKind::Token) => line.put(br#""TOKEN""#),
        Some(PtrKind::Err(errno)) => {
            line.put(br#""ERR_PTR(-"#).decimal(errno.unsigned_abs().into()).put(br#")""#)
        }
    };
}
