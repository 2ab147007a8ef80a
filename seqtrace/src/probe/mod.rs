//! The boundary with the kernel: loading and attaching the programs, reading the ring, and turning
//! its bytes into [`crate::event::Event`]s.

pub mod backend;
mod cast;
mod decode;
pub mod error;
mod functions;
pub mod loader;
mod loads;
pub mod log;
mod misses;
pub mod names;
pub mod opens;
mod reorder;
mod ring;
pub mod setup;
pub mod source;
mod waiting;
