//! Exit statuses, and errors that have one.

use std::{ffi::OsStr, fmt::Display, os::unix::ffi::OsStrExt, process::ExitCode};

use crate::{
    escape,
    kernel::preflight::PreflightError,
    probe::error::{LOCKED_DOWN, ProbeError},
    rules::{Severity, Verdict},
};

/// The reason why seqtrace ends, as its exit status reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: no error and no finding that counts.
    Done,
    /// 1: rules are broken, and `--fail-on` or `check` counts that.
    Findings,
    /// 1: `diff`: the recordings differ.
    Different,
    /// 2: the command line is invalid, or names a file that cannot be written.
    Usage,
    /// 3: no permission, or a kernel that cannot trace.
    Environment,
    /// 4: an event that matters for the verdict was lost or not traced.
    Inconclusive,
    /// 5: a target was not found, or cannot be traced.
    Target,
    /// 6: a recording that is unreadable, cut off in its header, too large, or too new.
    Recording,
    /// The command after `--` could not be run: 126 or 127, as shells return it.
    NotRun(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Findings | Exit::Different => 1,
            Exit::Usage => 2,
            Exit::Environment => 3,
            Exit::Inconclusive => 4,
            Exit::Target => 5,
            Exit::Recording => 6,
            Exit::NotRun(code) => code,
        })
    }
}

impl Exit {
    /// Returns an error with this status.
    pub(crate) fn error(self, what: impl Into<String>, hint: impl Into<String>) -> UserError {
        UserError { exit: self, what: what.into(), hint: hint.into() }
    }

    /// Returns the status of a trace with `--fail-on`, for which findings of this severity count.
    pub(crate) fn on(verdict: Verdict, severity: Severity) -> Self {
        if verdict.is_at_least(severity) {
            Self::Findings
        } else if verdict.is_inconclusive() {
            Self::Inconclusive
        } else {
            Self::Done
        }
    }
}

/// An error with its exit status and a hint for the user.
#[derive(Debug, thiserror::Error)]
#[error("{what}\n  {hint}")]
pub struct UserError {
    pub(crate) exit: Exit,
    /// The failure and the object that it concerns.
    pub(crate) what: String,
    /// Action that the user can take.
    pub(crate) hint: String,
}

/// Returns a word of the command line, most often a path, for a message: escaped, so that a terminal cannot interpret it.
pub(crate) fn shown<T: AsRef<OsStr> + ?Sized>(word: &T) -> impl Display {
    escape::text(word.as_ref().as_bytes(), false)
}

impl From<ProbeError> for UserError {
    fn from(error: ProbeError) -> Self {
        let hint = match error {
            ProbeError::NoCoreSites(_) => {
                "use --backend auto: it falls back to probes on the callbacks"
            }
            _ => "`seqtrace doctor` shows what this machine lacks",
        };
        let what = error.to_string();
        // Reasons of the kernel are texts here: io::Error appends the number.
        let hint = match what {
            _ if what.contains("(os error 24)") => OPEN_FILES,
            _ if what.contains(LOCKED_DOWN) => {
                "boot with lockdown=integrity or without lockdown; under Secure Boot see the distribution's manual"
            }
            _ => hint,
        };
        Exit::Environment.error(what, hint)
    }
}

impl From<PreflightError> for UserError {
    fn from(error: PreflightError) -> Self {
        let hint = match error {
            PreflightError::Btf(_) => {
                "seqtrace needs a kernel with CONFIG_DEBUG_INFO_BTF; `seqtrace doctor` has details"
            }
            PreflightError::Symbols(_) => {
                "seqtrace needs a kernel with CONFIG_KALLSYMS and a /proc; `seqtrace doctor` has details"
            }
        };
        Exit::Environment.error(error.to_string(), hint)
    }
}

/// Remedy for EMFILE. Each probe is a descriptor.
const OPEN_FILES: &str =
    "a trace needs about 200 open files: raise the limit with `ulimit -n 1024`";

/// Returns the text of an error for the user, with a hint.
pub fn describe(error: &anyhow::Error) -> String {
    let errno = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error)
    };
    if error.chain().any(|cause| errno(cause) == Some(nix::libc::EMFILE)) {
        format!("{error:#}\n  {OPEN_FILES}")
    } else {
        format!("{error:#}")
    }
}

/// Returns the exit status of an error: that of a [`UserError`] among its causes, or
/// [`Exit::Environment`].
pub fn of(error: &anyhow::Error) -> Exit {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref::<UserError>())
        .map_or(Exit::Environment, |error| error.exit)
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_low_limit_of_open_files_is_named() {
        let error = || std::io::Error::from_raw_os_error(nix::libc::EMFILE);
        let bare = anyhow::Error::from(error()).context("cannot create a pipe");
        assert!(describe(&bare).ends_with(OPEN_FILES));
        let probe = ProbeError::Attach { target: "seq_open".into(), reason: error().to_string() };
        assert_eq!(UserError::from(probe).hint, OPEN_FILES);
        let other = Err::<(), _>(std::io::Error::from_raw_os_error(nix::libc::EPERM)).context("x");
        assert!(!describe(&other.unwrap_err()).contains("ulimit"));
    }
}
