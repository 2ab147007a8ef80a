//! seqtrace shows a kernel developer what a seq_file really does.
//!
//! ARCHITECTURE.md in the repository explains how the modules work together.
#![forbid(unsafe_code)]

use seqtrace_model::escape;
pub use seqtrace_model::{errno, event, filter, finding, pipeline, rules, session, symbol};
pub use seqtrace_render as render;

pub mod check;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod exit;
pub mod faults;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzz;
pub mod kernel;
pub mod output;
pub mod privileges;
pub mod probe;
pub mod recording;
pub mod run;
pub mod schema;
pub mod signals;
pub mod targets;
