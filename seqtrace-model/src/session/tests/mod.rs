//! Tests of the model: scripts that read like logs, and a simulator of the kernel's loop that knows the truth.

mod check;
mod describe;
mod lifecycle;
mod noise;
mod partial;
mod programs;
mod properties;
mod script;
mod sequences;
mod threads;
