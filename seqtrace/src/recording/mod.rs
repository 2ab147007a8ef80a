//! Recordings: the events of a trace in a file, with the names and paths that were found for them.
//!
//! A recording is an [Arrow IPC stream](https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format) with
//! zstd-compressed buffers: one table, one row per event, so that pandas, polars and DuckDB open it as it is. It holds
//! the input of the model, not its conclusions: a replay runs the same [`Pipeline`] as a live trace, and a newer seqtrace
//! finds more in an old recording.
//!
//! ```text
//!  Event ─► recorder ─► write ─► columns ─► encode ─► bytes     metadata: known before the first event, in the schema
//!                                   │                           checksum: in each batch
//!  Event ◄── names ◄─── read ◄── columns ◄─ reader ◄─ validate
//!                                   │
//!                    column_types, dictionary: types of the columns
//! ```
//!
//! Names of functions are recorded before the first open that needs them. Batches are written when they are full and at
//! least once a second, so that a recording that was cut off is one that ends earlier.

mod checksum;
mod column_types;
mod columns;
mod dictionary;
mod encode;
mod metadata;
mod names;
mod read;
mod reader;
mod recorder;
mod redact;
#[cfg(test)]
mod tests;
mod validate;
mod write;

use std::io::Read;

pub use metadata::Head;
pub use names::KnownNames;
pub use read::Item;
pub use reader::{Batch, Ending, ReadError, Reader};
pub use recorder::Recorder;

use seqtrace_model::{
    pipeline::Pipeline,
    rules::Verdict,
    session::update::Summary,
    trace::{Sink, TargetInfo},
};

/// Plays a recording through a pipeline into a sink, from its header to its end. `written` is called after each batch and
/// writes the sink's output; if it returns false, the rest is not played.
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
            match batch.next() {
                // By reference: to move the item would copy 120 bytes, 20 of 1,540 instructions an event.
                Some(Ok(ref mut item)) => {
                    // The sink reports these on standard error. Standard output gets the events before them first.
                    let outside = matches!(item, Item::Ready(_) | Item::End { .. });
                    if outside && !written(player.sink)? {
                        return Ok(player.unread());
                    }
                    player.play(item);
                }
                Some(Err(error)) => break 'play Err(error),
                None => break,
            }
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

struct Player<'a, S> {
    pipeline: &'a mut Pipeline,
    sink: &'a mut S,
    names: KnownNames,
    /// Time of the last event, ns since boot.
    time: u64,
    /// Summary; `None` until the recording has ended.
    summary: Option<Summary>,
}

impl<S: Sink> Player<'_, S> {
    #[inline]
    fn play(&mut self, item: &mut Item) {
        if self.summary.is_some() {
            return;
        }
        match item {
            Item::Function(_) | Item::Table(_) => self.names.learn(item),
            Item::Event { event, hidden } => {
                self.names.name(event);
                self.time = self.time.max(event.time);
                if *hidden {
                    self.pipeline.feed_hidden(event, self.sink);
                } else {
                    self.pipeline.feed(event, self.sink);
                }
            }
            Item::Target { word, callbacks, note } => {
                let callbacks = callbacks.map(|(op, table)| self.names.callbacks(op, table));
                let (word, note) = (word.clone(), note.clone());
                self.sink.target(&TargetInfo { word, callbacks, note });
            }
            Item::Ready(ready) => {
                self.time = self.time.max(ready.begin);
                self.sink.ready(ready);
            }
            Item::End { time, missed } => {
                self.summary = Some(self.pipeline.finish(*time, *missed, self.sink));
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
