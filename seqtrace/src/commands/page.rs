//! `--html`: the report as a page.

use std::{io::Write as _, path::Path};

use anyhow::Context as _;
use seqtrace_html::{CheckedFile, Material, Page};

use crate::output::replacement::Replacement;

/// Memory for the rows of a trace that is shown as a page, bytes.
pub(super) const MEMORY: usize = 256 << 20;

/// Writes the page to a file. `files`: what a check has judged; `cut`: why the trace is not whole.
pub(super) fn write(
    path: &Path,
    title: &str,
    material: &Material,
    files: &[CheckedFile],
    cut: Option<&str>,
) -> anyhow::Result<()> {
    let page = Page { title, material, files, cut }.render().context("cannot make the page")?;
    let output = Replacement::begin(path)?;
    let written = output.file().write_all(page.as_bytes()).and_then(|()| output.commit());
    written.with_context(|| format!("cannot write {}", crate::exit::shown(path)))
}
