//! The sink of the two text formats. They differ only in how they render updates.

use super::columns::Columns;
use super::line::Line;
use super::pieces::Window;
use super::status::Status;
use super::style::Style;
use super::{FieldError, Header, Options, Output, Ready, Renderer, Shown, TargetInfo};
use crate::session::update::{Summary, Update};

/// Format that renders updates as lines of text.
pub(super) trait TextFormat {
    /// Columns that are shown without `--fields`.
    const COLUMNS: &'static [&'static str];

    /// Appends the lines of an update to `data`, if it has any.
    fn update(&mut self, page: &mut Page, update: &Update, data: &mut Vec<u8>);
}

/// State that all lines of a text format share.
pub(super) struct Page {
    pub(super) style: Style,
    pub(super) columns: Columns,
    window: Window,
}

impl Page {
    /// Begins the line of an update with its columns, up to where the event begins.
    #[inline]
    pub(super) fn line<'a>(&'a mut self, update: &Update, data: &'a mut Vec<u8>) -> Line<'a> {
        let mut line = Line::new(data, &mut self.window, self.style);
        self.columns.write(&mut line, update);
        line
    }
}

/// Renders data as a text format and status as text.
pub(super) struct TextSink<F> {
    format: F,
    page: Page,
    status: Status,
    quiet: bool,
}

impl<F: TextFormat> TextSink<F> {
    /// Makes a sink. `format` makes the format for a page.
    ///
    /// # Errors
    ///
    /// Fails if the options name a column that does not exist.
    pub(super) fn new(
        options: &Options,
        format: impl FnOnce(&Options, &Page) -> F,
    ) -> Result<Self, FieldError> {
        let page = Page {
            style: Style::new(options.color, options.ascii),
            columns: Columns::new(options, F::COLUMNS)?,
            window: Window::default(),
        };
        let format = format(options, &page);
        Ok(Self { format, page, status: Status::new(options), quiet: options.quiet })
    }
}

impl<F: TextFormat> Renderer for TextSink<F> {
    fn header(&mut self, header: &Header, out: &mut Output) {
        if !self.quiet {
            self.status.header(header, &mut out.status);
        }
    }

    fn target(&mut self, target: &TargetInfo, out: &mut Output) {
        if !self.quiet || target.note.is_some() {
            self.status.target(target, &mut out.status);
        }
    }

    fn ready(&mut self, ready: &Ready, out: &mut Output) {
        self.page.columns.ready(ready);
        if !self.quiet {
            self.status.ready(*ready, &mut out.status);
            self.page.columns.heading(&mut out.data, self.page.style);
        }
    }

    fn update(&mut self, update: &Update, out: &mut Output) -> Shown {
        let before = out.data.len();
        self.format.update(&mut self.page, update, &mut out.data);
        Shown::from(out.data.len() > before)
    }

    fn end(&mut self, summary: &Summary, out: &mut Output) {
        if !self.quiet {
            self.status.summary(summary, &mut out.status);
        }
    }
}
