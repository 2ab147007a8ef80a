//! Tests that a browser shows the pages of `--html` without errors.

use std::fs;
use std::process::Command;

use anyhow::Result;

use crate::tally::Tally;
use crate::{apt, paths, setup, sh};

/// Loads pages in Chromium. Skips that if Chromium is missing and cannot be installed.
pub(crate) fn pages() -> Result<Tally> {
    sh::progress("Testing", "interop/chromium");
    let mut tally = Tally::default();
    if let Err(error) = apt::install(setup::BROWSER) {
        tally.skipped.push(format!("interop/chromium: {error:#}"));
        return Ok(tally);
    }
    let folder = paths::target().join("pages");
    fs::create_dir_all(&folder)?;
    let mut command = Command::new("cargo");
    command.args([
        "test",
        "--quiet",
        "--locked",
        "-p",
        "seqtrace-html",
        "--",
        "--ignored",
        "browser",
    ]);
    match sh::output(command.env("SEQTRACE_PAGES", &folder).current_dir(paths::root())) {
        Ok(text) if text.contains("1 passed") => tally.passed += 1,
        Ok(text) => tally.failed.push(format!("interop/chromium: {text}")),
        Err(error) => tally.failed.push(format!("interop/chromium: {error:#}")),
    }
    Ok(tally)
}
