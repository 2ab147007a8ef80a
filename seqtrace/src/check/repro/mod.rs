//! A shell line that shows a bug without seqtrace.
//!
//! What a line does is known system call by system call, so it is tried by a reading process that makes
//! the same calls. A line is given only if that was wrong twice, in the same way, while whole reads before,
//! between and after it agreed: what reading empties, or what changes by itself, gets no line, or one that
//! compares only what does not change.
//!
//! ```text
//!  facts ──► list, python: scripts ──► trial: steps ──► (a reading process) ──► output
//!                          script ──► right: what a right file prints ──► wrong ◄──┘
//!                                                                          └──► Repro
//! ```
//!
//! Only what coreutils and busybox both have is used (`dd`, `cat`, `head`, `tail`, `sort`, `uniq`, `tr`, `wc`),
//! unless nothing else shows it: then Python makes the calls. Both kinds of `dd` are tried, since that of
//! coreutils asks where its input stands. `cat` stands for reads in large blocks; that of busybox uses
//! sendfile(2) and reads once more past the end, so `dd bs=128k` is used where that makes a difference.

mod doubles;
mod facts;
mod list;
mod measure;
mod ops;
mod output;
mod python;
mod right;
mod script;
mod search;
mod trial;
mod wrong;

pub(crate) use search::Search;

use super::oracle::What;

/// The line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repro {
    /// To be given to sh.
    pub(crate) command: String,
    /// What it shows, in words.
    pub(crate) shows: String,
    /// A line that prints what the command should print; `None` where the command should print nothing, or
    /// something, or not fail.
    pub(crate) correct: Option<String>,
}

/// What differs, in words.
pub(crate) fn describe(at: u64, what: &What) -> String {
    let text = |bytes: &[u8]| crate::render::escape::text(bytes, false).to_string();
    match what {
        What::Bytes { expected, got } => {
            format!("at byte {at}: \"{}\" instead of \"{}\"", text(got), text(expected))
        }
        What::Beyond { got } => format!("past the end, at byte {at}: \"{}\"", text(got)),
        What::EndsEarly { expected } => {
            format!("ends at byte {at}, before \"{}\"", text(expected))
        }
        What::Fails { errno } => {
            format!("fails with {} at byte {at}", super::verdict::errno_name(*errno))
        }
        What::Succeeds { errno } => {
            format!("no {} at byte {at}", super::verdict::errno_name(*errno))
        }
        What::Astray { to } => format!("lseek to {at} returned {to}"),
    }
}

/// A path as a word of sh. `None` if it cannot be shown safely.
pub(crate) fn quote(path: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(path).ok()?;
    if text.chars().any(|c| c.is_control() || crate::render::escape::is_deceptive(c)) {
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_-.,:+@%=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Some(text.to_owned());
    }
    Some(format!("'{}'", text.replace('\'', "'\\''")))
}

#[cfg(test)]
mod tests;
