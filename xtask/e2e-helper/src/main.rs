//! What the end-to-end tests do in a guest that busybox cannot: exact reads, many readers at once, and
//! the comparison of a trace with what the readers got.
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
    /// x splice to the end, a100 read to the end in blocks, wTEXT write, t500 sleep ms, e/PATH wait
    /// until PATH exists, u/PATH hand the open file to who is at the unix socket PATH and wait until it
    /// is done
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
        /// No further read when this many bytes were read
        #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
        most: u64,
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
    /// The whole file, opened COUNT times, one after the other; prints nothing of it
    Cycles {
        count: usize,
        file: PathBuf,
        bs: usize,
        #[command(flatten)]
        log: Log,
    },
    /// Writes a word COUNT times, by one open file; that the file is full is no error
    Writes { count: usize, file: PathBuf },
    /// N threads share one open file: each reads from the common offset on to the end, or with --pread
    /// every N-th block of the file; prints nothing of it
    Threads {
        count: usize,
        file: PathBuf,
        bs: usize,
        /// This many blocks, by offset
        #[arg(long, value_name = "BLOCKS")]
        pread: Option<usize>,
        #[command(flatten)]
        log: Log,
    },
    /// Opens the file and reads blocks of it again and again, whatever fails, until it is killed
    Insist { file: PathBuf, bs: usize },
    /// Take an open file from who hands it over at the unix socket, and do what `ops` does with it
    Receive {
        socket: PathBuf,
        #[arg(allow_hyphen_values = true)]
        ops: Vec<String>,
    },
    /// Print chosen values of chosen objects of a trace, tab-separated
    Json(query::Query),
    /// For each file of a report of `seqtrace check`: path, verdict, id, role and severity of the root cause, all ids
    Roots { reports: PathBuf },
    /// Counts objects, emitted records, events lost in gaps, events lost and missed by the end of a trace,
    /// without keeping anything: also of a pipe
    Tally { trace: PathBuf },
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
            read::ops(&file, &parse(&ops)?, log.log.as_deref())?;
        }
        Command::Readers { count, file, bs, most, log } => {
            read::many(count, &file, &Op::ReadAll(bs, most), log.log.as_deref())?;
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

fn parse(ops: &[String]) -> Result<Vec<read::Op>> {
    ops.iter().map(|op| op.parse()).collect()
}
