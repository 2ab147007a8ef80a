//! Measures a tracer: the CPU time of a reader that is traced, and the resources of the tracer.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{clock, sys};

/// Time limit of each wait.
const TIMEOUT: Duration = Duration::from_mins(5);
/// Time for which a tracer must be idle until its work is considered finished.
const IDLE: Duration = Duration::from_millis(300);
/// File that lists all kprobes.
const KPROBES: &str = "/sys/kernel/debug/kprobes/list";

/// Options of `bench-helper measure`.
#[derive(Debug, clap::Args)]
pub(crate) struct Measure {
    /// Name of the way in which the file is traced
    #[arg(long)]
    row: String,
    /// Name of the file in the table
    #[arg(long)]
    label: String,
    /// File to read while the tracer runs
    file: PathBuf,
    /// Stop a pass after the read that reaches this many bytes
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    most: u64,
    /// Number of times to read the file
    #[arg(long, default_value_t = 5)]
    passes: u32,
    /// Wait until this file exists before reading
    #[arg(long, conflicts_with = "ready_probes")]
    ready_file: Option<PathBuf>,
    /// Wait until there are this many kprobes before reading
    #[arg(long)]
    ready_probes: Option<usize>,
    /// Count the lines that the tracer writes to this file
    #[arg(long)]
    lines: Option<PathBuf>,
    /// Tracer with its arguments; without it, the file is read untraced
    #[arg(last = true)]
    tracer: Vec<String>,
}

impl Measure {
    /// Measures and prints facts.
    pub(crate) fn run(&self) -> Result<()> {
        if self.tracer.is_empty() {
            return self.read();
        }
        if let Some(file) = &self.ready_file {
            fs::remove_file(file).ok();
        }
        let (program, arguments) = self.tracer.split_first().context("no tracer")?;
        let begin = Instant::now();
        let tracer = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            // Facts are printed to this process's stdout.
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {program}"))?;
        let mut tracer = Tracer(tracer);
        wait(&mut tracer, || self.is_ready())?;
        self.print("ready_ns", begin.elapsed().as_nanos());
        // The kernel optimises kprobes some ticks after they are set (kprobe_optimizer(), kernel/kprobes.c).
        tracer.wait_until_idle()?;
        self.print_probes()?;

        let lines = self.count_lines()?;
        let (cpu, ring) = (clock::of(tracer.0.id())?, sys::produced_in_all()?);
        self.read()?;
        tracer.wait_until_idle()?;
        self.print("tracer_ns", clock::of(tracer.0.id())? - cpu);
        self.print("ring_bytes", sys::produced_in_all()?.wrapping_sub(ring));
        if let (Some(before), Some(after)) = (lines, self.count_lines()?) {
            self.print("lines", after - before);
        }
        self.print("hwm_kb", tracer.largest_memory()?);
        self.print("detach_ns", tracer.interrupt()?.as_nanos());
        Ok(())
    }

    /// Prints a measurement as a line `fact ROW FILE KEY VALUE`, separated by tabs. The shell scripts of the benchmark also
    /// print such lines. `cargo xtask bench` formats them as tables.
    fn print(&self, key: &str, value: impl Display) {
        println!("fact\t{}\t{}\t{key}\t{value}", self.row, self.label);
    }

    fn is_ready(&self) -> bool {
        match (&self.ready_file, self.ready_probes) {
            (Some(file), _) => file.exists(),
            (None, Some(count)) => kprobes().is_ok_and(|text| text.lines().count() >= count),
            (None, None) => true,
        }
    }

    /// Prints the number of kprobes, the number that the kernel has optimised to jumps, and the number that are set by
    /// ftrace.
    fn print_probes(&self) -> Result<()> {
        let probes = kprobes()?;
        self.print("probes", probes.lines().count());
        let with = |what: &str| probes.lines().filter(|line| line.contains(what)).count();
        self.print("probes_jump", with("[OPTIMIZED]"));
        self.print("probes_ftrace", with("[FTRACE]"));
        Ok(())
    }

    /// Reads the file in another process and prints the cost. The tracer also traces a first pass, which warms up and
    /// is not measured.
    fn read(&self) -> Result<()> {
        let mut reader = Command::new("/proc/self/exe");
        reader.arg("read").arg(&self.file);
        reader.args(["--most", &self.most.to_string(), "--passes", &self.passes.to_string()]);
        let output = reader.stderr(Stdio::inherit()).output().context("cannot run the reader")?;
        ensure!(output.status.success(), "the reader failed: {}", output.status);
        let mut passes = Vec::new();
        for line in String::from_utf8(output.stdout)?.lines() {
            let numbers = line.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
            let &[time, bytes, reads] = numbers.as_slice() else {
                bail!("the reader printed {line}")
            };
            passes.push((time, bytes, reads));
        }
        let sum = |of: fn(&(u64, u64, u64)) -> u64| passes.iter().map(of).sum::<u64>();
        let count = u64::try_from(passes.len())?;
        self.print("passes", count);
        self.print("cpu_ns", sum(|pass| pass.0) / count);
        self.print("cpu_min_ns", passes.iter().map(|pass| pass.0).min().unwrap_or(0));
        self.print("cpu_max_ns", passes.iter().map(|pass| pass.0).max().unwrap_or(0));
        self.print("bytes", sum(|pass| pass.1) / count);
        self.print("reads", sum(|pass| pass.2) / count);
        Ok(())
    }

    fn count_lines(&self) -> Result<Option<u64>> {
        self.lines.as_deref().map(newlines).transpose()
    }
}

fn kprobes() -> Result<String> {
    fs::read_to_string(KPROBES).with_context(|| format!("cannot read {KPROBES}"))
}

/// Counts the newlines in a file.
fn newlines(path: &Path) -> Result<u64> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    BufReader::new(file).bytes().try_fold(0, |count, byte| Ok(count + u64::from(byte? == b'\n')))
}

/// Waits until `done` returns true. Fails if the tracer ends earlier.
fn wait(tracer: &mut Tracer, done: impl Fn() -> bool) -> Result<()> {
    let begin = Instant::now();
    while !done() {
        if let Some(status) = tracer.0.try_wait()? {
            bail!("the tracer ended before it was ready: {status}");
        }
        ensure!(begin.elapsed() < TIMEOUT, "the tracer does not get ready");
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Process of a tracer, killed when dropped.
struct Tracer(Child);

impl Tracer {
    /// Waits until the tracer hardly uses the CPU any more.
    fn wait_until_idle(&self) -> Result<()> {
        let begin = Instant::now();
        let mut before = clock::of(self.0.id())?;
        loop {
            thread::sleep(IDLE);
            let now = clock::of(self.0.id())?;
            // A tracer with work uses a whole CPU; one that polls without work uses a few per cent at most.
            if u128::from(now - before) < IDLE.as_nanos() / 10 {
                return Ok(());
            }
            ensure!(begin.elapsed() < TIMEOUT, "the tracer does not become idle");
            before = now;
        }
    }

    /// Returns the largest memory of the tracer so far, in KiB.
    fn largest_memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let value = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let value = value.and_then(|value| value.trim().strip_suffix(" kB"));
        Ok(value.context("no VmHWM")?.parse()?)
    }

    /// Sends SIGINT and returns the time until the tracer has ended.
    fn interrupt(&mut self) -> Result<Duration> {
        let begin = Instant::now();
        kill(Pid::from_raw(i32::try_from(self.0.id())?), Signal::SIGINT)?;
        let status = self.0.wait()?;
        let duration = begin.elapsed();
        // A tracer without a handler is ended by the signal and has no exit code.
        ensure!(status.success() || status.code().is_none(), "the tracer failed: {status}");
        Ok(duration)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // Errors are ignored: normally the process has ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
