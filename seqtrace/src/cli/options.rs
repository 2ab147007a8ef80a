//! Groups of options that several subcommands share.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::values::{Width, duration, ring_size, size, width};
use crate::{
    faults::Faults,
    probe::backend::Backend,
    render::{Format, Time},
    rules::{Id, Severity},
};

/// Targets and options of `attach` and `record`.
#[derive(Debug, Args)]
pub(crate) struct Tracing {
    /// Files to trace: a path, a glob, module:NAME or fn:SYMBOL
    #[arg(value_name = "TARGET")]
    pub(crate) targets: Vec<OsString>,
    /// Command to run, as the user who called sudo; the trace ends when the command ends
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
    /// Exit with 1 if there are findings of this severity, with 4 if the trace is inconclusive
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<FailOn>,
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) limits: Limits,
    #[command(flatten)]
    pub(crate) capture: Capture,
}

/// Filters of sessions, by opener and file. A session is displayed or hidden as a whole. Values of one option are
/// alternatives; different options must all match.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Select {
    /// Only sessions opened by this process
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub(crate) pid: Vec<u32>,
    /// No sessions opened by this process
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub(crate) not_pid: Vec<u32>,
    /// Only sessions opened by this thread
    #[arg(long, value_name = "TID", value_delimiter = ',')]
    pub(crate) tid: Vec<u32>,
    /// No sessions opened by this thread
    #[arg(long, value_name = "TID", value_delimiter = ',')]
    pub(crate) not_tid: Vec<u32>,
    /// Only sessions opened by tasks of this name (a glob)
    #[arg(long, value_name = "GLOB")]
    pub(crate) comm: Vec<String>,
    /// No sessions opened by tasks of this name (a glob)
    #[arg(long, value_name = "GLOB")]
    pub(crate) not_comm: Vec<String>,
    /// Only sessions opened by this user id
    #[arg(long, value_name = "UID", value_delimiter = ',')]
    pub(crate) uid: Vec<u32>,
    /// No sessions opened by this user id
    #[arg(long, value_name = "UID", value_delimiter = ',')]
    pub(crate) not_uid: Vec<u32>,
    /// Only files whose path matches (a glob)
    #[arg(long, value_name = "GLOB")]
    pub(crate) path: Vec<String>,
    /// No files whose path matches (a glob)
    #[arg(long, value_name = "GLOB")]
    pub(crate) not_path: Vec<String>,
    /// Only files whose callbacks are in this module (a glob)
    #[arg(long, value_name = "GLOB")]
    pub(crate) module: Vec<String>,
    /// No files whose callbacks are in this module (a glob)
    #[arg(long, value_name = "GLOB")]
    pub(crate) not_module: Vec<String>,
}

impl Select {
    /// Returns true if sessions are selected by a property of the task that opened the file.
    pub(crate) fn names_openers(&self) -> bool {
        let Self { pid, tid, comm, uid, .. } = self;
        !(pid.is_empty() && tid.is_empty() && comm.is_empty() && uid.is_empty())
    }
}

/// Least severity of the findings that `--fail-on` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Count warnings and errors
    Warn,
    /// Count errors, not warnings
    Error,
}

impl From<FailOn> for Severity {
    fn from(fail_on: FailOn) -> Self {
        match fail_on {
            FailOn::Warn => Self::Warning,
            FailOn::Error => Self::Error,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// Use colours if the output is a terminal and NO_COLOR is not set
    #[default]
    Auto,
    /// Use colours in any output
    Always,
    /// Do not use colours
    Never,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fold {
    /// Fold on a terminal, unless previews are shown
    #[default]
    Auto,
    /// Show a line for each callback
    None,
    /// Fold in any output
    All,
}

/// Options of the output of `attach` and `replay`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
#[cfg_attr(
    feature = "tui",
    expect(clippy::struct_excessive_bools, reason = "each is an independent command line switch")
)]
pub(crate) struct Output {
    /// Show the trace in a terminal UI: sessions, a tree of reads and callbacks, findings, file map (? lists its keys)
    #[cfg(feature = "tui")]
    #[arg(long, conflicts_with_all = ["format", "fields", "time", "only_findings", "file", "quiet", "verbose"])]
    pub(crate) tui: bool,
    /// Format of the output
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Columns of the timeline or keys of the JSON objects, in this order
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) fields: Option<Vec<String>>,
    /// Format of the times
    #[arg(long, value_enum, default_value_t)]
    pub(crate) time: Time,
    /// Lay out and wrap lines for N columns, at least 60 [default: width of the terminal, else none]
    #[arg(long, value_name = "N|none", value_parser = width)]
    pub(crate) width: Option<Width>,
    /// Show runs of unremarkable records as one line (timeline)
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, num_args = 0..=1, require_equals = true,
        default_missing_value = "all")]
    pub(crate) fold: Fold,
    /// Use colours in the output
    #[arg(long, value_enum, default_value_t)]
    pub(crate) color: Color,
    /// Show only findings and lost events
    #[arg(long)]
    pub(crate) only_findings: bool,
    /// Show only reads and lseeks that took at least this long, e.g. 50us, and findings
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) min_duration: Option<Duration>,
    /// Use ASCII characters only
    #[arg(long)]
    pub(crate) ascii: bool,
    /// Show the first N bytes of each record, 0 to 256
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=256))]
    pub(crate) preview: u32,
    /// Write the data to a file instead of standard output
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Omit header, progress and summary
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Show more; given twice, also show diagnostics of the eBPF programs
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Conditions under which a trace ends.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct Limits {
    /// End after this time: 500ms, 10s, 2m, 1h
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    #[command(flatten)]
    pub(crate) counts: Counts,
}

/// Conditions under which a trace or a replay ends.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct Counts {
    /// End when this many sessions have closed; later sessions are not displayed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_sessions: Option<u64>,
    /// End when this many events have been displayed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_events: Option<u64>,
    /// End when RULE is broken; without RULE, when any rule is broken (info does not count)
    #[arg(long, value_name = "RULE", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "clap's type of an option with an optional value")]
    pub(crate) until_finding: Option<Option<Id>>,
}

/// Options of the probes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Capture")]
pub(crate) struct Capture {
    /// Method by which callbacks are traced
    #[arg(long, value_enum, default_value_t)]
    pub(crate) backend: Backend,
    /// Size of the ring buffer for events that are not displayed yet: a power of two, e.g. 8MiB
    #[arg(long, value_name = "SIZE", default_value = "8MiB", value_parser = ring_size)]
    pub(crate) ring_size: u32,
    /// Create this file when all probes are attached
    #[arg(long, value_name = "PATH")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Folder with modules (.ko) or a vmlinux, with debug information, for the source lines of functions; repeatable
    #[arg(long, value_name = "DIR")]
    pub(crate) debug_dir: Vec<PathBuf>,
    /// Show what would be attached, and exit
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Faults to inject, for tests
    #[arg(long, hide = true, default_value = "none")]
    pub(crate) inject: Faults,
}

/// Options of commands that read a recording.
#[derive(Debug, Args)]
pub(crate) struct Reading {
    /// Stop reading a recording (exit status 6) when this process has more memory
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size)]
    pub(crate) max_memory: u64,
}
