//! The boundary with the kernel: loading and attaching the programs, reading the ring, and turning
//! its bytes into [`crate::event::Event`]s.

pub mod backend;
mod cast;
pub mod decode;
pub mod error;
mod functions;
pub mod live;
pub mod loader;
mod loads;
pub mod log;
mod misses;
pub mod opens;
mod order;
mod spool;
pub mod trace;
mod waiting;
