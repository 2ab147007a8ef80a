//! Colours and characters: what the options `--color` and `--ascii` choose between.

use crate::rules::Severity;
use crate::session::update::SessionId;

/// What a piece of text means, so that it can be coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Color {
    /// Said less loudly: times, durations, what was dropped.
    Dim,
    /// The word that says what a line is about.
    Strong,
    /// An error.
    Error,
    /// Worth attention: events lost, a buffer that grew.
    Warn,
    /// A session's own colour, the same in each of its lines.
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
    /// The escape sequence that begins it; [`RESET`] ends it.
    pub(super) fn sequence(self) -> &'static [u8] {
        match self {
            Self::Dim => b"\x1b[2m",
            Self::Strong => b"\x1b[1m",
            Self::Error => b"\x1b[1m\x1b[31m",
            Self::Warn => b"\x1b[33m",
            Self::Session(SessionId(id)) => match id.saturating_sub(1) % 6 {
                0 => CYAN,
                1 => GREEN,
                2 => MAGENTA,
                3 => BLUE,
                4 => BRIGHT_CYAN,
                _ => BRIGHT_GREEN,
            },
        }
    }
}

/// Ends every tone.
pub(super) const RESET: &[u8] = b"\x1b[0m";

// Colours for sessions: those that neither red nor yellow, which mean something, resemble.
const CYAN: &[u8] = b"\x1b[36m";
const GREEN: &[u8] = b"\x1b[32m";
const MAGENTA: &[u8] = b"\x1b[35m";
const BLUE: &[u8] = b"\x1b[34m";
const BRIGHT_CYAN: &[u8] = b"\x1b[96m";
const BRIGHT_GREEN: &[u8] = b"\x1b[92m";

/// A few characters and how wide they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glyph {
    pub(super) bytes: [u8; 8],
    pub(super) length: usize,
    pub(super) columns: usize,
}

impl From<&str> for Glyph {
    fn from(text: &str) -> Self {
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        Self { bytes, length: text.len().min(8), columns: text.chars().count() }
    }
}

impl Glyph {
    /// The unit of millionths of a second.
    pub(super) fn micros(glyphs: &Glyphs) -> Self {
        let Self { mut bytes, length, columns } = glyphs.micro.into();
        if let Some(end) = bytes.get_mut(length) {
            *end = b's';
        }
        Self { bytes, length: length + 1, columns: columns + 1 }
    }
}

/// The characters that lines are drawn with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Glyphs {
    /// A read or lseek begins.
    pub(super) begin: &'static str,
    /// Inside one.
    pub(super) inside: &'static str,
    /// Inside a traversal.
    pub(super) traverse: &'static str,
    /// It ends.
    pub(super) end: &'static str,
    /// From one value to the next.
    pub(super) arrow: &'static str,
    /// How often.
    pub(super) times: &'static str,
    /// Millionths.
    pub(super) micro: &'static str,
    /// Both ends of a line that belongs to no session.
    pub(super) rule: &'static str,
    /// Something is left out here.
    pub(super) more: &'static str,
    /// An error that a rule has found.
    pub(super) error: &'static str,
    /// A warning.
    pub(super) warning: &'static str,
    /// Information.
    pub(super) info: &'static str,
}

impl Glyphs {
    pub(super) const UNICODE: Self = Self {
        begin: "┌─",
        inside: "│ ",
        traverse: "│┄",
        end: "└─",
        arrow: "→",
        times: "×",
        micro: "µ",
        rule: "──",
        more: "…",
        error: "✗✗",
        warning: "✗",
        info: "i",
    };
    pub(super) const ASCII: Self = Self {
        begin: ",-",
        inside: "| ",
        traverse: "|:",
        end: "`-",
        arrow: "->",
        times: "x",
        micro: "u",
        rule: "--",
        more: "...",
        error: "xx",
        warning: "x",
        info: "i",
    };
}

/// What text looks like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) color: bool,
    pub(super) ascii: bool,
    pub(super) glyphs: &'static Glyphs,
}

impl Style {
    pub(super) fn new(color: bool, ascii: bool) -> Self {
        Self { color, ascii, glyphs: if ascii { &Glyphs::ASCII } else { &Glyphs::UNICODE } }
    }

    /// The mark of a severity.
    pub(super) fn mark(self, severity: Severity) -> &'static str {
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
        ];
        for (color, style) in sessions.chain(others) {
            assert_eq!(str::from_utf8(color.sequence()), Ok(style.render().to_string().as_str()));
            assert_eq!(str::from_utf8(RESET), Ok(style.render_reset().to_string().as_str()));
        }
    }
}
