//! `seqtrace doctor`
use std::process::ExitCode;
use crate::cli;
pub(super) fn run(_args: &cli::Doctor) -> anyhow::Result<ExitCode> { Ok(ExitCode::SUCCESS) }
