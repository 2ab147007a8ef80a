//! Attaches empty programs to functions. The overhead of tracers is compared with the overhead of these programs, the
//! floor.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use aya::Ebpf;
use aya::programs::KProbe;
use aya::sys::{Stats, enable_stats};
use nix::sys::signal::{SigSet, Signal};

use crate::sys;

/// Ways to attach programs.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum AttachType {
    /// Attach a kprobe and a kretprobe to each function
    Kprobe,
    /// Attach kprobes only; FUNCTIONS may be addresses inside functions
    Site,
}

/// Options of `bench-helper floor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Floor {
    attach_type: AttachType,
    /// Addresses of the functions, hexadecimal
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
        let counting = self.count.then(|| enable_stats(Stats::RunTime)).transpose()?;
        let mut entries = self.attach("kprobe")?;
        let _returns = match self.attach_type {
            AttachType::Kprobe => Some(self.attach("kretprobe")?),
            AttachType::Site => None,
        };
        File::create(&self.ready_file)?;
        interrupt.wait()?;
        if counting.is_some() {
            println!("{}", sys::program::<&mut KProbe>(&mut entries)?.info()?.run_count());
        }
        Ok(())
    }

    /// Attaches an empty program to all functions. `kind` is `kprobe` or `kretprobe`.
    fn attach(&self, kind: &str) -> Result<Ebpf> {
        let mut object = sys::object(kind, &sys::EMPTY)?;
        let program: &mut KProbe = sys::program(&mut object)?;
        program.load()?;
        for function in &self.functions {
            let address = u64::from_str_radix(function.trim_start_matches("0x"), 16)?;
            // With an empty name the kernel uses the offset as an address (perf_event_open(2), kprobe_addr).
            program.attach("", address).with_context(|| function.clone())?;
        }
        Ok(object)
    }
}
