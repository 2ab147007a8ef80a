//! Attaches empty programs to functions. The overhead of tracers is compared with the overhead of these programs, the
//! floor.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use nix::sys::signal::{SigSet, Signal};

use crate::sys::{AttachedProgram, ProbePoint};
use crate::{btf, sys};

/// Ways to attach programs.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum AttachType {
    /// Attach a kprobe and a kretprobe to each function; FUNCTIONS are hexadecimal addresses
    Kprobe,
    /// Attach kprobes only; FUNCTIONS are hexadecimal addresses, which may be inside functions
    Site,
    /// Attach fentry and fexit to each function; FUNCTIONS are names: NAME or MODULE:NAME
    Fentry,
}

/// Options of `bench-helper floor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Floor {
    attach_type: AttachType,
    functions: Vec<String>,
    /// Create this file when all programs are attached
    #[arg(long)]
    ready_file: PathBuf,
    /// At the end, print how many times all functions together were called
    #[arg(long)]
    count: bool,
}

impl Floor {
    /// Attaches the programs and waits for SIGINT.
    pub(crate) fn run(&self) -> Result<()> {
        let mut interrupt = SigSet::empty();
        interrupt.add(Signal::SIGINT);
        interrupt.thread_block()?;
        let counting = self.count.then(sys::count_runs).transpose()?;
        let mut entries = Vec::new();
        let mut returns = Vec::new();
        for function in &self.functions {
            entries.push(self.attach(function, ProbePoint::Entry)?);
            if !matches!(self.attach_type, AttachType::Site) {
                returns.push(self.attach(function, ProbePoint::Return)?);
            }
        }
        File::create(&self.ready_file)?;
        interrupt.wait()?;
        if counting.is_some() {
            println!("{}", entries.iter().map(AttachedProgram::runs).sum::<Result<u64>>()?);
        }
        Ok(())
    }

    fn attach(&self, function: &str, point: ProbePoint) -> Result<AttachedProgram> {
        let attached = match self.attach_type {
            AttachType::Kprobe | AttachType::Site => {
                let pmu = fs::read_to_string("/sys/bus/event_source/devices/kprobe/type")?;
                let address = function.trim_start_matches("0x");
                AttachedProgram::kprobe(
                    pmu.trim().parse()?,
                    u64::from_str_radix(address, 16)?,
                    point,
                )
            }
            AttachType::Fentry => {
                let (module, name) = match function.split_once(':') {
                    Some((module, name)) => (Some(module), name),
                    None => (None, function),
                };
                let id = btf::function(module, name)?;
                let module = module.map(sys::module_btf).transpose()?;
                AttachedProgram::trampoline(id, module.as_ref(), point)
            }
        };
        attached.with_context(|| function.to_owned())
    }
}
