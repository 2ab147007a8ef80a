//! The floor: programs that do nothing, on the entry and the return of functions.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use nix::sys::signal::{SigSet, Signal};

use crate::sys::{Attached, Side};
use crate::{btf, sys};

/// How programs are attached.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    /// kprobe and kretprobe; functions are addresses
    Kprobe,
    /// kprobes alone, at addresses that may lie inside of functions
    Site,
    /// fentry and fexit; functions are NAME or MODULE:NAME
    Fentry,
}

/// `bench-helper floor`
#[derive(Debug, clap::Args)]
pub(crate) struct Floor {
    kind: Kind,
    functions: Vec<String>,
    /// Created when all are attached
    #[arg(long)]
    ready_file: PathBuf,
    /// At the end, print how often a function was entered
    #[arg(long)]
    count: bool,
}

impl Floor {
    /// Attaches, and waits.
    pub(crate) fn run(&self) -> Result<()> {
        let mut interrupt = SigSet::empty();
        interrupt.add(Signal::SIGINT);
        interrupt.thread_block()?;
        let counting = self.count.then(sys::count).transpose()?;
        let mut entries = Vec::new();
        let mut returns = Vec::new();
        for function in &self.functions {
            entries.push(self.attach(function, Side::Entry)?);
            if !matches!(self.kind, Kind::Site) {
                returns.push(self.attach(function, Side::Return)?);
            }
        }
        File::create(&self.ready_file)?;
        interrupt.wait()?;
        if counting.is_some() {
            println!("{}", entries.iter().map(Attached::runs).sum::<Result<u64>>()?);
        }
        Ok(())
    }

    fn attach(&self, function: &str, side: Side) -> Result<Attached> {
        let attached = match self.kind {
            Kind::Kprobe | Kind::Site => {
                let pmu = fs::read_to_string("/sys/bus/event_source/devices/kprobe/type")?;
                let address = function.trim_start_matches("0x");
                Attached::kprobe(pmu.trim().parse()?, u64::from_str_radix(address, 16)?, side)
            }
            Kind::Fentry => {
                let (module, name) = match function.split_once(':') {
                    Some((module, name)) => (Some(module), name),
                    None => (None, function),
                };
                let id = btf::function(module, name)?;
                let module = module.map(sys::module_btf).transpose()?;
                Attached::trampoline(id, module.as_ref(), side)
            }
        };
        attached.with_context(|| function.to_owned())
    }
}
