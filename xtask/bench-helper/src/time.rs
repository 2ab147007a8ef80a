//! What a program costs from its begin to its end.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// `bench-helper time`
#[derive(Debug, clap::Args)]
pub(crate) struct Time {
    /// The program
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

impl Time {
    /// Runs it, and prints its CPU time in ns and the most memory that it had, in KiB.
    pub(crate) fn run(&self) -> Result<()> {
        let (program, arguments) = self.command.split_first().context("no command")?;
        let status = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .with_context(|| format!("cannot run {program}"))?;
        ensure!(status.success(), "{program}: {status}");
        // User and system time are shares of the scheduler's precise sum: together they are that sum.
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let cpu = nanoseconds(usage.user_time())? + nanoseconds(usage.system_time())?;
        println!("{cpu} {}", usage.max_rss());
        Ok(())
    }
}

fn nanoseconds(time: TimeVal) -> Result<u64> {
    Ok(u64::try_from(time.tv_sec())? * 1_000_000_000 + u64::try_from(time.tv_usec())? * 1000)
}
