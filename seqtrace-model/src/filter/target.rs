//! What is traced: the words of the command line.

use std::fmt;

use super::glob::{Glob, GlobError, is_special, last, quote};
use super::{functions, paths};
use crate::escape;
use crate::session::update::Session;

/// A word of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One file, by an absolute path.
    Path(Vec<u8>),
    /// All files whose paths match.
    Glob(Glob),
    /// `module:NAME`: all files with a callback in that module.
    Module(Glob),
    /// `fn:SYMBOL`: all files with that callback.
    Function(Vec<u8>),
}

/// A word that is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Nothing.
    #[error("an empty target")]
    Empty,
    /// A prefix alone.
    #[error("`{0}` needs a name behind the colon")]
    NoName(&'static str),
    /// Not understood.
    #[error(transparent)]
    Glob(#[from] GlobError),
}

impl Target {
    /// Understands a word. A relative path is one from `cwd`; a file that is called like
    /// `module:x` is reached as `./module:x`. Links are not followed: `seqtrace::targets` does that,
    /// where there is a machine to ask.
    ///
    /// # Errors
    ///
    /// An empty word, a prefix without a name, a bad pattern.
    pub fn parse(word: &[u8], cwd: &[u8]) -> Result<Self, TargetError> {
        if word.is_empty() {
            return Err(TargetError::Empty);
        }
        if let Some(name) = word.strip_prefix(b"module:") {
            return match name {
                b"" => Err(TargetError::NoName("module:")),
                name => Ok(Self::Module(Glob::module(name)?)),
            };
        }
        if let Some(name) = word.strip_prefix(b"fn:") {
            return match name {
                b"" => Err(TargetError::NoName("fn:")),
                name => Ok(Self::Function(name.to_vec())),
            };
        }
        if !word.iter().copied().any(is_special) {
            return Ok(Self::Path(clean(&absolute(word, cwd))));
        }
        Ok(Self::Glob(Glob::path(clean(&absolute(word, &quote(cwd))))?))
    }

    /// Whether a session is of this target.
    pub fn matches(&self, session: &Session) -> bool {
        match self {
            Self::Path(path) => {
                paths::forms(session).contains(path)
                    // The beginning is missing: it may well be this one.
                    || (session.path_cut && ends_with(path, &session.path))
            }
            Self::Glob(glob) => {
                // A name may look like a pattern.
                let is = |form: &Vec<u8>| glob.matches(form) || form == glob.text();
                paths::forms(session).iter().any(is)
                    || (session.path_cut && glob.may_end_as(&session.path))
            }
            Self::Module(module) => super::in_module(module, session),
            Self::Function(symbol) => session.callbacks.as_ref().is_some_and(|callbacks| {
                functions(callbacks).filter_map(|function| function.name.as_deref()).any(|name| {
                    // Compilers add suffixes: foo_show.cfi, foo_show.constprop.0.
                    name.as_bytes()
                        .strip_prefix(symbol.as_slice())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"."))
                })
            }),
        }
    }

    /// The last component of all paths that match, if there is but one.
    pub(super) fn last_name(&self) -> Option<Vec<u8>> {
        match self {
            Self::Path(path) => Some(last(path).to_vec()).filter(|name| !name.is_empty()),
            Self::Glob(glob) => glob.last_name().map(<[u8]>::to_vec),
            Self::Module(_) | Self::Function(_) => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => escape::text(path, false).fmt(f),
            Self::Glob(glob) => glob.fmt(f),
            Self::Module(module) => write!(f, "module:{module}"),
            Self::Function(symbol) => write!(f, "fn:{}", escape::text(symbol, false)),
        }
    }
}

/// The path that a word means in the folder `cwd`.
pub fn absolute(word: &[u8], cwd: &[u8]) -> Vec<u8> {
    if word.starts_with(b"/") { word.to_vec() } else { [cwd, b"/", word].concat() }
}

/// Whether the last components are these.
fn ends_with(path: &[u8], components: &[u8]) -> bool {
    let components = components.strip_prefix(b"/").unwrap_or(components);
    path.strip_suffix(components).is_some_and(|head| head.ends_with(b"/"))
}

/// Without `.`, `..` and repeated slashes, by the text alone.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for component in path.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    [b"/", kept.join(b"/".as_slice()).as_slice()].concat()
}
