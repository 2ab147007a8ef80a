//! Events as the probes would emit them, each with the truth about it.

use std::collections::BTreeMap;

use crate::event::{Body, Event, Ptr, Role};
use crate::session::update::{Fate, Phase, Range, Totals};

/// Distance between two events, ns. Other threads' events fit in between.
pub(crate) const TICK: u64 = 100;

/// What is true of a callback and cannot be seen in its event.
#[derive(Clone, Debug)]
pub(crate) struct TrueCall {
    pub(crate) role: Role,
    pub(crate) phase: Phase,
    pub(crate) pass: u32,
    pub(crate) pos_in: i64,
    pub(crate) v: Option<Ptr>,
    pub(crate) bytes: u64,
    pub(crate) size: u64,
    pub(crate) duration: u64,
    pub(crate) held: u64,
    pub(crate) fate: Option<Fate>,
    pub(crate) range: Option<Range>,
    pub(crate) fixed_up: bool,
    /// Number of the read, if it was one that called.
    pub(crate) read: Option<u32>,
    /// Whose it is.
    pub(crate) tid: u32,
}

/// What is true of a read.
#[derive(Clone, Debug)]
pub(crate) struct TrueRead {
    pub(crate) leftover: u64,
    pub(crate) from_leftover: u64,
    pub(crate) eof: bool,
    pub(crate) totals: Totals,
}

/// A byte that the reader got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivered {
    /// File offset.
    pub(crate) offset: i64,
    /// Time of the event of the callback that wrote it; 0 where that is not known.
    pub(crate) call: u64,
    /// Which byte of that callback's output.
    pub(crate) nth: u32,
}

/// Everything that happened to a simulated session. Events are told apart by their times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) now: u64,
    pub(crate) events: Vec<Event>,
    pub(crate) calls: BTreeMap<u64, TrueCall>,
    pub(crate) reads: BTreeMap<u64, TrueRead>,
    /// Time of an lseek's return, and what stayed in the buffer.
    pub(crate) lseeks: BTreeMap<u64, u64>,
    pub(crate) delivered: Vec<Delivered>,
    /// Bytes kept and never fetched.
    pub(crate) undelivered: u64,
}

impl Log {
    /// Emits an event; returns its time.
    pub(crate) fn emit(&mut self, body: Body) -> u64 {
        self.now += TICK;
        self.events.push(Event { time: self.now, cpu: 0, body });
        self.now
    }

    /// The truth about the callback that returned last.
    pub(crate) fn last_call(&mut self) -> &mut TrueCall {
        self.calls.get_mut(&self.now).expect("a callback returned last")
    }
}
