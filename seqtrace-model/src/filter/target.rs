//! Targets of a trace: words of the command line.

use std::fmt;

use super::glob::{Glob, GlobError, is_special, last, quote};
use super::{functions, paths};
use crate::escape;
use crate::session::update::Session;

/// A target: a set of files to trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One file, by an absolute path.
    Path(Vec<u8>),
    /// All files whose paths match a pattern.
    Glob(Glob),
    /// `module:NAME`: all files with a callback in that module.
    Module(Glob),
    /// `fn:SYMBOL`: all files with that callback.
    Function(Vec<u8>),
}

/// Error in a target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The word is empty.
    #[error("an empty target")]
    Empty,
    /// The word is a prefix without a name.
    #[error("`{0}` needs a name behind the colon")]
    NoName(&'static str),
    /// The pattern is wrong.
    #[error(transparent)]
    Glob(#[from] GlobError),
}

impl Target {
    /// Parses a word. A relative path starts at `cwd`; a file with a name like `module:x` is
    /// reached as `./module:x`. Links are not followed: the module `targets` of seqtrace does that.
    ///
    /// # Errors
    ///
    /// The word is empty, is a prefix without a name, or has an invalid pattern.
    pub fn parse(word: &[u8], cwd: &[u8]) -> Result<Self, TargetError> {
        if word.is_empty() {
            return Err(TargetError::Empty);
        }
        let named = |prefix: &'static str| {
            let name = word.strip_prefix(prefix.as_bytes())?;
            Some(if name.is_empty() { Err(TargetError::NoName(prefix)) } else { Ok(name) })
        };
        if let Some(name) = named("module:") {
            return Ok(Self::Module(Glob::module(name?)?));
        }
        if let Some(name) = named("fn:") {
            return Ok(Self::Function(name?.to_vec()));
        }
        if !word.iter().copied().any(is_special) {
            return Ok(Self::Path(clean(&absolute(word, cwd))));
        }
        Ok(Self::Glob(Glob::path(clean(&absolute(word, &quote(cwd))))?))
    }

    /// Returns true if a session matches this target.
    pub fn matches(&self, session: &Session) -> bool {
        match self {
            Self::Path(path) => {
                paths::forms(session).contains(path)
                    // The beginning of the path is missing: it may be this file.
                    || (session.path_cut && ends_with(path, &session.path))
            }
            Self::Glob(glob) => {
                // A name may contain characters of patterns.
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

    /// Returns the last component of all matching paths, if it is the same for all; else `None`.
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

/// Returns the absolute path of a word in the folder `cwd`.
pub fn absolute(word: &[u8], cwd: &[u8]) -> Vec<u8> {
    if word.starts_with(b"/") { word.to_vec() } else { [cwd, b"/", word].concat() }
}

/// Returns true if a path ends with these components.
fn ends_with(path: &[u8], components: &[u8]) -> bool {
    let components = components.strip_prefix(b"/").unwrap_or(components);
    path.strip_suffix(components).is_some_and(|head| head.ends_with(b"/"))
}

/// Returns a path without `.`, `..` and repeated slashes. Does not access the file system.
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
