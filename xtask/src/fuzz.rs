//! `cargo xtask fuzz`: runs the fuzz targets of fuzz/, each for its part of the time.
//!
//! The targets are built by the stable compiler, whose LLVM has the pass that counts coverage. libFuzzer comes with the
//! crate libfuzzer-sys. Seeds, corpora and findings are in `target/fuzz`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::{paths, setup, sh};

/// Options of `cargo xtask fuzz`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Time in minutes, shared by the targets
    #[arg(long, value_name = "N", default_value_t = 10)]
    minutes: u64,
    /// Run one target only
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
}

const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// Flags that make the compiler count how often each edge runs and report operands of comparisons, as libFuzzer expects
/// it (SanitizerCoverage in clang's documentation). They are those of cargo-fuzz without a sanitizer.
const FLAGS: [&str; 7] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg",
    "fuzzing",
];

/// Limits of one input: seconds, MiB of memory, MiB of one allocation.
const LIMITS: [&str; 3] = ["-timeout=10", "-rss_limit_mb=1536", "-malloc_limit_mb=256"];

/// Sums over all runs of a target.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Totals {
    executions: u64,
    seconds: u64,
    /// Edges that the corpus covers.
    coverage: u64,
    /// Edges with their counts.
    features: u64,
    /// Number of inputs in the corpus.
    corpus: u64,
    crashes: u64,
}

/// Runs the targets and returns the exit status: 1 if one of them has found something.
pub(crate) fn run(options: &Options) -> Result<u8> {
    setup::toolchain()?;
    let folder = paths::target().join("fuzz");
    let programs = build(&folder)?;
    let targets: Vec<String> = targets()?
        .into_iter()
        .filter(|name| options.target.as_ref().is_none_or(|target| target == name))
        .collect();
    ensure!(!targets.is_empty(), "no such target; fuzz/fuzz_targets has them");
    let seconds = (options.minutes * 60 / targets.len() as u64).max(1);
    let mut found = false;
    for name in targets {
        let totals = fuzz(&programs.join(&name), &folder, &name, seconds)?;
        found |= totals.crashes > 0;
        add(&folder.join("totals.json"), &name, totals)?;
    }
    Ok(found.into())
}

/// Builds all targets and returns their folder.
fn build(folder: &Path) -> Result<PathBuf> {
    let build = folder.join("build");
    sh::cargo(
        Command::new("cargo")
            .args(["build", "--locked", "--release", "--target", TRIPLE, "--target-dir"])
            .arg(&build)
            .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f"))
            .current_dir(paths::root().join("fuzz")),
    )?;
    Ok(build.join(TRIPLE).join("release"))
}

fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(paths::root().join("fuzz/fuzz_targets"))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Runs a target and prints its results.
fn fuzz(program: &Path, folder: &Path, name: &str, seconds: u64) -> Result<Totals> {
    let [seeds, corpus, artifacts] =
        ["seeds", "corpus", "artifacts"].map(|kind| folder.join(kind).join(name));
    for folder in [&seeds, &corpus, &artifacts] {
        fs::create_dir_all(folder)?;
    }
    let log = folder.join(name).with_extension("log");
    let status = Command::new(program)
        .args([&corpus, &seeds])
        .args(LIMITS)
        .args([format!("-max_total_time={seconds}"), "-print_final_stats=1".to_owned()])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .env("SEQTRACE_FUZZ_SEEDS", &seeds)
        .stderr(File::create(&log)?)
        .status()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let totals = Totals { crashes: u64::from(!status.success()), ..totals(&text) };
    let Totals { executions, seconds, coverage, features, corpus, crashes } = totals;
    println!(
        "{name:20} {executions:>11} executions in {seconds} s  coverage {coverage} ({features} features)  \
         corpus {corpus}  crashes {crashes}"
    );
    // Inputs that are merely slow are written, too, but come before the one that ends the run.
    let written = |line: &str| line.split("Test unit written to ").nth(1).map(str::to_owned);
    if let Some(input) = text.lines().rev().find_map(written).filter(|_| crashes > 0) {
        println!("  {input}\n  reproduce: {} {input}", program.display());
    } else if crashes > 0 {
        println!("  {status}: {}", log.display());
    }
    Ok(totals)
}

/// Reads the results from libFuzzer's messages.
fn totals(text: &str) -> Totals {
    let last = |word: &str| {
        let number = |line: &str| line.split(word).nth(1)?.split_whitespace().next()?.parse().ok();
        text.lines().rev().find_map(number)
    };
    let corpus = |line: &str| line.split("corp: ").nth(1)?.split('/').next()?.parse().ok();
    Totals {
        executions: last("stat::number_of_executed_units:").unwrap_or_default(),
        seconds: last("runs in ").unwrap_or_default(),
        coverage: last("cov: ").unwrap_or_default(),
        features: last("ft: ").unwrap_or_default(),
        corpus: text.lines().rev().find_map(corpus).unwrap_or_default(),
        crashes: 0,
    }
}

/// Adds the results of a run to those of all runs.
fn add(file: &Path, name: &str, run: Totals) -> Result<()> {
    let mut all: BTreeMap<String, Totals> = match fs::read(file) {
        Ok(text) => serde_json::from_slice(&text).context("totals.json is damaged")?,
        Err(_) => BTreeMap::new(),
    };
    let sums = all.entry(name.to_owned()).or_default();
    *sums = Totals {
        executions: sums.executions + run.executions,
        seconds: sums.seconds + run.seconds,
        crashes: sums.crashes + run.crashes,
        ..run
    };
    Ok(fs::write(file, serde_json::to_string_pretty(&all)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_from_the_last_lines() {
        let text = "#2\tINITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 30Mb\n\
            #999\tDONE   cov: 345 ft: 678 corp: 9/12Kb lim: 40 exec/s: 499 rss: 40Mb\n\
            Done 999 runs in 2 second(s)\nstat::number_of_executed_units: 999\n";
        let Totals { executions, seconds, coverage, features, corpus, crashes } = totals(text);
        assert_eq!((executions, seconds, crashes), (999, 2, 0));
        assert_eq!((coverage, features, corpus), (345, 678, 9));
    }
}
