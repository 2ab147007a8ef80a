//! `cargo xtask sweep --full`: runs `seqtrace check` on the seq files of one of Debian's full kernels.
//!
//! The guest's root is a disk with Debian and with tools that create kernel state (`image.rs`). The scripts of xtask/sweep
//! load modules, create state, list the files and check them. `report.rs` compares the findings with xtask/sweep/known,
//! the list of findings that are known and explained.

mod guest;
mod image;
mod report;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use self::report::{KnownFindings, SweepReport};
use crate::guest::{GuestEnd, GuestSpec};
use crate::kernel::{self, Series};
use crate::lines::LineWriter;
use crate::{paths, setup, sh, test, vm};

/// Scripts that create state in the guest, in the order in which they run: xtask/sweep/NAME.sh.
const STAGES: &[&str] = &["modules", "state", "net", "disks", "tracing"];

/// Options of `cargo xtask sweep`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --full: the same as `cargo xtask test sweep`, which checks the files of the cloud kernels.\n\
                  With --full: writes DIR/check.jsonl (the report of `seqtrace check`), DIR/summary and DIR/log. \
                  Takes about half an hour.\n\
                  Exit status: 0, or 1 if there is an error or a warning that is not in xtask/sweep/known."
)]
pub(crate) struct Options {
    /// Use a guest with Debian's full kernel, many modules and much state
    #[arg(long)]
    full: bool,
    /// Debian's full kernel: 6.1, 6.12 or 7 (the newest)
    #[arg(long, value_parser = |name: &str| kernel::find(&kernel::FULL, name), default_value = kernel::DEFAULT)]
    kernel: &'static Series,
    /// Folder for the report; target/sweep/RELEASE if not given
    #[arg(short, long, value_name = "DIR", requires = "full")]
    output: Option<PathBuf>,
    /// Run only these scripts that create state: modules, state, net, disks, tracing, or `none` of them
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "full")]
    state: Option<Vec<String>>,
    /// Check only files whose path contains this
    #[arg(long, value_name = "TEXT", requires = "full")]
    only: Option<String>,
    /// Time limit of the guest in seconds
    #[arg(long, value_name = "S", default_value_t = 7200)]
    timeout: u64,
    /// Script for the guest's bash to run instead of the checks, after the scripts that create state
    #[arg(last = true, requires = "full")]
    script: Vec<String>,
}

/// Runs the sweep and returns the exit status.
pub(crate) fn run(options: &Options) -> Result<u8> {
    if !options.full {
        sh::progress("Checking", "the files of the cloud kernels (--full: those of a full kernel)");
        return test::run(&test::Options::only("sweep"));
    }
    setup::guests(options.kernel.arch)?;
    let spec = guest::spec(options.kernel, &guest_script(options), options.timeout)?;
    let usual = || paths::target().join("sweep").join(&spec.kernel.release);
    let dir = paths::created(options.output.clone().unwrap_or_else(usual))?;
    let log = File::create(dir.join("log"))?;
    if !options.script.is_empty() {
        let mut lines = LineWriter::new(|line: &str| show(line, &mut Vec::new())).with_log(log);
        return vm::run_script(&spec, &mut lines);
    }
    let report = check(&spec, &dir.join("check.jsonl"), log)?;
    let summary = report.summary(&spec.kernel.release);
    fs::write(dir.join("summary"), &summary)?;
    print!("{summary}");
    sh::progress("Written", &format!("{}", dir.display()));
    Ok(u8::from(!report.is_good()))
}

/// Runs the checks in the guest. Writes the report of `seqtrace check` to `lines`, and the guest's stderr to `log`.
fn check(spec: &GuestSpec, lines: &Path, log: File) -> Result<SweepReport> {
    let mut problems = Vec::new();
    let mut log = LineWriter::new(|line: &str| show(line, &mut problems)).with_log(log);
    let result = crate::guest::run(spec, &mut File::create(lines)?, &mut log)?;
    let known = KnownFindings::parse(&paths::read(&paths::root().join("xtask/sweep/known"))?)?;
    let mut report = SweepReport::read(&paths::read(lines)?, &known);
    if let Some(failure) = result.failure(spec) {
        report.add_problem(failure);
    } else if result.end != GuestEnd::Exit(0) {
        report.add_problem(format!("the guest's script ended by {:?}", result.end));
    }
    for problem in problems {
        report.add_problem(problem);
    }
    Ok(report)
}

/// Returns assignments of shell variables for the guest's script.
fn guest_script(options: &Options) -> String {
    let stages = options.state.as_ref().map_or_else(|| STAGES.join(" "), |names| names.join(" "));
    format!(
        "STAGES={}\nONLY={}\nSCRIPT={}\n",
        quoted(&stages),
        quoted(options.only.as_deref().unwrap_or_default()),
        quoted(&options.script.join(" "))
    )
}

/// Quotes a text as one word of sh.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Prints a line of the guest's stderr if it begins with `%% `. Adds the text of a line `%% trouble …` to `problems`.
fn show(line: &str, problems: &mut Vec<String>) {
    let Some(line) = line.trim_end().strip_prefix("%% ") else { return };
    if let Some(problem) = line.strip_prefix("trouble ") {
        problems.push(problem.to_owned());
    }
    sh::progress("", line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_has_its_script() {
        for stage in STAGES {
            assert!(paths::root().join(format!("xtask/sweep/{stage}.sh")).exists(), "{stage}");
        }
    }

    #[test]
    fn quotes_survive() {
        assert_eq!(quoted("a 'b'"), r"'a '\''b'\'''");
    }
}
