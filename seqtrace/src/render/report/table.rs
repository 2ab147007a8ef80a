use crate::render::{
    line,
    style::{Color, Style},
};

/// A table whose first column is left-aligned and whose others are right-aligned.
pub(super) struct Table {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Makes a table with headings that are separated by `, `.
    pub(super) fn new(headings: &str) -> Self {
        Self { heading: headings.split(", ").map(str::to_owned).collect(), rows: Vec::new() }
    }

    pub(super) fn row(&mut self, name: String, cells: impl IntoIterator<Item = String>) {
        self.rows.push(std::iter::once(name).chain(cells).collect());
    }

    /// Appends the heading and at most `top` rows; nothing if there are no rows.
    pub(super) fn write(&self, style: Style, top: Option<usize>, out: &mut Vec<u8>) {
        if self.rows.is_empty() {
            return;
        }
        out.push(b'\n');
        let shown = &self.rows[..top.unwrap_or(usize::MAX).min(self.rows.len())];
        let width = |column: usize| {
            let cells = shown.iter().chain([&self.heading]).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.heading.len()).map(width).collect();
        for (index, row) in [&self.heading].into_iter().chain(shown).enumerate() {
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
        if let Some(more) = self.rows.len().checked_sub(shown.len()).filter(|more| *more > 0) {
            line::write(out, style, |line| {
                line.color(Color::Dim, format_args!("and {more} more"));
            });
        }
    }
}
