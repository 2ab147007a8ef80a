//! `seqtrace doctor`: checks whether this machine can trace.

use std::process::ExitCode;

use crate::{cli, kernel::doctor, output::Writer};

/// Runs the subcommand.
pub(super) fn run(args: &cli::Doctor) -> anyhow::Result<ExitCode> {
    let report = doctor::examine();
    let text = if args.json { report.json()? + "\n" } else { report.text() };
    Writer::print(text.into_bytes())?;
    Ok(ExitCode::from(report.exit_status()))
}
