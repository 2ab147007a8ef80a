//! Colors and characters of the screen.

use ratatui::style::{Color, Modifier, Style};
use seqtrace_model::finding::Severity;
use seqtrace_model::session::update::Fate;

/// Choice of colors and characters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    /// True if the 16 colors of the terminal are used; else only bold, dim and reversed text.
    pub(crate) color: bool,
    /// True if all characters are ASCII.
    pub(crate) ascii: bool,
    pub(crate) glyphs: &'static Glyphs,
}

/// Characters of one column each.
#[derive(Debug)]
pub(crate) struct Glyphs {
    pub(crate) open: &'static str,
    pub(crate) closed: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) separator: &'static str,
    pub(crate) more: &'static str,
    pub(crate) emitted: &'static str,
    pub(crate) passed_over: &'static str,
    pub(crate) discarded: &'static str,
    pub(crate) failed: &'static str,
    pub(crate) lost: &'static str,
    pub(crate) nothing: &'static str,
    pub(crate) tick: &'static str,
    pub(crate) arc_left: &'static str,
    pub(crate) arc: &'static str,
    pub(crate) arc_right: &'static str,
    pub(crate) start: &'static str,
    pub(crate) step: &'static str,
    pub(crate) stuck: &'static str,
    pub(crate) back: &'static str,
    pub(crate) end: &'static str,
    pub(crate) bars: [&'static str; 8],
    pub(crate) error: &'static str,
    pub(crate) warning: &'static str,
    pub(crate) times: &'static str,
}

const UNICODE: Glyphs = Glyphs {
    open: "▾",
    closed: "▸",
    rule: "─",
    separator: "│",
    more: "…",
    emitted: "█",
    passed_over: "░",
    discarded: "▒",
    failed: "!",
    lost: "◇",
    nothing: "·",
    tick: "╵",
    arc_left: "╰",
    arc: "─",
    arc_right: "╯",
    start: "●",
    step: "•",
    stuck: "✗",
    back: "↓",
    end: "◦",
    bars: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    error: "✗✗",
    warning: "✗",
    times: "×",
};

const ASCII: Glyphs = Glyphs {
    open: "-",
    closed: "+",
    rule: "-",
    separator: "|",
    more: "~",
    emitted: "#",
    passed_over: ":",
    discarded: "%",
    failed: "!",
    lost: "O",
    nothing: ".",
    tick: "'",
    arc_left: "`",
    arc: "-",
    arc_right: "'",
    start: "@",
    step: "*",
    stuck: "x",
    back: "v",
    end: "o",
    bars: [".", ".", ":", ":", "|", "|", "#", "#"],
    error: "xx",
    warning: "x",
    times: "x",
};

impl Theme {
    pub(crate) const fn new(color: bool, ascii: bool) -> Self {
        Self { color, ascii, glyphs: if ascii { &ASCII } else { &UNICODE } }
    }

    /// Returns plain text in a color, if colors are used.
    pub(crate) fn colored(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    pub(crate) fn severity(self, severity: Severity) -> Style {
        match severity {
            Severity::Error => self.colored(Color::Red).add_modifier(Modifier::BOLD),
            Severity::Warning => self.colored(Color::Yellow).add_modifier(Modifier::BOLD),
            Severity::Info => dim(),
        }
    }

    pub(crate) fn warning(self) -> Style {
        self.colored(Color::Yellow)
    }

    /// Returns the mark of findings of a severity.
    pub(crate) fn mark(self, severity: Severity) -> &'static str {
        match severity {
            Severity::Error => self.glyphs.error,
            Severity::Warning => self.glyphs.warning,
            Severity::Info => "i",
        }
    }

    /// Returns the character and the style of renderings in the file map.
    pub(crate) fn fate(self, fate: Fate) -> (&'static str, Style) {
        match fate {
            Fate::Emitted => (self.glyphs.emitted, self.colored(Color::Green)),
            Fate::PassedOver => (self.glyphs.passed_over, dim()),
            Fate::DiscardedOverflow | Fate::DiscardedTail | Fate::Skipped => {
                (self.glyphs.discarded, self.colored(Color::Blue))
            }
            Fate::Failed => (self.glyphs.failed, self.severity(Severity::Error)),
            Fate::Empty | Fate::Unknown => ("?", self.warning()),
        }
    }
}

pub(crate) const fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

pub(crate) const fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

/// Returns the style of the selected line. `focused`: true if keys act on its pane.
pub(crate) const fn selected(focused: bool) -> Style {
    if focused {
        Style::new().add_modifier(Modifier::REVERSED)
    } else {
        Style::new().add_modifier(Modifier::UNDERLINED)
    }
}
