//! The command line, as clap reads it. Names and meanings are those of the README; nothing here acts.

use std::{ffi::OsString, num::ParseFloatError, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::faults::Faults;
use crate::render::{Format, Time};
use crate::rules::{Id, Severity};

/// Shows a kernel developer what a seq_file really does.
#[derive(Debug, Parser)]
#[command(
    name = "seqtrace",
    version,
    long_version = concat!(
        env!("CARGO_PKG_VERSION"),
        "\neBPF programs compiled by ",
        env!("SEQTRACE_EBPF_TOOLCHAIN")
    ),
    max_term_width = 100
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Stream a live timeline of every session of the targets
    Attach(Box<Attach>),
    /// Read files in every way that matters, compare the bytes and judge the callbacks
    Check(Box<Check>),
    /// Trace into a file, to be looked at later and on any machine
    Record(Box<Record>),
    /// Show what `attach` would have shown, from a recording
    Replay(Box<Replay>),
    /// Sum up a recording: sessions, records, latencies
    Report(Box<Report>),
    /// Tell whether this machine can trace, line by line, with a remedy for what is missing
    Doctor(Doctor),
    /// List seq files and their callbacks: traceable, and if not why
    List(List),
    /// Explain a rule: what, why, the contract, the usual fix; without one, list all
    Explain(Explain),
    /// Read files as asked on standard input (used by `check`)
    #[command(hide = true, name = "read-for-check")]
    ReadForCheck,
    /// Print the JSON Schema of a line of --format json
    Schema,
    /// Print a completion script for a shell
    Completions(Completions),
    /// Print a manual page (roff)
    Man(Man),
    /// Become the user who called sudo and run a command (used by `attach -- CMD`)
    #[command(hide = true, name = "run-as-invoker")]
    RunAsInvoker {
        /// The command and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

/// `seqtrace attach`
#[derive(Debug, Args)]
#[command(
    after_help = "TARGET is a path (/proc/foo), a glob ('/proc/net/*'), module:NAME or fn:SYMBOL; \
    none means every seq file opened from now on.\n\
    Exit status: 0 done, 1 findings (--fail-on), 2 usage, 3 environment (permission, kernel), 5 target not found or not \
    traceable; 4 inconclusive (--fail-on); with -- CMD and no --fail-on that of CMD."
)]
pub struct Attach {
    /// What to trace.
    #[command(flatten)]
    pub tracing: Tracing,
    /// What the output looks like.
    #[command(flatten)]
    pub output: Output,
    /// Record what is traced, too: see `seqtrace record`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub record: Option<PathBuf>,
}

/// What `attach` and `record` trace, and how.
#[derive(Debug, Args)]
pub struct Tracing {
    /// Files to trace: a path, a glob, module:NAME or fn:SYMBOL
    #[arg(value_name = "TARGET")]
    pub targets: Vec<OsString>,
    /// Exit with 1 if a rule is broken that badly, with 4 if that cannot be said
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub fail_on: Option<FailOn>,
    /// Which sessions.
    #[command(flatten)]
    pub select: Select,
    /// When to end.
    #[command(flatten)]
    pub limits: Limits,
    /// How to trace.
    #[command(flatten)]
    pub capture: Capture,
    /// Run a command, as the user who called sudo, and end when it ends
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// `seqtrace record`
#[derive(Debug, Args)]
#[command(
    after_help = "TARGET is a path (/proc/foo), a glob ('/proc/net/*'), module:NAME or fn:SYMBOL; \
    none means every seq file opened from now on.\n\
    The recording is an Arrow IPC stream: pandas, polars and DuckDB open it, too.\n\
    Exit status: as of attach."
)]
pub struct Record {
    /// Where the recording goes; - is standard output
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub file: PathBuf,
    /// Record the first N bytes of each record, 0 to 256
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=256))]
    pub preview: u32,
    /// When to colour header and summary
    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
    /// No characters beyond ASCII
    #[arg(long)]
    pub ascii: bool,
    /// No header, no summary
    #[arg(short, long)]
    pub quiet: bool,
    /// Twice: show the programs' own diagnostics
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// What to trace.
    #[command(flatten)]
    pub tracing: Tracing,
}

/// `seqtrace replay`
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 done (even if the recording is cut off: then it is shown as far as \
    it goes), 1 findings and 4 inconclusive (--fail-on), 2 usage, 6 a recording that is unreadable, damaged or too new."
)]
pub struct Replay {
    /// A recording; - is standard input
    #[arg(value_name = "FILE")]
    pub recording: PathBuf,
    /// Which sessions to show.
    #[command(flatten)]
    pub select: Select,
    /// What the output looks like.
    #[command(flatten)]
    pub output: Output,
    /// Exit with 1 if a rule is broken that badly, with 4 if that cannot be said
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub fail_on: Option<FailOn>,
    /// When to end.
    #[command(flatten)]
    pub counts: Counts,
}

/// `seqtrace report`
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 done, 2 usage, 6 a recording that is unreadable, damaged or \
    too new."
)]
pub struct Report {
    /// A recording; - is standard input
    #[arg(value_name = "FILE")]
    pub recording: PathBuf,
    /// Which sessions to count.
    #[command(flatten)]
    pub select: Select,
    /// How many files and functions to name, those first that count most; 0: all
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub top: u32,
    /// List for each session which record the reader got at which file offsets
    #[arg(long)]
    pub ledger: bool,
    /// When to colour
    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
    /// No characters beyond ASCII
    #[arg(long)]
    pub ascii: bool,
    /// Write the report to a file instead of standard output
    #[arg(short, long = "output", value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `seqtrace completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// Which shell
    pub shell: clap_complete::Shell,
}

/// `seqtrace man`
#[derive(Debug, Args)]
pub struct Man {
    /// The page of this subcommand instead of seqtrace's
    pub command: Option<String>,
}

/// Filters: whole sessions are shown or not, judged by who opened the file and what it is. Values of
/// one option are alternatives; different options must all agree.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub struct Select {
    /// Only sessions opened by this process
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub pid: Vec<u32>,
    /// No sessions opened by this process
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub not_pid: Vec<u32>,
    /// Only sessions opened by this thread
    #[arg(long, value_name = "TID", value_delimiter = ',')]
    pub tid: Vec<u32>,
    /// No sessions opened by this thread
    #[arg(long, value_name = "TID", value_delimiter = ',')]
    pub not_tid: Vec<u32>,
    /// Only sessions opened by tasks of this name (a glob)
    #[arg(long, value_name = "GLOB")]
    pub comm: Vec<String>,
    /// No sessions opened by tasks of this name (a glob)
    #[arg(long, value_name = "GLOB")]
    pub not_comm: Vec<String>,
    /// Only sessions opened by this user id
    #[arg(long, value_name = "UID", value_delimiter = ',')]
    pub uid: Vec<u32>,
    /// No sessions opened by this user id
    #[arg(long, value_name = "UID", value_delimiter = ',')]
    pub not_uid: Vec<u32>,
    /// Only files whose path matches (a glob)
    #[arg(long, value_name = "GLOB")]
    pub path: Vec<String>,
    /// No files whose path matches (a glob)
    #[arg(long, value_name = "GLOB")]
    pub not_path: Vec<String>,
    /// Only files whose callbacks are in this module (a glob)
    #[arg(long, value_name = "GLOB")]
    pub module: Vec<String>,
    /// No files whose callbacks are in this module (a glob)
    #[arg(long, value_name = "GLOB")]
    pub not_module: Vec<String>,
}

/// What makes `--fail-on` fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Warnings and errors
    Warn,
    /// Errors only
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

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// If the output is a terminal and NO_COLOR is not set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What the output looks like.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// How to show what happens
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Columns of the timeline or keys of the JSON objects, in this order
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub fields: Option<Vec<String>>,
    /// How to show times
    #[arg(long, value_enum, default_value_t)]
    pub time: Time,
    /// When to colour
    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
    /// Nothing but findings, and where events were lost
    #[arg(long)]
    pub only_findings: bool,
    /// No characters beyond ASCII
    #[arg(long)]
    pub ascii: bool,
    /// Show the first N bytes of each record, 0 to 256
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=256))]
    pub preview: u32,
    /// Write the data to a file instead of standard output
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// No header, no summary, no progress
    #[arg(short, long)]
    pub quiet: bool,
    /// Say more; twice: the programs' own diagnostics too
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// When to end by itself.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// End after this time: 500ms, 10s, 2m, 1h
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// And by what was seen.
    #[command(flatten)]
    pub counts: Counts,
}

/// When to end by what was seen.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct Counts {
    /// End when this many sessions have closed; further ones are not shown
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_sessions: Option<u64>,
    /// End after this many events shown
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_events: Option<u64>,
    /// End when a rule is broken: any (no info), or this one
    #[arg(long, value_name = "RULE", num_args = 0..=1, require_equals = true)]
    pub until_finding: Option<Option<Id>>,
}

/// How the callbacks are seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// `core` where the kernel's code is understood, else `callbacks`
    #[default]
    Auto,
    /// Probes where the kernel's own loop calls them: all files at once
    Core,
    /// Probes on the functions themselves, file by file
    Callbacks,
}

/// How to trace.
#[derive(Debug, Args)]
#[command(next_help_heading = "Capture")]
pub struct Capture {
    /// How the callbacks are seen
    #[arg(long, value_enum, default_value_t)]
    pub backend: Backend,
    /// Room for events that are not shown yet: a power of two, e.g. 8MiB
    #[arg(long, value_name = "SIZE", default_value = "8MiB", value_parser = ring_size)]
    pub ring_size: u32,
    /// Create this file when everything is attached
    #[arg(long, value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
    /// Find and say what would be attached, attach nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Faults, for tests
    #[arg(long, hide = true, default_value = "none", value_parser = faults)]
    pub inject: Faults,
}

/// `seqtrace check`
#[derive(Debug, Args)]
#[command(
    after_help = "TARGET is a path (/proc/foo), a glob ('/proc/net/*') or module:NAME: the files in /proc \
    and debugfs whose callbacks are in that module.\n\
    Exit status: 0 clean, 1 findings, 2 usage, 3 environment (permission, kernel), 4 inconclusive, 5 not \
    found, not a seq file, or not read without --force; with --from 6 if the recording is unreadable, damaged or too new."
)]
pub struct Check {
    /// Files to check: a path, a glob or module:NAME
    #[arg(value_name = "TARGET", required_unless_present = "from")]
    pub targets: Vec<OsString>,
    /// Judge what a recording shows of the targets, or of all files in it, and read nothing; - is
    /// standard input
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Read files, too, that reading changes or that may wait for something
    #[arg(long)]
    pub force: bool,
    /// How much of a file is judged
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = size)]
    pub max_bytes: u64,
    /// How long a file may take; what there is no time for makes it inconclusive
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = duration)]
    pub time_limit: Duration,
    /// How long a read may take before it is taken to wait for something
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub read_limit: Duration,
    /// What the report looks like
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub format: crate::check::report::Format,
    /// When to colour
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub color: Color,
    /// No characters beyond ASCII
    #[arg(long, help_heading = "Output")]
    pub ascii: bool,
    /// Write the report to a file instead of standard output
    #[arg(short = 'o', long = "output", value_name = "FILE", help_heading = "Output")]
    pub file: Option<PathBuf>,
    /// Nothing of files that are clean
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
    /// Clean files in full, and information; twice: the programs' own diagnostics too
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
    /// How the callbacks are seen
    #[arg(long, value_enum, default_value_t, help_heading = "Capture")]
    pub backend: Backend,
    /// Room for events that are not judged yet: a power of two, e.g. 32MiB
    #[arg(long, value_name = "SIZE", default_value = "32MiB", value_parser = ring_size, help_heading = "Capture")]
    pub ring_size: u32,
}

/// `seqtrace doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// `seqtrace list`
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 done, 2 usage, 3 environment (permission, kernel), 5 no file is \
    named or matched."
)]
pub struct List {
    /// Files to list: paths or globs
    #[arg(value_name = "TARGET", default_value = "/proc/*")]
    pub targets: Vec<OsString>,
    /// One JSON object a line instead of text
    #[arg(long)]
    pub json: bool,
}

/// `seqtrace explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// Which rule, e.g. SQ201
    #[arg(value_name = "ID")]
    pub id: Option<String>,
}

/// `500ms`, `10s`, `2m`, `1h`; a bare number is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|error: ParseFloatError| error.to_string())?;
    let scale = match unit {
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("unknown unit `{unit}`: use ms, s, m or h")),
    };
    Duration::try_from_secs_f64(number * scale).map_err(|error| error.to_string())
}

fn faults(text: &str) -> Result<Faults, String> {
    if text == "none" { Ok(Faults::default()) } else { text.parse() }
}

/// `8MiB`, `512K`, `65536`.
fn size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err(format!("unknown unit `{unit}`: use KiB, MiB or GiB")),
    };
    let number: u64 = number.parse().map_err(|_| format!("`{text}` is not a size"))?;
    number.checked_mul(1 << shift).ok_or_else(|| format!("`{text}` is too much"))
}

/// A size that is a power of two from 4 KiB to 2 GiB.
fn ring_size(text: &str) -> Result<u32, String> {
    u32::try_from(size(text)?)
        .ok()
        .filter(|bytes| bytes.is_power_of_two() && (4096..=1 << 31).contains(bytes))
        .ok_or_else(|| format!("`{text}` is not a power of two from 4KiB to 2GiB"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_and_sizes() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert!(duration("3 fortnights").is_err());
        assert!(duration("-1s").is_err());
        assert!(duration("1e999h").is_err());
        assert_eq!(ring_size("8MiB"), Ok(8 << 20));
        assert_eq!(ring_size("65536"), Ok(65536));
        for bad in ["0", "1", "3MiB", "4TiB", "8GiB", "", "MiB", "99999999999999999999"] {
            assert!(ring_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_command_stands_behind_two_dashes() {
        let cli =
            Cli::parse_from(["seqtrace", "attach", "/proc/foo", "--", "cat", "-n", "/proc/foo"]);
        let Command::Attach(attach) = cli.command else { panic!("not attach") };
        assert_eq!(attach.tracing.targets, ["/proc/foo"]);
        assert_eq!(attach.tracing.command, ["cat", "-n", "/proc/foo"]);
    }
}
