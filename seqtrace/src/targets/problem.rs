//! Why a word of the command line names no file.

use std::io;

use super::machine::path_buf;
use crate::{escape, exit::Refusal, filter::Target};

/// Why a target names no file.
#[derive(Debug)]
pub(crate) enum Problem {
    /// There is no file of this name.
    Missing,
    /// It is a folder.
    Folder,
    /// It cannot be looked at.
    Unseen(io::Error),
    /// A link that leads each process to a file of its own.
    Own {
        /// Path of the link.
        link: Vec<u8>,
        /// Where it leads this process.
        here: Vec<u8>,
    },
    /// A link to a file that has no path in this mount namespace.
    Elsewhere {
        /// Path of the link.
        link: Vec<u8>,
        /// Its text.
        text: Vec<u8>,
    },
    /// Links that lead in a circle.
    Loop,
    /// A glob that matches no file.
    NoMatch,
}

impl Problem {
    /// Why a path names no file, if that is so.
    pub(super) fn of(path: &[u8]) -> Option<Self> {
        match std::fs::metadata(path_buf(path)) {
            Ok(metadata) if metadata.is_dir() => Some(Self::Folder),
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Self::Missing),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Some(Self::Missing),
            Err(error) => Some(Self::Unseen(error)),
        }
    }

    /// Whether the file is no seq file for certain.
    pub(crate) fn is_other_kind(&self) -> bool {
        matches!(self, Self::Folder)
    }

    /// The problem as the reason for which a file is not judged.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Missing => "does not exist".to_owned(),
            Self::Folder => "a folder, not a seq file".to_owned(),
            Self::Unseen(error) => format!("cannot be looked at: {error}"),
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

    /// The problem as an error.
    pub(crate) fn refusal(&self, target: &Target) -> Refusal {
        const LATER: &str = "is the module loaded? module:NAME may be loaded later";
        let name = target.to_string();
        let reason = match self {
            Self::Own { link, .. } | Self::Elsewhere { link, .. } if shown(link) == name => {
                self.reason()
            }
            _ => format!("{name}: {}", self.reason()),
        };
        match self {
            Self::Missing => Refusal::target(format!("{name} does not exist"), LATER),
            Self::Folder => Refusal::target(
                format!("{name} is a folder"),
                format!("name its files: '{}/*'", name.trim_end_matches('/')),
            ),
            Self::Unseen(error) => Refusal::target(
                format!("{name}: {error}"),
                "seqtrace must be able to see the file it is to trace",
            ),
            Self::Own { here, .. } if here.starts_with(b"/") => {
                Refusal::target(reason, format!("name the file itself: {}", shown(here)))
            }
            Self::Own { .. } | Self::Elsewhere { .. } => Refusal::target(
                reason,
                "name the file itself, by a path that leads every process there",
            ),
            Self::Loop => Refusal::target(reason, "name the file itself"),
            Self::NoMatch => Refusal::target(format!("no file matches {name}"), LATER),
        }
    }
}

fn shown(path: &[u8]) -> String {
    escape::text(path, false).to_string()
}
