//! The session model: events in, updates out. No I/O, no clock, no kernel.
//!
//! The probes tell what callbacks returned; what the core made of that (which record was kept, which
//! was dropped and will be rendered again, at which file offsets the reader got it) happens between
//! the probes. But the core's loop is deterministic: from `struct seq_file` on entry and the values
//! that the callbacks returned, everything else follows. So the model runs that loop beside the
//! kernel's (`model`), one event at a time, and says what follows as [`update::Update`]s.
//!
//! That is also the proof that nothing was missed: where an event is not what the loop would do, or
//! the seq_file on return not what it would leave, the session is told to disagree and nothing more
//! is concluded from it until a read enters with a known state.
//!
//! ```text
//!  Event ─► tracker ─► live ─┬─ reads   reads and lseeks in flight ── op  what they must return
//!           by key           └─ passes  start … stop, callbacks ─┬─ begin  why start is called
//!                                                                ├─ model  the loop
//!                                                                └─ loose  what is left without
//! ```

mod begin;
mod held;
mod live;
mod loose;
mod model;
mod op;
mod opening;
mod passes;
mod reads;
#[cfg(test)]
pub(crate) mod tests;
mod tracker;
pub mod update;

pub use tracker::Tracker;
