//! The boundary with the kernel: loading and attaching the programs, reading the ring, and turning
//! its bytes into [`crate::event::Event`]s.

pub mod decode;
pub mod loader;
