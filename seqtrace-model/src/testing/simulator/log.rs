//! Events as the probes would emit them, each with the truth about it.

use std::collections::BTreeMap;

use crate::event::{Body, Event, Ptr, Role};
use crate::session::update::{Fate, Phase, Range, Totals};

/// Distance between two events, ns. Other threads' events fit in between.
pub const TICK: u64 = 100;

/// What is true of a callback and cannot be seen in its event.
#[derive(Clone, Debug)]
pub struct TrueCall {
    pub role: Role,
    pub phase: Phase,
    pub pass: u32,
    pub pos_in: i64,
    pub v: Option<Ptr>,
    pub bytes: u64,
    pub size: u64,
    pub duration: u64,
    pub held: u64,
    pub fate: Option<Fate>,
    pub range: Option<Range>,
    pub fixed_up: bool,
    /// Number of the read, if it was one that called.
    pub read: Option<u32>,
    /// Whose it is.
    pub tid: u32,
}

/// What is true of a read.
#[derive(Clone, Debug)]
pub struct TrueRead {
    pub leftover: u64,
    pub from_leftover: u64,
    pub eof: bool,
    pub totals: Totals,
}

/// A byte that the reader got.
#[derive(Clone, Copy, Debug)]
pub struct Delivered {
    /// File offset.
    pub offset: i64,
    /// Time of the event of the callback that wrote it; 0 where that is not known.
    pub call: u64,
    /// Which byte of that callback's output.
    pub nth: u32,
}

/// Everything that happened to a simulated session. Events are told apart by their times.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub now: u64,
    pub events: Vec<Event>,
    pub calls: BTreeMap<u64, TrueCall>,
    pub reads: BTreeMap<u64, TrueRead>,
    /// Time of an lseek's return, and what stayed in the buffer.
    pub lseeks: BTreeMap<u64, u64>,
    pub delivered: Vec<Delivered>,
    /// Bytes kept and never fetched.
    pub undelivered: u64,
}

impl Log {
    /// Emits an event; returns its time.
    pub fn emit(&mut self, body: Body) -> u64 {
        self.now += TICK;
        self.events.push(Event { time: self.now, cpu: 0, body });
        self.now
    }

    /// The truth about the callback that returned last.
    pub fn last_call(&mut self) -> &mut TrueCall {
        self.calls.get_mut(&self.now).expect("a callback returned last")
    }
}
