//! The boundary with the kernel: loads and attaches the programs, reads the ring, and decodes its records to
//! [`crate::event::Event`]s.

pub(crate) mod backend;
pub(crate) mod decode;
pub(crate) mod error;
pub(crate) mod functions;
mod heartbeat;
mod kfunc;
mod loader;
mod log;
mod misses;
mod module_generation;
mod names;
pub(crate) mod opens;
mod pending;
mod reorder;
mod ring;
pub(crate) mod settings;
pub(crate) mod setup;
pub(crate) mod source;
