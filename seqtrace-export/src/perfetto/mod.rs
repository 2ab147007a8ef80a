//! The native format of [Perfetto](https://perfetto.dev), for <https://ui.perfetto.dev> and trace_processor.
//!
//! ```text
//! cat (process)
//!   cat 4123 (thread)     ▐ read ────────────────────▌      slices that nest: reads and lseeks, their passes,
//!                          ▐ pass ───────────────▌          and the callbacks of a pass
//!                           ▐start▌▐show▌▐next▌…
//! /proc/net/tcp (file)
//!   sessions              ▐ s3 cat ───────────────────▌     one slice from open to close
//!     position  buffer fill  bytes delivered                counters of these sessions
//!   sessions 2            …                                 sessions that overlap those of the first track
//! lost events of CPU 1    ▐ 37 events lost ▌
//! ```
//!
//! A session is not a slice of a thread: one thread can have two files open at once, and two threads can share one open
//! file, but the slices of a track must nest.
//!
//! Each open session has a `Sequence` of packets, whose defaults are the thread that reads and the session's counters.

mod callbacks;
mod calls;
mod findings;
mod messages;
mod sequence;
#[cfg(test)]
mod tests;
mod tracks;

use std::io::{self, Write};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use seqtrace_model::finding::Id;
use seqtrace_model::session::update::{self, SessionId, Summary, Update, UpdateKind};
use seqtrace_model::trace::{Header, Ready, Shown, Sink};

use self::messages::{
    BOOTTIME, Clock, ClockSnapshot, INSTANT, MONOTONIC, Packet, REALTIME, SLICE_BEGIN, SLICE_END,
    Value,
};
use self::sequence::{Arguments, Event, GLOBAL, Name, Sequence, append};
use self::tracks::{Lane, Slice, TrackId, Tracks};
use crate::names::{self, text};

/// Writes a trace in Perfetto's format.
#[derive(Debug, Default)]
pub struct Perfetto {
    /// Bytes that are not written out yet.
    bytes: Vec<u8>,
    header: Header,
    /// Wall clock when CLOCK_MONOTONIC was 0, ns since 1970 (UTC).
    wall_at_boot: i64,
    /// CLOCK_BOOTTIME minus CLOCK_MONOTONIC, ns; `None`: unknown.
    suspended: Option<u64>,
    /// The parts of the trace; `None` until the first time is known.
    trace: Option<Trace>,
}

/// A trace of which the first time is known.
#[derive(Debug)]
struct Trace {
    /// First time, at which the clocks of all sequences begin, ns since boot. Snapshots of clocks must not go back.
    first: u64,
    /// Time of the last update, ns since boot.
    last: u64,
    global: Sequence,
    /// Track of events that belong to no file.
    notes: u64,
    tracks: Tracks,
    sessions: FxHashMap<SessionId, Session>,
    sequences: Vec<Sequence>,
    /// Indices of sequences without an open session.
    free: Vec<usize>,
    /// Time of the last update of each CPU, ns since boot.
    cpus: FxHashMap<u16, u64>,
    /// Number of flows so far, from which their ids are made.
    flows: u64,
    /// The session that the last update closed. Findings about it may follow.
    closing: Option<Closing>,
}

/// The end of a session.
#[derive(Debug)]
struct Closing {
    session: Arc<update::Session>,
    /// Time at which it was closed, ns since boot.
    time: u64,
    arguments: Arguments,
}

/// State of an open session.
#[derive(Debug)]
struct Session {
    /// Index of its sequence.
    sequence: usize,
    lane: Lane,
    /// Track of events that name none.
    default: TrackId,
    /// Tracks on which slices of the session may be open.
    tracks: FxHashSet<TrackId>,
    /// Value of `m->index` after the last callback.
    position: i64,
    /// Sum of the bytes that reads returned.
    delivered: i64,
    /// Flow of the first finding of each rule.
    findings: Vec<(Id, u64)>,
}

impl Perfetto {
    /// Makes the trace of a recording. `wall_at_boot`: wall clock when CLOCK_MONOTONIC was 0, ns since 1970 (UTC).
    /// `suspended`: time that the machine was suspended since it booted, ns; `None`: unknown.
    pub fn new(wall_at_boot: i64, suspended: Option<u64>) -> Self {
        Self { wall_at_boot, suspended, ..Self::default() }
    }

    /// Writes the finished packets out.
    ///
    /// # Errors
    ///
    /// `out` cannot be written.
    pub fn flush(&mut self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }

    /// Ends the trace. `is_cut`: the recording ends before the end of its trace, which gets a mark.
    ///
    /// # Errors
    ///
    /// `out` cannot be written.
    pub fn finish(mut self, is_cut: bool, out: &mut impl Write) -> io::Result<()> {
        // Even a trace without a time has a mark.
        let time = self.trace.as_ref().map_or(0, |trace| trace.last);
        let (trace, bytes) = self.trace(time);
        trace.close_session(bytes);
        trace.end_all(bytes);
        if is_cut {
            let name = Name::Fixed("the recording is cut off here");
            trace.note(time, name, Arguments::new(), bytes);
        }
        self.flush(out)
    }

    /// Begins the trace at `time`, ns since boot, unless it has begun.
    fn trace(&mut self, time: u64) -> (&mut Trace, &mut Vec<u8>) {
        let Self { bytes, header, wall_at_boot, suspended, trace } = self;
        let trace = trace.get_or_insert_with(|| {
            snapshot(time, *wall_at_boot, *suspended, bytes);
            let mut trace = Trace::begin(time, *wall_at_boot, bytes);
            let words: Vec<String> = header.command.iter().map(|word| text(word)).collect();
            let arguments = vec![
                ("version", Value::Text(text(header.version.as_bytes()))),
                ("kernel", Value::Text(text(header.kernel.as_bytes()))),
                ("machine", Value::Text(text(header.machine.as_bytes()))),
                ("backend", Value::Text(text(header.backend.as_bytes()))),
                ("command", Value::Text(words.join(" "))),
            ];
            trace.note(time, Name::Fixed("circumstances"), arguments, bytes);
            trace
        });
        (trace, bytes)
    }
}

impl Sink for Perfetto {
    fn header(&mut self, header: &Header) {
        self.header = header.clone();
    }

    fn ready(&mut self, ready: &Ready) {
        let Ready { begin, probes } = *ready;
        let (trace, out) = self.trace(begin);
        let arguments = vec![("probes", Value::Int(probes.into()))];
        trace.note(begin, Name::Fixed("all probes are attached"), arguments, out);
    }

    fn update(&mut self, update: &Update) -> Shown {
        let (trace, out) = self.trace(update.time);
        trace.update(update, out);
        Shown::No
    }

    fn end(&mut self, summary: &Summary) {
        let Some(trace) = &mut self.trace else { return };
        if summary.missed > 0 {
            let missed = Value::Int(summary.missed.try_into().unwrap_or(i64::MAX));
            let name = Name::Fixed("probe hits were missed");
            trace.note(trace.last, name, vec![("missed", missed)], &mut self.bytes);
        }
    }
}

/// Writes what the clocks showed at one time.
fn snapshot(time: u64, wall_at_boot: i64, suspended: Option<u64>, out: &mut Vec<u8>) {
    let clock =
        |id, timestamp| Clock { id: Some(id), timestamp: Some(timestamp), is_incremental: None };
    let mut clocks =
        vec![clock(MONOTONIC, time), clock(REALTIME, time.saturating_add_signed(wall_at_boot))];
    clocks.extend(suspended.map(|suspended| clock(BOOTTIME, time.saturating_add(suspended))));
    let snapshot = ClockSnapshot { clocks, primary_trace_clock: Some(MONOTONIC) };
    let packet = Packet {
        trusted_packet_sequence_id: Some(GLOBAL),
        timestamp: Some(time),
        timestamp_clock_id: Some(MONOTONIC),
        clock_snapshot: Some(snapshot),
        ..Packet::default()
    };
    append(&packet, out);
}

impl Trace {
    fn begin(time: u64, wall_at_boot: i64, out: &mut Vec<u8>) -> Self {
        let global = Sequence::begin(GLOBAL, time, out);
        let mut tracks = Tracks::new(time ^ wall_at_boot.cast_unsigned());
        let notes = tracks.plain("seqtrace".to_owned(), None, out);
        Self {
            first: time,
            last: time,
            global,
            notes,
            tracks,
            sessions: FxHashMap::default(),
            sequences: Vec::new(),
            free: Vec::new(),
            cpus: FxHashMap::default(),
            flows: 0,
            closing: None,
        }
    }

    fn update(&mut self, update: &Update, out: &mut Vec<u8>) {
        let Update { time, cpu, session, .. } = update;
        if !matches!(update.what, UpdateKind::Finding(_)) {
            self.close_session(out);
        }
        match &update.what {
            UpdateKind::Gap { lost, sessions } => self.gap(update, *lost, sessions, out),
            UpdateKind::Blind { function, role, reason } => {
                let arguments = vec![
                    ("function", Value::Text(names::function(function))),
                    ("role", Value::Text(role.name().to_owned())),
                    ("reason", Value::Text(text(reason.as_bytes()))),
                ];
                self.note(*time, Name::Fixed("callback cannot be traced"), arguments, out);
            }
            UpdateKind::OpenFailed { ret } => {
                if let Some(session) = session {
                    let track = self.tracks.file(&session.path, out).uuid;
                    let name = Name::Fixed("open failed");
                    let arguments = vec![
                        ("ret", Value::Int((*ret).into())),
                        ("comm", Value::Text(text(&session.opener.comm))),
                        ("pid", Value::Int(session.opener.pid.into())),
                    ];
                    self.global.event(instant(track, *time, name, arguments), out);
                }
            }
            _ => {
                if let Some(session) = session {
                    self.open(session, *time, out);
                    self.session_update(session, update, out);
                }
            }
        }
        self.last = self.last.max(*time);
        self.cpus.insert(*cpu, *time);
    }

    /// Begins a session, unless it has begun.
    fn open(&mut self, session: &update::Session, time: u64, out: &mut Vec<u8>) {
        if self.sessions.contains_key(&session.id) {
            return;
        }
        let lane = self.tracks.lane(&session.path, out);
        let sequence = self.free.pop().unwrap_or_else(|| {
            let number = u32::try_from(self.sequences.len()).unwrap_or(u32::MAX - 2);
            self.sequences.push(Sequence::begin(GLOBAL + 1 + number, self.first, out));
            self.sequences.len() - 1
        });
        let opener = self.tracks.thread(&session.opener, out);
        let state = Session {
            sequence,
            lane,
            default: opener,
            tracks: FxHashSet::default(),
            position: 0,
            delivered: 0,
            findings: Vec::new(),
        };
        self.sessions.insert(session.id, state);
        self.set_default(session.id, opener, out);
        let opener = &session.opener;
        let name = format!("s{} {}", session.id.0, text(&opener.comm));
        let mut arguments = vec![
            ("pid", Value::Int(opener.pid.into())),
            ("tid", Value::Int(opener.tid.into())),
            ("uid", Value::Int(opener.uid.into())),
            ("opened_by", Value::Text(session.opened_by.name().to_owned())),
            ("adopted", Value::Bool(session.adopted)),
        ];
        let callbacks = session.callbacks.as_ref();
        arguments.extend(names::module(session).map(|module| ("module", Value::Text(module))));
        arguments.extend(callbacks.into_iter().flat_map(|callbacks| {
            let functions = [&callbacks.start, &callbacks.next, &callbacks.show, &callbacks.stop];
            let words = ["start", "next", "show", "stop"].into_iter();
            words.zip(functions.map(|function| Value::Text(names::function(function))))
        }));
        // A session that was open before has a position and bytes in its buffer.
        let counters: &[i64] = if session.adopted { &[] } else { &[0, 0, 0] };
        let details = Details { name: Name::Text(name), arguments, counters };
        self.begin_slice(session.id, lane.track, Slice::Session, time, details, out);
    }

    /// Sets the default track of a session's events.
    fn set_default(&mut self, id: SessionId, track: TrackId, out: &mut Vec<u8>) {
        if let Some(session) = self.sessions.get_mut(&id)
            && let Some(sequence) = self.sequences.get_mut(session.sequence)
            && let Some(slices) = self.tracks.get(track)
        {
            session.default = track;
            sequence.set_defaults(slices.uuid, &session.lane.counters, out);
        }
    }

    /// Writes an event that belongs to no file.
    fn note(&mut self, time: u64, name: Name, arguments: Arguments, out: &mut Vec<u8>) {
        self.global.event(instant(self.notes, time, name, arguments), out);
    }

    /// Writes lost events as a slice that begins with the last update that the CPU had before.
    fn gap(&mut self, update: &Update, lost: u64, sessions: &[SessionId], out: &mut Vec<u8>) {
        let Update { time, cpu, .. } = update;
        let track = self.tracks.loss(*cpu, out);
        let begin = self.cpus.get(cpu).copied().unwrap_or(*time).min(*time);
        let ids: Vec<String> = sessions.iter().map(|id| format!("s{}", id.0)).collect();
        let arguments = vec![
            ("lost", Value::Int(lost.try_into().unwrap_or(i64::MAX))),
            ("sessions", Value::Text(ids.join(" "))),
        ];
        let name = Name::Text(format!("{lost} events lost"));
        let begin = Event { kind: SLICE_BEGIN, ..instant(track, begin, name, arguments) };
        self.global.event(begin, out);
        let end = instant(track, *time, Name::None, Arguments::new());
        self.global.event(Event { kind: SLICE_END, ..end }, out);
    }
}

/// Details of an event. The end of a slice has no name.
struct Details<'a> {
    name: Name,
    arguments: Arguments,
    counters: &'a [i64],
}

impl Details<'_> {
    fn new(name: &'static str, arguments: Arguments) -> Self {
        Self { name: Name::Fixed(name), arguments, counters: &[] }
    }
}

/// Makes an event without duration.
fn instant<'a>(track: u64, time: u64, name: Name, arguments: Arguments) -> Event<'a> {
    Event { kind: INSTANT, track, time, name, arguments, counters: &[], flows: Vec::new() }
}
