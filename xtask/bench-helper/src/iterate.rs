//! Reads a BPF iterator, a seq file that bpf_seq_read() (kernel/bpf/bpf_iter.c) reads.

use std::io::{self, Read as _, Write as _};

use anyhow::Result;
use aya::Btf;
use aya::programs::Iter;

use crate::sys;

/// Options of `bench-helper iterate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Iterate {
    /// Kind of object: NAME of the kernel's function bpf_iter_NAME()
    #[arg(default_value = "task")]
    target: String,
    /// Number of bytes that each read requests
    #[arg(long, default_value_t = 4096)]
    size: usize,
}

impl Iterate {
    /// Reads the iterator to its end and prints the bytes.
    pub(crate) fn run(&self) -> Result<()> {
        let mut object = sys::object("iter", &sys::WRITE_A_LINE)?;
        let program: &mut Iter = sys::program(&mut object)?;
        program.load(&self.target, &Btf::from_sys_fs()?)?;
        let link = program.attach()?;
        let mut file = program.take_link(link)?.into_file()?;
        let mut buffer = vec![0; self.size];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            io::stdout().write_all(buffer.get(..count).unwrap_or_default())?;
        }
    }
}
