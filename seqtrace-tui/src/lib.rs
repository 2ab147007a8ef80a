//! The terminal UI: sessions, timeline, findings and pictures of a trace, while it is made or from a recording.
//!
//! ```text
//!  updates ─► Feed ─► Model: the trace in memory ──────────────┐
//!                                                              ▼
//!  keys, mouse, ticks ─► edge ─► Input ─► App::update ─► App::draw ─► edge ─► terminal
//!                         ▲                  │
//!                         └── Command ◄──────┘
//! ```
//!
//! [`App`] is pure: it has neither I/O nor clock, and the same inputs result in the same screens. [`Ui`] is its edge: a
//! thread that reads the terminal's events and draws, and [`terminal`], which prepares and restores the terminal.
//! Texts of updates are those of `seqtrace-render`. Facts are those of the updates; nothing here draws conclusions.
#![forbid(unsafe_code)]

mod actions;
mod app;
mod detail;
mod draw;
mod edge;
mod findings;
mod folds;
mod jump;
mod list;
mod model;
mod mouse;
mod pictures;
mod prompt;
mod rate;
mod repro;
mod search;
pub mod terminal;
#[cfg(test)]
mod tests;
mod text;
mod theme;

pub use app::{App, Command, Host, Input, Options};
pub use edge::Ui;
pub use model::{Feed, Model, Progress, Shared};
