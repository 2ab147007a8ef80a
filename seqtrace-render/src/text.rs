//! The sink of the two text formats. They differ only in how they render updates.

use super::columns::{Column, Columns};
use super::line::Line;
use super::pieces::Window;
use super::status::Status;
use super::style::Style;
use super::{FieldError, Header, Options, Output, Ready, Renderer, Shown, Size, TargetInfo, wrap};
use crate::session::update::{Summary, Update};

/// Columns between the begin of an event and the text of its further lines: they begin behind the bracket.
pub(super) const INDENT: usize = 3;

/// Format that renders updates as lines of text.
pub(super) trait TextFormat {
    /// Columns that are shown without `--fields`.
    const COLUMNS: &'static [&'static str];

    /// Layouts, from the widest to the narrowest. The first one that fits a terminal is used, or else the last one. At
    /// any width, the layout follows from the width alone, so that the parts of all lines are below each other.
    const LAYOUTS: &'static [Fit];

    /// Lays out further lines as `LAYOUTS[index]`, of which `columns` is the part before the event.
    fn lay_out(&mut self, index: usize, columns: &Columns);

    /// Appends the lines of an update to `data`, if it has any, now or later. Returns whether it has.
    fn update(&mut self, page: &mut Page, update: &Update, data: &mut Vec<u8>) -> Shown;

    /// Appends lines that were held back for a while.
    fn refresh(&mut self, _page: &mut Page, _data: &mut Vec<u8>) {}

    /// Appends all lines that were held back, at the end of the trace.
    fn end(&mut self, _page: &mut Page, _data: &mut Vec<u8>) {}
}

/// Condition under which a layout is used.
pub(super) struct Fit {
    /// Columns that are not shown.
    pub(super) hidden: &'static [Column],
    /// Number of terminal columns that most events fill.
    pub(super) event: usize,
}

/// State that all lines of a text format share.
pub(super) struct Page {
    pub(super) style: Style,
    pub(super) columns: Columns,
    /// Width in columns at which lines are wrapped. `None`: lines have any length.
    width: Option<usize>,
    window: Window,
}

impl Page {
    /// Begins the line of an update with its columns, up to where the event begins.
    #[inline]
    pub(super) fn line<'a>(&'a mut self, update: &Update, data: &'a mut Vec<u8>) -> Line<'a> {
        let Self { style, columns, width, window } = self;
        let mut line = Line::new(data, window, *style);
        columns.write(&mut line, update);
        line.style.event_columns = width.map(|width| width.saturating_sub(columns.width()));
        line
    }

    /// Returns true if lines are laid out and wrapped to fit a width.
    pub(super) fn is_fitted(&self) -> bool {
        self.width.is_some()
    }

    /// Wraps the lines from the byte `from` on.
    #[inline]
    pub(super) fn wrap(&self, data: &mut Vec<u8>, from: usize) {
        if let Some(width) = self.width {
            wrap::wrap(data, from, width, self.columns.width() + INDENT);
        }
    }

    /// Chooses one of the layouts. Returns its index, and true if other columns are shown than before.
    fn fit(&mut self, layouts: &[Fit], width: Option<u16>) -> (usize, bool) {
        self.width = width.map(|width| usize::from(width).max(wrap::LEAST));
        let Some(width) = self.width else {
            self.style.event_columns = None;
            return (0, self.columns.fit(&[], None));
        };
        let needed = |fit: &Fit| self.columns.least_width(fit.hidden) + fit.event;
        let fits = layouts.iter().position(|fit| needed(fit) <= width);
        let index = fits.unwrap_or(layouts.len().saturating_sub(1));
        let (hidden, needed) =
            layouts.get(index).map_or((&[][..], 0), |fit| (fit.hidden, needed(fit)));
        let changed = self.columns.fit(hidden, Some(width.saturating_sub(needed)));
        self.style.event_columns = Some(width.saturating_sub(self.columns.width()));
        (index, changed)
    }
}

/// Renders data as a text format and status as text.
pub(super) struct TextSink<F> {
    format: F,
    page: Page,
    status: Status,
    /// Width of status in columns. `None`: lines have any length.
    status_width: Option<u16>,
    quiet: bool,
}

impl<F: TextFormat> TextSink<F> {
    /// Makes a sink. `format` makes the format.
    ///
    /// # Errors
    ///
    /// Fails if the options name a column that does not exist.
    pub(super) fn new(
        options: &Options,
        format: impl FnOnce(&Options) -> F,
    ) -> Result<Self, FieldError> {
        let mut page = Page {
            style: Style::new(options.color, options.ascii),
            columns: Columns::new(options, F::COLUMNS)?,
            width: None,
            window: Window::default(),
        };
        let mut format = format(options);
        let (index, _) = page.fit(F::LAYOUTS, options.width);
        format.lay_out(index, &page.columns);
        let (status, status_width) = (Status::new(options), options.status_width);
        Ok(Self { format, page, status, status_width, quiet: options.quiet })
    }

    /// Appends lines of status.
    fn status(&self, out: &mut Output, write: impl FnOnce(Status, &mut Vec<u8>)) {
        let begin = out.status.len();
        write(self.status, &mut out.status);
        if let Some(width) = self.status_width {
            wrap::wrap(&mut out.status, begin, width.into(), INDENT);
        }
    }

    fn heading(&self, out: &mut Output) {
        if !self.quiet {
            let begin = out.data.len();
            self.page.columns.heading(&mut out.data, self.page.style);
            self.page.wrap(&mut out.data, begin);
        }
    }
}

impl<F: TextFormat> Renderer for TextSink<F> {
    fn header(&mut self, header: &Header, out: &mut Output) {
        if !self.quiet {
            self.status(out, |status, out| status.header(header, out));
        }
    }

    fn target(&mut self, target: &TargetInfo, out: &mut Output) {
        if !self.quiet || target.note.is_some() {
            self.status(out, |status, out| status.target(target, out));
        }
    }

    fn ready(&mut self, ready: &Ready, out: &mut Output) {
        self.page.columns.ready(ready);
        if !self.quiet {
            self.status(out, |status, out| status.ready(*ready, out));
        }
        self.heading(out);
    }

    fn update(&mut self, update: &Update, out: &mut Output) -> Shown {
        self.format.update(&mut self.page, update, &mut out.data)
    }

    fn end(&mut self, summary: &Summary, out: &mut Output) {
        self.format.end(&mut self.page, &mut out.data);
        if !self.quiet {
            self.status(out, |status, out| status.summary(summary, out));
        }
    }

    fn refresh(&mut self, out: &mut Output) {
        self.format.refresh(&mut self.page, &mut out.data);
    }

    fn resize(&mut self, size: Size, out: &mut Output) {
        let (index, changed) = self.page.fit(F::LAYOUTS, Some(size.columns));
        self.format.lay_out(index, &self.page.columns);
        // Standard error is nearly always the same terminal.
        self.status_width = self.status_width.map(|_| size.columns);
        if changed {
            self.heading(out);
        }
    }
}
