//! `cargo xtask bench`: what tracing costs, in figures that can be had again.
//!
//! `guest` boots guests, with `tools` in them, and collects `facts`; `host` measures programs on this
//! machine. `table` makes tables of the facts, `goals` compares them with what is wanted, `document`
//! puts all of that into docs/performance.md.

mod document;
mod facts;
mod goals;
mod guest;
mod host;
mod table;
mod tools;

use std::fs;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::{Value, json};

use self::facts::Facts;
use crate::kernel::{self, Series};
use crate::{paths, program, setup, sh};

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

/// What was measured.
#[derive(Debug)]
struct Measured {
    /// Of what.
    commit: String,
    /// In a guest whose time counts instructions.
    cost: Facts,
    /// On two CPUs in real time.
    loss: Facts,
    /// On this machine.
    host: Facts,
}

/// Measures, prints, and returns the exit status.
pub(crate) fn run(options: &Options) -> Result<u8> {
    setup::all()?;
    if options.quick {
        let cost = guest::cost(options, None)?;
        print!("{}", table::cost(&cost));
        write_json(&json!({ "cost": cost.value() }))?;
        return Ok(0);
    }
    setup::tracers()?;
    let commit = document::commit();
    let [seqtrace, longer] = program::release("longer")?;
    let traces = paths::target().join("bench");
    guest::traces(options, &seqtrace, &traces)?;
    let host = host::measure(&seqtrace, &longer, &traces)?;
    let loss = guest::loss(options, &seqtrace)?;
    let cost = guest::cost(options, Some(&seqtrace))?;
    let measured = Measured { commit, cost, loss, host };
    let Measured { commit, cost, loss, host } = &measured;
    write_json(
        &json!({ "commit": commit, "cost": cost.value(), "loss": loss.value(), "host": host.value() }),
    )?;
    let text = document::text(&measured);
    print!("{text}");
    if options.kernel.name == kernel::DEFAULT {
        document::write(&text)?;
    }
    Ok(0)
}

fn write_json(value: &Value) -> Result<()> {
    let file = paths::target().join("bench.json");
    fs::write(&file, serde_json::to_string_pretty(value)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    sh::say("Written", &file.display().to_string());
    Ok(())
}
