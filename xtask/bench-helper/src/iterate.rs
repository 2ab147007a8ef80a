//! Reads a BPF iterator, a seq file that bpf_seq_read() (kernel/bpf/bpf_iter.c) reads.

use std::fs::File;
use std::io::{self, Read as _};

use anyhow::Result;

use crate::{btf, sys};

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
        let id = btf::function(None, &format!("bpf_iter_{}", self.target))?;
        let mut file = File::from(sys::iterator(id)?);
        let mut buffer = vec![0; self.size];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            io::Write::write_all(&mut io::stdout(), buffer.get(..count).unwrap_or_default())?;
        }
    }
}
