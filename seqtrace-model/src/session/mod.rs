//! The session model: follows each open file through its reads, and concludes the fate of each record.
//!
//! The probes report the values that the callbacks returned. They do not see the decisions that the core makes from
//! these values: to keep a record, to drop it and render it again, to copy its bytes to the reader at some file offset.
//! The core's loop is deterministic, so the decisions follow from `struct seq_file` on entry of a read and from the
//! returned values. The model runs the same loop (`model`), one event at a time, and emits its conclusions as
//! [`update::Update`]s.
//!
//! The model also detects missed events. If an event, or the seq_file on return of a read, is not what the loop would
//! produce, the session is marked [`Disagrees`](update::Partial::Disagrees), and nothing is concluded from it until a
//! read enters with a known state.
//!
//! ```text
//!  Event ─► tracker ─► state ─┬─ reads   entry and return of reads and lseeks ── call, returned  expected results
//!           by key            └─ passes  start … stop, callbacks ─┬─ purpose    why the core calls start
//!                                                                 ├─ model      the core's loop
//!                                                                 └─ untracked  passes without a known beginning
//! ```

mod call;
mod core_state;
mod deferred;
mod file_tracking;
mod model;
mod opening;
mod pass_tracking;
mod passes;
mod purpose;
mod reads;
mod returned;
mod state;
mod tasks;
#[cfg(test)]
mod tests;
mod tracker;
mod untracked;
pub mod update;

pub(crate) use tracker::Tracker;
