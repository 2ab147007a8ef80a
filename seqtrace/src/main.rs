//! The command line program: a thin wrapper of the library.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use seqtrace::{cli::Cli, commands, exit};

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("seqtrace: {error:#}");
            exit::of(&error).into()
        }
    }
}
