//! What the end-to-end tests do in a guest that busybox cannot: exact reads, many readers at once, and
//! the comparison of a trace with what the readers got.
#![forbid(unsafe_code)]

mod check;
mod query;
mod read;
mod user;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

/// Reads files in exact ways and checks traces of it.
#[derive(Parser)]
#[command(name = "e2e-helper")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Where a reader notes what it got, for `json-check --log`.
#[derive(Args)]
struct Log {
    /// Append a line for each open and what was read in it
    #[arg(long)]
    log: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// One pread(); the bytes go to stdout
    Pread {
        file: PathBuf,
        offset: u64,
        length: usize,
        #[command(flatten)]
        log: Log,
    },
    /// read() with blocks of BS bytes up to the end of the file
    ReadAll {
        file: PathBuf,
        bs: usize,
        /// No further read when this many bytes were read
        #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
        most: u64,
        #[command(flatten)]
        log: Log,
    },
    /// lseek(SEEK_SET), then one read()
    Lseek {
        file: PathBuf,
        offset: u64,
        length: usize,
        #[command(flatten)]
        log: Log,
    },
    /// splice() into a pipe up to the end of the file
    Splice {
        file: PathBuf,
        #[command(flatten)]
        log: Log,
    },
    /// Any sequence on one open file: r100 read, p100@50 pread, s50 lseek to 50, c-5 lseek by -5,
    /// x splice to the end, a100 read
    /// to the end in blocks, wTEXT write, t500 sleep ms, e/PATH wait until PATH exists
    Ops {
        file: PathBuf,
        #[arg(allow_hyphen_values = true)]
        ops: Vec<String>,
        #[command(flatten)]
        log: Log,
    },
    /// N threads read the whole file at once, each by an open of its own; prints nothing of it
    Readers {
        count: usize,
        file: PathBuf,
        bs: usize,
        #[command(flatten)]
        log: Log,
    },
    /// Run a command as user ID, with these capabilities (bpf, perfmon …) and no others
    AsUser {
        id: u32,
        #[arg(long, value_delimiter = ',')]
        caps: Vec<String>,
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    /// Print chosen values of chosen objects of a trace, tab-separated
    Json(query::Query),
    /// Each line is an object of a JSON Schema
    Validate { schema: PathBuf, trace: PathBuf },
    /// Check a trace against the rules of the format and against what readers noted
    JsonCheck(check::Check),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("e2e-helper: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<bool> {
    use read::Op;
    match command {
        Command::Pread { file, offset, length, log } => {
            read::ops(&file, &[Op::Pread(length, offset)], log.log.as_deref())?;
        }
        Command::ReadAll { file, bs, most, log } => {
            read::ops(&file, &[Op::ReadAll(bs, most)], log.log.as_deref())?;
        }
        Command::Lseek { file, offset, length, log } => {
            read::ops(&file, &[Op::Seek(offset), Op::Read(length)], log.log.as_deref())?;
        }
        Command::Splice { file, log } => read::ops(&file, &[Op::Splice], log.log.as_deref())?,
        Command::Ops { file, ops, log } => {
            let ops = ops.iter().map(|op| op.parse()).collect::<Result<Vec<Op>>>()?;
            read::ops(&file, &ops, log.log.as_deref())?;
        }
        Command::Readers { count, file, bs, log } => {
            read::many(count, &file, bs, log.log.as_deref())?;
        }
        Command::AsUser { id, caps, command } => user::run(id, &caps, &command)?,
        Command::Json(query) => query.run()?,
        Command::Validate { schema, trace } => return query::validate(&schema, &trace),
        Command::JsonCheck(check) => return check.run(),
    }
    Ok(true)
}
