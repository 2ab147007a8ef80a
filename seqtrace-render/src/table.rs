use super::line;
use super::style::{Color, Style};
use super::wrap;

/// Least width of the first column, if it is cut.
const LEAST: usize = 4;

/// A table whose first column is left-aligned and whose others are right-aligned.
pub(super) struct Table {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Number of rows that are displayed.
    top: usize,
    /// Number of rows beyond these.
    more: u64,
    /// Width in columns into which the first column is cut to fit. `None`: it has any width.
    fit: Option<usize>,
}

impl Table {
    /// Creates a table with headings that are separated by `, `, which displays at most `top` rows; `None`: all.
    pub(super) fn new(headings: &str, top: Option<usize>) -> Self {
        let heading = headings.split(", ").map(str::to_owned).collect();
        Self { heading, rows: Vec::new(), top: top.unwrap_or(usize::MAX), more: 0, fit: None }
    }

    /// Cuts the texts in the first column so that the table fits into a width; `None`: they are whole.
    pub(super) fn fit(mut self, width: Option<u16>) -> Self {
        self.fit = width.map(usize::from);
        self
    }

    /// Returns true if another row is displayed. If not, the row is counted, and needs no text: a trace may have many
    /// long paths.
    pub(super) fn has_row(&mut self) -> bool {
        let displayed = self.rows.len() < self.top;
        self.more += u64::from(!displayed);
        displayed
    }

    pub(super) fn row(&mut self, name: String, cells: impl IntoIterator<Item = String>) {
        self.rows.push(std::iter::once(name).chain(cells).collect());
    }

    /// Appends the heading and the rows; nothing if there are no rows.
    pub(super) fn write(&self, style: Style, out: &mut Vec<u8>) {
        if self.rows.is_empty() {
            return;
        }
        out.push(b'\n');
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.heading]).filter_map(|row| row.get(column));
            cells.map(|cell| wrap::columns(cell)).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..self.heading.len()).map(width).collect();
        if let ([first, others @ ..], Some(fit)) = (widths.as_mut_slice(), self.fit) {
            let numbers: usize = others.iter().map(|width| 2 + width).sum();
            *first = (*first).min(fit.saturating_sub(numbers).max(LEAST));
        }
        let first = widths.first().copied().unwrap_or(0);
        let more = style.glyphs.more;
        for (index, row) in [&self.heading].into_iter().chain(&self.rows).enumerate() {
            line::write(out, style, |line| {
                let mut end = 0;
                for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                    end += width;
                    if column > 0 {
                        end += 2;
                        line.pad(end.saturating_sub(wrap::columns(cell)), 0);
                    }
                    let color = if index == 0 { Color::Dim } else { Color::Strong };
                    if let (0, Some((head, tail))) =
                        (column, wrap::without_middle(cell, first, more.columns))
                    {
                        line.color(color, format_args!("{head}{more}{tail}"));
                    } else if index == 0 || column == 0 {
                        line.color(color, cell);
                    } else {
                        line.put(cell);
                    }
                }
            });
        }
        if self.more > 0 {
            line::write(out, style, |line| {
                line.color(Color::Dim, format_args!("and {} more", self.more));
            });
        }
    }
}
