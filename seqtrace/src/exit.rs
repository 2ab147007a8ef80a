//! Exit statuses, and errors that know theirs.

use std::process::ExitCode;

use crate::rules::{Severity, Verdict};

/// Why seqtrace ends, as its exit status tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: rules are broken, and that was to count.
    Findings,
    /// 2: the command line makes no sense, or names a file that cannot be written.
    Usage,
    /// 3: no permission, or a kernel that cannot do it.
    Environment,
    /// 4: something was not seen that matters.
    Inconclusive,
    /// 5: a target was not found, or cannot be traced.
    Target,
    /// 6: a recording that is unreadable, cut at its head, or too new.
    Recording,
    /// The command behind `--` could not be run: 126 or 127, as shells have it.
    NotRun(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Findings => 1,
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
    /// The status of a trace that fails on findings this bad.
    pub fn on(verdict: Verdict, severity: Severity) -> Self {
        if verdict.is_at_least(severity) {
            Self::Findings
        } else if verdict.is_inconclusive() {
            Self::Inconclusive
        } else {
            Self::Done
        }
    }
}

/// An error with its exit status: what failed, on what, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{what}\n  {remedy}")]
pub struct Refusal {
    /// How the program ends.
    pub exit: Exit,
    /// What failed, on what.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Refusal {
    /// The command line makes no sense.
    pub fn usage(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, what: what.into(), remedy: remedy.into() }
    }

    /// This machine cannot do it, or not for this user.
    pub fn environment(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { exit: Exit::Environment, what: what.into(), remedy: remedy.into() }
    }

    /// A recording cannot be read, or not to its end.
    pub fn recording(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { exit: Exit::Recording, what: what.into(), remedy: remedy.into() }
    }

    /// A target was not found or cannot be traced.
    pub fn target(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { exit: Exit::Target, what: what.into(), remedy: remedy.into() }
    }
}

/// The exit status of an error: a [`Refusal`]'s own; anything else came from the environment.
pub fn of(error: &anyhow::Error) -> Exit {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Refusal>())
        .map_or(Exit::Environment, |refusal| refusal.exit)
}
