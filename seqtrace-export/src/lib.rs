//! Traces of seq_files in formats of other programs: [`perfetto`] for a view of the timeline, [`tables`] for queries over
//! many recordings.
//!
//! Both are [`Sink`](seqtrace_model::trace::Sink)s: they write what the pipeline yields and derive nothing. They keep
//! bytes or rows until the caller writes them out, so that an error of the output reaches the caller, and memory stays
//! bounded if it does so often.
#![forbid(unsafe_code)]

mod names;
pub mod perfetto;
pub mod tables;
#[cfg(test)]
mod testing;
