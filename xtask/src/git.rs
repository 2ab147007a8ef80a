//! Queries git about the checkout.

use std::process::Command;

use anyhow::Result;

use crate::{paths, sh};

/// Runs git at the top of the checkout and returns its stdout.
pub(crate) fn run(arguments: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    git.args(["-c", "core.quotePath=false"]).args(arguments).current_dir(paths::root());
    sh::output(&mut git)
}

/// Describes the checked-out commit, followed by ` and changes` if tracked files differ from it.
pub(crate) fn commit() -> Result<String> {
    let hash = run(&["rev-parse", "--short=12", "HEAD"])?;
    let status = run(&["status", "--porcelain", "--untracked-files=no"])?;
    let changes = if status.trim().is_empty() { "" } else { " and changes" };
    Ok(format!("{}{changes}", hash.trim()))
}
