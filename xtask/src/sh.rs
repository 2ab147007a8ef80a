//! Runs other programs and reports progress. All functions write to stderr: stdout is for the results of tasks.

use std::io::{self, BufRead as _, BufReader, IsTerminal as _};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Number of lines that [`last_lines`] returns.
const SHOWN_LINES: usize = 60;

/// Prints a line of progress in cargo's style.
pub(crate) fn progress(verb: &str, object: &str) {
    if io::stderr().is_terminal() {
        eprintln!("\x1b[1;32m{verb:>12}\x1b[0m {object}");
    } else {
        eprintln!("{verb:>12} {object}");
    }
}

/// Runs `command` silently and returns its stdout. If it fails, the error contains its output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", show(command)))?;
    if !output.status.success() {
        bail!(
            "{}: {}\n{}{}",
            output.status,
            show(command),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `command` silently. If it fails, the error contains its output.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

/// Runs cargo and forwards its messages, except the final `Finished` and the short wait for another cargo. A build with
/// nothing to do prints nothing.
pub(crate) fn cargo(command: &mut Command) -> Result<()> {
    if io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", show(command)))?;
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines() {
            let line = line.context("cannot read the output of cargo")?;
            let idle = ["Finished", "lock on package cache"].iter().any(|word| line.contains(word));
            if !idle {
                eprintln!("{line}");
            }
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{status}: {}", show(command));
    }
    Ok(())
}

fn show(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy()));
    words.join(" ")
}

/// Returns the last lines of the output of a failed step.
pub(crate) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let skip = lines.len().saturating_sub(SHOWN_LINES);
    lines.get(skip..).unwrap_or_default().join("\n")
}
