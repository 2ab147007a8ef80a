//! Recording a trace while it goes on.

use std::{
    collections::HashSet,
    fmt,
    io::{self, Write},
};

use arrow_schema::ArrowError;

use super::{
    columns::Row,
    encode::Encoder,
    head::Head,
    item::Item,
    names::{Names, Note, Noting},
    row::Kind,
};
use crate::{
    event::{Body, Event, Key},
    pipeline::Pipeline,
    render::{Ready, TargetInfo},
    session::{
        Resolve,
        update::{Callbacks, Symbol},
    },
};

/// After so many ns at most, what was recorded is written out.
const AGE_LIMIT: u64 = 1_000_000_000;

/// Writes a recording: a trace's events, and the answers that the session model got about them.
pub struct Recorder {
    encoder: Encoder,
    output: Box<dyn Write>,
    /// Nobody reads it any more.
    closed: bool,
    functions: Names,
    tables: Names,
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

/// An event that is to be recorded behind the answers about it.
enum Pending {
    /// A callback as it is.
    Callback(Event),
    /// Another's row.
    Row(Box<Row>),
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("events", &self.events).finish_non_exhaustive()
    }
}

impl Recorder {
    /// Begins a recording, and makes the pipeline note what the recording needs.
    ///
    /// # Errors
    ///
    /// The output cannot be written.
    pub fn begin<R: Resolve>(
        output: impl Write + 'static,
        head: &Head,
        pipeline: &mut Pipeline<Noting<R>>,
    ) -> io::Result<Self> {
        pipeline.resolver().begin();
        let mut recorder = Self {
            encoder: Encoder::new(head).map_err(io::Error::other)?,
            output: Box::new(output),
            closed: false,
            functions: Names::default(),
            tables: Names::default(),
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

    /// Feeds an event to the pipeline and records it, after what the pipeline asked about it.
    pub fn feed<R: Resolve>(&mut self, pipeline: &mut Pipeline<Noting<R>>, event: Event) {
        self.time = event.time;
        let kept = self.keeps(&event.body, pipeline.is_done());
        let opened = match &event.body {
            Body::Open(open) => Some(open.key),
            _ => None,
        };
        let mut row = if matches!(event.body, Body::Callback { .. }) {
            // Nearly all events: of these a copy is less than a row.
            Pending::Callback(event.clone())
        } else {
            Pending::Row(Box::new(Row::of(&event)))
        };
        let shown = pipeline.feed(event);
        for note in pipeline.resolver().notes() {
            match (note, &mut row) {
                (Note::Function(function), _) => self.name(Kind::Function, &function),
                (Note::Table(table), _) => self.name(Kind::Table, &table),
                (Note::Path(path), Pending::Row(row)) => row.path = Some(path),
                // Of an event that opens nothing, nobody asks for a path.
                (Note::Path(_), Pending::Callback(_)) => {}
            }
        }
        if let (Some(key), Some(shown), Pending::Row(row)) = (opened, shown, &mut row) {
            row.shown = Some(shown);
            if shown {
                self.hidden.remove(&key);
            } else {
                self.hidden.insert(key);
            }
        }
        if kept {
            self.events += 1;
            match row {
                Pending::Row(row) => self.push(*row),
                Pending::Callback(event) => {
                    if let Err(error) = self.encoder.push_callback(&event) {
                        self.failed.get_or_insert(error);
                    }
                }
            }
        }
    }

    /// Whether an event is recorded. Of a session that is not shown, only its open and its release
    /// are: they count where sessions are numbered and where a gap names those that were open. When
    /// nothing more is shown, only losses are.
    fn keeps(&mut self, body: &Body, done: bool) -> bool {
        let key = match body {
            Body::Gap { .. } => return true,
            _ if done => return false,
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
            | Body::Callback { key, .. }
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
        let names = if kind == Kind::Table { &mut self.tables } else { &mut self.functions };
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
