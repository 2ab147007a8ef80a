//! A trace in memory, for views that show any part of it at any time: the terminal UI and the HTML page.
//!
//! ```text
//! Update ─► Trace ─► Session ─► Rows: every update, compressed, found by number
//!             │         └─────► items: reads, lseeks and single updates, passes: ranges of rows
//!             └─► findings, with their rows
//!
//! rows of a session ─► FileMap, PositionPlot: the two pictures, with a bounded number of marks
//! ```
//!
//! The crate draws no conclusions: everything here is in the updates. It has no I/O and no clock.
#![forbid(unsafe_code)]

mod packed;
mod rows;
mod session;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod trace;

pub mod map;
pub mod plot;

pub use rows::{Rows, Window};
pub use session::{Item, ItemKind, Pass, Session};
pub use trace::{Compaction, Found, Trace};
