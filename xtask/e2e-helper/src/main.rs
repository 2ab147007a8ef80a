//! Helper of the end-to-end tests in guests, for everything that busybox cannot do: exact reads, many readers at once,
//! and the comparison of a trace with the bytes that readers got.
#![forbid(unsafe_code)]

mod check;
mod pass;
mod query;
mod read;
mod roots;
mod user;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

/// Reads files in exact ways and checks traces.
#[derive(Parser)]
#[command(name = "e2e-helper")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Log of a reader, for `json-check --log`.
#[derive(Args)]
struct Log {
    /// Append a line for each open, with its reads
    #[arg(long)]
    log: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Call pread() once and print the bytes
    Pread {
        file: PathBuf,
        offset: u64,
        length: usize,
        #[command(flatten)]
        log: Log,
    },
    /// Read blocks of BS bytes up to the end of the file and print the bytes
    ReadAll {
        file: PathBuf,
        bs: usize,
        /// Stop after the read that reaches this many bytes
        #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
        most: u64,
        #[command(flatten)]
        log: Log,
    },
    /// Call lseek(SEEK_SET), then read() once, and print the bytes
    Lseek {
        file: PathBuf,
        offset: u64,
        length: usize,
        #[command(flatten)]
        log: Log,
    },
    /// Call splice() into a pipe up to the end of the file and print the bytes
    Splice {
        file: PathBuf,
        #[command(flatten)]
        log: Log,
    },
    /// Run a sequence of operations on one open file: r100 read, p100@50 pread, s50 lseek to 50, c-5 lseek by -5, x splice
    /// to the end, a100 read to the end in blocks, wTEXT write, t500 sleep ms, e/PATH wait until PATH exists, u/PATH send
    /// the open file to `receive` at the unix socket PATH and wait until that process has ended
    Ops {
        file: PathBuf,
        #[arg(allow_hyphen_values = true)]
        ops: Vec<String>,
        #[command(flatten)]
        log: Log,
    },
    /// Read the whole file in COUNT threads at once, each with an open of its own
    Readers {
        count: usize,
        file: PathBuf,
        bs: usize,
        /// Stop after the read that reaches this many bytes
        #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
        most: u64,
        #[command(flatten)]
        log: Log,
    },
    /// Run a command as user ID with only these capabilities (bpf, perfmon …)
    AsUser {
        id: u32,
        #[arg(long, value_delimiter = ',')]
        caps: Vec<String>,
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    /// Open and read the whole file COUNT times, one after the other
    Cycles {
        count: usize,
        file: PathBuf,
        bs: usize,
        #[command(flatten)]
        log: Log,
    },
    /// Write a word COUNT times to one open file; ENOSPC is not an error
    Writes { count: usize, file: PathBuf },
    /// Read one open file in COUNT threads, each from the common offset to the end, or with --pread each every COUNT-th
    /// block
    Threads {
        count: usize,
        file: PathBuf,
        bs: usize,
        /// Read this many blocks by offset
        #[arg(long, value_name = "BLOCKS")]
        pread: Option<usize>,
        #[command(flatten)]
        log: Log,
    },
    /// Open and read the file repeatedly, despite errors, until this process is killed
    Insist { file: PathBuf, bs: usize },
    /// Receive an open file at a unix socket from `ops` (u/PATH), and run operations on it
    Receive {
        socket: PathBuf,
        #[arg(allow_hyphen_values = true)]
        ops: Vec<String>,
    },
    /// Print selected values of selected objects of a trace, separated by tabs
    Json(query::Query),
    /// Print for each file in a report of `seqtrace check`: path, verdict, id, role and severity of the root cause, all ids
    Roots { reports: PathBuf },
    /// Count the objects of a trace, its emitted records, the events lost in gaps, and the lost and missed events at its
    /// end; the trace may be a pipe
    Tally { trace: PathBuf },
    /// Check each object of a trace against a JSON Schema
    Validate { schema: PathBuf, trace: PathBuf },
    /// Check a trace against the rules of the format and against the logs of readers
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
    use read::FileOp;
    match command {
        Command::Pread { file, offset, length, log } => {
            read::ops(&file, &[FileOp::Pread(length, offset)], log.log.as_deref())?;
        }
        Command::ReadAll { file, bs, most, log } => {
            read::ops(&file, &[FileOp::ReadAll(bs, most)], log.log.as_deref())?;
        }
        Command::Lseek { file, offset, length, log } => {
            read::ops(&file, &[FileOp::Seek(offset), FileOp::Read(length)], log.log.as_deref())?;
        }
        Command::Splice { file, log } => read::ops(&file, &[FileOp::Splice], log.log.as_deref())?,
        Command::Ops { file, ops, log } => {
            read::ops(&file, &parse(&ops)?, log.log.as_deref())?;
        }
        Command::Readers { count, file, bs, most, log } => {
            read::readers(count, &file, &FileOp::ReadAll(bs, most), log.log.as_deref())?;
        }
        Command::AsUser { id, caps, command } => user::run(id, &caps, &command)?,
        Command::Writes { count, file } => read::writes(count, &file)?,
        Command::Cycles { count, file, bs, log } => {
            read::cycles(count, &file, bs, log.log.as_deref())?;
        }
        Command::Threads { count, file, bs, pread, log } => {
            read::threads(count, &file, bs, pread, log.log.as_deref())?;
        }
        Command::Insist { file, bs } => read::insist(&file, bs),
        Command::Receive { socket, ops } => read::received(pass::receive(&socket)?, &parse(&ops)?)?,
        Command::Json(query) => query.run()?,
        Command::Roots { reports } => roots::print(&reports)?,
        Command::Tally { trace } => query::tally(&trace)?,
        Command::Validate { schema, trace } => return query::validate(&schema, &trace),
        Command::JsonCheck(check) => return check.run(),
    }
    Ok(true)
}

fn parse(ops: &[String]) -> Result<Vec<read::FileOp>> {
    ops.iter().map(|op| op.parse()).collect()
}
