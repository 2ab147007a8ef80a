//! Draws the screen: divides it, and calls the painter of each pane.

mod help;
mod lower;
mod map;
mod plot;
mod sessions;
mod status;
mod timeline;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Widget as _};

use crate::app::{App, Areas, Lower, Pane};
use crate::model::Model;
use crate::text::{Texts, escaped};
use crate::theme::{bold, dim};

/// Size of the smallest screen, columns and lines.
const LEAST: (u16, u16) = (40, 12);
/// Number of columns from which on the detail and another pane are side by side.
const WIDE: u16 = 110;

/// The areas of the panes, title lines included.
#[derive(Clone, Copy, Debug, Default)]
struct Layout {
    status: Rect,
    sessions: Rect,
    timeline: Rect,
    /// The lower pane; on a wide screen its right half.
    lower: Rect,
    /// The detail, if it is beside the lower pane.
    detail: Rect,
    footer: Rect,
}

impl App {
    /// Draws the screen of a trace.
    pub fn draw(&mut self, model: &Model, frame: &mut Frame<'_>) {
        let area = frame.area();
        let buffer = frame.buffer_mut();
        self.areas = Areas::default();
        if area.width < LEAST.0 || area.height < LEAST.1 {
            too_small(area, buffer);
            return;
        }
        self.sync(model);
        if self.width != area.width {
            self.width = area.width;
            self.texts = Texts::new(self.theme, area.width);
        }
        let layout = self.layout(area);
        self.draw_status(model, layout.status, buffer);
        self.draw_sessions(model, layout.sessions, buffer);
        self.draw_timeline(model, layout.timeline, buffer);
        self.draw_lower(model, layout, buffer);
        self.draw_footer(layout.footer, buffer);
        if let Some(first) = self.help {
            let inner = area.inner(ratatui::layout::Margin::new(2, 1));
            Clear.render(inner, buffer);
            self.help = Some(help::draw(first, self.theme, inner, buffer));
        }
    }

    /// Returns the areas of the panes.
    fn layout(&self, area: Rect) -> Layout {
        let Rect { x, y, width, height } = area;
        let row = |at: u16, rows: u16| Rect::new(x, y + at, width, rows);
        let inner = height - 2;
        let mut layout =
            Layout { status: row(0, 1), footer: row(height - 1, 1), ..Layout::default() };
        if self.zoom {
            let whole = row(1, inner);
            match self.focus {
                Pane::Sessions => layout.sessions = whole,
                Pane::Timeline => layout.timeline = whole,
                Pane::Lower => layout.lower = whole,
            }
            return layout;
        }
        let listed = u16::try_from(self.list.listed.len()).unwrap_or(u16::MAX);
        let sessions = (inner / 4).clamp(3, 12).min(listed.saturating_add(1).max(3));
        let lower = (inner / 3).max(4);
        layout.sessions = row(1, sessions);
        layout.timeline = row(1 + sessions, inner - sessions - lower);
        layout.lower = row(1 + inner - lower, lower);
        if width >= WIDE && self.lower != Lower::Detail {
            let half = width / 2;
            layout.detail = Rect { width: half - 1, ..layout.lower };
            layout.lower = Rect { x: x + half, width: width - half, ..layout.lower };
        }
        layout
    }

    fn draw_footer(&mut self, area: Rect, buffer: &mut Buffer) {
        let width = usize::from(area.width);
        if let Some(prompt) = &self.prompt {
            let typed = escaped(prompt.text.as_bytes(), self.theme);
            let label = prompt.purpose.label();
            // The end of the text is visible, and the cursor behind it.
            let hint =
                self.message.as_deref().map_or(String::new(), |message| format!("   {message}"));
            let whole = format!("{label}{typed}");
            let skipped = whole.chars().count().saturating_sub(width.saturating_sub(2));
            let shown: String = whole.chars().skip(skipped).collect();
            let line = Line::from(vec![
                ratatui::text::Span::styled(shown, bold()),
                ratatui::text::Span::styled(
                    " ",
                    Style::new().add_modifier(ratatui::style::Modifier::REVERSED),
                ),
                ratatui::text::Span::styled(hint, self.theme.warning()),
            ]);
            buffer.set_line(area.x, area.y, &line, area.width);
            return;
        }
        let (text, style) = match &self.message {
            Some(message) => (escaped(message.as_bytes(), self.theme), self.theme.warning()),
            None => (self.hints().to_owned(), dim()),
        };
        buffer.set_stringn(area.x, area.y, text, width, style);
    }

    const fn hints(&self) -> &'static str {
        match (self.focus, self.lower) {
            (Pane::Sessions, _) => {
                "?:help Tab:pane Enter:timeline x:finding /:search F:filter space:pause q:quit"
            }
            (Pane::Timeline, _) => {
                "?:help Tab:pane Enter:fold E/C:all x:finding i:findings m:map p:plot q:quit"
            }
            (Pane::Lower, Lower::Detail) => {
                "?:help Tab:pane j/k:move Enter:jump y:copy reproducer z:zoom q:quit"
            }
            (Pane::Lower, Lower::Findings) => {
                "?:help Tab:pane j/k:move Enter:show or fold z:zoom q:quit"
            }
            (Pane::Lower, Lower::Map) => "?:help Tab:pane h/l:segment Enter:timeline z:zoom q:quit",
            (Pane::Lower, Lower::Plot) => "?:help Tab:pane h/l:point L:logarithmic z:zoom q:quit",
        }
    }

    /// Draws the title of a pane, and returns the area below it.
    fn title(&self, text: &str, focused: bool, area: Rect, buffer: &mut Buffer) -> Rect {
        if area.is_empty() {
            return area;
        }
        let rule = self.theme.glyphs.rule;
        let style = if focused { bold() } else { dim() };
        buffer.set_stringn(
            area.x,
            area.y,
            rule.repeat(area.width.into()),
            area.width.into(),
            style,
        );
        let mark = if focused { format!(" [{text}] ") } else { format!("  {text}  ") };
        buffer.set_stringn(
            area.x + 1,
            area.y,
            mark,
            usize::from(area.width).saturating_sub(2),
            style,
        );
        Rect { y: area.y + 1, height: area.height - 1, ..area }
    }
}

fn too_small(area: Rect, buffer: &mut Buffer) {
    let (width, height) = LEAST;
    let lines = [
        "seqtrace: too small".to_owned(),
        format!("needs {width}x{height}"),
        format!("has {}x{}", area.width, area.height),
    ];
    for (line, y) in lines.iter().zip(area.y..area.bottom()) {
        buffer.set_stringn(area.x, y, line, area.width.into(), Style::new());
    }
}

/// Returns a text that fits into a number of columns: its end, with a mark if the beginning is missing.
fn shortened(text: &str, columns: usize, more: &str) -> String {
    let length = text.chars().count();
    if length <= columns {
        return text.to_owned();
    }
    let kept = text.chars().skip(length - columns.saturating_sub(1));
    format!("{more}{}", kept.collect::<String>())
}

/// Returns a number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
