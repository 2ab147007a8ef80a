//! The list of keys, which covers the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::theme::{Theme, bold};

const TEXT: &str = "\
seqtrace: keys                         j k scroll, any other key closes

Tab, Shift-Tab    next pane, previous pane
arrows, hjkl      move; left and right close and open branches
PgUp PgDn, g G    page, first, last
Enter             open or close; in a list: show
Esc               back

e c, E C          open, close a branch; all branches
d i m p           detail, findings, file map, position plot
L                 logarithmic positions
z                 zoom the pane
< >               scroll the timeline sideways

x X               next finding, previous finding
/ n N             search a text in all rows of all listed sessions
F                 filter the sessions: the words of the command line
space             pause the view; tracing and recording go on
f                 follow the newest session
w                 save the recording in another file
y                 copy a command that makes the calls of this session
Ctrl-Z            suspend
q, Ctrl-C         quit

File map   X: file offset, a row for each generation
  emitted solid, passed over light, discarded hatched, findings
  red; an arc leads from a double emit to the first emission
Plot       X: calls of start and next, Y: position";

/// Draws the help from a line on. Returns the line with which it really begins.
pub(super) fn draw(first: usize, theme: Theme, area: Rect, buffer: &mut Buffer) -> usize {
    let lines: Vec<&str> = TEXT.lines().collect();
    let first = first.min(lines.len().saturating_sub(usize::from(area.height)));
    let rule = theme.glyphs.separator;
    for (y, (at, line)) in (area.y..area.bottom()).zip(lines.iter().enumerate().skip(first)) {
        let style = if at == 0 { bold() } else { Style::new() };
        buffer.set_stringn(area.x, y, rule, 1, Style::new());
        buffer.set_stringn(area.x + 2, y, line, usize::from(area.width).saturating_sub(2), style);
    }
    first
}
