//! The project's tasks: `cargo xtask --help`.
#![forbid(unsafe_code)]

mod bench;
mod demo;
mod e2e;
mod guest;
mod initramfs;
mod interop;
mod kernel;
mod load;
mod matrix;
mod modules;
mod paths;
mod program;
mod setup;
mod sh;
mod sweep;
mod test;
mod tidy;
mod vm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's tasks. Each does its own set-up.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_version_flag = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install and fetch what this machine lacks: packages, bpf-linker, kernels
    Setup {
        /// Look for newer kernels too
        #[arg(long)]
        update: bool,
    },
    /// Play the README's story live: modules, echos and cats as seqtrace sees them
    Demo(demo::Options),
    /// Measure what tracing costs
    Bench(bench::Options),
    /// Formatting, clippy, unit tests, and the end-to-end tests in guests
    Test(test::Options),
    /// Check the house rules that no other lint knows: language, sizes, map, dependencies, Markdown
    Tidy(tidy::Options),
    /// Load seqtrace in a guest as far as it goes, and write docs/load.md
    Load(load::Options),
    /// Check the kernel's own seq files
    Sweep(sweep::Options),
    /// Run a script in a guest with a Debian kernel
    Vm(vm::Options),
}

fn main() -> ExitCode {
    let (result, failure) = match Cli::parse().task {
        Task::Setup { update } => (setup::run(update).map(|()| 0), 1),
        Task::Demo(options) => (demo::run(&options), 1),
        Task::Bench(options) => (bench::run(&options), 1),
        Task::Test(options) => (test::run(&options), 1),
        Task::Tidy(options) => (tidy::run(&options), 1),
        Task::Load(options) => (load::run(&options), 1),
        Task::Sweep(options) => (sweep::run(&options), 1),
        Task::Vm(options) => (vm::run(&options), vm::NO_GUEST),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(failure)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_script_stands_behind_two_dashes() {
        let line = ["xtask", "vm", "--kernel", "6.1", "--", "insmod", "x.ko; true"];
        assert!(Cli::try_parse_from(line).is_ok());
        assert!(Cli::try_parse_from(["xtask", "vm", "true"]).is_err());
        assert!(Cli::try_parse_from(["xtask", "vm", "--kernel", "2.4", "--", "true"]).is_err());
        assert!(Cli::try_parse_from(["xtask", "demo", "--host", "--shell"]).is_err());
        assert!(
            Cli::try_parse_from(["xtask", "sweep", "--full", "--state", "net", "--", "true"])
                .is_ok()
        );
        assert!(Cli::try_parse_from(["xtask", "sweep", "--only", "net"]).is_err());
    }
}
