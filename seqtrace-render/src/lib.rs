//! Renders the updates of a trace as text or JSON.
//!
//! A [`Renderer`] takes [`Update`]s in order and appends their rendering to buffers, which
//! the caller writes out. It has no side effects, reads no clock and draws no conclusions. [`renderer`] makes the
//! renderer of an output:
//!
//! | format | a callback is rendered as | header, targets, progress, summary go to |
//! | --- | --- | --- |
//! | `timeline` | a line | [`Output::status`] |
//! | `compact` | part of the line of its read | [`Output::status`] |
//! | `json` | an object | [`Output::data`], as objects |
//!
//! All text that a kernel module or a user could have chosen goes through [`escape`].
#![forbid(unsafe_code)]

#[cfg(test)]
mod arbitrary;
mod chars;
pub mod clock;
mod columns;
mod compact;
pub mod diff;
mod digits;
mod duration;
pub mod json;
mod line;
mod owner;
mod pieces;
pub mod report;
pub mod status;
mod style;
pub mod summary;
mod table;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
pub mod texts;
mod timeline;
mod wording;
mod wrap;

use clap::ValueEnum;
pub use clock::Clock;
use compact::Compact;
pub use line::{Blamed, Count, Name, SourceText, SymbolLocation};
use seqtrace_model::session::update::{Summary, Update};
use seqtrace_model::trace::Sink;
pub use seqtrace_model::trace::{Header, Ready, Shown, TargetInfo};
use seqtrace_model::{errno, escape, event, rules, session, symbol};
use text::TextSink;
use timeline::Timeline;

/// Format of the output, chosen by `--format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One line per callback, for reading
    #[default]
    Timeline,
    /// One line per read, for busy systems
    Compact,
    /// One JSON object per line, for programs; see docs/json.md
    Json,
}

/// Format of times (`--time`). JSON always has both relative and absolute times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Time {
    /// Seconds since tracing began, and the time since the previous line
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

/// Options of a renderer.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent command line switch")]
pub struct Options {
    /// Format of the data.
    pub format: Format,
    /// Format of the times in text.
    pub time: Time,
    /// Conversion of times to wall time.
    pub clock: Clock,
    /// Allows colors in the data. Resolved from `--color`, NO_COLOR and the terminal.
    pub color: bool,
    /// Allows colors on standard error.
    pub color_status: bool,
    /// Restricts the text to ASCII: no box drawing, arrows or µ.
    pub ascii: bool,
    /// Greatest number of bytes of a preview. 0: no previews.
    pub preview: usize,
    /// Columns, or keys of JSON, in order of output. `None`: the format's default.
    pub fields: Option<Vec<String>>,
    /// Width of the data in columns: text is laid out and wrapped to fit. `None`: lines have any length.
    pub width: Option<u16>,
    /// Width of standard error in columns. `None`: lines have any length.
    pub status_width: Option<u16>,
    /// Shows runs of unremarkable records as one line (timeline).
    pub fold: bool,
    /// Omits the heading of the columns, and all status except warnings.
    pub quiet: bool,
    /// Adds the state of the seq_file when a read begins.
    pub verbose: bool,
}

/// Size of a terminal in columns and lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Number of columns of the terminal, at least 1.
    pub columns: u16,
    /// Number of lines of the terminal, at least 1.
    pub rows: u16,
}

/// Rendered bytes. The caller writes them out and clears the buffers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Whole lines of data, for standard output or `-o FILE`.
    pub data: Vec<u8>,
    /// Header, progress and summary, for standard error.
    pub status: Vec<u8>,
}

/// Renders a trace. The methods are called in the order of their declaration.
pub trait Renderer {
    /// Renders the header, before probes are attached.
    fn header(&mut self, header: &Header, out: &mut Output);
    /// Renders what was found for a target of the command line.
    fn target(&mut self, target: &TargetInfo, out: &mut Output);
    /// Renders that all probes are attached.
    fn ready(&mut self, ready: &Ready, out: &mut Output);
    /// Renders an update. Returns whether the user sees something of it.
    fn update(&mut self, update: &Update, out: &mut Output) -> Shown;
    /// Renders the sums at the end of the trace.
    fn end(&mut self, summary: &Summary, out: &mut Output);

    /// Renders what was held back or has changed. A live trace calls this a few times a second.
    fn refresh(&mut self, _out: &mut Output) {}

    /// Fits the text from now on into a terminal of another size.
    fn resize(&mut self, _size: Size, _out: &mut Output) {}
}

/// A renderer with the buffers that it renders into.
pub struct Screen {
    renderer: Box<dyn Renderer>,
    /// Bytes that are not written out yet.
    pub output: Output,
}

impl Screen {
    /// Makes a screen with empty buffers.
    pub fn new(renderer: Box<dyn Renderer>) -> Self {
        Self { renderer, output: Output::default() }
    }

    /// Renders what was held back or has changed. A live trace calls this a few times a second.
    pub fn refresh(&mut self) {
        self.renderer.refresh(&mut self.output);
    }

    /// Fits the text from now on into a terminal of another size.
    pub fn resize(&mut self, size: Size) {
        self.renderer.resize(size, &mut self.output);
    }
}

impl Sink for Screen {
    fn header(&mut self, header: &Header) {
        self.renderer.header(header, &mut self.output);
    }

    fn target(&mut self, target: &TargetInfo) {
        self.renderer.target(target, &mut self.output);
    }

    fn ready(&mut self, ready: &Ready) {
        self.renderer.ready(ready, &mut self.output);
    }

    fn update(&mut self, update: &Update) -> Shown {
        self.renderer.update(update, &mut self.output)
    }

    fn end(&mut self, summary: &Summary) {
        self.renderer.end(summary, &mut self.output);
    }
}

/// Error: `--fields` names a field that the format does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no field `{unknown}` in this format; it has: {}", valid.join(", "))]
pub struct FieldError {
    /// The unknown name, escaped.
    pub unknown: String,
    /// Fields of the format.
    pub valid: Vec<String>,
}

impl FieldError {
    fn new(unknown: &str, valid: impl IntoIterator<Item = String>) -> Self {
        let unknown = escape::text(unknown.as_bytes(), false).to_string();
        Self { unknown, valid: valid.into_iter().collect() }
    }
}

/// Makes the sink for the options.
///
/// # Errors
///
/// Fails if the options name a field that the format does not have.
pub fn renderer(options: &Options) -> Result<Box<dyn Renderer>, FieldError> {
    Ok(match options.format {
        Format::Timeline => Box::new(TextSink::new(options, Timeline::new)?),
        Format::Compact => Box::new(TextSink::new(options, |_| Compact::default())?),
        Format::Json => Box::new(json::Json::new(options)?),
    })
}
