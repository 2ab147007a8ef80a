//! Recording a trace while it goes on.

use std::{
    collections::HashSet,
    fmt,
    io::{self, Write},
};

use arrow_schema::ArrowError;

use super::{columns::Row, encode::Encoder, head::Head, item::Item, names::KnownNames, row::Kind};
use seqtrace_model::{
    event::{Body, Callback, Event, FileKind, Functions, Key, Open},
    pipeline::Fed,
    symbol::{Callbacks, Symbol},
    trace::{Ready, TargetInfo},
};

/// After so many ns at most, what was recorded is written out.
const AGE_LIMIT: u64 = 1_000_000_000;

/// Writes a recording: a trace's events, and the answers that the session model got about them.
pub struct Recorder {
    encoder: Encoder,
    output: Box<dyn Write>,
    /// Nobody reads it any more.
    closed: bool,
    /// Names that the recording has already.
    names: KnownNames,
    /// Open sessions that are not shown.
    hidden: HashSet<Key>,
    /// What could not be encoded: [`Self::write`] says so.
    failed: Option<ArrowError>,
    /// Since when rows have been waiting, ns since boot.
    waiting: Option<u64>,
    /// Of the last event, ns since boot.
    time: u64,
    events: u64,
    written: u64,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("events", &self.events).finish_non_exhaustive()
    }
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
            names: KnownNames::default(),
            hidden: HashSet::new(),
            failed: None,
            waiting: None,
            time: 0,
            events: 0,
            written: 0,
        };
        recorder.write_out()?;
        Ok(recorder)
    }

    /// Records a target.
    pub fn target(&mut self, target: &TargetInfo) {
        let TargetInfo { word, callbacks, note } = target;
        let mut row = Row {
            time: Some(self.time),
            kind: Some(Kind::Target),
            word: Some(word.clone()),
            note: note.clone(),
            ..Row::default()
        };
        if let Some(Callbacks { table, start, next, show, stop }) = callbacks {
            for function in [start, next, show, stop] {
                self.name(Kind::Function, function);
            }
            if let Some(table) = table {
                self.name(Kind::Table, table);
            }
            row.op = table.as_ref().map(|table| table.address);
            row.start = Some(start.address);
            row.next = Some(next.address);
            row.show = Some(show.address);
            row.stop = Some(stop.address);
        }
        self.push(row);
    }

    /// Records that everything is attached.
    pub fn ready(&mut self, ready: &Ready) {
        let Ready { begin, probes } = ready;
        self.push(Row {
            time: Some(*begin),
            kind: Some(Kind::Ready),
            probes: Some(*probes),
            ..Row::default()
        });
    }

    /// Records an event, behind the names that it needs. `fed` is what the pipeline did with it.
    pub fn event(&mut self, event: &Event, fed: Fed) {
        self.time = event.time;
        if !self.keeps(&event.body, fed) {
            return;
        }
        self.events += 1;
        let pushed = match &event.body {
            Body::Callback(_) => self.encoder.push_callback(event).map(|_| ()),
            Body::Open(open) => {
                let row = self.open(open, fed, Row::of(event));
                self.encoder.push(row)
            }
            Body::Blind { function, .. } => {
                self.name(Kind::Function, function);
                self.encoder.push(Row::of(event))
            }
            _ => self.encoder.push(Row::of(event)),
        };
        if let Err(error) = pushed {
            self.failed.get_or_insert(error);
        }
    }

    /// Records the names of an open's functions. Returns the open's row with its path.
    fn open(&mut self, open: &Open, fed: Fed, mut row: Row) -> Row {
        if let Fed::Opened { shown } = fed {
            row.shown = Some(shown);
            if shown {
                self.hidden.remove(&open.key);
            } else {
                self.hidden.insert(open.key);
            }
        }
        if open.own {
            return row;
        }
        if !open.path_cut {
            row.path = Some(open.path.clone());
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
        row
    }

    /// Returns true if an event is recorded. Of a session that is not selected, only its open and its release are: they
    /// count where sessions are numbered, and where a gap lists the open ones. Behind a limit, only losses are.
    fn keeps(&mut self, body: &Body, fed: Fed) -> bool {
        let key = match body {
            Body::Gap { .. } => return true,
            _ if fed == Fed::Ignored => return false,
            Body::Release { key, .. } | Body::OpenFailed { key, .. } => {
                self.hidden.remove(key);
                return true;
            }
            Body::Open(_) | Body::Blind { .. } | Body::TableAttached { .. } => {
                return true;
            }
            Body::ReadEnter { key, .. }
            | Body::ReadExit { key, .. }
            | Body::LseekEnter { key, .. }
            | Body::LseekExit { key, .. }
            | Body::PassBegin { key, .. }
            | Body::Callback(Callback { key, .. })
            | Body::Preview { key, .. }
            | Body::Write { key, .. }
            | Body::PlainRead { key, .. } => key,
        };
        !self.hidden.contains(key)
    }

    /// Records the end of the trace and writes out what is left.
    ///
    /// # Errors
    ///
    /// Not everything could be written.
    pub fn end(&mut self, time: u64, missed: u64) -> io::Result<()> {
        self.push(Row {
            time: Some(time),
            kind: Some(Kind::End),
            missed: Some(missed),
            ..Row::default()
        });
        self.encoder.finish().map_err(io::Error::other)?;
        self.write_out()
    }

    /// Writes out full batches, and at `now` (ns since boot) what has waited long enough: whatever
    /// happens to us, no more than that is lost. False when the reader of the recording is gone.
    ///
    /// # Errors
    ///
    /// The output cannot be written.
    pub fn write(&mut self, now: u64) -> io::Result<bool> {
        if self.encoder.is_pending() {
            let since = *self.waiting.get_or_insert(now);
            if now.saturating_sub(since) >= AGE_LIMIT {
                self.waiting = None;
                self.encoder.end_batch().map_err(io::Error::other)?;
            }
        } else {
            self.waiting = None;
        }
        self.write_out()?;
        Ok(!self.closed)
    }

    /// Events recorded so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    fn name(&mut self, kind: Kind, symbol: &Symbol) {
        let KnownNames { functions, tables } = &mut self.names;
        let names = if kind == Kind::Table { tables } else { functions };
        if names.learn(symbol) {
            self.push(Item::name_row(kind, self.time, symbol));
        }
    }

    fn push(&mut self, row: Row) {
        if let Err(error) = self.encoder.push(row) {
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
