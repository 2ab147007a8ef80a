//! Runs the benchmark scripts in guests and collects their measurements.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::Options;
use super::facts::Facts;
use super::tools;
use crate::guest::{self, GuestEnd};
use crate::lines::LineWriter;
use crate::vm::{self, GuestOptions};
use crate::{paths, program, sh};

/// Measures the cost of tracing for the reader and for the tracer, in a guest whose time counts instructions.
pub(crate) fn cost(options: &Options, seqtrace: Option<&Path>) -> Result<Facts> {
    let mut guest = GuestOptions {
        kernel: options.kernel,
        icount: true,
        timeout: 5400,
        // Without this, the time of another process between a tracer's wakeup and the next chance to schedule, up to a
        // tick, would be accounted to the tracer: wakeup_preempt(), kernel/sched/core.c, skips an update of the run
        // queue's clock.
        append: "preempt=full".to_owned(),
        ..GuestOptions::default()
    };
    let mut files = helper()?;
    if !options.quick {
        files.extend(tracers(&mut guest, &["bpftrace"])?);
    }
    files.extend(shipped(seqtrace));
    let quick = u8::from(options.quick);
    let script = format!("export QUICK={quick} READS={}\nexec sh /bench/cost.sh\n", options.passes);
    facts(&guest, &script, &files)
}

/// Counts the events that are lost at full speed, on two CPUs in real time.
pub(crate) fn loss(options: &Options, seqtrace: &Path) -> Result<Facts> {
    let mut guest =
        GuestOptions { kernel: options.kernel, timeout: 1800, ..GuestOptions::default() };
    let mut files = helper()?;
    files.extend(tracers(&mut guest, &["bpftrace"])?);
    files.extend(shipped(Some(seqtrace)));
    facts(&guest, "exec sh /bench/loss.sh\n", &files)
}

/// Records traces in a guest and unpacks them into `folder`, which it empties first.
pub(crate) fn traces(options: &Options, seqtrace: &Path, folder: &Path) -> Result<()> {
    let mut guest =
        GuestOptions { kernel: options.kernel, timeout: 1800, ..GuestOptions::default() };
    let mut files = helper()?;
    files.extend(tracers(&mut guest, &["trace-cmd"])?);
    files.extend(shipped(Some(seqtrace)));
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let archive = folder.join("traces.tar");
    boot(&guest, "exec sh /bench/traces.sh\n", &files, &mut File::create(&archive)?)?;
    sh::output(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(folder))?;
    fs::remove_file(&archive)?;
    Ok(())
}

/// A file for a guest: its path in the guest, and its source.
pub(super) type GuestFile = (String, PathBuf);

/// Returns the benchmark scripts and bench-helper.
fn helper() -> Result<Vec<GuestFile>> {
    let scripts = paths::root().join("xtask/bench");
    let helper = program::build("bench-helper")?;
    Ok(vec![("bench".to_owned(), scripts), ("bin/bench-helper".to_owned(), helper)])
}

/// Returns the files of other tracers and of their libraries. Raises the guest's memory, because libraries such as LLVM
/// are large.
fn tracers(guest: &mut GuestOptions, programs: &[&str]) -> Result<BTreeSet<GuestFile>> {
    guest.mem = 3072;
    let mut files = BTreeSet::new();
    for program in programs {
        files.extend(tools::with_libraries(program)?);
    }
    Ok(files)
}

/// Returns the release build of seqtrace, which replaces the guest's default one.
fn shipped(seqtrace: Option<&Path>) -> Option<GuestFile> {
    seqtrace.map(|file| ("bin/seqtrace".to_owned(), file.to_owned()))
}

/// Runs a script and parses its measurements.
fn facts(guest: &GuestOptions, script: &str, files: &[GuestFile]) -> Result<Facts> {
    let mut facts = Facts::default();
    let mut lines = LineWriter::new(|line: &str| facts.line(line));
    let release = boot(guest, script, files, &mut lines)?;
    facts.release = release;
    Ok(facts)
}

/// Runs a script in a guest, with its stdout to `out`. Returns the kernel's release, or an error if the script fails.
fn boot(
    guest: &GuestOptions,
    script: &str,
    files: &[GuestFile],
    out: &mut (dyn Write + Send),
) -> Result<String> {
    let files: Vec<_> = files.iter().map(|(name, from)| (name.as_str(), from.clone())).collect();
    let spec = vm::spec(guest, script, &files)?;
    let result = guest::run(&spec, out, &mut io::stderr())?;
    match result.failure(&spec) {
        Some(failure) => bail!("{failure}"),
        None if result.end != GuestEnd::Exit(0) => {
            bail!("the guest's script failed: {:?}", result.end)
        }
        None => Ok(spec.kernel.release),
    }
}
