//! Texts of updates, as the renderers of the command line make them.
//!
//! The colored text of a renderer has only the escape sequences of its own colors, because everything else is escaped.
//! They become styles of the terminal UI here.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use seqtrace_model::escape;
use seqtrace_model::session::update::Update;
use seqtrace_render::{Format, Options, Output, Renderer, renderer};

use crate::theme::Theme;

/// Greatest number of bytes of a preview.
const PREVIEW: usize = 256;

/// Renders updates as lines.
pub(crate) struct Texts {
    colored: Option<Box<dyn Renderer>>,
    plain: Option<Box<dyn Renderer>>,
    theme: Theme,
    output: Output,
}

fn options(theme: Theme, format: Format) -> Options {
    Options { format, ascii: theme.ascii, preview: PREVIEW, quiet: true, ..Options::default() }
}

fn timeline(theme: Theme, width: u16, color: bool) -> Option<Box<dyn Renderer>> {
    let fields = Some(vec!["event".to_owned()]);
    let options = Options { fields, color, width: Some(width), ..options(theme, Format::Timeline) };
    // It fails only for columns that do not exist.
    renderer(&options).ok()
}

impl Texts {
    /// Makes a renderer for lines of `width` columns.
    pub(crate) fn new(theme: Theme, width: u16) -> Self {
        let [colored, plain] = [theme.color, false].map(|color| timeline(theme, width, color));
        Self { colored, plain, theme, output: Output::default() }
    }

    /// Returns the event of an update as a line in colors.
    pub(crate) fn line(&mut self, update: &Update) -> Line<'static> {
        self.output.data.clear();
        if let Some(colored) = &mut self.colored {
            colored.update(update, &mut self.output);
        }
        let theme = self.theme;
        Line::from(spans(first_line(&self.output.data), theme))
    }

    /// Returns the event of an update as text.
    pub(crate) fn plain(&mut self, update: &Update) -> &str {
        self.output.data.clear();
        if let Some(plain) = &mut self.plain {
            plain.update(update, &mut self.output);
        }
        str::from_utf8(first_line(&self.output.data)).unwrap_or_default().trim()
    }
}

/// Returns the JSON object of an update; `None` if it has none by itself. `begin`: zero of relative times, ns since boot.
/// `before`: the update with which the call began that this one ends.
pub(crate) fn object(
    theme: Theme,
    begin: u64,
    before: Option<&Update>,
    update: &Update,
) -> Option<serde_json::Value> {
    let mut output = Output::default();
    let mut json = renderer(&options(theme, Format::Json)).ok()?;
    json.ready(&seqtrace_model::trace::Ready { begin, probes: 0 }, &mut output);
    if let Some(before) = before {
        json.update(before, &mut output);
    }
    output.data.clear();
    json.update(update, &mut output);
    serde_json::from_slice(&output.data).ok()
}

/// Returns foreign bytes as printable text.
pub(crate) fn escaped(bytes: &[u8], theme: Theme) -> String {
    escape::text(bytes, theme.ascii).to_string()
}

fn first_line(data: &[u8]) -> &[u8] {
    data.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

/// Converts text with the escape sequences of the renderers' colors.
fn spans(text: &[u8], theme: Theme) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let mut style = Style::new();
    for (index, part) in text.split(|byte| *byte == 0x1b).enumerate() {
        let mut rest = part;
        if index > 0 {
            let end = part.iter().position(|byte| *byte == b'm').unwrap_or(0);
            let code = part.get(1..end).unwrap_or_default();
            style = changed(style, str::from_utf8(code).ok().and_then(|code| code.parse().ok()));
            rest = part.get(end + 1..).unwrap_or_default();
        }
        if !rest.is_empty() {
            spans.push(Span::styled(
                String::from_utf8_lossy(rest).into_owned(),
                theme_style(style, theme),
            ));
        }
    }
    spans
}

fn theme_style(style: Style, theme: Theme) -> Style {
    if theme.color { style } else { Style { fg: None, ..style } }
}

/// Returns the style after an escape sequence with this code.
fn changed(style: Style, code: Option<u8>) -> Style {
    match code {
        Some(1) => style.add_modifier(Modifier::BOLD),
        Some(2) => style.add_modifier(Modifier::DIM),
        Some(code @ (30..=37 | 90..=97)) => style.fg(color(code)),
        _ => Style::new(),
    }
}

/// Returns the color with the code of its foreground (ECMA-48, SGR).
const fn color(code: u8) -> Color {
    match code {
        31 => Color::Red,
        32 => Color::Green,
        33 => Color::Yellow,
        34 => Color::Blue,
        35 => Color::Magenta,
        36 => Color::Cyan,
        92 => Color::LightGreen,
        96 => Color::LightCyan,
        _ => Color::Reset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_become_styles() {
        let theme = Theme::new(true, false);
        let line = spans(b"a\x1b[1m\x1b[31mERR\x1b[0m b\x1b[96mc", theme);
        let texts: Vec<&str> = line.iter().map(|span| span.content.as_ref()).collect();
        assert_eq!(texts, ["a", "ERR", " b", "c"]);
        assert_eq!(line[1].style, Style::new().fg(Color::Red).add_modifier(Modifier::BOLD));
        assert_eq!((line[2].style, line[3].style.fg), (Style::new(), Some(Color::LightCyan)));
    }
}
