//! `seqtrace doctor`
use crate::cli;
use std::process::ExitCode;
pub(super) fn run(_args: &cli::Doctor) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
