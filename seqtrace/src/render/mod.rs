//! Updates to text and JSON.
//!
//! A [`Sink`] takes the values of [`crate::session::update`] in order and appends what they look like
//! to buffers; it opens nothing, asks no clock and concludes nothing. The caller writes the buffers
//! out. One sink is made for one output by [`sink`]:
//!
//! | format | a callback is | header, targets, progress, summary |
//! | --- | --- | --- |
//! | [`timeline`] | a line | [`Output::status`] |
//! | [`compact`] | part of its read's line | [`Output::status`] |
//! | [`json`] | an object | objects in [`Output::data`] |
//!
//! Everything that a kernel module or a user could have named goes through [`escape`].

#[cfg(test)]
mod arbitrary;
mod bounded;
mod chars;
pub mod clock;
mod columns;
pub mod compact;
mod digits;
mod duration;
pub mod escape;
pub mod json;
mod line;
mod owner;
pub mod report;
pub mod status;
mod style;
#[cfg(test)]
pub(crate) mod testing;
pub mod timeline;
mod wording;

use clap::ValueEnum;

use crate::session::update::{Callbacks, Summary, Update};
pub use clock::Clock;
pub(crate) use line::{Count, Name, SymbolLocation};

/// What the output looks like (`--format`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line a callback, for reading
    #[default]
    Timeline,
    /// A line a read, for busy systems
    Compact,
    /// An object a line, for programs; see docs/json.md
    Json,
}

/// How times are shown (`--time`). JSON always has both relative and absolute times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Time {
    /// Seconds since tracing began, and the time since the line before
    #[default]
    Delta,
    /// Seconds since tracing began
    Rel,
    /// Local time of day
    Wall,
    /// Seconds since boot, as in the kernel's log
    Boot,
    /// Date and time in UTC
    Utc,
    /// No times
    None,
}

/// Everything that decides what the output looks like.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent command line switch")]
pub struct Options {
    /// Which renderer.
    pub format: Format,
    /// How times are shown.
    pub time: Time,
    /// How boot time becomes wall time.
    pub clock: Clock,
    /// Colour the data; resolved from `--color`, NO_COLOR and the terminal.
    pub color: bool,
    /// The same for what goes to standard error.
    pub color_status: bool,
    /// Nothing but ASCII: no box drawing, arrows or µ.
    pub ascii: bool,
    /// How many bytes of each record are shown; 0: none.
    pub preview: usize,
    /// Columns, or for JSON keys, in this order; `None`: the format's own choice.
    pub fields: Option<Vec<String>>,
    /// Columns of the terminal, if the output is one.
    pub width: Option<u16>,
    /// Leave out the columns' heading, and all status but warnings.
    pub quiet: bool,
    /// Say more: addresses, how a read came in.
    pub verbose: bool,
}

/// What runs, where, and how: the first words of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Header {
    /// Of seqtrace.
    pub version: String,
    /// The kernel's release, `uname -r`.
    pub kernel: String,
    /// The machine, `uname -m`.
    pub machine: String,
    /// `core` or `callbacks`.
    pub backend: String,
    /// Why this one, where it was not the first choice.
    pub backend_reason: Option<String>,
    /// Size of the ring buffer, bytes.
    pub ring_bytes: u64,
    /// The command line. Any bytes: not yet safe to print.
    pub command: Vec<Vec<u8>>,
}

/// What was found for one target of the command line.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TargetInfo {
    /// As the user wrote it. Any bytes: not yet safe to print.
    pub word: Vec<u8>,
    /// Its callbacks, where seqtrace could look.
    pub callbacks: Option<Callbacks>,
    /// What is wrong or special with it, in words for a person.
    pub note: Option<String>,
}

/// Everything is attached: from here on nothing is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ready {
    /// CLOCK_MONOTONIC, ns since boot: the zero of relative times.
    pub begin: u64,
    /// Probes attached.
    pub probes: u32,
}

/// Where rendered bytes go. The caller writes both out and clears them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// For standard output or `-o FILE`: data only, whole lines.
    pub data: Vec<u8>,
    /// For standard error: header, progress, summary.
    pub status: Vec<u8>,
}

/// Something that turns a trace into bytes. Calls come in the order of the methods here.
pub trait Sink {
    /// Tracing is about to be set up.
    fn header(&mut self, header: &Header, out: &mut Output);
    /// A target was looked at.
    fn target(&mut self, target: &TargetInfo, out: &mut Output);
    /// Everything is attached.
    fn ready(&mut self, ready: &Ready, out: &mut Output);
    /// Something happened.
    fn update(&mut self, update: &Update, out: &mut Output);
    /// The trace ended.
    fn end(&mut self, summary: &Summary, out: &mut Output);
}

/// A [`Sink`] for those who are after what happened, and want no bytes.
pub struct Updates<F>(pub F);

impl<F: FnMut(&Update)> Sink for Updates<F> {
    fn header(&mut self, _: &Header, _: &mut Output) {}

    fn target(&mut self, _: &TargetInfo, _: &mut Output) {}

    fn ready(&mut self, _: &Ready, _: &mut Output) {}

    fn update(&mut self, update: &Update, _: &mut Output) {
        self.0(update);
    }

    fn end(&mut self, _: &Summary, _: &mut Output) {}
}

/// A word given to `--fields` that the format does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no field `{unknown}` in this format; it has: {}", valid.join(", "))]
pub struct FieldError {
    /// The word, escaped.
    pub unknown: String,
    /// What there is.
    pub valid: Vec<String>,
}

/// Makes the renderer that the options ask for.
///
/// # Errors
///
/// A field that this format does not have.
pub fn sink(options: &Options) -> Result<Box<dyn Sink>, FieldError> {
    Ok(match options.format {
        Format::Timeline => Box::new(timeline::Timeline::new(options)?),
        Format::Compact => Box::new(compact::Compact::new(options)?),
        Format::Json => Box::new(json::Json::new(options)?),
    })
}

/// Finds a field by name among those that a format has.
fn field<T: Copy>(word: &str, valid: &[(&str, T)]) -> Result<T, FieldError> {
    valid.iter().find(|(name, _)| *name == word).map(|(_, field)| *field).ok_or_else(|| {
        FieldError {
            unknown: escape::text(word.as_bytes(), false).to_string(),
            valid: valid.iter().map(|(name, _)| (*name).to_owned()).collect(),
        }
    })
}
