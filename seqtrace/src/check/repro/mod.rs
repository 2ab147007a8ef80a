//! Finds a shell command that shows a bug without seqtrace.
//!
//! The system calls of each candidate are known, so a reading process makes the same calls to try it. A command is
//! confirmed if its output is wrong twice, in the same way, while the whole reads before, between and after the two
//! runs agree. For a file that changes by itself, or that reading empties, there is no command, or one with a filter
//! for the bytes that do not change.
//!
//! ```text
//!  facts ──► list, python: scripts ──► trial: steps ──► (a reading process) ──► output
//!                          script ──► right: output for a correct file ──► wrong ◄─┘
//!                                                                          └──► Repro
//! ```
//!
//! Commands use the tools that both coreutils and busybox have (`dd`, `cat`, `head`, `tail`, `sort`, `uniq`, `tr`,
//! `wc`). Python makes the system calls that these tools cannot make. Trials alternate between the two kinds of `dd`:
//! the `dd` of coreutils begins with an lseek(2) that returns the file offset. `cat` is used for reads in large blocks.
//! The `cat` of busybox uses sendfile(2) and reads once more at the end, so `dd bs=128k` replaces `cat` if that makes a
//! difference.

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

pub(crate) use search::search;

use schemars::JsonSchema;
use serde::Serialize;

use super::oracle::DifferenceKind;

/// A command that shows a bug.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Reproduce")]
pub(crate) struct Repro {
    /// Shell code that prints the wrong output.
    pub(crate) command: String,
    /// Description of the wrong output.
    pub(crate) shows: String,
    /// Command with the output that `command` should have, if there is such a command.
    pub(crate) correct: Option<String>,
}

/// Describes a difference at a file offset.
pub(crate) fn describe(at: u64, what: &DifferenceKind) -> String {
    let text = |bytes: &[u8]| crate::escape::text(bytes, false).to_string();
    match what {
        DifferenceKind::Bytes { expected, got } => {
            format!("at byte {at}: \"{}\" instead of \"{}\"", text(got), text(expected))
        }
        DifferenceKind::Beyond { got } => format!("past the end, at byte {at}: \"{}\"", text(got)),
        DifferenceKind::EndsEarly { expected } => {
            format!("ends at byte {at}, before \"{}\"", text(expected))
        }
        DifferenceKind::Fails { errno } => {
            format!("fails with {} at byte {at}", super::verdict::errno_name(*errno))
        }
        DifferenceKind::Succeeds { errno } => {
            format!("no {} at byte {at}", super::verdict::errno_name(*errno))
        }
        DifferenceKind::Astray { to } => format!("lseek to {at} returned {to}"),
    }
}

/// Returns a path as a word of sh; `None` if it cannot be printed safely.
pub(crate) fn quote(path: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(path).ok()?;
    if text.chars().any(|c| c.is_control() || crate::escape::is_deceptive(c)) {
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
