//! What makes the model right: scripts that read like logs, and a simulator of the kernel's loop
//! that knows the truth.

mod check;
mod lifecycle;
mod noise;
mod partial;
mod programs;
mod properties;
pub(crate) mod say;
pub(crate) mod script;
mod sequences;
mod threads;
