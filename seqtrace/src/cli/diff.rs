//! Options of `seqtrace diff`.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, ValueEnum};

use super::options::{Color, Reading, Select};
use super::values::session_number;

#[derive(Debug, Args)]
#[command(
    after_help = "Files are aligned by path, their sessions by number. Times, CPUs, tasks and addresses are not compared.\n\
    Exit status: 0 the same; 1 different; 2 usage; 4 no difference is proven, because a compared session was not seen \
    whole or events were lost; 6 a recording that is unreadable, damaged, too large or too new."
)]
pub(crate) struct Diff {
    /// First recording; - is standard input
    #[arg(value_name = "A")]
    pub(crate) a: PathBuf,
    /// Second recording; - is standard input
    #[arg(value_name = "B")]
    pub(crate) b: PathBuf,
    /// Compare only this session of each file; 1: the first one
    #[arg(long, value_name = "N", value_parser = session_number)]
    pub(crate) session: Option<usize>,
    /// Compare the file OLD of A with the file NEW of B (repeatable). Recordings of one file each need no --map
    #[arg(long, value_name = "OLD=NEW")]
    pub(crate) map: Vec<OsString>,
    /// Properties that are not compared
    #[arg(long, value_enum, value_name = "PROPERTY", value_delimiter = ',')]
    pub(crate) ignore: Vec<IgnoredProperty>,
    /// Number of equal lines before and after a difference
    #[arg(short = 'U', long, value_name = "N", default_value_t = 3)]
    pub(crate) unified: usize,
    /// Also compare the median durations of each callback, which have no influence on the exit status
    #[arg(long)]
    pub(crate) durations: bool,
    /// Format of the output
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: DiffFormat,
    /// Use colours in the output
    #[arg(long, value_enum, default_value_t)]
    pub(crate) color: Color,
    /// Use ASCII characters only
    #[arg(long)]
    pub(crate) ascii: bool,
    /// Write the output to a file instead of standard output
    #[arg(short, long = "output", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) select: Select,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum IgnoredProperty {
    /// Identities of records, e.g. for a file that allocates them for each pass
    Pointers,
    /// Numbers of bytes, e.g. for a file whose text changes
    Sizes,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// A unified diff of the timeline, for reading
    #[default]
    Text,
    /// One JSON object per line, for programs; see docs/json.md
    Json,
}
