//! A seq_file that runs in a test: the kernel's loop over a Rust iterator, with a reader. It emits
//! the events that the probes would, and knows the truth about each.
//!
//! Nothing here shares code with the model: the loop is written down from the description of
//! `seq_read_iter()`, `traverse()` and `seq_lseek()` (fs/seq_file.c), jumps and all, over a buffer
//! whose every byte says which call wrote it. What the reader gets is therefore a second witness,
//! beside what the loop notes at each branch.

pub mod core;
pub mod file;
pub mod log;
pub mod reader;
