//! `cargo xtask bench`: measures the cost of tracing reproducibly.
//!
//! `guest` boots guests and collects `facts`; `host` measures programs on this machine.
//! `table` formats the facts, `goals` compares them with goals, `document` combines both for docs/performance.md.

mod document;
mod facts;
mod goals;
mod guest;
mod host;
mod table;

use std::fs;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::{Value, json};

use self::facts::Facts;
use crate::kernel::{self, KernelOptions};
use crate::{apt, git, paths, program, setup, sh};

/// Options of `cargo xtask bench`.
#[derive(Debug, Args)]
#[command(
    after_help = "Prints tables, and writes all values to target/bench.json. Guest time counts instructions, so the same \
                        sources give the same values on any machine.\n\
                        On arm64 it measures the cost of tracing only, without other tracers."
)]
pub(crate) struct Options {
    #[command(flatten)]
    kernel: KernelOptions,
    /// Measure only enough to compare probes: one file, the floor, both backends, filters
    #[arg(long)]
    quick: bool,
    /// Number of times that each file is read
    #[arg(long, value_name = "N", default_value_t = 5)]
    passes: u32,
}

/// Measurements of all kinds.
#[derive(Debug)]
struct Measured {
    /// The commit that was measured, as [`git::commit`] describes it.
    commit: String,
    /// Cost of tracing, from a guest whose time counts instructions.
    cost: Facts,
    /// Lost events, from a guest with two CPUs in real time.
    loss: Facts,
    /// Cost of reading recordings, from this machine.
    host: Facts,
}

/// Measures the cost, prints and writes the tables, and returns the exit status.
pub(crate) fn run(options: &Options) -> Result<u8> {
    let series = options.kernel.series()?;
    setup::guests(series.arch)?;
    // The other tracers are this machine's programs.
    if options.quick || series.arch.is_foreign() {
        let cost = guest::cost(series, options, None)?;
        print!("{}", table::cost(&cost));
        write_json(&json!({ "cost": cost.json() }))?;
        return Ok(0);
    }
    apt::install(setup::TRACERS)?;
    let commit = git::commit()?;
    let [seqtrace, longer] = program::release("longer")?;
    let traces = paths::target().join("bench");
    guest::traces(series, &seqtrace, &traces)?;
    let host = host::measure(&seqtrace, &longer, &traces)?;
    let loss = guest::loss(series, &seqtrace)?;
    let cost = guest::cost(series, options, Some(&seqtrace))?;
    write_json(
        &json!({ "commit": commit, "cost": cost.json(), "loss": loss.json(), "host": host.json() }),
    )?;
    let text = document::text(&Measured { commit, cost, loss, host });
    print!("{text}");
    if series.name == kernel::DEFAULT {
        document::SECTION.write(&text)?;
    }
    Ok(0)
}

fn write_json(value: &Value) -> Result<()> {
    let file = paths::target().join("bench.json");
    fs::write(&file, serde_json::to_string_pretty(value)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    sh::progress("Written", &file.display().to_string());
    Ok(())
}
