//! Helper of the end-to-end tests in guests, for everything that busybox cannot do: exact reads, many readers at once,
//! and the comparison of a trace with the bytes that readers got.

mod check;
mod pass;
mod query;
mod read;
mod roots;
mod user;
mod ways;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use self::read::Reader;

/// Reads files in exact ways and checks traces.
#[derive(Parser)]
#[command(name = "e2e-helper")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run operations on one open file and print the bytes that they read
    Ops(Reader),
    /// Run operations on the file in COUNT threads at once, each with an open of its own
    Readers {
        count: usize,
        #[command(flatten)]
        reader: Reader,
    },
    /// Open the file and run operations on it COUNT times, one after the other
    Cycles {
        count: usize,
        #[command(flatten)]
        reader: Reader,
    },
    /// Run a command as user ID with only these capabilities (bpf, perfmon …)
    AsUser {
        id: u32,
        #[arg(long, value_delimiter = ',')]
        caps: Vec<String>,
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    /// Give an executable file capabilities, as setcap(8) does
    SetCaps {
        file: PathBuf,
        #[arg(value_delimiter = ',')]
        caps: Vec<String>,
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
        /// Append a line for the open, with its reads
        #[arg(long)]
        log: Option<PathBuf>,
    },
    /// Open and read the file repeatedly, despite errors, until this process is killed
    Insist { file: PathBuf, bs: usize },
    /// Open the file COUNT times at once, then read its first byte from each open, then close all
    Hold { count: usize, file: PathBuf },
    /// Receive an open file at a unix socket from `ops` (u/PATH), and run operations on it
    Receive { socket: PathBuf, ops: Vec<String> },
    /// Print selected values of selected objects of a trace, separated by tabs
    Json(query::Query),
    /// Print for each file in a report of `seqtrace check`: path, verdict, id, role and severity of the root cause, all ids
    Roots { reports: PathBuf },
    /// Count the objects of a trace, its emitted records and the events lost in gaps, and print the numbers of lost and
    /// missed events, sessions and partial sessions at its end; the trace may be a pipe
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
    match command {
        Command::Ops(reader) => reader.run()?,
        Command::Readers { count, reader } => reader.run_in_threads(count)?,
        Command::Cycles { count, reader } => (0..count).try_for_each(|_| reader.run_silently())?,
        Command::AsUser { id, caps, command } => user::run(id, &caps, &command)?,
        Command::SetCaps { file, caps } => user::set_caps(&file, &caps)?,
        Command::Writes { count, file } => read::writes(count, &file)?,
        Command::Threads { count, file, bs, pread, log } => {
            read::threads(count, &file, bs, pread, log.as_deref())?;
        }
        Command::Insist { file, bs } => read::insist(&file, bs),
        Command::Hold { count, file } => read::hold(count, &file)?,
        Command::Receive { socket, ops } => read::received(pass::receive(&socket)?, &ops)?,
        Command::Json(query) => query.run()?,
        Command::Roots { reports } => roots::print(&reports)?,
        Command::Tally { trace } => query::tally(&trace)?,
        Command::Validate { schema, trace } => return query::validate(&schema, &trace),
        Command::JsonCheck(check) => return check.run(),
    }
    Ok(true)
}
