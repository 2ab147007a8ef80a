//! Finds other tracers and the libraries that they need in a guest.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::guest::GuestFile;
use crate::{paths, sh};

/// Returns a program of this machine and the libraries that it is linked with.
pub(super) fn with_libraries(program: &str) -> Result<BTreeSet<GuestFile>> {
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
