//! Reads a file and measures the CPU time of each pass.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::clock;

/// Number of bytes that each read requests, as with cat.
const BLOCK: usize = 128 << 10;

/// Options of `bench-helper read`.
#[derive(Debug, clap::Args)]
pub(crate) struct Read {
    file: PathBuf,
    /// Number of measured passes; an additional first pass warms up
    #[arg(long, default_value_t = 1)]
    passes: u32,
    /// Stop a pass after the read that reaches this many bytes
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    most: u64,
}

impl Read {
    /// Reads the file and prints a line for each pass.
    pub(crate) fn run(&self) -> Result<()> {
        let mut buffer = vec![0; BLOCK];
        self.pass(&mut buffer)?;
        // Printed at the end, so that printing is not measured.
        let mut passes = Vec::new();
        for _ in 0..self.passes {
            let begin = clock::own()?;
            let (bytes, reads) = self.pass(&mut buffer)?;
            passes.push((clock::own()? - begin, bytes, reads));
        }
        for (time, bytes, reads) in passes {
            println!("{time} {bytes} {reads}");
        }
        Ok(())
    }

    /// Opens, reads and closes the file. Returns the number of bytes and of reads.
    fn pass(&self, buffer: &mut [u8]) -> Result<(u64, u64)> {
        let cannot = || format!("cannot read {}", self.file.display());
        let mut file = File::open(&self.file).with_context(cannot)?;
        let (mut bytes, mut reads) = (0, 0);
        while bytes < self.most {
            let count = file.read(buffer).with_context(cannot)?;
            reads += 1;
            bytes += u64::try_from(count)?;
            if count == 0 {
                break;
            }
        }
        Ok((bytes, reads))
    }
}
