//! seqtrace shows a kernel developer what a seq_file really does.
//!
//! ARCHITECTURE.md in the repository has the picture; the modules here are its boxes.
#![forbid(unsafe_code)]

pub mod check;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod errno;
pub mod event;
pub mod exit;
pub mod faults;
pub mod filter;
mod hash;
pub mod kernel;
pub mod output;
pub mod pipeline;
pub mod privileges;
pub mod probe;
pub mod recording;
pub mod render;
pub mod rules;
pub mod schema;
pub mod session;
pub mod signals;
pub mod targets;
