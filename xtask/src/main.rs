//! Runs the project's tasks; `cargo xtask --help` lists them.
#![forbid(unsafe_code)]

mod apt;
mod arch;
mod bench;
mod browser;
mod cross;
mod demo;
mod e2e;
mod fuzz;
mod git;
mod guest;
mod initramfs;
mod interop;
mod kernel;
mod lines;
mod lint;
mod load;
mod matrix;
mod modules;
mod paths;
mod program;
mod screens;
mod section;
mod setup;
mod sh;
mod sweep;
mod tally;
mod test;
mod tidy;
mod vm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs the project's tasks. Each task installs what it needs first.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_version_flag = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install packages, build bpf-linker and fetch kernels, as far as they are missing
    Setup {
        /// Fetch newer kernels, too
        #[arg(long)]
        update: bool,
        /// Architecture of the guests: x86_64 or arm64
        #[arg(long, value_parser = arch::parse, default_value = arch::X86_64.name)]
        arch: &'static arch::Arch,
    },
    /// Run the README's examples live: modules, writers and readers, traced by seqtrace
    Demo(demo::Options),
    /// Measure the cost of tracing
    Bench(bench::Options),
    /// Run lints, unit tests, and the end-to-end tests in guests
    Test(test::Options),
    /// Write docs/screens anew: the screens that the manual shows
    Screens,
    /// Check the house rules that no other lint checks: language, sizes, map, dependencies, Markdown
    Tidy(tidy::Options),
    /// Run the fuzz targets, and count executions and coverage
    Fuzz(fuzz::Options),
    /// Measure seqtrace under load in a guest, and write docs/load.md
    Load(load::Options),
    /// Run `seqtrace check` on the kernel's own seq files
    Sweep(sweep::Options),
    /// Run a script in a guest with a Debian kernel
    Vm(vm::Options),
}

fn main() -> ExitCode {
    let (result, failure) = match Cli::parse().task {
        Task::Setup { update, arch } => (setup::run(arch, update).map(|()| 0), 1),
        Task::Demo(options) => (demo::run(&options), 1),
        Task::Bench(options) => (bench::run(&options), 1),
        Task::Test(options) => (test::run(&options), 1),
        Task::Screens => (screens::run().map(|()| 0), 1),
        Task::Tidy(options) => (tidy::run(&options), 1),
        Task::Fuzz(options) => (fuzz::run(&options), 1),
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
    fn a_script_follows_two_dashes() {
        let line = ["xtask", "vm", "--kernel", "6.1", "--", "insmod", "x.ko; true"];
        assert!(Cli::try_parse_from(line).is_ok());
        assert!(Cli::try_parse_from(["xtask", "vm", "true"]).is_err());
        assert!(Cli::try_parse_from(["xtask", "vm", "--kernel", "2.4", "--", "true"]).is_err());
        assert!(Cli::try_parse_from(["xtask", "demo", "--host", "--shell"]).is_err());
        assert!(Cli::try_parse_from(["xtask", "demo", "--host", "--arch", "arm64"]).is_err());
        assert!(Cli::try_parse_from(["xtask", "vm", "--arch", "arm", "--", "true"]).is_err());
        assert!(
            Cli::try_parse_from(["xtask", "sweep", "--full", "--state", "net", "--", "true"])
                .is_ok()
        );
        assert!(Cli::try_parse_from(["xtask", "sweep", "--only", "net"]).is_err());
    }
}
