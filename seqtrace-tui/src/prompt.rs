//! The line in which the user types.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Purpose of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Filter,
    Search,
    Save,
}

impl Purpose {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Filter => "filter (--comm GLOB --path GLOB --module GLOB --pid N …): ",
            Self::Search => "/",
            Self::Save => "save as: ",
        }
    }
}

/// The line and its purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) purpose: Purpose,
    pub(crate) text: String,
}

/// Result of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    More,
    Done,
    Cancelled,
}

impl Prompt {
    pub(crate) fn key(&mut self, key: KeyEvent) -> Typed {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => return Typed::Done,
            KeyCode::Esc => return Typed::Cancelled,
            KeyCode::Char('c') if control => return Typed::Cancelled,
            KeyCode::Char('u') if control => self.text.clear(),
            KeyCode::Char('w') if control => {
                let kept = self.text.trim_end().rfind(' ').map_or(0, |blank| blank + 1);
                self.text.truncate(kept);
            }
            KeyCode::Char(c) if !control => self.text.push(c),
            KeyCode::Backspace => _ = self.text.pop(),
            _ => {}
        }
        Typed::More
    }
}
