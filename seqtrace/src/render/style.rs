//! Colours and characters: what the options `--color` and `--ascii` choose between.

use anstyle::{AnsiColor, Color, Style};

use crate::rules::Severity;
use crate::session::update::SessionId;

/// What a piece of text means, so that it can be coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
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

impl From<Severity> for Tone {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Error => Self::Error,
            Severity::Warning => Self::Warn,
            Severity::Info => Self::Dim,
        }
    }
}

impl Tone {
    /// Colours for sessions: those that neither red nor yellow, which mean something, resemble.
    const SESSIONS: [AnsiColor; 6] = [
        AnsiColor::Cyan,
        AnsiColor::Green,
        AnsiColor::Magenta,
        AnsiColor::Blue,
        AnsiColor::BrightCyan,
        AnsiColor::BrightGreen,
    ];

    pub(super) fn style(self) -> Style {
        let color = |color| Style::new().fg_color(Some(Color::Ansi(color)));
        match self {
            Self::Dim => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
            Self::Error => color(AnsiColor::Red).bold(),
            Self::Warn => color(AnsiColor::Yellow),
            Self::Session(SessionId(id)) => {
                let index = id.saturating_sub(1) as usize % Self::SESSIONS.len();
                Self::SESSIONS.get(index).map_or(Style::new(), |found| color(*found))
            }
        }
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
pub(super) struct Look {
    pub(super) color: bool,
    pub(super) ascii: bool,
    pub(super) glyphs: &'static Glyphs,
}

impl Look {
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
