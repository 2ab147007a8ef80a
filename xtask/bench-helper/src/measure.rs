//! A tracer at work: what it costs the reader and what it costs itself.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fact::Place;
use crate::{clock, sys};

/// Longest that anything may take.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long a tracer has to be idle before it is taken to have nothing left to do.
const IDLE: Duration = Duration::from_millis(300);
/// Every kprobe that there is.
const KPROBES: &str = "/sys/kernel/debug/kprobes/list";

/// `bench-helper measure`
#[derive(Debug, clap::Args)]
pub(crate) struct Measure {
    #[command(flatten)]
    place: Place,
    /// The file that is read
    file: PathBuf,
    /// No further read of a pass when this many bytes were read
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    most: u64,
    /// How often it is read
    #[arg(long, default_value_t = 5)]
    passes: u32,
    /// The tracer is ready when this file exists
    #[arg(long, conflicts_with = "ready_probes")]
    ready_file: Option<PathBuf>,
    /// The tracer is ready when there are that many kprobes
    #[arg(long)]
    ready_probes: Option<usize>,
    /// What the tracer writes; its lines are counted
    #[arg(long)]
    lines: Option<PathBuf>,
    /// The tracer; none: the file is read untraced
    #[arg(last = true)]
    tracer: Vec<String>,
}

impl Measure {
    /// Measures, and prints facts.
    pub(crate) fn run(&self) -> Result<()> {
        if self.tracer.is_empty() {
            return self.reads();
        }
        if let Some(file) = &self.ready_file {
            fs::remove_file(file).ok();
        }
        let (program, arguments) = self.tracer.split_first().context("no tracer")?;
        let begin = Instant::now();
        let tracer = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            // Ours is for facts.
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {program}"))?;
        let mut tracer = Tracer(tracer);
        wait(&mut tracer, || self.is_ready())?;
        self.place.say("ready_ns", begin.elapsed().as_nanos());
        // The kernel optimises probes some ticks after they were set.
        tracer.settle()?;
        self.probes()?;

        let lines = self.count_lines()?;
        let (cpu, ring) = (clock::of(tracer.0.id())?, sys::produced_in_all()?);
        self.reads()?;
        tracer.settle()?;
        self.place.say("tracer_ns", clock::of(tracer.0.id())? - cpu);
        self.place.say("ring_bytes", sys::produced_in_all()?.wrapping_sub(ring));
        if let (Some(before), Some(after)) = (lines, self.count_lines()?) {
            self.place.say("lines", after - before);
        }
        self.place.say("hwm_kb", tracer.most_memory()?);
        self.place.say("detach_ns", tracer.interrupt()?.as_nanos());
        Ok(())
    }

    fn is_ready(&self) -> bool {
        match (&self.ready_file, self.ready_probes) {
            (Some(file), _) => file.exists(),
            (None, Some(count)) => kprobes().is_ok_and(|text| text.lines().count() >= count),
            (None, None) => true,
        }
    }

    /// Says how many kprobes the kernel has made into jumps.
    fn probes(&self) -> Result<()> {
        let probes = kprobes()?;
        self.place.say("probes", probes.lines().count());
        let with = |what: &str| probes.lines().filter(|line| line.contains(what)).count();
        self.place.say("probes_jump", with("[OPTIMIZED]"));
        self.place.say("probes_ftrace", with("[FTRACE]"));
        Ok(())
    }

    /// Reads the file in another process, and says what that cost. What a tracer sees is one pass more:
    /// the first one, which warms up.
    fn reads(&self) -> Result<()> {
        let mut reader = Command::new("/proc/self/exe");
        reader.arg("read").arg(&self.file);
        reader.args(["--most", &self.most.to_string(), "--passes", &self.passes.to_string()]);
        let output = reader.stderr(Stdio::inherit()).output().context("cannot run the reader")?;
        ensure!(output.status.success(), "the reader failed: {}", output.status);
        let mut passes = Vec::new();
        for line in String::from_utf8(output.stdout)?.lines() {
            let numbers = line.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
            let &[time, bytes, reads] = numbers.as_slice() else { bail!("the reader says {line}") };
            passes.push((time, bytes, reads));
        }
        let sum = |of: fn(&(u64, u64, u64)) -> u64| passes.iter().map(of).sum::<u64>();
        let count = u64::try_from(passes.len())?;
        self.place.say("passes", count);
        self.place.say("cpu_ns", sum(|pass| pass.0) / count);
        self.place.say("cpu_min_ns", passes.iter().map(|pass| pass.0).min().unwrap_or(0));
        self.place.say("cpu_max_ns", passes.iter().map(|pass| pass.0).max().unwrap_or(0));
        self.place.say("bytes", sum(|pass| pass.1) / count);
        self.place.say("reads", sum(|pass| pass.2) / count);
        Ok(())
    }

    fn count_lines(&self) -> Result<Option<u64>> {
        self.lines.as_deref().map(newlines).transpose()
    }
}

fn kprobes() -> Result<String> {
    fs::read_to_string(KPROBES).with_context(|| format!("cannot read {KPROBES}"))
}

fn newlines(path: &Path) -> Result<u64> {
    let mut file = File::open(path).with_context(|| format!("no {}", path.display()))?;
    let mut block = vec![0; 1 << 20];
    let mut count = 0;
    loop {
        let length = file.read(&mut block)?;
        let Some(read) = block.get(..length).filter(|read| !read.is_empty()) else {
            return Ok(count);
        };
        count += u64::try_from(read.split(|byte| *byte == b'\n').count() - 1)?;
    }
}

/// Waits until `done`, as long as the tracer lives.
fn wait(tracer: &mut Tracer, done: impl Fn() -> bool) -> Result<()> {
    let begin = Instant::now();
    while !done() {
        if let Some(status) = tracer.0.try_wait()? {
            bail!("the tracer ended before it was ready: {status}");
        }
        ensure!(begin.elapsed() < PATIENCE, "the tracer does not get ready");
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// A tracer that does not outlive us.
struct Tracer(Child);

impl Tracer {
    /// Waits until it has nothing to do.
    fn settle(&self) -> Result<()> {
        let begin = Instant::now();
        let mut before = clock::of(self.0.id())?;
        loop {
            thread::sleep(IDLE);
            let now = clock::of(self.0.id())?;
            // A tracer that has work takes a whole CPU, a timer that finds none a few hundredths at most.
            if u128::from(now - before) < IDLE.as_nanos() / 10 {
                return Ok(());
            }
            ensure!(begin.elapsed() < PATIENCE, "the tracer does not become idle");
            before = now;
        }
    }

    /// The most memory it ever had, KiB.
    fn most_memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let value = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let value = value.and_then(|value| value.trim().strip_suffix(" kB"));
        Ok(value.context("no VmHWM")?.parse()?)
    }

    /// Ctrl-C: how long it takes to end.
    fn interrupt(&mut self) -> Result<Duration> {
        let begin = Instant::now();
        kill(Pid::from_raw(i32::try_from(self.0.id())?), Signal::SIGINT)?;
        let status = self.0.wait()?;
        let took = begin.elapsed();
        // What Ctrl-C ends without being asked has no status.
        ensure!(status.success() || status.code().is_none(), "the tracer failed: {status}");
        Ok(took)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // It is gone already if all went well.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
