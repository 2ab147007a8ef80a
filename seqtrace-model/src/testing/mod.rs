//! Simulated seq_files and readers, for tests of this crate and of others.
#![cfg_attr(not(test), expect(clippy::unwrap_used, clippy::panic, reason = "only tests use this"))]

pub mod file;
pub mod files;
pub mod machine;
pub mod moving;
pub mod resolve;
pub mod simulator;
