//! `seqtrace doctor`: checks whether this machine can trace.

use std::process::ExitCode;

use crate::{kernel::doctor, output::Writer};

/// Runs the subcommand.
pub(super) fn run(json: bool) -> anyhow::Result<ExitCode> {
    let report = doctor::examine();
    let text = if json { report.json()? + "\n" } else { report.text() };
    Writer::print(text.into_bytes())?;
    Ok(ExitCode::from(report.exit_status()))
}
