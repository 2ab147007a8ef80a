//! Helper of the benchmarks in guests: measures the CPU time of readers and tracers, and attaches empty programs for
//! comparison.

mod clock;
mod floor;
mod iterate;
mod measure;
mod read;
mod sys;
mod time;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures the cost of tracers.
#[derive(Parser)]
#[command(name = "bench-helper")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Read a file repeatedly and print for each pass: CPU time in ns, bytes, reads
    Read(read::Read),
    /// Attach empty programs to functions until SIGINT
    Floor(floor::Floor),
    /// Read a BPF iterator that writes a line for each object
    Iterate(iterate::Iterate),
    /// Run a tracer while a file is read, and print the cost of both
    Measure(measure::Measure),
    /// Run a program and print its CPU time in ns and its largest memory in KiB
    Time(time::Time),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Read(read) => read.run(),
        Command::Floor(floor) => floor.run(),
        Command::Iterate(iterate) => iterate.run(),
        Command::Measure(measure) => measure.run(),
        Command::Time(time) => time.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-helper: {error:#}");
            ExitCode::FAILURE
        }
    }
}
