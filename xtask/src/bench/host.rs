//! What it costs to look at recordings: whole programs on this machine, by their CPU time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::facts::{FILE, Facts};
use crate::{program, sh};

/// How often each program is run; the fastest counts.
const RUNS: u32 = 5;
/// Of long recordings.
const FEW_RUNS: u32 = 2;
/// What replay takes before anything is rendered.
pub(crate) const NO_RENDERING: &str = "decode, ledger, rules";

/// What is done with a recording: a name and seqtrace's arguments before FILE.
const VIEWS: &[(&str, &[&str])] = &[
    // Nothing is found in it: nothing is rendered.
    (NO_RENDERING, &["replay", "-q", "--only-findings"]),
    ("timeline", &["replay", "-q", "--format", "timeline"]),
    ("compact", &["replay", "-q", "--format", "compact"]),
    ("json", &["replay", "-q", "--format", "json"]),
    ("report", &["report"]),
];

/// trace-cmd report of what tells the same: position, bytes and pointer on entry, what is returned.
pub(crate) const KPROBES: &str = "trace-cmd report, kprobe events";
/// trace-cmd report of functions and times.
const GRAPH: &str = "trace-cmd report, function_graph";

/// What grows with the recording: as many of [`VIEWS`].
pub(crate) const GROWTH: &[&str] = &[NO_RENDERING, "timeline", "report"];

/// How long recordings are.
pub(crate) const SIZES: [&str; 3] = ["100000", "1000000", "10000000"];
/// The one that is looked at in every way.
pub(crate) const USUAL: &str = "1000000";

/// Measures with the traces in `folder`; `longer` is the example of that name.
pub(crate) fn measure(seqtrace: &Path, longer: &Path, folder: &Path) -> Result<Facts> {
    let [small, large, largest] = SIZES.map(|size| folder.join(format!("{size}.seqtrace")));
    sh::output(Command::new(longer).arg(&large).arg("10").arg(&largest))?;
    let mut stopwatch =
        Stopwatch { helper: program::build("bench-helper")?, facts: Facts::default() };
    for (size, file) in SIZES.into_iter().zip([&small, &large, &largest]) {
        views(seqtrace, size, file, &mut stopwatch)?;
    }
    others(seqtrace, &small, folder, &mut stopwatch)?;
    Ok(stopwatch.facts)
}

/// Looks at a recording with seqtrace.
fn views(seqtrace: &Path, size: &str, file: &Path, stopwatch: &mut Stopwatch) -> Result<()> {
    stopwatch.facts.set(size, FILE, "events", &events(seqtrace, file)?);
    stopwatch.facts.set(size, FILE, "bytes", &fs::metadata(file)?.len());
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

/// Looks at what is comparable with other programs.
fn others(seqtrace: &Path, short: &Path, folder: &Path, stopwatch: &mut Stopwatch) -> Result<()> {
    let json = folder.join("short.json");
    let mut replay = Command::new(seqtrace);
    sh::output(replay.args(["replay", "-q", "--format", "json"]).arg(short).arg("-o").arg(&json))?;
    let lines = fs::read(&json)?.split(|byte| *byte == b'\n').count() - 1;
    stopwatch.facts.set("jq", FILE, "events", &lines);
    let mut jq = Command::new("jq");
    jq.args(["-c", "select(.type == \"cb\") | .t"]).arg(&json);
    stopwatch.time("jq", "jq", FEW_RUNS, &jq)?;

    // The same reads as of the short recording. An event is a callback, of which entry and return are a record each.
    stopwatch.facts.set("trace-cmd", FILE, "events", &events(seqtrace, short)?);
    for (row, file) in [(KPROBES, "kprobes.dat"), (GRAPH, "graph.dat")] {
        let file = folder.join(file);
        let mut report = Command::new("trace-cmd");
        report.args(["report", "-i"]).arg(&file);
        // Two lines a callback; of function_graph one, as nothing is called within.
        let lines = sh::output(&mut report)?.lines().count();
        ensure!(lines >= events(seqtrace, short)?.try_into()?, "{} is not whole", file.display());
        stopwatch.time("trace-cmd", row, RUNS, &report)?;
    }
    Ok(())
}

/// Runs programs and notes what they take.
struct Stopwatch {
    helper: PathBuf,
    facts: Facts,
}

impl Stopwatch {
    fn time(&mut self, size: &str, row: &str, runs: u32, command: &Command) -> Result<()> {
        sh::say("Timing", &format!("{row}, {size}"));
        let (mut least, mut most) = (u64::MAX, 0);
        for _ in 0..runs {
            let mut timed = Command::new(&self.helper);
            timed.args(["time", "--"]).arg(command.get_program()).args(command.get_args());
            let said = sh::output(&mut timed)?;
            let (cpu, memory) = said.trim().split_once(' ').context("bench-helper time")?;
            least = least.min(cpu.parse()?);
            most = most.max(memory.parse::<u64>()?);
        }
        self.facts.set(size, row, "cpu_ns", &least);
        self.facts.set(size, row, "hwm_kb", &most);
        Ok(())
    }
}

/// How many callbacks a recording tells of: nearly all of its events. None may have been lost.
fn events(seqtrace: &Path, file: &Path) -> Result<u64> {
    let report = sh::output(Command::new(seqtrace).arg("report").arg(file))?;
    let before = |what: &str| -> Option<u64> {
        let (before, _) = report.split_once(what)?;
        before.rsplit(' ').next()?.parse().ok()
    };
    ensure!(report.contains(" lost 0 "), "events of {} were lost", file.display());
    before(" callbacks ").context("a report that counts no callbacks")
}
