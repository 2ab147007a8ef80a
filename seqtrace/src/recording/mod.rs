//! Recordings: the events of a trace in a file, with the names and paths that were found for them.
//!
//! A recording is an [Arrow IPC stream](https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format) with
//! zstd-compressed buffers: one table, one row per event, so that pandas, polars and DuckDB open it as it is. It holds
//! the input of the model, not its conclusions: a replay runs the same pipeline as a live trace, and a newer seqtrace
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
mod limits;
mod metadata;
mod names;
mod play;
mod read;
mod reader;
mod recorder;
mod redact;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod validate;
mod write;

pub use metadata::Head;
pub use names::KnownNames;
pub use play::{Played, play};
pub use read::Item;
pub use reader::{Batch, Ending, ReadError, Reader};
pub use recorder::Recorder;
