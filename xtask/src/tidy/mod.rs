//! `cargo xtask tidy`: checks the house rules that no other lint checks.
//!
//! `rust` and `markdown` read files, `language`, `size`, `map`, `arrows` and `markdown` measure, `compare` compares with
//! the budgets of `config`. A budget is the current number of violations: more fails, and fewer fails until the budget is
//! lowered.

mod added;
mod arrows;
mod commits;
mod compare;
mod config;
mod language;
mod map;
mod markdown;
mod measure;
mod rust;
mod size;
mod tree;

use std::path::Path;

use anyhow::Result;
use clap::Args;

use self::added::AddedLines;
use self::config::Config;
use self::markdown::Document;
use self::measure::Measure;
use self::rust::SourceFile;
use self::tree::FileTree;
use crate::{paths, sh};

/// Options of `cargo xtask tidy`.
#[derive(Debug, Default, Args)]
#[command(
    after_help = "Limits, word lists and budgets are in xtask/tidy.toml; CONTRIBUTING.md explains them.\n\
                        Ends with one line `tidy: N checks, N over budget`; exit status 1 if a budget is exceeded or too large."
)]
pub(crate) struct Options {
    /// Lower the budgets to the current numbers
    #[arg(long)]
    write: bool,
    /// With --write: also raise budgets. Only for a merge of branches with different budgets
    #[arg(long, requires = "write")]
    accept_current: bool,
    /// Check only the subjects of the commits in REV..HEAD
    #[arg(long, value_name = "REV", conflicts_with = "write")]
    commits: Option<String>,
}

/// Runs the checks, prints violations, and returns the exit status.
pub(crate) fn run(options: &Options) -> Result<u8> {
    let root = paths::root();
    let config = Config::read(&root)?;
    if let Some(rev) = &options.commits {
        let subjects = commits::check(&config.commits, rev)?;
        for line in &subjects.lines {
            println!("{line}");
        }
        println!("tidy: {} commits, {} wrong", subjects.checked, subjects.lines.len());
        return Ok(u8::from(!subjects.lines.is_empty()));
    }
    let measures = measure(&config, &root)?;
    let mut budgets = config.budgets();
    if options.write {
        budgets = compare::lowered(&measures, &budgets, options.accept_current);
        config::write(&root, &budgets)?;
        sh::progress("Written", config::FILE);
    }
    let report = compare::compare(&measures, &budgets, &AddedLines::find().unwrap_or_default());
    for line in &report.lines {
        println!("{line}");
    }
    if report.under > 0 {
        println!("{} budgets too large: cargo xtask tidy --write lowers them", report.under);
    }
    println!("tidy: {} checks, {} over budget", report.checks, report.over);
    Ok(u8::from(report.over + report.under > 0))
}

/// Measures everything that has a budget.
fn measure(config: &Config, root: &Path) -> Result<Vec<Measure>> {
    let read = |file: &str| paths::read(&root.join(file));
    let tree = FileTree::list(root)?;
    let sources = tree
        .with_extension("rs")
        .map(|file| Ok(SourceFile::parse(file, &read(file)?)))
        .collect::<Result<Vec<_>>>()?;
    let documents = tree
        .with_extension("md")
        .map(|file| Ok(Document::parse(file, &read(file)?)))
        .collect::<Result<Vec<_>>>()?;
    let scripts = ["sh", "c", "h", "py"]
        .into_iter()
        .flat_map(|extension| tree.with_extension(extension))
        .map(|file| Ok((file.to_owned(), read(file)?.lines().count())))
        .collect::<Result<Vec<_>>>()?;
    let architecture = read(map::DOCUMENT)?;
    let Config { language, size, arrows, .. } = config;
    let measures = [
        language::words(language, &tree, &sources, &documents),
        language::openers(language, &tree, &sources),
        language::stubs(language, &tree, &sources),
        size::files(size, &sources, &scripts),
        map::missing(&tree, &architecture, tree::is_test_file),
        arrows::forbidden(arrows, &sources),
        markdown::width(size.markdown_columns, &tree, &documents),
        markdown::links(&tree, &documents),
    ];
    Ok(measures.into_iter().flatten().collect())
}
