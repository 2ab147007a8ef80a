//! Simulated seq_files and readers, for tests of this crate and of others.
#![expect(clippy::unwrap_used, reason = "only tests use this")]

pub mod file;
pub mod files;
pub mod machine;
pub mod moving;
pub mod resolve;
pub mod simulator;
pub mod updates;
