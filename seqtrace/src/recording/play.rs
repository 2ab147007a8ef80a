//! Playing a recording through a pipeline.

use std::io::Read;

use seqtrace_model::{
    event::EventKind,
    pipeline::Pipeline,
    rules::Verdict,
    session::update::{Summary, Update},
    trace::{Located, Ready, Shown, Sink, TargetInfo},
};

use super::{Ending, Item, KnownNames, ReadError, Reader, limits};

/// Plays a recording through a pipeline into a sink, from its header to its end. `written` is called often enough that
/// little output accumulates, and writes the sink's output; if it returns false, the rest is not played.
///
/// A recording that is cut off or damaged is played up to there.
///
/// # Errors
///
/// [`ReadError`] if it is damaged, or the error of `written`.
pub fn play<R: Read, S: Sink, E: From<ReadError>>(
    reader: &mut Reader<R>,
    pipeline: &mut Pipeline,
    sink: &mut S,
    written: impl FnMut(&mut S) -> Result<bool, E>,
) -> Result<Played, E> {
    pipeline.set_fixed(reader.head().fixed.clone());
    sink.header(&reader.head().header);
    let mut output = Output { sink, written, updates: 0, open: Ok(true) };
    let names = KnownNames::default();
    let mut player =
        Player { pipeline, output: &mut output, names, notices: 0, time: 0, summary: None };
    let result = player.batches(reader);
    let ending = if player.summary.is_some() { Ending::Whole } else { Ending::Cut };
    let summary = player.summary();
    // After an error or false, nothing more was rendered.
    if !output.open? {
        return Ok(Played { ending: Ending::Whole, summary });
    }
    (output.written)(output.sink)?;
    result?;
    Ok(Played { ending, summary })
}

/// Result of playing a recording.
#[derive(Clone, Debug)]
pub struct Played {
    /// Way in which the recording ended.
    pub ending: Ending,
    /// Summary of the selected sessions.
    pub summary: Summary,
}

impl Played {
    /// Returns the verdict. A recording that was cut off is not clean: its rest is unknown.
    pub fn verdict(&self) -> Verdict {
        match Verdict::of(&self.summary) {
            Verdict::Clean if self.ending == Ending::Cut => Verdict::Inconclusive,
            verdict => verdict,
        }
    }
}

/// A sink whose output is written out as it grows.
struct Output<'a, S, W, E> {
    sink: &'a mut S,
    written: W,
    /// Number of updates, wraps.
    updates: u32,
    /// Last result of `written`: false or an error if nothing more is to be written.
    open: Result<bool, E>,
}

impl<S, W: FnMut(&mut S) -> Result<bool, E>, E> Output<'_, S, W, E> {
    /// Number of updates after which `written` is called. A path of 8 KiB is up to 80 KiB of JSON.
    const UPDATES: u32 = 1024;

    /// Writes the output. Returns false if nothing more is to be written.
    fn write(&mut self) -> bool {
        if self.is_open() {
            self.open = (self.written)(self.sink);
        }
        self.is_open()
    }

    fn is_open(&self) -> bool {
        matches!(self.open, Ok(true))
    }
}

impl<S: Sink, W: FnMut(&mut S) -> Result<bool, E>, E> Sink for Output<'_, S, W, E> {
    fn target(&mut self, target: &TargetInfo) {
        self.sink.target(target);
    }

    fn ready(&mut self, ready: &Ready) {
        // The sink reports this on standard error. Standard output gets the events before it first.
        if self.write() {
            self.sink.ready(ready);
        }
    }

    fn update(&mut self, update: &Update) -> Shown {
        self.updates = self.updates.wrapping_add(1);
        if self.updates.is_multiple_of(Self::UPDATES) {
            self.write();
        }
        if self.is_open() { self.sink.update(update) } else { Shown::No }
    }

    fn end(&mut self, summary: &Summary) {
        if self.write() {
            self.sink.end(summary);
        }
    }
}

struct Player<'a, O> {
    pipeline: &'a mut Pipeline,
    output: &'a mut O,
    names: KnownNames,
    /// Number of rows of kind `blind` and `table_attached`.
    notices: u32,
    /// Time of the last event, ns since boot.
    time: u64,
    /// Summary; `None` until the recording has ended.
    summary: Option<Summary>,
}

impl<S: Sink, W: FnMut(&mut S) -> Result<bool, E>, E> Player<'_, Output<'_, S, W, E>> {
    /// Plays all batches, or until no more output is wanted.
    fn batches<R: Read>(&mut self, reader: &mut Reader<R>) -> Result<(), ReadError> {
        while let Some(mut batch) = reader.batch()? {
            loop {
                match batch.next() {
                    // By reference: an item is too large to be moved for each event.
                    Some(Ok(ref mut item)) => self.item(item)?,
                    Some(Err(error)) => return Err(error),
                    None => break,
                }
            }
            if !self.output.write() {
                break;
            }
        }
        Ok(())
    }

    #[inline]
    fn item(&mut self, item: &mut Item) -> Result<(), ReadError> {
        if self.summary.is_some() {
            return Ok(());
        }
        match item {
            Item::Function(_) | Item::Table(_) | Item::Source { .. } => {
                self.names.learn(item);
                bound(self.names.len() <= limits::NAMES, "too many functions have names")?;
            }
            Item::Event { event, hidden } => {
                self.names.name(event);
                self.time = self.time.max(event.time);
                let mut sink = Located { sink: &mut *self.output, lines: &mut self.names };
                if *hidden {
                    self.pipeline.feed_hidden(event, &mut sink);
                } else {
                    self.pipeline.feed(event, &mut sink);
                }
                if !matches!(event.body, EventKind::Callback(_)) {
                    self.check(&event.body)?;
                }
            }
            Item::Target { word, callbacks, note } => {
                let callbacks = callbacks.map(|(op, table)| self.names.callbacks(op, table));
                let (word, note) = (word.clone(), note.clone());
                self.output.target(&TargetInfo { word, callbacks, note });
            }
            Item::Ready(ready) => {
                self.time = self.time.max(ready.begin);
                self.output.ready(ready);
            }
            Item::End { time, missed } => {
                let mut sink = Located { sink: &mut *self.output, lines: &mut self.names };
                self.summary = Some(self.pipeline.finish(*time, *missed, &mut sink));
            }
        }
        Ok(())
    }

    /// Checks the bounds of what an event adds to.
    fn check(&mut self, event: &EventKind) -> Result<(), ReadError> {
        match event {
            EventKind::Open(_) => bound(
                self.pipeline.open_sessions() <= limits::SESSIONS,
                "too many sessions are open at once",
            ),
            EventKind::Blind { .. } | EventKind::TableAttached { .. } => {
                self.notices += 1;
                bound(self.notices <= limits::NOTICES, "too many callbacks are attached late")
            }
            _ => Ok(()),
        }
    }

    /// Returns the summary. A recording without an end ends with its last event.
    fn summary(&mut self) -> Summary {
        let Self { pipeline, output, names, time, summary, .. } = self;
        let mut sink = Located { sink: &mut **output, lines: names };
        summary.take().unwrap_or_else(|| pipeline.finish(*time, 0, &mut sink))
    }
}

fn bound(holds: bool, excess: &str) -> Result<(), ReadError> {
    if holds { Ok(()) } else { Err(ReadError::TooLarge(excess.to_owned())) }
}
