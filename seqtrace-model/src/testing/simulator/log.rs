//! Log of a simulation: events as the probes would emit them, each with the truth about it.

use std::collections::BTreeMap;

use crate::event::{Event, EventKind, Ptr, Role};
use crate::session::update::{Fate, Phase, Range, Totals};

/// Distance between two events, ns. Events of other threads fit in between.
pub const TICK: u64 = 100;

/// Truth about a callback that its event does not show.
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
    /// Number of the read that called it; `None` for an lseek.
    pub read: Option<u32>,
    /// Thread that called it.
    pub tid: u32,
}

/// Truth about a read.
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
    /// File offset of the byte.
    pub offset: i64,
    /// Time of the return of the callback that wrote it; 0 if unknown.
    pub call: u64,
    /// Index of the byte in the output of that callback.
    pub nth: u32,
}

/// Events of a simulated session, and the truth about them. A time identifies an event.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub now: u64,
    pub events: Vec<Event>,
    pub calls: BTreeMap<u64, TrueCall>,
    pub reads: BTreeMap<u64, TrueRead>,
    /// Number of bytes that stayed in the buffer after each lseek, by the time of its return.
    pub lseeks: BTreeMap<u64, u64>,
    pub delivered: Vec<Delivered>,
    /// Number of bytes that the core kept and that no read fetched.
    pub undelivered: u64,
}

impl Log {
    /// Emits an event and returns its time.
    pub fn emit(&mut self, body: EventKind) -> u64 {
        self.now += TICK;
        self.events.push(Event { time: self.now, cpu: 0, body });
        self.now
    }

    /// Returns the truth about the callback that returned last.
    pub fn last_call(&mut self) -> &mut TrueCall {
        self.calls.get_mut(&self.now).expect("a callback returned last")
    }
}
