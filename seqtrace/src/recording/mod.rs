//! Recordings: a trace's events in a file, with all that is needed to understand them elsewhere.
//!
//! A recording is an [Arrow IPC stream](https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format)
//! with zstd-compressed buffers: one table, one row an event, so that it opens in pandas, polars or
//! DuckDB as it is. It holds what came from the kernel, not what was concluded from it: a replay runs
//! the same [`Pipeline`] as a live trace, and a newer seqtrace finds more in an old recording.
//!
//! ```text
//!  Event ─► recorder    head    metadata of the schema
//!             │ rows    columns the table's columns
//!             ▼         row     Event ↔ row
//!           encode      cells   values ↔ Arrow's arrays
//!             │ bytes   digest  a checksum for each batch
//!             ▼
//!           frame ─► reader ─► item ─► Pipeline ─► Sink
//! ```
//!
//! Names of functions are recorded before the first open that needs them. Batches are written when they are full and at
//! least once a second, so that a recording that was cut off is one that ends earlier.

mod callbacks;
mod cells;
mod columns;
mod digest;
mod encode;
mod frame;
mod head;
mod item;
mod names;
mod reader;
mod recorder;
mod row;
#[cfg(test)]
mod tests;

use std::io::Read;

pub use head::{FORMAT, Head};
pub use item::Item;
pub use names::KnownNames;
pub use reader::{Batch, Ending, ReadError, Reader};
pub use recorder::Recorder;
pub use row::RowError;

use seqtrace_model::{
    event::Event,
    pipeline::Pipeline,
    rules::Verdict,
    session::update::Summary,
    trace::{Sink, TargetInfo},
};

/// Plays a recording through a pipeline into a sink, from its header to its end. After each batch `written` writes out
/// what the sink has made of it; if it returns false, the rest is not played.
///
/// A recording that is cut off or damaged is played as far as it goes, and ended there.
///
/// # Errors
///
/// [`ReadError`] if it is damaged, or the error of `written`.
pub fn play<R: Read, S: Sink, E: From<ReadError>>(
    reader: &mut Reader<R>,
    pipeline: &mut Pipeline,
    sink: &mut S,
    mut written: impl FnMut(&mut S) -> Result<bool, E>,
) -> Result<Played, E> {
    sink.header(&reader.head().header);
    let mut player =
        Player { pipeline, sink, names: KnownNames::default(), time: 0, summary: None };
    let result = 'play: loop {
        let mut batch = match reader.batch() {
            Ok(Some(batch)) => batch,
            Ok(None) => break 'play Ok(()),
            Err(error) => break 'play Err(error),
        };
        loop {
            // Nearly all rows.
            batch.callbacks(|event| player.event(&event, false));
            let Some(item) = batch.next() else { break };
            let item = match item {
                Ok(item) => item,
                Err(error) => break 'play Err(error),
            };
            // The first and the last lines go to standard error; what was rendered before goes before them.
            let outside = matches!(item, Item::Ready(_) | Item::End { .. });
            if outside && !written(player.sink)? {
                return Ok(player.unread());
            }
            player.play(item);
        }
        if !written(player.sink)? {
            return Ok(player.unread());
        }
    };
    let ending = if player.summary.is_some() { Ending::Whole } else { Ending::Cut };
    let summary = player.summary();
    written(player.sink)?;
    result?;
    Ok(Played { ending, summary })
}

/// What became of a recording that was played.
#[derive(Clone, Debug)]
pub struct Played {
    /// How it ended.
    pub ending: Ending,
    /// Of what was shown.
    pub summary: Summary,
}

impl Played {
    /// What it proves: of a recording that is cut off, nobody knows the rest.
    pub fn verdict(&self) -> Verdict {
        match Verdict::of(&self.summary) {
            Verdict::Clean if self.ending == Ending::Cut => Verdict::Inconclusive,
            verdict => verdict,
        }
    }
}

struct Player<'a, S> {
    pipeline: &'a mut Pipeline,
    sink: &'a mut S,
    names: KnownNames,
    /// Time of the last event, ns since boot.
    time: u64,
    /// The summary, once the recording has ended.
    summary: Option<Summary>,
}

impl<S: Sink> Player<'_, S> {
    fn event(&mut self, event: &Event, hidden: bool) {
        if self.summary.is_some() {
            return;
        }
        self.time = self.time.max(event.time);
        if hidden {
            self.pipeline.feed_hidden(event, self.sink);
        } else {
            self.pipeline.feed(event, self.sink);
        }
    }

    fn play(&mut self, item: Item) {
        if self.summary.is_some() {
            return;
        }
        match item {
            Item::Function(_) | Item::Table(_) => self.names.learn(&item),
            Item::Event { mut event, hidden } => {
                self.names.name(&mut event);
                self.event(&event, hidden);
            }
            Item::Target { word, callbacks, note } => {
                let callbacks = callbacks.map(|(op, table)| self.names.callbacks(op, table));
                self.sink.target(&TargetInfo { word, callbacks, note });
            }
            Item::Ready(ready) => {
                self.time = self.time.max(ready.begin);
                self.sink.ready(&ready);
            }
            Item::End { time, missed } => {
                self.summary = Some(self.pipeline.finish(time, missed, self.sink));
            }
        }
    }

    /// Returns the summary. A recording without an end ends with its last event.
    fn summary(&mut self) -> Summary {
        let Self { pipeline, sink, time, summary, .. } = self;
        summary.take().unwrap_or_else(|| pipeline.finish(*time, 0, *sink))
    }

    /// Ends a recording whose rest is not played.
    fn unread(mut self) -> Played {
        Played { ending: Ending::Whole, summary: self.summary() }
    }
}
