//! Recordings: a trace's events in a file, with all that is needed to understand them elsewhere.
//!
//! A recording is an [Arrow IPC stream](https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format)
//! with zstd-compressed buffers: one table, one row an event, so that it opens in pandas, polars or
//! DuckDB as it is. It holds what came from the kernel, not what was concluded from it: a replay runs
//! the same [`Pipeline`] as a live trace, and a newer seqtrace finds more in an old recording.
//!
//! ```text
//!  Event ──► Pipeline<Noting<Live>> ──► text                  head    metadata of the schema
//!    │              │ answers                                 columns the table's columns
//!    └─► recorder ◄─┘                                         row     Event ↔ row
//!           │ rows                                            cells   values ↔ Arrow's arrays
//!           ▼                                                 digest  a checksum for each batch
//!         encode ──► bytes ──► frame ──► reader ──► item ──► Pipeline<Recorded> ──► text
//! ```
//!
//! What the session model asked the running kernel about (names of functions, paths) is recorded
//! before the event that made it ask, and answered the same way on replay. Batches are written when
//! they are full and at least once a second, so that a recording that was cut off is one that ends
//! earlier.

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
pub use names::{Noting, Recorded};
pub use reader::{Batch, Ending, ReadError, Reader};
pub use recorder::Recorder;
pub use row::RowError;

use crate::{
    event::Event,
    pipeline::Pipeline,
    render::TargetInfo,
    rules::Verdict,
    session::{
        Resolve,
        update::{Callbacks, Summary},
    },
};

/// Plays a recording through a pipeline, from its header to its end. After each batch `written` is
/// to write out [`Pipeline::output`]; if it says false, nobody wants to know more and the rest is not
/// played.
///
/// A recording that is cut off or damaged is played as far as it goes, and ended there.
///
/// # Errors
///
/// [`ReadError`] if it is damaged, or what `written` fails with.
pub fn play<R: Read, E: From<ReadError>>(
    reader: &mut Reader<R>,
    pipeline: &mut Pipeline<Recorded>,
    mut written: impl FnMut(&mut Pipeline<Recorded>) -> Result<bool, E>,
) -> Result<Played, E> {
    let header = reader.head().header.clone();
    pipeline.announce(|sink, output| sink.header(&header, output));
    let mut player = Player { pipeline, time: 0, summary: None };
    let result = 'play: loop {
        let mut batch = match reader.batch() {
            Ok(Some(batch)) => batch,
            Ok(None) => break 'play Ok(()),
            Err(error) => break 'play Err(error),
        };
        loop {
            // Nearly all rows.
            batch.callbacks(|event| player.callback(event));
            let Some(item) = batch.next() else { break };
            let item = match item {
                Ok(item) => item,
                Err(error) => break 'play Err(error),
            };
            // What is said first and last, to standard error, is to stay there.
            let outside = matches!(item, Item::Ready(_) | Item::End { .. });
            if outside && !written(player.pipeline)? {
                return Ok(player.unread());
            }
            player.play(item);
        }
        if !written(player.pipeline)? {
            return Ok(player.unread());
        }
    };
    let ending = if player.summary.is_some() { Ending::Whole } else { Ending::Cut };
    let summary = player.summary();
    written(player.pipeline)?;
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

struct Player<'a> {
    pipeline: &'a mut Pipeline<Recorded>,
    /// Of the last event.
    time: u64,
    /// It has ended, with this.
    summary: Option<Summary>,
}

impl Player<'_> {
    fn callback(&mut self, event: Event) {
        if self.summary.is_none() {
            self.time = self.time.max(event.time);
            self.pipeline.feed(event);
        }
    }

    fn play(&mut self, item: Item) {
        if self.summary.is_some() {
            return;
        }
        match item {
            Item::Function(symbol) => {
                self.pipeline.resolver().functions.learn(&symbol);
            }
            Item::Table(symbol) => {
                self.pipeline.resolver().tables.learn(&symbol);
            }
            Item::Event { event, path, hidden } => {
                self.time = self.time.max(event.time);
                self.pipeline.resolver().path = path;
                if hidden {
                    self.pipeline.feed_hidden(event);
                } else {
                    self.pipeline.feed(event);
                }
            }
            Item::Target { word, callbacks, note } => {
                let resolver = self.pipeline.resolver();
                let callbacks = callbacks.map(|(op, table)| Callbacks {
                    table: op.and_then(|op| resolver.table(op)),
                    start: resolver.function(table.start),
                    next: resolver.function(table.next),
                    show: resolver.function(table.show),
                    stop: resolver.function(table.stop),
                });
                let target = TargetInfo { word, callbacks, note };
                self.pipeline.announce(|sink, output| sink.target(&target, output));
            }
            Item::Ready(ready) => {
                self.time = self.time.max(ready.begin);
                self.pipeline.announce(|sink, output| sink.ready(&ready, output));
            }
            Item::End { time, missed } => {
                self.summary = Some(self.pipeline.finish(time, missed));
            }
        }
    }

    /// The summary; a recording that has no end of its own ends with its last event.
    fn summary(&mut self) -> Summary {
        self.summary.take().unwrap_or_else(|| self.pipeline.finish(self.time, 0))
    }

    /// Nobody wants to know how it goes on.
    fn unread(mut self) -> Played {
        Played { ending: Ending::Whole, summary: self.summary() }
    }
}
