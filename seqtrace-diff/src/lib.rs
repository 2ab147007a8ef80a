//! Compares two traces: aligns their files and sessions, and finds the rows that differ.
//!
//! A [`Gatherer`] is a consumer of updates that keeps of each update only what is compared, as a [`Row`]. Equal rows of
//! both traces are stored once, in [`Rows`], and a session is a list of their numbers. [`Comparison`] aligns the sessions
//! of a file in the order of their opens, and the rows of two sessions by the algorithm of Myers with the heuristics of
//! git, which keep the time nearly linear.
//!
//! Compared are the calls and their order, positions, sizes, fates, errors and findings. Not compared are times, CPUs,
//! tasks, addresses and numbers of sessions. A pointer is compared by the position at which its session saw it first.
//!
//! Memory: a row takes 4 bytes in its session, and about 150 bytes once if no other row is equal.
#![forbid(unsafe_code)]

mod align;
mod compare;
mod durations;
mod gather;
mod pointers;
mod row;
#[cfg(test)]
mod tests;

pub use align::{FilePair, MapError, align};
pub use compare::{Comparison, Edit, Item, Outcome, SessionPair, Verdict, hunks};
pub use durations::{CallbackDurations, DurationPair, durations};
pub use gather::{File, Gatherer, Ignored, Recording, Rows, Session};
pub use pointers::Record;
pub use row::{CallbackRow, Row};
