//! The command line program: a thin wrapper of the library.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use seqtrace::{cli::Cli, commands, exit, signals};

fn main() -> ExitCode {
    signals::prepare();
    match commands::run(Cli::from_command_line()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("seqtrace: {}", exit::describe(&error));
            exit::of(&error).into()
        }
    }
}
