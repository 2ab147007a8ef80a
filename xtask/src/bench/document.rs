//! docs/performance.md: the figures between its marks.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Measured, goals, table};
use crate::{paths, sh};

const BEGIN: &str = "<!-- written by cargo xtask bench -->\n";
const END: &str = "<!-- end -->\n";

/// All figures.
pub(crate) fn text(measured: &Measured) -> String {
    let Measured { commit, cost, loss, host } = measured;
    [
        format!("\nCommit {commit}, `cargo xtask bench`, Linux {}.\n", cost.release),
        "\n## Goals\n\n".to_owned(),
        goals::table(measured),
        "\n## What tracing costs\n".to_owned(),
        table::cost(cost),
        "\n## Loss at full speed\n".to_owned(),
        table::loss(loss),
        "\n## Looking at recordings\n\n".to_owned(),
        table::throughput(host),
        "\n## Growth\n\n".to_owned(),
        table::growth(host),
        "\n".to_owned(),
    ]
    .concat()
}

/// What is measured: the commit, and whether it is just that.
pub(crate) fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = sh::output(Command::new("git").args(arguments).current_dir(paths::root()));
        output.map(|text| text.trim().to_owned()).unwrap_or_default()
    };
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"]).is_empty();
    let more = if changed { " and changes" } else { "" };
    format!("{}{more}", git(&["rev-parse", "--short=12", "HEAD"]))
}

/// Puts the figures between their marks.
pub(crate) fn write(figures: &str) -> Result<()> {
    let path = paths::root().join("docs/performance.md");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (before, rest) =
        text.split_once(BEGIN).with_context(|| format!("no mark in {}", path.display()))?;
    let (_, after) =
        rest.split_once(END).with_context(|| format!("no second mark in {}", path.display()))?;
    fs::write(&path, format!("{before}{BEGIN}{figures}{END}{after}"))
        .with_context(|| format!("cannot write {}", path.display()))
}
