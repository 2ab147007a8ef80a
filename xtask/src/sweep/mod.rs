//! `cargo xtask sweep --full`: `seqtrace check` over the seq files of one of Debian's full kernels.
//!
//! The guest's root is a Debian of its own on a disk, with the tools that give the kernel something to show
//! (`image.rs`). The scripts of xtask/sweep load modules, make state, list the files and check them. What is found is
//! compared with the findings that have been argued (`report.rs`, xtask/sweep/known).

mod image;
mod machine;
mod report;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::guest::{self, End};
use crate::kernel::{self, Series};
use crate::{paths, setup, sh, test, vm};

use report::{Known, Report};

/// Makes state in the guest, in this order: xtask/sweep/NAME.sh.
const STAGES: &[&str] = &["modules", "state", "net", "disks", "tracing"];

/// Options of `cargo xtask sweep`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --full: what `cargo xtask test sweep` does, the seq files of the cloud kernels.\n\
                  With --full: makes DIR/check.jsonl (the report of `seqtrace check`), DIR/summary and DIR/log. \
                  Takes about half an hour.\n\
                  Exit status: 0, or 1 if there is an error or a warning that xtask/sweep/known does not have."
)]
pub(crate) struct Options {
    /// A guest with Debian's full kernel, many modules and much state
    #[arg(long)]
    full: bool,
    /// Debian's full kernel: 6.1, 6.12 or 7 (the newest)
    #[arg(long, value_parser = kernel::parse_full, default_value = kernel::DEFAULT)]
    kernel: &'static Series,
    /// Folder for the report; target/sweep/RELEASE if not given
    #[arg(short, long, value_name = "DIR", requires = "full")]
    output: Option<PathBuf>,
    /// Only some of the state: modules, state, net, disks, tracing; none for nothing
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "full")]
    state: Option<Vec<String>>,
    /// Check only files whose path contains this
    #[arg(long, value_name = "TEXT", requires = "full")]
    only: Option<String>,
    /// Seconds until the guest is given up
    #[arg(long, value_name = "S", default_value_t = 7200)]
    timeout: u64,
    /// What the guest's bash runs instead of the checks, when the state is made
    #[arg(last = true, requires = "full")]
    script: Vec<String>,
}

/// Runs the sweep and returns the exit status.
pub(crate) fn run(options: &Options) -> Result<u8> {
    if !options.full {
        sh::say("Sweeping", "the cloud kernels' files (--full: a full kernel's)");
        return test::run(&test::Options::only("sweep"));
    }
    setup::all()?;
    let spec = machine::spec(options.kernel, &guest_script(options), options.timeout)?;
    let dir = match &options.output {
        Some(dir) => dir.clone(),
        None => paths::target().join("sweep").join(&spec.kernel.release),
    };
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    sh::say("Booting", &format!("a guest with Linux {}", spec.kernel.release));
    let mut log = Log::new(File::create(dir.join("log"))?);
    if !options.script.is_empty() {
        let result = guest::run(&spec, &mut io::stdout(), &mut log)?;
        if let Some(complaint) = result.complaint(&spec) {
            eprintln!("error: {complaint}");
        }
        return Ok(vm::status(result.end));
    }
    let lines = dir.join("check.jsonl");
    let result = guest::run(&spec, &mut File::create(&lines)?, &mut log)?;
    let known = Known::parse(&fs::read_to_string(paths::root().join("xtask/sweep/known"))?)?;
    let mut report = Report::read(&fs::read_to_string(&lines)?, &known);
    if let Some(complaint) = result.complaint(&spec) {
        report.trouble(complaint);
    } else if result.end != End::Exit(0) {
        report.trouble(format!("the guest's script ended by {:?}", result.end));
    }
    for trouble in log.trouble {
        report.trouble(trouble);
    }
    let summary = report.summary(&spec.kernel.release);
    fs::write(dir.join("summary"), &summary)?;
    print!("{summary}");
    sh::say("Wrote", &format!("{}", dir.display()));
    Ok(u8::from(!report.good()))
}

/// What the guest runs once its disks are mounted.
fn guest_script(options: &Options) -> String {
    let stages = match &options.state {
        Some(names) => names.join(" "),
        None => STAGES.join(" "),
    };
    format!(
        "STAGES={}\nONLY={}\nSCRIPT={}\n",
        quoted(&stages),
        quoted(options.only.as_deref().unwrap_or_default()),
        quoted(&options.script.join(" "))
    )
}

/// A word of sh.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The guest's stderr: all of it goes to a file, lines that begin with `%% ` to this terminal too.
struct Log {
    file: File,
    /// The beginning of a line.
    partial: Vec<u8>,
    /// Lines that begin with `%% trouble `.
    trouble: Vec<String>,
}

impl Log {
    fn new(file: File) -> Self {
        Self { file, partial: Vec::new(), trouble: Vec::new() }
    }

    fn line(&mut self, line: &[u8]) {
        let Some(line) = line.strip_prefix(b"%% ") else { return };
        // Without what a terminal would obey.
        let line = String::from_utf8_lossy(line);
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        if let Some(trouble) = line.strip_prefix("trouble ") {
            self.trouble.push(trouble.to_owned());
        }
        sh::say("", &line);
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.partial.extend(bytes);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let rest = self.partial.split_off(end + 1);
            let line = std::mem::replace(&mut self.partial, rest);
            self.line(line.trim_ascii_end());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
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
