//! Colors and characters, as chosen by `--color` and `--ascii`.

use std::fmt::{self, Display};

use super::chars::Chars;
use crate::rules::Severity;
use crate::session::update::SessionId;

/// Meaning of a piece of text, which decides its color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Color {
    /// Less important: durations, dropped records.
    Dim,
    /// The word that names the event.
    Strong,
    Error,
    /// Lost events, a buffer that grew.
    Warn,
    /// Line of a comparison that only the first trace has.
    Removed,
    /// Line of a comparison that only the second trace has.
    Added,
    /// The color of a session, the same in all of its lines.
    Session(SessionId),
}

impl From<Severity> for Color {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Error => Self::Error,
            Severity::Warning => Self::Warn,
            Severity::Info => Self::Dim,
        }
    }
}

impl Color {
    /// Returns the escape sequence that begins the color.
    pub(super) fn sequence(self) -> &'static [u8] {
        match self {
            Self::Dim => b"\x1b[2m",
            Self::Strong => b"\x1b[1m",
            Self::Error => b"\x1b[1m\x1b[31m",
            Self::Warn => b"\x1b[33m",
            Self::Removed => b"\x1b[31m",
            Self::Added => b"\x1b[32m",
            Self::Session(SessionId(id)) => {
                SESSIONS[id.saturating_sub(1) as usize % SESSIONS.len()]
            }
        }
    }
}

/// Escape sequence that ends a color.
pub(super) const RESET: &[u8] = b"\x1b[0m";

/// Colors of sessions: cyan, green, magenta, blue, bright cyan, bright green. Red and yellow are left out, because they
/// mean errors and warnings.
const SESSIONS: [&[u8]; 6] =
    [b"\x1b[36m", b"\x1b[32m", b"\x1b[35m", b"\x1b[34m", b"\x1b[96m", b"\x1b[92m"];

/// A few printable characters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glyph {
    pub(super) text: Chars<8>,
    /// Width in terminal columns.
    pub(super) columns: usize,
}

impl Display for Glyph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(self.text.as_bytes()).unwrap_or_default())
    }
}

/// The characters that lines are drawn with.
#[derive(Debug)]
pub(super) struct Glyphs {
    /// First line of a read or lseek.
    pub(super) begin: Glyph,
    /// Line inside a read or lseek.
    pub(super) inside: Glyph,
    /// Line inside a traversal.
    pub(super) traverse: Glyph,
    /// Last line of a read or lseek.
    pub(super) end: Glyph,
    /// Between an old and a new value.
    pub(super) arrow: Glyph,
    /// Sign between a word and its count.
    pub(super) times: Glyph,
    /// Name of the unit microsecond.
    pub(super) micros: Glyph,
    /// Both ends of a line that belongs to no session.
    pub(super) rule: Glyph,
    /// Replaces what is left out.
    pub(super) more: Glyph,
    /// Replaces the first digits of a pointer.
    pub(super) cut: Glyph,
    /// Mark of a finding that is an error.
    pub(super) error: Glyph,
    /// Mark of a finding that is a warning.
    pub(super) warning: Glyph,
    /// Mark of a finding that is information.
    pub(super) info: Glyph,
}

const fn glyph(text: &str, columns: usize) -> Glyph {
    Glyph { text: Chars::new(text), columns }
}

impl Glyphs {
    pub(super) const UNICODE: Self = Self {
        begin: glyph("┌─", 2),
        inside: glyph("│ ", 2),
        traverse: glyph("│┄", 2),
        end: glyph("└─", 2),
        arrow: glyph("→", 1),
        times: glyph("×", 1),
        micros: glyph("µs", 2),
        rule: glyph("──", 2),
        more: glyph("…", 1),
        cut: glyph("…", 1),
        error: glyph("✗✗", 2),
        warning: glyph("✗", 1),
        info: glyph("i", 1),
    };
    pub(super) const ASCII: Self = Self {
        begin: glyph(",-", 2),
        inside: glyph("| ", 2),
        traverse: glyph("|:", 2),
        end: glyph("`-", 2),
        arrow: glyph("->", 2),
        times: glyph("x", 1),
        micros: glyph("us", 2),
        rule: glyph("--", 2),
        more: glyph("...", 3),
        cut: glyph("~", 1),
        error: glyph("xx", 2),
        warning: glyph("x", 1),
        info: glyph("i", 1),
    };
}

/// Colors and characters that text is rendered with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) color: bool,
    pub(super) ascii: bool,
    /// Number of terminal columns for an event; `None`: a line may have any length.
    pub(super) event_columns: Option<usize>,
    pub(super) glyphs: &'static Glyphs,
}

impl Style {
    pub(super) fn new(color: bool, ascii: bool) -> Self {
        let glyphs = if ascii { &Glyphs::ASCII } else { &Glyphs::UNICODE };
        Self { color, ascii, event_columns: None, glyphs }
    }

    /// Returns the mark of findings of a severity.
    pub(super) fn mark(self, severity: Severity) -> Glyph {
        match severity {
            Severity::Error => self.glyphs.error,
            Severity::Warning => self.glyphs.warning,
            Severity::Info => self.glyphs.info,
        }
    }
}

#[cfg(test)]
mod tests {
    use anstyle::AnsiColor;

    use super::*;

    #[test]
    fn colors_are_the_escape_sequences_of_anstyle() {
        let foreground = |color| anstyle::Style::new().fg_color(Some(anstyle::Color::Ansi(color)));
        let sessions = [
            AnsiColor::Cyan,
            AnsiColor::Cyan,
            AnsiColor::Green,
            AnsiColor::Magenta,
            AnsiColor::Blue,
            AnsiColor::BrightCyan,
            AnsiColor::BrightGreen,
            AnsiColor::Cyan,
        ];
        let sessions =
            (0..).zip(sessions).map(|(id, of)| (Color::Session(SessionId(id)), foreground(of)));
        let others = [
            (Color::Dim, anstyle::Style::new().dimmed()),
            (Color::Strong, anstyle::Style::new().bold()),
            (Color::Error, foreground(AnsiColor::Red).bold()),
            (Color::Warn, foreground(AnsiColor::Yellow)),
            (Color::Removed, foreground(AnsiColor::Red)),
            (Color::Added, foreground(AnsiColor::Green)),
        ];
        for (color, style) in sessions.chain(others) {
            assert_eq!(str::from_utf8(color.sequence()), Ok(style.render().to_string().as_str()));
            assert_eq!(str::from_utf8(RESET), Ok(style.render_reset().to_string().as_str()));
        }
    }
}
