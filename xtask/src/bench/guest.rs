//! The guests: what is put into them, and the facts that come out.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::Options;
use super::facts::Facts;
use super::tools;
use crate::guest::{self, End};
use crate::vm::{self, Machine};
use crate::{paths, program, sh};

/// What tracing costs the reader and the tracer, in a guest whose time counts instructions.
pub(crate) fn cost(options: &Options, seqtrace: Option<&Path>) -> Result<Facts> {
    let mut machine = Machine {
        kernel: options.kernel,
        icount: true,
        timeout: 5400,
        // Without it, what a process does between a tracer's wakeup and the next chance to schedule
        // counts as the tracer's time (wakeup_preempt(), kernel/sched/core.c, spares an update of the
        // run queue's clock): up to a tick each time.
        append: "preempt=full".to_owned(),
        ..Machine::default()
    };
    let mut files = helper()?;
    if !options.quick {
        files.extend(others(&mut machine, &["bpftrace"])?);
    }
    files.extend(shipped(seqtrace));
    let quick = u8::from(options.quick);
    let script = format!("export QUICK={quick} READS={}\nexec sh /bench/cost.sh\n", options.passes);
    facts(&machine, &script, &files)
}

/// What is lost at full speed, on two CPUs in real time.
pub(crate) fn loss(options: &Options, seqtrace: &Path) -> Result<Facts> {
    let mut machine = Machine { kernel: options.kernel, timeout: 1800, ..Machine::default() };
    let mut files = helper()?;
    files.extend(others(&mut machine, &["bpftrace"])?);
    files.extend(shipped(Some(seqtrace)));
    facts(&machine, "exec sh /bench/loss.sh\n", &files)
}

/// Records traces in a guest and unpacks them into `folder`.
pub(crate) fn traces(options: &Options, seqtrace: &Path, folder: &Path) -> Result<()> {
    let mut machine = Machine { kernel: options.kernel, timeout: 1800, ..Machine::default() };
    let mut files = helper()?;
    files.extend(others(&mut machine, &["trace-cmd"])?);
    files.extend(shipped(Some(seqtrace)));
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let archive = folder.join("traces.tar");
    boot(&machine, "exec sh /bench/traces.sh\n", &files, &mut File::create(&archive)?)?;
    sh::output(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(folder))?;
    fs::remove_file(&archive)?;
    Ok(())
}

/// A file for a guest: where it goes, and where it is.
type Placed = (String, PathBuf);

/// The scripts and what they run.
fn helper() -> Result<Vec<Placed>> {
    let scripts = paths::root().join("xtask/bench");
    let helper = program::build("bench-helper")?;
    Ok(vec![("bench".to_owned(), scripts), ("bin/bench-helper".to_owned(), helper)])
}

/// Other tracers. They bring libraries: LLVM, for one.
fn others(machine: &mut Machine, programs: &[&str]) -> Result<BTreeSet<Placed>> {
    machine.mem = 3072;
    let mut files = BTreeSet::new();
    for program in programs {
        files.extend(tools::with_libraries(program)?);
    }
    Ok(files)
}

/// seqtrace as it is shipped, in place of the one that is built fast.
fn shipped(seqtrace: Option<&Path>) -> Option<Placed> {
    seqtrace.map(|file| ("bin/seqtrace".to_owned(), file.to_owned()))
}

fn facts(machine: &Machine, script: &str, files: &[Placed]) -> Result<Facts> {
    let mut facts = Facts::default();
    facts.release = boot(machine, script, files, &mut Lines::new(&mut facts))?;
    Ok(facts)
}

/// Boots a guest, runs the script to its end, and returns the kernel's release.
fn boot(
    machine: &Machine,
    script: &str,
    files: &[Placed],
    out: &mut (dyn Write + Send),
) -> Result<String> {
    let files: Vec<_> = files.iter().map(|(name, from)| (name.as_str(), from.clone())).collect();
    let spec = vm::spec(machine, script, &files)?;
    sh::say("Booting", &format!("a guest with Linux {}", spec.kernel.release));
    let result = guest::run(&spec, out, &mut io::stderr())?;
    match result.complaint(&spec) {
        Some(complaint) => bail!("{complaint}"),
        None if result.end != End::Exit(0) => bail!("the guest's script: {:?}", result.end),
        None => Ok(spec.kernel.release),
    }
}

/// Facts, read as they come.
struct Lines<'a> {
    facts: &'a mut Facts,
    partial: Vec<u8>,
}

impl<'a> Lines<'a> {
    fn new(facts: &'a mut Facts) -> Self {
        Self { facts, partial: Vec::new() }
    }
}

impl Write for Lines<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            if *byte == b'\n' {
                self.facts.line(&String::from_utf8_lossy(&self.partial));
                self.partial.clear();
            } else {
                self.partial.push(*byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
