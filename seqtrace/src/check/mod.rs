//! `check`: reads a file in every way that matters and judges the bytes and the trace.
//!
//! `cat` reads a seq file in only one way, and most bugs occur in others: if a read ends in the middle of a record,
//! after a seek, at the end of the file, with two readers. So the file is first read whole, to get a reference and the
//! offsets at which records end, and then in all the ways that `plan` derives from these. Each byte is compared with
//! the reference at its offset. Meanwhile all reads are traced, and the rules judge them like the reads of any other
//! process.
//!
//! ```text
//!  inquiry ── plan ──► file_checker ──► process ──► reader (a separate process: read, pread, lseek, splice)
//!     ▲                   │                │           ┆ traced
//!     │   calls, sessions,│        calls ◄─┘           ▼
//!     └───── findings ◄───┘ ◄───────────────── seen: sessions, passes, findings
//!  rounds, endless, origin, culprit ──► verdict ──► repro ──► report
//! ```
//!
//! The `inquiry` decides and does no I/O; the `file_checker` carries out plans and decides nothing.
//!
//! A separate process reads, because a read can block for ever, and only a process can be killed. The reading process's
//! own files in /proc do not change while it reads.
//!
//! `recorded` creates the same report from a recording of other readers.

pub(crate) mod call;
pub(crate) mod denylist;
pub(crate) mod file_checker;
mod inquiry;
pub(crate) mod oracle;
pub(crate) mod plan;
pub(crate) mod process;
pub(crate) mod reader;
pub(crate) mod recorded;
pub(crate) mod report;
pub(crate) mod repro;
pub(crate) mod seen;
pub(crate) mod verdict;
