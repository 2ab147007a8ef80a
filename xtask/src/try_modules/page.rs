//! The report as a page with the matrix, and the pages of `seqtrace check --html` beside it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::junit::Xml;
use super::results::Results;
use super::text;
use crate::paths;

const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
    <title>seqtrace try</title>\n<style>body{font:14px sans-serif;margin:2em}pre{overflow-x:auto}</style></head><body>\n\
    <h1>seqtrace try</h1>\n";

/// Writes index.html and the pages of each kernel to the folder.
pub(super) fn write(folder: &Path, results: &Results) -> Result<()> {
    let folder = paths::created(folder.to_path_buf())?;
    let mut links = Vec::new();
    for kernel in &results.kernels {
        for (name, html) in &kernel.pages {
            let file = format!("{}-{name}.html", kernel.name);
            let path = folder.join(&file);
            fs::write(&path, html).with_context(|| path.display().to_string())?;
            links.push(file);
        }
    }
    let path = folder.join("index.html");
    fs::write(&path, index(results, &links)).with_context(|| path.display().to_string())
}

fn index(results: &Results, links: &[String]) -> String {
    let report = text::report(results, true);
    let mut items = String::new();
    for file in links {
        writeln!(items, "<li><a href=\"{0}\">{0}</a></li>", Xml(file)).ok();
    }
    format!("{HEAD}<ul>\n{items}</ul>\n<pre>{}</pre>\n</body></html>\n", Xml(&report))
}
