//! The subcommands: each reads as what it does, in order.

mod attach;
mod check;
mod doctor;
mod explain;
mod invoker;
mod list;

use std::process::ExitCode;

use crate::cli::{Cli, Command};

/// Runs what the command line asks for.
///
/// # Errors
/// Whatever stopped it; [`crate::exit::of`] knows the exit status.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Attach(args) => attach::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::List(args) => list::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::ReadForCheck => check::read(),
        Command::RunAsInvoker { command } => invoker::become_and_run(&command),
    }
}
