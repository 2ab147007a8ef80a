use crate::{
    line,
    style::{Color, Style},
};

/// A table whose first column is left-aligned and whose others are right-aligned.
pub(super) struct Table {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Number of rows that are displayed.
    top: usize,
    /// Number of rows beyond these.
    more: u64,
}

impl Table {
    /// Creates a table with headings that are separated by `, `, which displays at most `top` rows; `None`: all.
    pub(super) fn new(headings: &str, top: Option<usize>) -> Self {
        let heading = headings.split(", ").map(str::to_owned).collect();
        Self { heading, rows: Vec::new(), top: top.unwrap_or(usize::MAX), more: 0 }
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
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.heading.len()).map(width).collect();
        for (index, row) in [&self.heading].into_iter().chain(&self.rows).enumerate() {
            line::write(out, style, |line| {
                let mut end = 0;
                for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                    end += width;
                    if column > 0 {
                        end += 2;
                        line.pad(end - cell.chars().count(), 0);
                    }
                    let color = if index == 0 { Color::Dim } else { Color::Strong };
                    if index == 0 || column == 0 {
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
