//! Measures programs that read recordings: CPU time and memory of the whole program, on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::facts::{FILE, Facts};
use crate::arch::X86_64;
use crate::{program, sh};

/// Number of runs of each program; the result is that of the fastest run.
const RUNS: u32 = 5;
/// Number of runs of programs that take long.
const FEW_RUNS: u32 = 2;
/// Row of a replay that renders nothing.
pub(crate) const NO_RENDERING: &str = "decode, ledger, rules";

/// Ways to read a recording: name of the row, and seqtrace's arguments before FILE.
const VIEWS: &[(&str, &[&str])] = &[
    // The recording has no findings, so nothing is rendered.
    (NO_RENDERING, &["replay", "-q", "--only-findings"]),
    ("timeline", &["replay", "-q", "--format", "timeline"]),
    ("compact", &["replay", "-q", "--format", "compact"]),
    ("json", &["replay", "-q", "--format", "json"]),
    ("report", &["report"]),
];

/// Row of trace-cmd report with the facts that seqtrace records: position, bytes and pointer on entry, value returned.
pub(crate) const KPROBES: &str = "trace-cmd report, kprobe events";
/// Row of trace-cmd report with functions and durations.
const GRAPH: &str = "trace-cmd report, function_graph";

/// The rows of [`VIEWS`] that are measured with recordings of all sizes.
pub(crate) const GROWTH: &[&str] = &[NO_RENDERING, "timeline", "report"];

/// Sizes of the recordings in events.
pub(crate) const SIZES: [&str; 3] = ["100000", "1000000", "10000000"];
/// Size of the recording that is measured in all of [`VIEWS`].
pub(crate) const USUAL: &str = "1000000";

/// Measures seqtrace and other programs with the traces in `folder`. `longer` is the path of the built example
/// `longer`.
pub(crate) fn measure(seqtrace: &Path, longer: &Path, folder: &Path) -> Result<Facts> {
    let [small, large, largest] = SIZES.map(|size| folder.join(format!("{size}.seqtrace")));
    sh::output(Command::new(longer).arg(&large).arg("10").arg(&largest))?;
    let mut stopwatch = Stopwatch {
        bench_helper: program::build(&X86_64, "bench-helper")?,
        facts: Facts::default(),
    };
    for (size, file) in SIZES.into_iter().zip([&small, &large, &largest]) {
        views(seqtrace, size, file, &mut stopwatch)?;
    }
    other_programs(seqtrace, &small, folder, &mut stopwatch)?;
    Ok(stopwatch.facts)
}

/// Measures seqtrace with one recording.
fn views(seqtrace: &Path, size: &str, file: &Path, stopwatch: &mut Stopwatch) -> Result<()> {
    stopwatch.facts.set(size, FILE, "events", events(seqtrace, file)?);
    stopwatch.facts.set(size, FILE, "bytes", fs::metadata(file)?.len());
    let [.., largest] = SIZES;
    for (view, arguments) in VIEWS {
        if size == USUAL || GROWTH.contains(view) {
            let runs = if size == largest { FEW_RUNS } else { RUNS };
            let mut command = Command::new(seqtrace);
            command.args(*arguments).args(["-o", "/dev/null"]).arg(file);
            stopwatch.time(size, view, runs, &command)?;
        }
    }
    Ok(())
}

/// Measures jq with seqtrace's JSON, and trace-cmd with its own recordings of the same reads.
fn other_programs(
    seqtrace: &Path,
    short: &Path,
    folder: &Path,
    stopwatch: &mut Stopwatch,
) -> Result<()> {
    let json = folder.join("short.json");
    let mut replay = Command::new(seqtrace);
    sh::output(replay.args(["replay", "-q", "--format", "json"]).arg(short).arg("-o").arg(&json))?;
    let lines = fs::read(&json)?.split(|byte| *byte == b'\n').count() - 1;
    stopwatch.facts.set("jq", FILE, "events", lines);
    let mut jq = Command::new("jq");
    jq.args(["-c", "select(.type == \"cb\") | .t"]).arg(&json);
    stopwatch.time("jq", "jq", FEW_RUNS, &jq)?;

    // trace-cmd recorded the same reads as the short recording. An event is a callback, with a record each for entry and
    // return.
    stopwatch.facts.set("trace-cmd", FILE, "events", events(seqtrace, short)?);
    for (row, file) in [(KPROBES, "kprobes.dat"), (GRAPH, "graph.dat")] {
        let file = folder.join(file);
        let mut report = Command::new("trace-cmd");
        report.args(["report", "-i"]).arg(&file);
        // Two lines per callback; one with function_graph, because the callbacks call no traced function.
        let lines = sh::output(&mut report)?.lines().count();
        ensure!(lines >= events(seqtrace, short)?.try_into()?, "{} lacks events", file.display());
        stopwatch.time("trace-cmd", row, RUNS, &report)?;
    }
    Ok(())
}

/// Measures programs with bench-helper and collects the results.
struct Stopwatch {
    bench_helper: PathBuf,
    facts: Facts,
}

impl Stopwatch {
    /// Runs a program several times. Sets the least CPU time and the largest memory.
    fn time(&mut self, size: &str, row: &str, runs: u32, command: &Command) -> Result<()> {
        sh::progress("Timing", &format!("{row}, {size}"));
        let (mut least_cpu, mut most_memory) = (u64::MAX, 0);
        for _ in 0..runs {
            let mut timed = Command::new(&self.bench_helper);
            timed.args(["time", "--"]).arg(command.get_program()).args(command.get_args());
            let output = sh::output(&mut timed)?;
            let (cpu, memory) =
                output.trim().split_once(' ').context("bench-helper time printed no pair")?;
            least_cpu = least_cpu.min(cpu.parse()?);
            most_memory = most_memory.max(memory.parse::<u64>()?);
        }
        self.facts.set(size, row, "cpu_ns", least_cpu);
        self.facts.set(size, row, "hwm_kb", most_memory);
        Ok(())
    }
}

/// Counts the callbacks in a recording, which are nearly all of its events. Fails if events were lost.
fn events(seqtrace: &Path, file: &Path) -> Result<u64> {
    let report = sh::output(Command::new(seqtrace).arg("report").arg(file))?;
    ensure!(report.contains(" lost 0 "), "events of {} were lost", file.display());
    let count = report.split_once(" callbacks ").and_then(|(before, _)| before.rsplit(' ').next());
    count.and_then(|count| count.parse().ok()).context("the report has no count of callbacks")
}
