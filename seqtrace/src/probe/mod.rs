//! The boundary with the kernel: loading and attaching the programs, reading the ring, and turning
//! its bytes into [`crate::event::Event`]s.

pub mod backend;
pub mod decode;
pub mod error;
mod functions;
pub mod live;
pub mod loader;
pub mod log;
mod loads;
mod misses;
mod spool;
pub mod trace;
