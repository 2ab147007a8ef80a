//! seqtrace shows a kernel developer what a seq_file really does.
//!
//! ARCHITECTURE.md in the repository has the picture; the modules here are its boxes.
#![forbid(unsafe_code)]

pub mod event;
pub mod filter;
pub mod render;
pub mod session;
