//! `seqtrace doctor`: checks whether this machine can trace.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use crate::{cli, kernel::doctor};

/// Runs the subcommand.
pub(super) fn run(args: &cli::Doctor) -> anyhow::Result<ExitCode> {
    let report = doctor::examine();
    let text = if args.json { report.json()? + "\n" } else { report.text() };
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    Ok(ExitCode::from(report.exit_status()))
}
