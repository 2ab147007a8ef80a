//! Runs the benchmark scripts in guests and collects their measurements.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::Options;
use super::facts::Facts;
use crate::arch::Arch;
use crate::guest::{self, GuestEnd};
use crate::kernel::Series;
use crate::lines::LineWriter;
use crate::vm::{self, GuestOptions};
use crate::{paths, program, sh};

/// Memory of guests with other tracers, whose libraries, such as LLVM, are large.
const TRACERS_MIB: u32 = 3072;

/// Measures the cost of tracing for the reader and for the tracer, in a guest whose time counts instructions.
pub(crate) fn cost(
    series: &'static Series,
    options: &Options,
    seqtrace: Option<&Path>,
) -> Result<Facts> {
    let mut guest = GuestOptions {
        icount: true,
        timeout: 5400,
        // Without this, the time of another process between a tracer's wakeup and the next chance to schedule, up to a
        // tick, would be accounted to the tracer: wakeup_preempt(), kernel/sched/core.c, skips an update of the run
        // queue's clock.
        append: "preempt=full".to_owned(),
        ..GuestOptions::default()
    };
    let mut tracers = None;
    if !options.quick && !series.arch.is_foreign() {
        guest.mem = TRACERS_MIB;
        tracers = Some("bpftrace");
    }
    let quick = u8::from(options.quick);
    let script = format!("export QUICK={quick} READS={}\nexec sh /bench/cost.sh\n", options.passes);
    facts(series, &guest, &script, &files(series.arch, tracers, seqtrace)?)
}

/// Counts the events that are lost at full speed, on two CPUs in real time.
pub(crate) fn loss(series: &'static Series, seqtrace: &Path) -> Result<Facts> {
    let files = files(series.arch, Some("bpftrace"), Some(seqtrace))?;
    facts(series, &with_tracers(), "exec sh /bench/loss.sh\n", &files)
}

/// Records traces in a guest and unpacks them into `folder`, which it empties first.
pub(crate) fn traces(series: &'static Series, seqtrace: &Path, folder: &Path) -> Result<()> {
    let files = files(series.arch, Some("trace-cmd"), Some(seqtrace))?;
    let folder = paths::emptied(folder.to_owned())?;
    let archive = folder.join("traces.tar");
    let mut out = File::create(&archive)?;
    boot(series, &with_tracers(), "exec sh /bench/traces.sh\n", &files, &mut out)?;
    sh::output(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(folder))?;
    fs::remove_file(&archive)?;
    Ok(())
}

fn with_tracers() -> GuestOptions {
    GuestOptions { mem: TRACERS_MIB, timeout: 1800, ..GuestOptions::default() }
}

/// A file for a guest: its path in the guest, and its source.
type GuestFile = (String, PathBuf);

/// Returns the benchmark scripts, bench-helper, another tracer with its libraries, and the release build of seqtrace, which
/// replaces the guest's default one.
fn files(arch: &Arch, tracer: Option<&str>, seqtrace: Option<&Path>) -> Result<Vec<GuestFile>> {
    let mut files = vec![
        ("bench".to_owned(), paths::root().join("xtask/bench")),
        ("bin/bench-helper".to_owned(), program::build(arch, "bench-helper")?),
    ];
    if let Some(program) = tracer {
        files.extend(with_libraries(program)?);
    }
    files.extend(seqtrace.map(|file| ("bin/seqtrace".to_owned(), file.to_owned())));
    Ok(files)
}

/// Returns a program of this machine and the libraries that it is linked with.
fn with_libraries(program: &str) -> Result<BTreeSet<GuestFile>> {
    let program = paths::which(program).with_context(|| format!("{program} is not on PATH"))?;
    let mut files = BTreeSet::from([guest_file(&program)?]);
    // `libelf.so.1 => /lib/x86_64-linux-gnu/libelf.so.1 (0x…)`, `/lib64/ld-linux-x86-64.so.2 (0x…)`
    for line in sh::output(Command::new("ldd").arg(&program))?.lines() {
        let path = line.split_whitespace().find(|word| word.starts_with('/'));
        if let Some(path) = path {
            files.insert(guest_file(Path::new(path))?);
        }
    }
    Ok(files)
}

fn guest_file(file: &Path) -> Result<GuestFile> {
    let name = file.strip_prefix("/")?.to_string_lossy().into_owned();
    let real = file.canonicalize().with_context(|| format!("cannot find {}", file.display()))?;
    Ok((name, real))
}

/// Runs a script and parses its measurements.
fn facts(
    series: &'static Series,
    guest: &GuestOptions,
    script: &str,
    files: &[GuestFile],
) -> Result<Facts> {
    let mut facts = Facts::default();
    let mut lines = LineWriter::new(|line: &str| facts.line(line));
    let release = boot(series, guest, script, files, &mut lines)?;
    facts.release = release;
    Ok(facts)
}

/// Runs a script in a guest, with its stdout to `out`. Returns the kernel's release, or an error if the script fails.
fn boot(
    series: &'static Series,
    guest: &GuestOptions,
    script: &str,
    files: &[GuestFile],
    out: &mut (dyn Write + Send),
) -> Result<String> {
    let files: Vec<_> = files.iter().map(|(name, from)| (name.as_str(), from.clone())).collect();
    let spec = vm::spec(series, guest, script, &files)?;
    let result = guest::run(&spec, out, &mut io::stderr())?;
    match result.failure(&spec) {
        Some(failure) => bail!("{failure}"),
        None if result.end != GuestEnd::Exit(0) => {
            bail!("the guest's script failed: {:?}", result.end)
        }
        None => Ok(spec.kernel.release),
    }
}
