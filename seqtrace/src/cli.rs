//! The command line, as clap parses it. README.md describes the options; nothing here acts.

mod diff;
mod options;
pub(crate) mod values;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

pub(crate) use self::diff::{Diff, DiffFormat, IgnoredProperty};
pub(crate) use self::options::{
    Capture, Color, Counts, FailOn, Fold, Output, Reading, Select, Tracing,
};
use self::values::{duration, ring_size, size};
use crate::{escape::is_deceptive, exit::shown, probe::backend::Backend};

/// Trace and check the seq_files of the running kernel.
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
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Parses the command line of this process. If that fails, prints the reason and exits.
    pub fn from_command_line() -> Self {
        let words: Vec<OsString> = std::env::args_os().collect();
        Self::parse_words(&words).unwrap_or_else(|error| error.exit())
    }

    pub(crate) fn parse_words(words: &[OsString]) -> Result<Self, clap::Error> {
        Self::try_parse_from(words).map_err(|error| {
            // The message quotes words: if one is not fit for a terminal, the message about its escaped text is shown.
            let printable = words.iter().map(|word| match word.to_str() {
                Some(text) if !text.chars().any(|c| c.is_control() || is_deceptive(c)) => {
                    text.to_owned()
                }
                _ => shown(word).to_string(),
            });
            Self::try_parse_from(printable).err().unwrap_or(error)
        })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a live timeline of all sessions of the targets
    Attach(Box<Attach>),
    /// Read files in every way that matters, compare the bytes and judge the callbacks
    Check(Box<Check>),
    /// Record a trace in a file, to examine it later on any machine
    Record(Box<Record>),
    /// Show a recording as `attach` shows a live trace
    Replay(Box<Replay>),
    /// Summarize a recording: sessions, records, latencies
    Report(Box<Report>),
    /// Compare two recordings: calls, positions, sizes, fates and findings
    Diff(Box<Diff>),
    /// Write recordings in formats of other programs: Perfetto's timeline, Parquet tables
    #[cfg(feature = "export")]
    Export(Box<Export>),
    /// Check whether this machine can trace, and show a remedy for each defect
    Doctor {
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// List seq files with their callbacks, and the reasons why some cannot be traced
    List(List),
    /// Explain a rule: the defect, its effects, the contract and the usual fix
    Explain {
        /// Rule to explain, e.g. SQ201; without it, list all rules
        #[arg(value_name = "ID")]
        id: Option<String>,
    },
    /// Read files as requested on standard input (used by `check`)
    #[command(hide = true, name = "read-for-check")]
    ReadForCheck,
    /// Print the JSON Schema of the lines of --format json
    Schema,
    /// Print a completion script for a shell
    Completions {
        /// Shell that loads the script
        shell: clap_complete::Shell,
    },
    /// Print a manual page (roff)
    Man {
        /// Subcommand to describe instead of seqtrace itself
        command: Option<String>,
    },
    /// Restore the terminal when the process that started this one is killed (used by `--tui`)
    #[cfg(feature = "tui")]
    #[command(hide = true, name = "guard-terminal")]
    GuardTerminal,
    /// Become the user who called sudo and run a command (used by `attach -- CMD`)
    #[command(hide = true, name = "run-as-invoker")]
    RunAsInvoker(RunAsInvoker),
}

#[derive(Debug, Args)]
#[command(
    after_help = "TARGET is a path (/proc/foo), a glob ('/proc/net/*'), module:NAME or fn:SYMBOL. \
    Without a TARGET, every seq file that is opened from now on is traced.\n\
    Exit status: 0 no error; 1 findings and 4 inconclusive (with --fail-on); 2 usage; 3 environment (permission, \
    kernel); 5 target not found or not traceable. With -- CMD and without --fail-on: the exit status of CMD."
)]
pub(crate) struct Attach {
    #[command(flatten)]
    pub(crate) tracing: Tracing,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Show nothing but totals per file and callback; a terminal shows them during the trace
    #[arg(
        long,
        help_heading = "Output",
        conflicts_with_all = ["format", "fields", "time", "only_findings", "min_duration", "fold", "preview"]
    )]
    pub(crate) summary: bool,
    /// Also record the trace in this file: see `seqtrace record`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) record: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "TARGET is a path (/proc/foo), a glob ('/proc/net/*'), module:NAME or fn:SYMBOL. \
    Without a TARGET, every seq file that is opened from now on is traced.\n\
    The recording is an Arrow IPC stream, which pandas, polars and DuckDB can open, too.\n\
    Exit status: as for attach."
)]
pub(crate) struct Record {
    /// File for the recording; - is standard output
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Record the first N bytes of each record, 0 to 256
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=256))]
    pub(crate) preview: u32,
    /// Replace names in paths by hashes and leave out the command line, to share the recording
    #[arg(long, conflicts_with = "preview")]
    pub(crate) redact: bool,
    /// Use colours in header and summary
    #[arg(long, value_enum, default_value_t)]
    pub(crate) color: Color,
    /// Use ASCII characters only
    #[arg(long)]
    pub(crate) ascii: bool,
    /// Omit header and summary
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Given twice, show diagnostics of the eBPF programs
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(flatten)]
    pub(crate) tracing: Tracing,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 no error (also if the recording is cut off and was shown as far as it goes); \
    1 findings and 4 inconclusive (with --fail-on); 2 usage; 6 a recording that is unreadable, damaged, too large or too new."
)]
pub(crate) struct Replay {
    /// Recording to show; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) recording: PathBuf,
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Exit with 1 if there are findings of this severity, with 4 if the trace is inconclusive
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<FailOn>,
    #[command(flatten)]
    pub(crate) counts: Counts,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 no error; 2 usage; 6 a recording that is unreadable, damaged, too large or too new."
)]
pub(crate) struct Report {
    /// Recording to summarize; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) recording: PathBuf,
    #[command(flatten)]
    pub(crate) select: Select,
    /// Number of files and functions to list, those with the highest counts first; 0: all
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: u32,
    /// Show nothing but totals per file and callback, as `attach --summary`
    #[arg(long, conflicts_with = "ledger")]
    pub(crate) summary: bool,
    /// List, for each session, the records that the reader got at each file offset
    #[arg(long)]
    pub(crate) ledger: bool,
    /// Use colours in the report
    #[arg(long, value_enum, default_value_t)]
    pub(crate) color: Color,
    /// Use ASCII characters only
    #[arg(long)]
    pub(crate) ascii: bool,
    /// Write the report to a file instead of standard output
    #[arg(short, long = "output", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write a page with pictures for a browser, too
    #[cfg(feature = "html")]
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[cfg(feature = "export")]
#[derive(Debug, Args)]
#[command(
    after_help = "Parquet: PATH is a folder with one folder per table, in which each recording has a file: \
    TABLE/host=NAME/recording=FILE/part-0.parquet.\n\
    An output that exists is replaced when the new one is complete.\n\
    Exit status: 0 no error (also if a recording is cut off and was exported as far as it goes); 2 usage; \
    6 a recording that is unreadable, damaged, too large or too new."
)]
pub(crate) struct Export {
    /// Recordings to export; - is standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) recordings: Vec<PathBuf>,
    /// Format of the output
    #[arg(long, value_enum)]
    pub(crate) to: ExportFormat,
    /// File to write; with --to parquet, the folder of the tables
    #[arg(short = 'o', long = "output", value_name = "PATH")]
    pub(crate) output: PathBuf,
    /// Name of the traced machine, which a recording does not have (parquet only)
    #[arg(long, value_name = "NAME", default_value = "unknown")]
    pub(crate) host: String,
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[cfg(feature = "export")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ExportFormat {
    /// One recording as a trace for <https://ui.perfetto.dev>
    Perfetto,
    /// Recordings as tables for DuckDB, Polars, Spark
    Parquet,
}

#[derive(Debug, Args)]
#[command(
    after_help = "TARGET is a path (/proc/foo), a glob ('/proc/net/*') or module:NAME. module:NAME stands for the \
    files in /proc and debugfs whose callbacks are in that module.\n\
    Exit status: 0 clean; 1 findings; 2 usage; 3 environment (permission, kernel); 4 inconclusive; 5 not found, \
    not a seq file, or not read without --force; with --from also 6: the recording is unreadable, damaged, too large or too new."
)]
pub(crate) struct Check {
    /// Files to check: a path, a glob or module:NAME
    #[arg(value_name = "TARGET", required_unless_present_any = ["from", "behind_dashes"])]
    pub(crate) targets: Vec<OsString>,
    /// Words behind `--`: targets, or a command, which check does not run
    #[arg(last = true, hide = true)]
    pub(crate) behind_dashes: Vec<OsString>,
    /// Judge the sessions of the targets in a recording and read no file; without a target, judge all
    /// sessions; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Also read files that reading changes or whose reads may block
    #[arg(long)]
    pub(crate) force: bool,
    /// Judge at most this much of a file
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = size)]
    pub(crate) max_bytes: u64,
    /// Time limit for each file; a file that needs more time is inconclusive
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = duration)]
    pub(crate) time_limit: Duration,
    /// Time after which a read counts as blocked
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(crate) read_limit: Duration,
    /// Format of the report
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub(crate) format: crate::check::report::Format,
    /// Use colours in the report
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub(crate) color: Color,
    /// Use ASCII characters only
    #[arg(long, help_heading = "Output")]
    pub(crate) ascii: bool,
    /// Write the report to a file instead of standard output
    #[arg(short = 'o', long = "output", value_name = "FILE", help_heading = "Output")]
    pub(crate) output_file: Option<PathBuf>,
    /// Write a page with pictures for a browser, too
    #[cfg(feature = "html")]
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) html: Option<PathBuf>,
    /// Omit files that are clean
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Show clean files in full, and information; given twice, also show diagnostics of the eBPF
    /// programs
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
    /// Method by which callbacks are traced
    #[arg(long, value_enum, default_value_t, help_heading = "Capture")]
    pub(crate) backend: Backend,
    /// Size of the ring buffer for events that are not judged yet: a power of two, e.g. 32MiB
    #[arg(long, value_name = "SIZE", default_value = "32MiB", value_parser = ring_size, help_heading = "Capture")]
    pub(crate) ring_size: u32,
    /// Folder with modules (.ko) or a vmlinux, with debug information, for the source lines of functions; repeatable
    #[arg(long, value_name = "DIR", help_heading = "Capture")]
    pub(crate) debug_dir: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 no error; 2 usage; 3 environment (permission, kernel); 5 no file is named or matched."
)]
pub(crate) struct List {
    /// Files to list: paths or globs [default: /proc/*]; with --tables, names of tables (a glob) or module:NAME [default:
    /// all tables]
    #[arg(value_name = "TARGET")]
    pub(crate) targets: Vec<OsString>,
    /// List the tables of callbacks (struct seq_operations) of the kernel and its modules, instead of files
    #[arg(long)]
    pub(crate) tables: bool,
    /// Folder with modules (.ko) or a vmlinux, with debug information, for the source lines of functions; repeatable
    #[arg(long, value_name = "DIR")]
    pub(crate) debug_dir: Vec<PathBuf>,
    /// Print one JSON object per line instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunAsInvoker {
    /// Open descriptor of a pipe to which the reason is written if the command cannot be run
    #[arg(long, value_name = "FD")]
    pub(crate) report: Option<i32>,
    /// Open descriptor of a pipe from which a byte is read before the command is run
    #[arg(long, value_name = "FD")]
    pub(crate) wait: Option<i32>,
    /// Process at whose end the command gets SIGTERM; it must be the parent
    #[arg(long, value_name = "PID")]
    pub(crate) parent: Option<u32>,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<OsString>,
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
    fn messages_about_the_command_line_are_escaped() {
        for words in [
            &["seqtrace", "da\u{1b}[31mnce"][..],
            &["seqtrace", "attach", "--\u{1b}[31m"],
            &["seqtrace", "attach", "--for", "3\u{202e}s"],
            &["seqtrace", "check", "--max-bytes", "a\nb\u{1b}]0;", "/proc/foo"],
        ] {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let message = Cli::parse_words(&words).unwrap_err().render().ansi().to_string();
            // clap's own styles begin with a reset, a bold or an underlined text, or a colour, none of which is 31 alone.
            for raw in ["\u{1b}[31mnce", "--\u{1b}[31m", "\u{202e}", "\u{1b}]", "a\nb"] {
                assert!(!message.contains(raw), "{message:?}");
            }
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
