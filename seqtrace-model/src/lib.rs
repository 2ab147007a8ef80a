//! The model of seqtrace: from events of the kernel's seq_file to sessions, records and findings.
//!
//! A seq_file renders a file record by record, through four callbacks of its driver: start, next, show and stop. The
//! probes of seqtrace see these callbacks and the system calls around them as [`event::Event`]s. This crate concludes
//! from the events which record reached the reader at which file offsets, and whether the callbacks kept their
//! contract.
//!
//! ```text
//!  Event ─► session ───────► filter ─────► rules ────────────► Sink
//!           conclusions:     whole         contract checks:    renderers, collectors
//!           Update           sessions      Finding
//! ```
//!
//! [`pipeline::Pipeline`] is this line in one type. The modules, in this order:
//!
//! - [`event`] defines the input, and [`symbol`] the names of functions in it;
//! - [`session`] follows each open file with a copy of the kernel's loop, and draws the conclusions;
//! - [`filter`] selects the sessions to analyse;
//! - [`rules`] checks the selected sessions, and [`finding`] defines the results;
//! - [`trace`] has the trait [`Sink`](trace::Sink) of all consumers;
//! - [`escape`] and [`errno`] are helpers.
//!
//! # Guarantees
//!
//! - *Pure*: the crate uses no I/O, no clock and no global state. The same events result in the same updates, live and
//!   from a recording.
//! - *No guesses*: a value that does not follow from the events is `None`, and a session that was not seen whole is
//!   [`Partial`](session::update::Partial). No rule is applied across lost events.
//! - *Robust*: events in any order and with any values cause no panic.
//! - *Bounded*: memory grows with the number of open sessions and of files, not with the number of events.
//!
//! # Example
//!
//! A file has one record of two bytes, and its next() leaves `*pos` unchanged at the end. A pread at the end of the
//! file makes the core traverse it. The traversal passes over the record and ends with position 0, where the core then
//! starts to read. So the reader gets the record a second time, at a file offset after its end.
//!
//! ```
//! use seqtrace_model::event::{
//!     EventKind, Callback, Event, FileKind, OpTable, Open, Role, SeqState, Task,
//! };
//! use seqtrace_model::filter::Selection;
//! use seqtrace_model::pipeline::{Pipeline, Until};
//! use seqtrace_model::session::update::{Update, UpdateKind};
//! use seqtrace_model::trace::{Shown, Sink};
//!
//! /// Collects the findings.
//! #[derive(Default)]
//! struct Findings(Vec<String>);
//!
//! impl Sink for Findings {
//!     fn update(&mut self, update: &Update) -> Shown {
//!         let UpdateKind::Finding(finding) = &update.what else { return Shown::No };
//!         self.0.push(format!("{} {}: {}", finding.id, finding.name, finding.message));
//!         Shown::Yes
//!     }
//! }
//!
//! const RECORD: u64 = 0xffff_8880_0000_1000;
//! const NULL: u64 = 0;
//! let table = OpTable { start: 0x100, next: 0x200, show: 0x300, stop: 0x400 };
//! let file = FileKind::Seq { m: 0x8000, op: 0x80, table, private: 0, size: 0, inner: 0 };
//! let (key, tid, size) = (1, 1, 4096);
//! let task = Task { pid: tid, tid, uid: 0, comm: b"pread".to_vec() };
//! let begin = || EventKind::PassBegin { key, tid, index: 0, size, count: 0, from: 0 };
//! let returned = |role, ret, index, count| {
//!     EventKind::Callback(Callback { index, count, ..Callback::new(key, role, ret) })
//! };
//! let before = SeqState::default();
//! let after = SeqState { size: size.into(), index: 1, read_pos: 4, ..before };
//! let events = [
//!     EventKind::Open(Box::new(Open::new(key, file))),
//!     EventKind::ReadEnter { key, task, pos: 2, want: 100, state: before, via: None },
//!     // traverse(): the record ends at the offset, so it is passed over.
//!     begin(),
//!     returned(Role::Start, RECORD, 0, 0),
//!     returned(Role::Show, 0, 0, 2),
//!     returned(Role::Next, NULL, 0, 2), // *pos should be 1.
//!     returned(Role::Stop, 0, 0, 0),
//!     // The main part of the read: the record is emitted at file offset 2.
//!     begin(),
//!     returned(Role::Start, RECORD, 0, 0),
//!     returned(Role::Show, 0, 0, 2),
//!     returned(Role::Next, NULL, 0, 2), // Here the core adds 1.
//!     returned(Role::Stop, 0, 1, 2),
//!     EventKind::ReadExit { key, tid, ret: 2, state: after },
//! ];
//!
//! let mut pipeline = Pipeline::new(Selection::default(), Until::default());
//! let mut sink = Findings::default();
//! for (time, body) in (1..).zip(events) {
//!     pipeline.feed(&Event { time, cpu: 0, body }, &mut sink);
//! }
//! pipeline.finish(99, 0, &mut sink);
//! let double = "SQ201 double emit: pos 0 (ffff888000001000) passed over as bytes 0..2, \
//!               emitted again as 2..4";
//! assert!(sink.0.iter().any(|finding| finding == double), "{:?}", sink.0);
//! ```
#![forbid(unsafe_code)]

pub mod errno;
pub mod escape;
pub mod event;
pub mod filter;
pub mod finding;
pub mod fixed;
pub mod pipeline;
mod recent;
pub mod rules;
pub mod session;
pub mod summary;
pub mod symbol;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod testing;
pub mod trace;
