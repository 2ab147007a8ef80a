//! The heartbeat: seqtrace reads a file itself and examines whether the probes report it.
//!
//! The kernel can silence probes without an error. While kernel.ftrace_enabled is 0 no trampoline runs, while
//! /sys/kernel/debug/kprobes/enabled is 0 no kprobe does, and a live patch replaces the probed code. The trace then
//! looks like one of an idle machine. So a file is opened, read and closed when all probes are attached, at intervals,
//! and at the end. Its session has a number, unlike those of other files that seqtrace opens, so the same programs emit
//! the same events as for any reader. [`SESSION`](seqtrace_common::config::heartbeat::SESSION) marks the number: the
//! events are no part of the trace, whether they arrive in time, late or in part.

use std::{fs::File, io, io::Read as _, thread, time::Duration};

use super::{
    error::ProbeError,
    source::{Forward, REORDER_WINDOW_NS, Source},
};
use crate::{
    event::{Callback, Event, EventKind, FileKind, Key, Role},
    kernel::switches,
};

/// File that is read: every kernel with procfs has it, its records are cheap, and few programs read it, so that a probe
/// on its start() costs others nothing.
const FILE: &str = "/proc/devices";
/// Number of bytes to read. The first record is shorter, so that the core enters the loop that calls next().
const READ_BYTES: usize = 64;
/// Time between two heartbeats, ns.
const INTERVAL_NS: u64 = 1_000_000_000;
/// Time after which events that have not arrived are missing, ns. Records of the ring are read in order, and a program
/// that was preempted while it wrote one delays those behind it.
const PATIENCE_NS: u64 = 500_000_000;
/// Number of consecutive heartbeats without all events that prove silence. A single one may be a miss: the kernel runs
/// no program that it has interrupted on the same CPU.
const PROOF: u32 = 2;

/// Events of a heartbeat, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Signals(u16);

impl Signals {
    /// The trampolines on the functions of a session.
    const FUNCTIONS: Self = Self(0b1111);
    const PASS_BEGIN: Self = Self(1 << 4);
    /// The callbacks at the core's call sites.
    const CALLBACKS: Self = Self(0b1111 << 5);

    const NAMES: [&str; 9] = [
        "seq_open()",
        "entry of seq_read_iter()",
        "return of seq_read_iter()",
        "release",
        "call of start",
        "start",
        "next",
        "show",
        "stop",
    ];

    fn of(event: &EventKind) -> Option<(Key, Self)> {
        let (key, bit) = match event {
            EventKind::ReadEnter { key, .. } => (*key, 1),
            EventKind::ReadExit { key, .. } => (*key, 2),
            EventKind::Release { key, .. } => (*key, 3),
            EventKind::PassBegin { key, .. } => (*key, 4),
            EventKind::Callback(Callback { key, role, .. }) => match role {
                Role::Start => (*key, 5),
                Role::Next => (*key, 6),
                Role::Show => (*key, 7),
                Role::Stop => (*key, 8),
            },
            _ => return None,
        };
        Some((key, Self(1 << bit)))
    }

    fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the names of the events in `self` that `seen` lacks, separated by commas.
    fn missing(self, seen: Self) -> String {
        let missing = self.0 & !seen.0;
        let names = (0..).zip(Self::NAMES).filter(|(bit, _)| missing >> bit & 1 == 1);
        names.map(|(_, name)| name).collect::<Vec<_>>().join(", ")
    }
}

/// State of the heartbeat of a trace.
#[derive(Debug)]
pub(super) struct Heartbeat {
    /// Events that must arrive.
    expected: Signals,
    /// Events of the last heartbeat that have arrived.
    seen: Signals,
    /// Session of the last heartbeat whose open has arrived; 0: none has.
    key: Key,
    /// Address of the file's start(); 0: unknown.
    start: u64,
    /// Time of the heartbeat that is in progress, ns since boot; `None`: none is.
    sent: Option<u64>,
    /// Time of the next heartbeat, ns since boot.
    next: u64,
    /// True if the file could not be read, or the programs had no memory for its session or for one of its events:
    /// nothing is proved.
    refused: bool,
    /// Number of consecutive heartbeats without all events.
    failures: u32,
    /// Number of times that silence was proved.
    silences: u64,
}

/// Result of a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// All events arrived, or nothing is proved.
    Alive,
    /// All events arrived, for the first time after a silence.
    Recovered,
    /// Events are missing. Another heartbeat must confirm it.
    Doubtful,
    /// Events are missing again. `first`: true if the silence was not known before.
    Silent { first: bool },
}

impl Heartbeat {
    /// Creates the state before the first heartbeat. `core`: true if the core's call sites are probed.
    pub(super) fn new(core: bool) -> Self {
        let callbacks = Signals::PASS_BEGIN.with(Signals::CALLBACKS);
        let core = if core { callbacks } else { Signals::default() };
        Self {
            expected: Signals::FUNCTIONS.with(core),
            seen: Signals::default(),
            key: 0,
            start: 0,
            sent: None,
            next: 0,
            refused: false,
            failures: 0,
            silences: 0,
        }
    }

    /// Notes an event of a heartbeat. Those of an earlier heartbeat prove nothing.
    pub(super) fn observe(&mut self, event: &EventKind) {
        if let EventKind::Open(open) = event {
            if let FileKind::Seq { table, .. } = open.kind {
                self.start = table.start;
            }
            self.key = open.key;
            self.seen = if open.adopted { Signals::default() } else { Signals(1) };
        } else if let Some((key, signal)) = Signals::of(event)
            && key == self.key
        {
            self.seen = self.seen.with(signal);
        }
    }

    fn begin(&mut self, now: u64) {
        self.sent = Some(now);
        self.next = now.saturating_add(INTERVAL_NS);
        (self.seen, self.key, self.refused) = (Signals::default(), 0, false);
    }

    fn is_complete(&self) -> bool {
        self.expected.0 & !self.seen.0 == 0
    }

    /// Ends the heartbeat in progress.
    fn end(&mut self) -> Outcome {
        self.sent = None;
        if self.is_complete() {
            let silent = std::mem::take(&mut self.failures) >= PROOF;
            return if silent { Outcome::Recovered } else { Outcome::Alive };
        }
        if self.refused {
            return Outcome::Alive;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures < PROOF {
            return Outcome::Doubtful;
        }
        self.silences += 1;
        Outcome::Silent { first: self.failures == PROOF }
    }

    /// Describes the silence: its cause, if it is known, and the events that are missing.
    fn describe(&self) -> String {
        let missing = self.expected.missing(self.seen);
        match switches::switched_off() {
            Some(off) => format!("{} ({})", off.effect, off.remedy),
            None => format!("seqtrace read {FILE}, and these probes did not report it: {missing}"),
        }
    }
}

impl Source {
    /// Examines whether the probes fire, before the trace begins. Events of other files that arrive meanwhile are
    /// forwarded by the next [`fetch`](Self::fetch).
    ///
    /// # Errors
    /// [`ProbeError::Silent`] if the probes do not fire.
    pub(super) fn first_heartbeat(&mut self) -> Result<(), ProbeError> {
        let mut queue = std::mem::take(&mut self.queue);
        let forward = &mut |event: &Event| queue.push(event.clone());
        let mut silence = self.heartbeat_now(forward)?;
        // The callbacks of other files are probed when they are opened. This probe stands for them.
        if silence.is_none() && self.by_callback() && self.heartbeat.start != 0 {
            let start = self.heartbeat.start;
            if self.probes.attach_heartbeat(start) {
                self.heartbeat.expected = self.heartbeat.expected.with(Signals::PASS_BEGIN);
                silence = self.heartbeat_now(forward)?;
            }
        }
        self.queue = queue;
        match silence {
            Some(silence) => Err(ProbeError::Silent(silence)),
            None => Ok(()),
        }
    }

    /// Examines whether the probes fire, and waits for the result. Returns a description of the silence if they do not.
    ///
    /// # Errors
    /// A map cannot be read or written.
    pub(crate) fn heartbeat_now(&mut self, out: Forward<'_>) -> Result<Option<String>, ProbeError> {
        let before = self.heartbeat.silences;
        self.request_heartbeat();
        loop {
            let drained = !self.fetch(out);
            self.supervise(drained, out)?;
            if !self.is_heartbeat_pending() {
                break;
            }
            if drained {
                thread::sleep(Duration::from_millis(1));
            }
        }
        Ok((self.heartbeat.silences != before).then(|| self.heartbeat.describe()))
    }

    /// Makes the next heartbeat due.
    pub(crate) fn request_heartbeat(&mut self) {
        self.heartbeat.next = 0;
    }

    /// Returns true if a heartbeat is due at once or in progress.
    pub(crate) fn is_heartbeat_pending(&self) -> bool {
        self.heartbeat.sent.is_some() || self.heartbeat.next == 0
    }

    /// Returns the number of times that the probes were found silent.
    pub(crate) fn silences(&self) -> u64 {
        self.heartbeat.silences
    }

    /// Begins a heartbeat if one is due, and ends the one in progress if its events have arrived or are missing. A
    /// silence becomes a gap: open sessions are partial. `drained`: true if the ring was empty. Returns a description
    /// of a silence that was not known before.
    ///
    /// # Errors
    /// A map cannot be read or written.
    pub(crate) fn supervise(
        &mut self,
        drained: bool,
        out: Forward<'_>,
    ) -> Result<Option<String>, ProbeError> {
        let now = Self::now();
        let until = |source: &Self| if drained { now } else { source.last() };
        let Some(sent) = self.heartbeat.sent else {
            if now >= self.heartbeat.next {
                self.send_heartbeat(now)?;
            }
            return Ok(None);
        };
        let read = drained || self.last() > sent.saturating_add(REORDER_WINDOW_NS);
        let late = read && now > sent.saturating_add(PATIENCE_NS);
        if !self.heartbeat.is_complete() && !late {
            return Ok(None);
        }
        match self.heartbeat.end() {
            Outcome::Alive => {}
            Outcome::Doubtful => self.request_heartbeat(),
            // Sessions that began during the silence are partial, too.
            Outcome::Recovered => {
                self.forward_silence(until(self), out);
            }
            Outcome::Silent { first } => {
                self.forward_silence(until(self), out);
                return Ok(first.then(|| self.heartbeat.describe()));
            }
        }
        Ok(None)
    }

    fn send_heartbeat(&mut self, now: u64) -> Result<(), ProbeError> {
        self.heartbeat.begin(now);
        self.probes.begin_heartbeat()?;
        // It fails if this process has too many open files, for example.
        let read = read_file();
        self.heartbeat.refused = self.probes.end_heartbeat()? || read.is_err();
        Ok(())
    }
}

/// Opens the file, reads the first records and closes it. The release has run when this function returns.
fn read_file() -> io::Result<()> {
    let mut bytes = [0; READ_BYTES];
    File::open(FILE)?.read_exact(&mut bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the end of a heartbeat from which the events `seen` arrive.
    fn beat(heartbeat: &mut Heartbeat, seen: Signals) -> Outcome {
        heartbeat.begin(1);
        heartbeat.seen = seen;
        heartbeat.end()
    }

    #[test]
    fn only_repeated_failures_prove_silence() {
        let mut heart = Heartbeat::new(true);
        let (all, none) = (heart.expected, Signals::default());
        assert_eq!(beat(&mut heart, all), Outcome::Alive);
        assert_eq!(beat(&mut heart, none), Outcome::Doubtful);
        assert_eq!(beat(&mut heart, all), Outcome::Alive);
        assert_eq!(beat(&mut heart, Signals::FUNCTIONS), Outcome::Doubtful);
        assert_eq!(beat(&mut heart, none), Outcome::Silent { first: true });
        assert_eq!(beat(&mut heart, none), Outcome::Silent { first: false });
        assert_eq!(heart.silences, 2);
        heart.begin(1);
        heart.refused = true;
        assert_eq!(heart.end(), Outcome::Alive, "the events may have been lost");
        assert_eq!(beat(&mut heart, all), Outcome::Recovered);
    }

    #[test]
    fn events_of_an_earlier_heartbeat_prove_nothing() {
        let mut heart = Heartbeat::new(false);
        let kind = FileKind::Seq {
            m: 1,
            op: 2,
            table: crate::event::OpTable { start: 3, next: 4, show: 5, stop: 6 },
            private: 0,
            size: 0,
            inner: 0,
        };
        let open = |key| EventKind::Open(Box::new(crate::event::Open::new(key, kind)));
        let pass_begin = |key| {
            let (tid, index, size, count, from) = (1, 0, 0, 0, 0);
            EventKind::PassBegin { key, tid, index, size, count, from }
        };
        heart.begin(1);
        heart.observe(&pass_begin(6));
        assert_eq!(heart.seen, Signals::default());
        heart.observe(&open(6));
        heart.observe(&pass_begin(6));
        heart.observe(&open(7));
        assert_eq!((heart.seen, heart.start), (Signals(1), 3));
        heart.observe(&pass_begin(6));
        assert_eq!(heart.seen, Signals(1));
        heart.observe(&pass_begin(7));
        assert_eq!(heart.seen, Signals(1).with(Signals::PASS_BEGIN));
        assert_eq!(
            heart.expected.missing(heart.seen),
            "entry of seq_read_iter(), return of seq_read_iter(), release"
        );
    }
}
