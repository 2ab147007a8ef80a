//! `cargo xtask bench`: what tracing costs, in figures that can be had again.
//!
//! `guest` boots guests and collects facts, `table` makes rows of them.

mod facts;
mod guest;
mod table;

use std::fs;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::kernel::{self, Series};
use crate::{paths, setup, sh};

/// Options of `cargo xtask bench`.
#[derive(Debug, Args)]
#[command(
    after_help = "The figures go to stdout as a table, to target/bench.json as facts. Guest time counts \
                        instructions: the same sources give the same figures on any machine."
)]
pub(crate) struct Options {
    /// Debian's kernel: 5.10, 6.1, 6.12 or 7 (the newest)
    #[arg(long, value_parser = kernel::parse, default_value = kernel::DEFAULT)]
    kernel: &'static Series,
    /// The least that tells whether the probes got faster: one file, the floor, both backends, filters
    #[arg(long)]
    quick: bool,
    /// How often each file is read
    #[arg(long, value_name = "N", default_value_t = 5)]
    passes: u32,
}

/// Measures, prints, and returns the exit status.
pub(crate) fn run(options: &Options) -> Result<u8> {
    setup::all()?;
    let facts = guest::cost(options)?;
    print!("{}", table::cost(&facts));
    let json = paths::target().join("bench.json");
    fs::write(&json, serde_json::to_string_pretty(&facts.value())?)
        .with_context(|| format!("cannot write {}", json.display()))?;
    sh::say("Written", &json.display().to_string());
    Ok(0)
}
