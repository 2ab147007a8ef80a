//! The session model: events in, updates out. No I/O, no clock, no kernel.

pub mod update;
