//! The subcommands, one file each.

mod attach;
mod check;
mod diff;
mod doctor;
mod explain;
#[cfg(feature = "export")]
mod export;
mod generate;
mod invoker;
mod list;
mod live;
mod memory;
mod options;
#[cfg(feature = "html")]
mod page;
mod record;
mod recordings;
mod replay;
mod report;
#[cfg(feature = "tui")]
mod tui;

use std::{path::PathBuf, process::ExitCode};

use crate::{
    cli::{Cli, Command},
    exit::{Exit, UserError},
    kernel::{lines::SourceLines, preflight::Preflight, switches},
    privileges,
};

/// Runs the subcommand.
///
/// # Errors
/// Any error that ended the subcommand; [`crate::exit::of`] returns its exit status.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Attach(args) => attach::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Diff(args) => diff::run(&args),
        #[cfg(feature = "export")]
        Command::Export(args) => export::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Doctor { json } => doctor::run(json),
        Command::List(args) => list::run(&args),
        Command::Explain { id } => explain::run(id.as_deref()),
        Command::Schema => generate::schema(),
        Command::Completions { shell } => generate::completions(shell),
        Command::Man { command } => generate::man(command.as_deref()),
        Command::ReadForCheck => check::read(),
        #[cfg(feature = "tui")]
        Command::GuardTerminal => tui::guard(),
        Command::RunAsInvoker(args) => invoker::become_and_run(&args),
    }
}

/// Gathers the facts about the kernel that a trace needs.
///
/// # Errors
/// The process lacks the capabilities that tracing needs, the kernel's probes are switched off, or a fact cannot be
/// gathered.
fn preflight() -> Result<Preflight, UserError> {
    if !privileges::may_trace() {
        return Err(Exit::Environment.error(
            "no permission to trace the kernel",
            "run it as root: sudo seqtrace … (at least CAP_BPF and CAP_PERFMON are needed)",
        ));
    }
    if let Some(off) = switches::switched_off() {
        return Err(Exit::Environment.error(off.effect, off.remedy));
    }
    Ok(Preflight::gather()?)
}

/// Returns the lookup of source lines. `folders`: those of `--debug-dir`.
fn source_lines(folders: &[PathBuf], facts: &Preflight) -> SourceLines {
    SourceLines::new(folders, facts.symbols.kernel_address("_text"))
}
