//! What follows from what seq_files do: events in, sessions, records and findings out.
//!
//! Everything here is pure: no I/O, no clock, no kernel.
#![forbid(unsafe_code)]

pub mod errno;
pub mod escape;
pub mod event;
pub mod filter;
pub mod finding;
pub mod hash;
pub mod pipeline;
pub mod rules;
pub mod session;
pub mod summary;
pub mod symbol;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod testing;
pub mod trace;
