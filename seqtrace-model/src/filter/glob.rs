//! Patterns for paths and names.

use std::borrow::Cow;
use std::fmt;

use crate::escape;

/// A pattern. `*` and `?` match anything but `/`, `**` as a whole component matches any number of components; `[a-z]`,
/// `[!a-z]` and `{one,other}` mean the same as in a shell, and `\` makes the next character literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    text: Vec<u8>,
    subject: Subject,
}

/// Kind of text that a pattern is matched with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// A path; if the pattern has no `/`, its last component.
    Path,
    /// A name, in which `/` is an ordinary character (`kworker/0:1`).
    Name,
}

/// Error in a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bad pattern `{pattern}`: {problem} at byte {index}")]
pub struct GlobError {
    /// Pattern, escaped for a terminal.
    pub pattern: String,
    /// Description of the problem.
    pub problem: &'static str,
    /// Byte offset of the problem in the pattern.
    pub index: usize,
}

/// Maximum length of a task name in bytes: TASK_COMM_LEN (include/linux/sched.h) less the NUL.
const COMM: usize = 15;

/// Returns true for characters that make a word a pattern.
pub(super) fn is_special(byte: u8) -> bool {
    matches!(byte, b'*' | b'?' | b'[' | b']' | b'{' | b'}' | b'\\')
}

impl Glob {
    /// Returns a pattern for paths; without a `/`, for their last component.
    ///
    /// # Errors
    ///
    /// The pattern is invalid, e.g. a bracket or brace is not closed.
    pub fn path(text: impl Into<Vec<u8>>) -> Result<Self, GlobError> {
        Self::new(text.into(), Subject::Path)
    }

    /// Returns a pattern for task names. The kernel stores 15 bytes of a name, so a longer literal pattern is cut.
    ///
    /// # Errors
    ///
    /// The pattern is invalid, e.g. a bracket or brace is not closed.
    pub fn comm(text: impl Into<Vec<u8>>) -> Result<Self, GlobError> {
        let mut glob = Self::new(text.into(), Subject::Name)?;
        if glob.is_literal() {
            glob.text.truncate(COMM);
        }
        Ok(glob)
    }

    /// Returns a pattern for module names. As for modprobe, `-` and `_` are the same.
    ///
    /// # Errors
    ///
    /// The pattern is invalid, e.g. a bracket or brace is not closed.
    pub fn module(text: impl Into<Vec<u8>>) -> Result<Self, GlobError> {
        let mut text = text.into();
        // In brackets a dash is a range.
        if !text.contains(&b'[') {
            text.iter_mut().filter(|byte| **byte == b'-').for_each(|byte| *byte = b'_');
        }
        Self::new(text, Subject::Name)
    }

    fn new(mut text: Vec<u8>, subject: Subject) -> Result<Self, GlobError> {
        if let Err(error) = fast_glob::validate(&text) {
            let problem = match error.kind {
                fast_glob::ErrorKind::UnclosedBrace => "`{` is not closed",
                fast_glob::ErrorKind::UnclosedBracket => "`[` is not closed",
                fast_glob::ErrorKind::TrailingBackslash => "nothing follows `\\`",
                _ => "too many braces",
            };
            let pattern = escape::text(&text, false).to_string();
            return Err(GlobError { pattern, problem, index: error.index });
        }
        // The matcher interprets a leading `!` as negation; seqtrace has the options --not-… for that.
        if text.first() == Some(&b'!') {
            text.insert(0, b'\\');
        }
        Ok(Self { text, subject })
    }

    /// Returns the pattern as it was given.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Returns true if the pattern matches only its own text.
    pub fn is_literal(&self) -> bool {
        !self.text.iter().copied().any(is_special)
    }

    /// Returns true if the pattern matches a path or name.
    pub fn matches(&self, subject: &[u8]) -> bool {
        match self.subject {
            Subject::Path if !self.text.contains(&b'/') => {
                fast_glob::glob_match(&self.text, last(subject))
            }
            Subject::Path => fast_glob::glob_match(&self.text, subject),
            Subject::Name => fast_glob::glob_match(plain(&self.text), plain(subject)),
        }
    }

    /// Returns the last component of all matching paths, if it is the same for all; else `None`.
    pub(super) fn last_name(&self) -> Option<&[u8]> {
        let name = last(&self.text);
        (!name.is_empty() && !name.iter().copied().any(is_special)).then_some(name)
    }

    /// Splits a pattern into the literal folder with which it begins, unescaped, and the pattern for the paths below
    /// that folder. `None` if the pattern does not begin with `/`.
    pub fn split(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let components: Vec<&[u8]> =
            self.text.strip_prefix(b"/")?.split(|byte| *byte == b'/').collect();
        let names: Vec<Vec<u8>> = components.iter().map_while(|name| unescaped(name)).collect();
        let rest = components.get(names.len()..).unwrap_or_default();
        Some(([b"/", names.join(b"/".as_slice()).as_slice()].concat(), rest.join(b"/".as_slice())))
    }

    /// Returns true if the pattern may match a path of which only the last components are known, which are `path`.
    pub(super) fn may_end_as(&self, path: &[u8]) -> bool {
        self.last_name().is_none_or(|name| name == last(path))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Backslashes of the pattern must not be doubled.
        for (index, part) in self.text.split(|byte| *byte == b'\\').enumerate() {
            f.write_str(if index == 0 { "" } else { "\\" })?;
            escape::text(part, false).fmt(f)?;
        }
        Ok(())
    }
}

/// Returns the name that a component of a pattern matches, if it matches only one; else `None`.
pub fn unescaped(component: &[u8]) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(component.len());
    let mut bytes = component.iter().copied();
    while let Some(byte) = bytes.next() {
        name.push(match byte {
            b'\\' => bytes.next().filter(|next| is_special(*next))?,
            byte if is_special(byte) => return None,
            byte => byte,
        });
    }
    Some(name)
}

/// Returns the pattern that matches only this path.
pub fn quote(path: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(path.len());
    for byte in path {
        if is_special(*byte) {
            quoted.push(b'\\');
        }
        quoted.push(*byte);
    }
    quoted
}

/// Returns the last component of a path.
pub(super) fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// Replaces `/`, which is special to the matcher but not in names.
fn plain(name: &[u8]) -> Cow<'_, [u8]> {
    if name.contains(&b'/') {
        name.iter().map(|byte| if *byte == b'/' { 1 } else { *byte }).collect()
    } else {
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(pattern: &str, path: &str) -> bool {
        Glob::path(pattern).unwrap().matches(path.as_bytes())
    }

    #[test]
    fn a_star_stays_within_a_component() {
        assert!(path("/proc/net/*", "/proc/net/tcp"));
        assert!(!path("/proc/*", "/proc/net/tcp"));
        assert!(path("/proc/**", "/proc/net/tcp"));
        assert!(path("/sys/**/stats", "/sys/kernel/debug/a/stats"));
        assert!(path("/proc/{tty,net}/*", "/proc/net/tcp"));
        assert!(path("/proc/[a-m]*", "/proc/cpuinfo"));
        assert!(!path("/proc/[!a-m]*", "/proc/cpuinfo"));
        assert!(path("/proc/a\\*b", "/proc/a*b"));
        assert!(!path("/proc/a\\*b", "/proc/axb"));
    }

    #[test]
    fn without_a_slash_it_is_the_file_name() {
        assert!(path("tcp*", "/proc/net/tcp6"));
        assert!(!path("net", "/proc/net/tcp6"));
    }

    #[test]
    fn in_names_a_slash_is_nothing_special() {
        assert!(Glob::comm("kworker*").unwrap().matches(b"kworker/0:1"));
        assert!(Glob::comm("*/0:1").unwrap().matches(b"kworker/0:1"));
        assert!(Glob::comm("!bang").unwrap().matches(b"!bang"));
        assert!(!Glob::comm("!bang").unwrap().matches(b"other"));
    }

    #[test]
    fn a_long_comm_is_what_the_kernel_keeps_of_it() {
        assert!(Glob::comm("a-very-long-program").unwrap().matches(b"a-very-long-pro"));
    }

    #[test]
    fn modules_have_underscores() {
        assert!(Glob::module("snd-hda-*").unwrap().matches(b"snd_hda_intel"));
    }

    #[test]
    fn the_literal_folder_is_split_off() {
        let split = |pattern: &str| {
            let (folder, rest) = Glob::path(pattern).unwrap().split()?;
            Some((String::from_utf8(folder).unwrap(), String::from_utf8(rest).unwrap()))
        };
        let parts = |folder: &str, rest: &str| Some((folder.to_owned(), rest.to_owned()));
        assert_eq!(split("/proc/a/*"), parts("/proc/a", "*"));
        assert_eq!(split("/proc/*/a"), parts("/proc", "*/a"));
        assert_eq!(split("/{proc,sys/kernel}/a"), parts("/", "{proc,sys/kernel}/a"));
        assert_eq!(split("/proc/a\\*b/[c]"), parts("/proc/a*b", "[c]"));
        assert_eq!(split("/proc/a\\[b"), parts("/proc/a[b", ""));
        assert_eq!(split("/proc/a\\nb"), parts("/proc", "a\\nb"));
        assert_eq!(split("tcp*"), None);
    }

    #[test]
    fn bad_patterns_say_what_is_wrong() {
        let error = Glob::path("/proc/\x1b{a,b").unwrap_err().to_string();
        assert_eq!(error, "bad pattern `/proc/\\x1b{a,b`: `{` is not closed at byte 7");
        assert!(Glob::path("/proc/[ab").is_err());
        assert!(Glob::path("/proc/a\\").is_err());
    }
}
