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
    /// Width in columns into which the table is made to fit. `None`: it has any width.
    fit: Option<usize>,
}

impl Table {
    /// Creates a table with headings that are separated by `, `, which displays at most `top` rows; `None`: all.
    pub(super) fn new(headings: &str, top: Option<usize>) -> Self {
        let heading = headings.split(", ").map(str::to_owned).collect();
        Self { heading, rows: Vec::new(), top: top.unwrap_or(usize::MAX), more: 0, fit: None }
    }

    /// Leaves out columns of zeros and cuts the texts in the first column, as far as that is necessary to fit the table
    /// into a width; `None`: the table is whole.
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
        let shown = self.shown(&widths);
        let wide = total(&widths, &shown);
        if let ([first, ..], Some(fit)) = (widths.as_mut_slice(), self.fit) {
            *first = (*first).min((fit + *first).saturating_sub(wide).max(LEAST));
        }
        let first = widths.first().copied().unwrap_or(0);
        let more = style.glyphs.more;
        for (index, row) in [&self.heading].into_iter().chain(&self.rows).enumerate() {
            line::write(out, style, |line| {
                let mut end = 0;
                let cells = row.iter().zip(&widths).enumerate();
                let cells = cells.filter(|(column, _)| shown.get(*column) == Some(&true));
                for (column, (cell, width)) in cells {
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

    /// Returns, for each column, false if it has only zeros and the table is too wide.
    fn shown(&self, widths: &[usize]) -> Vec<bool> {
        let all = vec![true; widths.len()];
        if self.fit.is_none_or(|fit| total(widths, &all) <= fit) {
            return all;
        }
        let is_zero = |row: &Vec<String>, column| row.get(column).is_some_and(|cell| cell == "0");
        let has_value = |column| !self.rows.iter().all(|row| is_zero(row, column));
        (0..widths.len()).map(has_value).collect()
    }
}

/// Returns the width of the columns that are shown, with two blanks between them.
fn total(widths: &[usize], shown: &[bool]) -> usize {
    let shown = widths.iter().zip(shown).filter(|(_, shown)| **shown);
    shown.map(|(width, _)| 2 + width).sum::<usize>().saturating_sub(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(width: Option<u16>) -> String {
        let mut table = Table::new("FILE, READS, LOST, BYTES", None).fit(width);
        table.row("/proc/a/long/path".to_owned(), ["1", "0", "20"].map(str::to_owned));
        table.row("/proc/b".to_owned(), ["12", "0", "3"].map(str::to_owned));
        let mut out = Vec::new();
        table.write(Style::new(false, true), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_that_is_too_wide_loses_zeros_first() {
        let whole = rendered(None);
        assert!(whole.contains("LOST"));
        assert_eq!(rendered(Some(37)), whole);
        let narrow = rendered(Some(31));
        assert!(!narrow.contains("LOST") && narrow.contains("/proc/a/long/path"), "{narrow}");
        let cut = rendered(Some(24));
        assert!(cut.contains("...") && cut.contains("20"), "{cut}");
        for (text, width) in [(whole, 37), (narrow, 31), (cut, 24)] {
            assert_eq!(text.lines().map(str::len).max(), Some(width), "{text}");
        }
    }
}
