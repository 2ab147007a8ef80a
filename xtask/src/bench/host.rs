//! What it costs to look at recordings: whole programs on this machine, by their CPU time.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::facts::{FILE, Facts};
use crate::{program, sh};

/// How often each program is run; the fastest counts.
const RUNS: u32 = 5;
/// Of long recordings.
const FEW_RUNS: u32 = 2;
/// What is done with a recording: a name and seqtrace's arguments before FILE.
const VIEWS: &[(&str, &[&str])] = &[
    // Nothing is found in it: nothing is rendered.
    ("decode, ledger, rules", &["replay", "-q", "--only-findings"]),
    ("timeline", &["replay", "-q", "--format", "timeline"]),
    ("compact", &["replay", "-q", "--format", "compact"]),
    ("json", &["replay", "-q", "--format", "json"]),
    ("report", &["report"]),
];

/// What grows with the recording: as many of [`VIEWS`].
pub(crate) const GROWTH: &[&str] = &["decode, ledger, rules", "timeline", "report"];

/// How long recordings are.
pub(crate) const SIZES: [&str; 3] = ["100000", "1000000", "10000000"];

/// Measures with the traces in `folder`.
pub(crate) fn measure(seqtrace: &Path, folder: &Path) -> Result<Facts> {
    let longer = program::example("longer")?;
    let [small_size, ..] = SIZES;
    let [small, large, largest] = SIZES.map(|size| folder.join(format!("{size}.seqtrace")));
    sh::output(Command::new(&longer).arg(&large).arg("10").arg(&largest))?;
    let mut facts = Facts::default();
    let helper = program::build("bench-helper")?;
    let time = |facts: &mut Facts, size: &str, row: &str, runs, command: &[&str]| -> Result<()> {
        sh::say("Timing", &format!("{row}, {size}"));
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for _ in 0..runs {
            let said = sh::output(Command::new(&helper).args(["time", "--"]).args(command))?;
            let (cpu, memory) = said.trim().split_once(' ').context("bench-helper time")?;
            least = least.min(cpu.parse()?);
            most = most.max(memory.parse()?);
        }
        facts.set(size, row, "cpu_ns", &least);
        facts.set(size, row, "hwm_kb", &most);
        Ok(())
    };
    let seqtrace = seqtrace.to_str().context("a strange path")?;
    for (size, file) in SIZES.into_iter().zip([&small, &large, &largest]) {
        let file = file.to_str().context("a strange path")?;
        facts.set(size, FILE, "events", &events(seqtrace, file)?);
        facts.set(size, FILE, "bytes", &fs::metadata(file)?.len());
        for (view, arguments) in VIEWS {
            if size == "1000000" || GROWTH.contains(view) {
                let runs = if size == "10000000" { FEW_RUNS } else { RUNS };
                let command: Vec<&str> =
                    [&[seqtrace], *arguments, &["-o", "/dev/null", file]].concat();
                time(&mut facts, size, view, runs, &command)?;
            }
        }
    }

    let json = folder.join("100000.json");
    sh::output(
        Command::new(seqtrace)
            .args(["replay", "-q", "--format", "json"])
            .arg(&small)
            .arg("-o")
            .arg(&json),
    )?;
    let lines = fs::read(&json)?.split(|byte| *byte == b'\n').count() - 1;
    let json = json.to_str().context("a strange path")?;
    facts.set("jq", FILE, "events", &lines);
    time(&mut facts, "jq", "jq", FEW_RUNS, &["jq", "-c", "select(.type == \"cb\") | .t", json])?;

    let graph = folder.join("graph.dat");
    let graph = graph.to_str().context("a strange path")?;
    // The same reads as of the short recording; entry and return are an event each.
    let calls =
        facts.row(small_size, FILE).and_then(|row| row.number("events")).unwrap_or(f64::NAN);
    facts.set("trace-cmd", FILE, "events", &(2.0 * calls));
    time(&mut facts, "trace-cmd", "trace-cmd report", RUNS, &["trace-cmd", "report", "-i", graph])?;
    Ok(facts)
}

/// How many callbacks a recording tells of: nearly all of its events. None may have been lost.
fn events(seqtrace: &str, file: &str) -> Result<u64> {
    let report = sh::output(Command::new(seqtrace).args(["report", file]))?;
    let before = |what: &str| -> Option<u64> {
        let (before, _) = report.split_once(what)?;
        before.rsplit(' ').next()?.parse().ok()
    };
    ensure!(report.contains(" lost 0 "), "events of {file} were lost");
    before(" callbacks ").with_context(|| format!("the report of {file} counts no callbacks"))
}
