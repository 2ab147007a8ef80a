//! `check`: reads a file in every way that matters and judges what came.
//!
//! `cat` reads a seq file in one of many ways, and most bugs show in the others: where a read ends in
//! the middle of a record, after a seek, at the end of the file, with two readers. So the file is read
//! whole, which gives a reference and the ends of its records, and then in all the ways that
//! [`plan`] derives from these. Each byte is compared with the reference at its offset, and meanwhile
//! everything is traced and judged like the reads of anybody else.
//!
//! ```text
//!  inquiry ── plan ──► file_checker ──► process ──► reader (a process of its own: read, pread, lseek, splice)
//!     ▲                   │           │           ┆ traced
//!     │   calls, sessions,│   calls ◄─┘           ▼
//!     └───── findings ◄───┘ ◄──────────── seen: sessions, passes, findings
//!  rounds, endless, origin, culprit ──► verdict ──► repro ──► report
//! ```
//!
//! The `inquiry` decides and does no I/O; `examine` carries out and decides nothing.
//!
//! The reads are done by another process because a read can block for ever, and only a process can be
//! got rid of. It is quiet, too: what it shows of itself in /proc does not change while it reads.
//!
//! [`recorded`] makes the same report of what others have read.

pub mod call;
pub mod denylist;
pub mod file_checker;
mod inquiry;
pub mod oracle;
pub mod plan;
pub mod process;
pub mod reader;
pub mod recorded;
pub mod report;
pub mod repro;
pub mod seen;
pub mod verdict;
