//! Writing a recording during a trace.

use std::{
    collections::HashSet,
    io::{self, Write},
};

use arrow_schema::ArrowError;

use super::{
    columns::Builders, dictionary::Kind, encode::Encoder, limits, metadata::Head,
    names::KnownNames, redact::Redactor,
};
use seqtrace_model::{
    event::{Callback, Event, EventKind, FileKind, Functions, Key, Open},
    pipeline::Fed,
    symbol::{Callbacks, SourceLine, Symbol},
    trace::{Ready, TargetInfo},
};

/// Longest time for which rows stay in memory, ns.
const AGE_LIMIT: u64 = 1_000_000_000;

/// Writer of a recording: the events of a trace, with the names and paths that were found for them.
pub struct Recorder {
    encoder: Encoder,
    output: Box<dyn Write>,
    /// True if the reading end of the output is closed (EPIPE).
    closed: bool,
    /// `None` if nothing is redacted.
    redactor: Option<Redactor>,
    /// Names that the recording contains.
    names: KnownNames,
    /// Open sessions that were not selected.
    hidden: HashSet<Key>,
    /// First error of the encoder, which the next [`Self::write`] returns.
    failed: Option<ArrowError>,
    /// Time of the first [`Self::write`] with pending rows, ns since boot.
    pending_since: Option<u64>,
    /// Time of the last event, ns since boot.
    time: u64,
    /// Number of events in the recording.
    pub(crate) events: u64,
    /// Number of bytes in the output.
    pub(crate) written: u64,
}

impl Recorder {
    /// Begins a recording.
    ///
    /// # Errors
    ///
    /// The output cannot be written.
    pub fn begin(output: impl Write + 'static, head: &Head) -> io::Result<Self> {
        let mut recorder = Self {
            encoder: Encoder::new(head).map_err(io::Error::other)?,
            output: Box::new(output),
            closed: false,
            redactor: None,
            names: KnownNames::default(),
            hidden: HashSet::new(),
            failed: None,
            pending_since: None,
            time: 0,
            events: 0,
            written: 0,
        };
        recorder.write_out()?;
        Ok(recorder)
    }

    /// Replaces names of files by hashes from now on, and drops previews. Pass [`Head::redacted`] to
    /// [`begin`](Self::begin).
    pub fn redact(&mut self) {
        self.redactor = Some(Redactor::default());
    }

    /// Records a target, after the names of its functions.
    pub fn target(&mut self, target: &TargetInfo) {
        let redacted = self.redactor.as_ref().map(|redactor| redactor.target(target));
        let target = redacted.as_ref().unwrap_or(target);
        if let Some(Callbacks { table, start, next, show, stop }) = &target.callbacks {
            for function in [start, next, show, stop] {
                self.name(Kind::Function, function);
            }
            if let Some(table) = table {
                self.name(Kind::Table, table);
            }
        }
        let time = self.time;
        self.push(|builders| builders.target(time, target));
    }

    /// Records that all probes are attached.
    pub fn ready(&mut self, ready: &Ready) {
        self.push(|builders| builders.ready(ready));
    }

    /// Records an event, after the names that it needs. `fed` is the result of the pipeline for this event.
    #[inline]
    pub fn event(&mut self, event: &Event, fed: Fed) {
        self.time = event.time;
        if !self.should_record(&event.body, fed) {
            return;
        }
        let redacted = match self.redactor.as_ref().map(|redactor| redactor.event(event)) {
            None => None,
            Some(None) => return,
            Some(redacted) => redacted,
        };
        let event = redacted.as_ref().unwrap_or(event);
        self.events += 1;
        let mut shown = None;
        match &event.body {
            EventKind::Open(open) => {
                if let Fed::Opened { shown: selected } = fed {
                    shown = Some(selected);
                    if selected {
                        self.hidden.remove(&open.key);
                    } else if open.ret >= 0 {
                        // The number of an open that failed may be that of another session.
                        self.hidden.insert(open.key);
                    }
                }
                self.names_of(open);
            }
            EventKind::Blind { function, .. } => self.name(Kind::Function, function),
            _ => {}
        }
        self.push(|builders| builders.event(event, shown));
    }

    /// Records the names of an open's functions.
    fn names_of(&mut self, open: &Open) {
        if open.own {
            return;
        }
        match &open.functions {
            Functions::None => {}
            Functions::Callbacks(callbacks) => {
                let Callbacks { table, start, next, show, stop } = callbacks;
                if let FileKind::Seq { op, inner, .. } = open.kind {
                    self.name(Kind::Table, table.as_ref().unwrap_or(&Symbol::unnamed(op)));
                    if inner != 0 && show.address != inner {
                        self.name(Kind::Function, &Symbol::unnamed(inner));
                    }
                }
                for function in [start, next, show, stop] {
                    self.name(Kind::Function, function);
                }
            }
            Functions::Handlers(handlers) => {
                for handler in handlers {
                    self.name(Kind::Function, handler);
                }
            }
        }
    }

    /// Returns true if an event is recorded. For a session that was not selected, these are its open and its release:
    /// they count where sessions are numbered. After a limit was reached, only losses are recorded.
    fn should_record(&mut self, body: &EventKind, fed: Fed) -> bool {
        let key = match body {
            EventKind::Gap { .. } => return true,
            _ if fed == Fed::Ignored => return false,
            EventKind::Release { key, .. } | EventKind::OpenFailed { key, .. } => {
                self.hidden.remove(key);
                return true;
            }
            EventKind::Open(_) | EventKind::Blind { .. } | EventKind::TableAttached { .. } => {
                return true;
            }
            EventKind::ReadEnter { key, .. }
            | EventKind::ReadExit { key, .. }
            | EventKind::LseekEnter { key, .. }
            | EventKind::LseekExit { key, .. }
            | EventKind::PassBegin { key, .. }
            | EventKind::Callback(Callback { key, .. })
            | EventKind::Preview { key, .. }
            | EventKind::Write { key, .. }
            | EventKind::PlainRead { key, .. } => key,
        };
        !self.hidden.contains(key)
    }

    /// Records the line at which a function is defined. A redacted recording has no names of files.
    pub(crate) fn source(&mut self, function: &Symbol, source: &SourceLine) {
        let Symbol { address, name: Some(name), .. } = function else { return };
        let fits = source.file.len() <= limits::PATH;
        if fits && self.redactor.is_none() && self.names.learn_source(*address, name, source) {
            let time = self.time;
            self.push(|builders| builders.source(time, *address, name, source));
        }
    }

    /// Records the end of the trace, and writes out all that is pending. `time`: ns since boot; `missed`: number of
    /// missed probe hits.
    ///
    /// # Errors
    ///
    /// The output cannot be written, or an event could not be encoded.
    pub fn end(&mut self, time: u64, missed: u64) -> io::Result<()> {
        self.push(|builders| builders.end(time, missed));
        self.encoder.finish().map_err(io::Error::other)?;
        self.write_out()
    }

    /// Writes out full batches, and pending rows if they are a second old at `now` (ns since boot). If this process is
    /// killed, no more than that second is lost. Returns false if the reading end of the output is closed.
    ///
    /// # Errors
    ///
    /// The output cannot be written, or an event could not be encoded.
    pub fn write(&mut self, now: u64) -> io::Result<bool> {
        if self.encoder.is_pending() {
            let since = *self.pending_since.get_or_insert(now);
            if now.saturating_sub(since) >= AGE_LIMIT {
                self.pending_since = None;
                self.encoder.end_batch().map_err(io::Error::other)?;
            }
        } else {
            self.pending_since = None;
        }
        self.write_out()?;
        Ok(!self.closed)
    }

    fn name(&mut self, kind: Kind, symbol: &Symbol) {
        let KnownNames { functions, tables, .. } = &mut self.names;
        let names = if kind == Kind::Table { tables } else { functions };
        if names.learn(symbol) {
            let time = self.time;
            self.push(|builders| builders.name(time, kind, symbol));
        }
    }

    #[inline]
    fn push(&mut self, put: impl FnOnce(&mut Builders)) {
        if let Err(error) = self.encoder.push(put) {
            self.failed.get_or_insert(error);
        }
    }

    fn write_out(&mut self) -> io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(io::Error::other(error));
        }
        let bytes = self.encoder.bytes();
        if !bytes.is_empty() && !self.closed {
            match self.output.write_all(bytes).and_then(|()| self.output.flush()) {
                Ok(()) => self.written += u64::try_from(bytes.len()).unwrap_or(0),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
                Err(error) => return Err(error),
            }
        }
        bytes.clear();
        Ok(())
    }
}
