//! Simulator of a seq_file: the kernel's loop over a Rust iterator, with a reader. It emits the events that the probes
//! would emit, and records the truth about each.
//!
//! It shares no code with the model. The loop is written from the description of `seq_read_iter()`, `traverse()` and
//! `seq_lseek()` (fs/seq_file.c), jumps included, over a buffer that stores for each byte the call that wrote it. So
//! the bytes that the reader gets are a second source of truth, besides the records of the loop at each branch.

pub mod core;
pub mod file;
pub mod log;
pub mod reader;
