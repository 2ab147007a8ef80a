//! The guests: what is put into them, and the facts that come out.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::Options;
use super::facts::Facts;
use crate::guest::{self, End};
use crate::vm::{self, Machine};
use crate::{paths, program, sh};

/// What tracing costs the reader and the tracer, in a guest whose time counts instructions.
pub(crate) fn cost(options: &Options) -> Result<Facts> {
    let machine = Machine { kernel: options.kernel, icount: true, ..Machine::default() };
    let quick = u8::from(options.quick);
    let script = format!("export QUICK={quick} READS={}\nexec sh /bench/cost.sh\n", options.passes);
    run(&machine, &script)
}

fn run(machine: &Machine, script: &str) -> Result<Facts> {
    let folder: PathBuf = paths::root().join("xtask/bench");
    let files = [("bin/bench-helper", program::build("bench-helper")?), ("bench", folder)];
    let spec = vm::spec(machine, script, &files)?;
    sh::say("Booting", &format!("a guest with Linux {}", spec.kernel.release));
    let mut facts = Facts::new(&spec.kernel.release);
    let result = guest::run(&spec, &mut Lines::new(&mut facts), &mut io::stderr())?;
    match result.complaint(&spec) {
        Some(complaint) => bail!("{complaint}"),
        None if result.end != End::Exit(0) => bail!("the guest's script: {:?}", result.end),
        None => Ok(facts),
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
