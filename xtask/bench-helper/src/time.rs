//! Measures the CPU time and the memory of a program from start to exit.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

/// Options of `bench-helper time`.
#[derive(Debug, clap::Args)]
pub(crate) struct Time {
    /// Program with its arguments
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

impl Time {
    /// Runs the program. Prints its CPU time in ns and its largest memory in KiB.
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
        // The sum is exact: the kernel splits the scheduler's precise CPU time into user and system time
        // (cputime_adjust(), kernel/sched/cputime.c).
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let cpu = usage.user_time().num_nanoseconds() + usage.system_time().num_nanoseconds();
        println!("{cpu} {}", usage.max_rss());
        Ok(())
    }
}
