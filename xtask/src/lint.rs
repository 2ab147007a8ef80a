//! The lints of `cargo xtask test`: formatting, clippy, rustdoc and the house rules.

use std::env;
use std::process::Command;

use crate::tally::Tally;
use crate::{paths, setup, sh, tidy};

/// Runs the lints that `wants` selects by name.
pub(crate) fn run(tally: &mut Tally, wants: impl Fn(&str) -> bool) {
    if wants("lint/fmt") {
        lint(tally, "lint/fmt", [cargo(&["fmt", "--all", "--check"]), ebpf(&["fmt", "--check"])]);
    }
    if wants("lint/clippy") {
        let features = ["--features", "seqtrace/fuzzing"];
        let arguments =
            [&["clippy", "--workspace", "--all-targets", "--locked"], &features[..]].concat();
        // Compiling fuzz/ would need a compiler of C++. That its lock file is up to date shows without it.
        let fuzz = ["update", "--workspace", "--locked", "--manifest-path", "fuzz/Cargo.toml"];
        lint(tally, "lint/clippy", [cargo(&fuzz), deny_warnings(cargo(&arguments))]);
    }
    if wants("lint/doc") {
        let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
        doc.env("RUSTDOCFLAGS", "-D warnings");
        lint(tally, "lint/doc", [doc]);
    }
    if wants("lint/ebpf") {
        lint(tally, "lint/ebpf", [deny_warnings(ebpf_clippy())]);
    }
    if wants("lint/tidy") {
        sh::progress("Checking", "lint/tidy");
        match tidy::run(&tidy::Options::default()) {
            Ok(0) => tally.passed += 1,
            Ok(_) => tally.failed.push("lint/tidy".to_owned()),
            Err(error) => tally.failed.push(format!("lint/tidy: {error:#}")),
        }
    }
}

/// Runs `commands` as one test, up to the first that fails.
fn lint<const N: usize>(tally: &mut Tally, name: &str, commands: [Command; N]) {
    sh::progress("Checking", name);
    for mut command in commands {
        if let Err(error) = sh::output(&mut command) {
            eprintln!("{}", sh::last_lines(&format!("{error:#}")));
            tally.failed.push(name.to_owned());
            return;
        }
    }
    tally.passed += 1;
}

/// Returns a command that runs cargo in the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = setup::outer_cargo();
    command.args(arguments).current_dir(paths::root());
    command
}

/// Returns a command that runs cargo in the workspace of the eBPF programs.
fn ebpf(arguments: &[&str]) -> Command {
    let mut command = cargo(arguments);
    command.current_dir(paths::root().join("seqtrace-ebpf"));
    command
}

/// Returns a command that runs clippy on the eBPF programs. rustup has no clippy for their target. No lint depends on
/// the target, so they are checked as a program of this machine.
fn ebpf_clippy() -> Command {
    let mut command = ebpf(&["clippy", "--release", "--locked", "--target-dir"]);
    command.arg(paths::target().join("ebpf/clippy"));
    // aya-ebpf uses an unstable feature.
    command.env("RUSTC_BOOTSTRAP", "1");
    let flag = format!("--cfg=bpf_target_arch=\"{}\"", env::consts::ARCH);
    command.env("CARGO_ENCODED_RUSTFLAGS", flag);
    command
}

fn deny_warnings(mut command: Command) -> Command {
    command.args(["--", "-D", "warnings"]);
    command
}
