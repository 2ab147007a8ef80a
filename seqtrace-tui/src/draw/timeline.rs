//! The rows of the selected session as a tree.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use seqtrace_model::finding::Severity;
use seqtrace_model::session::update::{Update, UpdateKind};

use super::shortened;
use crate::app::{App, Pane};
use crate::folds::{Branch, Tree};
use crate::model::{Model, Progress};
use crate::repro::last_rows;
use crate::text::escaped;
use crate::theme::{dim, selected};

/// Number of columns from which on lines begin with their time.
const WITH_TIME: u16 = 100;

/// Characters of the bracket at the end of a read.
const BRACKET: [char; 5] = ['└', '─', '`', '-', ' '];

/// A line that is visible.
struct Visible {
    row: u32,
    /// First row that is not shown by this line.
    end: u32,
    depth: usize,
    /// The branch that begins here, and whether it is open.
    branch: Option<(Branch, bool)>,
}

impl App {
    pub(super) fn draw_timeline(&mut self, model: &Model, area: Rect, buffer: &mut Buffer) {
        if area.is_empty() {
            return;
        }
        let focused = self.focus == Pane::Timeline;
        let title = self.timeline_title(model);
        let area = self.title(&title, focused, area, buffer);
        self.areas.timeline = area;
        if focused {
            self.page = i64::from(area.height);
        }
        let Some(session) = self.session else { return };
        let height = usize::from(area.height);
        let (visible, cursor) = self.with_tree(session, model, |tree, row, top| {
            *top = fitted(tree, *row, *top, height);
            (visible(tree, *top, height), *row)
        });
        let mut lines: Vec<(Option<u32>, Line<'static>)> = Vec::new();
        let mut before = None;
        for line in &visible {
            let rows = &model.trace.sessions[session].rows;
            let Some(update) = rows.get(line.row, &mut self.window).cloned() else { continue };
            if let Some(before) = before {
                self.loose_lines(model, before, update.time, &mut lines);
            }
            lines.push((Some(line.row), self.tree_line(model, session, line, &update, area.width)));
            before = rows.get(line.end.saturating_sub(1), &mut self.window).map(|last| last.time);
        }
        let end = self.end_of(session, model);
        let all = visible.last().is_some_and(|last| last.end >= end);
        if let (true, Progress::Broken(reason), None) = (all, &model.progress, self.paused) {
            let rule = self.theme.glyphs.rule;
            let text =
                format!("{rule}{rule} {} {rule}{rule}", escaped(reason.as_bytes(), self.theme));
            lines.push((None, Line::styled(text, self.theme.severity(Severity::Error))));
        }
        // Lines without rows must not hide the cursor.
        let at = lines.iter().position(|(row, _)| *row == Some(cursor)).unwrap_or_default();
        let skipped = (at + 1).saturating_sub(height);
        for (y, (row, line)) in (area.y..area.bottom()).zip(lines.into_iter().skip(skipped)) {
            buffer.set_line(area.x, y, &line, area.width);
            self.areas.rows.push(row);
            if row == Some(cursor) {
                buffer.set_style(Rect { y, height: 1, ..area }, selected(focused));
            }
        }
    }

    fn timeline_title(&self, model: &Model) -> String {
        let Some(session) = self.session.and_then(|session| model.trace.sessions.get(session))
        else {
            return "Timeline".to_owned();
        };
        let path = escaped(&session.facts.path, self.theme);
        let room = usize::from(self.width).saturating_sub(24);
        let dropped = session.rows.first();
        let dropped =
            if dropped > 0 { format!("  first {dropped} rows dropped") } else { String::new() };
        format!(
            "s{} {}{dropped}",
            session.facts.id.0,
            shortened(&path, room, self.theme.glyphs.more)
        )
    }

    /// Adds lines for the updates of no session in a span of time.
    fn loose_lines(
        &mut self,
        model: &Model,
        after: u64,
        until: u64,
        lines: &mut Vec<(Option<u32>, Line<'static>)>,
    ) {
        let loose = &model.trace.loose;
        let first = loose.partition_point(|update| update.time <= after);
        for update in loose[first..].iter().take_while(|update| update.time <= until).take(8) {
            let mut line = self.texts.line(update);
            line.spans.insert(0, Span::raw("  "));
            lines.push((None, line));
        }
    }

    fn tree_line(
        &mut self,
        model: &Model,
        session: usize,
        line: &Visible,
        update: &Update,
        width: u16,
    ) -> Line<'static> {
        let glyphs = self.theme.glyphs;
        let mark = match line.branch {
            Some((_, true)) => glyphs.open,
            Some((_, false)) => glyphs.closed,
            None => " ",
        };
        let mut spans = Vec::new();
        if width >= WITH_TIME {
            let since = update.time.saturating_sub(model.begin());
            let (seconds, micros) = (since / 1_000_000_000, since / 1000 % 1_000_000);
            spans.push(Span::styled(format!("{seconds:>4}.{micros:06} "), dim()));
        }
        spans.push(Span::raw(format!("{:width$}{mark} ", "", width = line.depth)));
        let mut event = self.texts.line(update).spans;
        if let Some((branch, false)) = line.branch {
            // Blanks between columns only cost space here.
            event = event.iter().map(squeezed).collect();
            self.add_summary(model, session, branch, line, &mut event);
        }
        let mut shift = self.shift;
        for span in event {
            let length = span.content.chars().count();
            let kept: String = span.content.chars().skip(shift).collect();
            shift = shift.saturating_sub(length);
            spans.push(Span::styled(kept, span.style));
        }
        Line::from(spans)
    }

    /// Adds what a closed branch hides: the end of its call or the number of its callbacks, and its worst finding.
    fn add_summary(
        &mut self,
        model: &Model,
        session: usize,
        branch: Branch,
        line: &Visible,
        spans: &mut Vec<Span<'static>>,
    ) {
        let session = &model.trace.sessions[session];
        let worst = match branch {
            Branch::Item(_) => {
                let is_end = |update: &&Update| {
                    matches!(update.what, UpdateKind::ReadEnd(_) | UpdateKind::LseekEnd { .. })
                };
                let window = &mut self.window;
                let end = last_rows(line.end)
                    .find_map(|row| session.rows.get(row, window).filter(is_end).cloned());
                if let Some(end) = end {
                    spans.push(Span::raw("  "));
                    let mut end = self.texts.line(&end).spans;
                    if let Some(first) = end.first_mut() {
                        // The bracket connects lines that are not shown.
                        first.content = first.content.trim_start_matches(BRACKET).to_owned().into();
                    }
                    spans.extend(end.iter().map(squeezed));
                }
                session.item_at(line.row).and_then(|item| item.worst)
            }
            Branch::Pass(_) => {
                let rows = line.end - line.row;
                spans.push(Span::styled(
                    format!("  {} {} rows", self.theme.glyphs.more, rows),
                    dim(),
                ));
                session.pass_at(line.row).and_then(|pass| pass.worst)
            }
        };
        if let Some(worst) = worst {
            let mark = format!("  {}", self.theme.mark(worst));
            spans.push(Span::styled(mark, self.theme.severity(worst)));
        }
    }
}

/// Returns a piece of a line with single blanks instead of several.
fn squeezed(span: &Span<'static>) -> Span<'static> {
    let mut text = String::with_capacity(span.content.len());
    for c in span.content.chars() {
        if c != ' ' || !text.ends_with("  ") {
            text.push(c);
        }
    }
    Span::styled(text, span.style)
}

/// Returns the line at the top of the pane, so that the cursor is visible.
fn fitted(tree: Tree<'_>, row: u32, top: u32, height: usize) -> u32 {
    if row < top {
        return row;
    }
    let mut line = top;
    for _ in 1..height {
        if line == row {
            return filled(tree, top, height);
        }
        match tree.below(line) {
            Some(below) if below <= row => line = below,
            _ => break,
        }
    }
    if line == row {
        return filled(tree, top, height);
    }
    up(tree, row, height.saturating_sub(1))
}

/// Returns a line at the top that leaves no part of the pane empty, if there are enough lines.
fn filled(tree: Tree<'_>, top: u32, height: usize) -> u32 {
    let shown = visible(tree, top, height).len();
    up(tree, top, height.saturating_sub(shown))
}

fn up(tree: Tree<'_>, row: u32, lines: usize) -> u32 {
    let mut row = row;
    for _ in 0..lines {
        match tree.above(row) {
            Some(above) => row = above,
            None => break,
        }
    }
    row
}

/// Returns the lines from the top of the pane on.
fn visible(tree: Tree<'_>, top: u32, height: usize) -> Vec<Visible> {
    let mut lines = Vec::with_capacity(height);
    let mut next = tree.first().map(|_| top);
    while let Some(row) = next.filter(|_| lines.len() < height) {
        let branch = tree.branch(row).map(|branch| (branch, tree.folds.is_open(branch)));
        let end = tree.hidden_with(row).end.min(tree.end);
        lines.push(Visible { row, end, depth: tree.depth(row), branch });
        next = tree.below(row);
    }
    lines
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn blanks_between_columns_are_squeezed() {
        let span = squeezed(&Span::styled("= 6 B       x  y", Style::new()));
        assert_eq!(span.content, "= 6 B  x  y");
    }
}
