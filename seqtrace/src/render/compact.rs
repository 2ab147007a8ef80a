//! A line a read.
