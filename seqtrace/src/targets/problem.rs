//! Reasons why a target names no file.

use std::io;

use super::machine::path_buf;
use crate::{
    escape,
    exit::{Exit, UserError},
    filter::Target,
};

/// The reason why a target names no file.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The file does not exist.
    Missing,
    /// The path is a folder.
    Folder,
    /// The file cannot be examined.
    Inaccessible(io::Error),
    /// A link that leads each process to a file of its own.
    Own {
        /// Path of the link.
        link: Vec<u8>,
        /// Path to which it leads this process.
        here: Vec<u8>,
    },
    /// A link to a file that has no path in this mount namespace.
    Elsewhere {
        /// Path of the link.
        link: Vec<u8>,
        /// Text of the link.
        text: Vec<u8>,
    },
    /// Links that lead in a circle.
    Loop,
    /// A glob that matches no file.
    NoMatch,
}

impl Problem {
    /// Returns the reason why a path names no file; `None` if it names a file.
    pub(super) fn of(path: &[u8]) -> Option<Self> {
        match std::fs::metadata(path_buf(path)) {
            Ok(metadata) if metadata.is_dir() => Some(Self::Folder),
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Self::Missing),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Some(Self::Missing),
            Err(error) => Some(Self::Inaccessible(error)),
        }
    }

    /// Returns true if the file is certainly not a seq file.
    pub(crate) fn is_other_kind(&self) -> bool {
        matches!(self, Self::Folder)
    }

    /// Describes the problem as the reason why a file is not judged.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Missing => "does not exist".to_owned(),
            Self::Folder => "a folder, not a seq file".to_owned(),
            Self::Inaccessible(error) => format!("cannot be examined: {error}"),
            Self::Own { link, here } => {
                let (link, here) = (shown(link), shown(here));
                format!("{link} leads each process to a file of its own (seqtrace to {here})")
            }
            Self::Elsewhere { link, text } => {
                format!("{} leads to {}, which has no path here", shown(link), shown(text))
            }
            Self::Loop => "its links lead in a circle".to_owned(),
            Self::NoMatch => "matches no file".to_owned(),
        }
    }

    /// Converts the problem to an error.
    pub(crate) fn user_error(&self, target: &Target) -> UserError {
        const LATER: &str = "is the module loaded? module:NAME may be loaded later";
        let name = target.to_string();
        let reason = match self {
            Self::Own { link, .. } | Self::Elsewhere { link, .. } if shown(link) == name => {
                self.reason()
            }
            _ => format!("{name}: {}", self.reason()),
        };
        let (what, hint) = match self {
            Self::Missing => (format!("{name} does not exist"), LATER),
            Self::NoMatch => (format!("no file matches {name}"), LATER),
            Self::Folder => {
                let hint = format!("name its files: '{}/*'", name.trim_end_matches('/'));
                return Exit::Target.error(format!("{name} is a folder"), hint);
            }
            Self::Inaccessible(error) => {
                (format!("{name}: {error}"), "seqtrace must be able to see the file it is to trace")
            }
            Self::Own { here, .. } if here.starts_with(b"/") => {
                let hint = format!("name the file itself: {}", shown(here));
                return Exit::Target.error(reason, hint);
            }
            Self::Own { .. } | Self::Elsewhere { .. } => {
                (reason, "name the file itself, by a path that leads every process there")
            }
            Self::Loop => (reason, "name the file itself"),
        };
        Exit::Target.error(what, hint)
    }
}

fn shown(path: &[u8]) -> String {
    escape::text(path, false).to_string()
}
