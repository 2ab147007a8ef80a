//! Other tracers, and what they need in a guest that has no libraries.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{paths, sh};

/// A program of this machine and the libraries that it is linked with: where they go in a guest, and
/// where they are.
pub(crate) fn with_libraries(program: &str) -> Result<BTreeSet<(String, PathBuf)>> {
    let program = paths::which(program).with_context(|| format!("no {program}"))?;
    let mut files = BTreeSet::from([placed(&program)?]);
    // `libelf.so.1 => /lib/x86_64-linux-gnu/libelf.so.1 (0x…)`, `/lib64/ld-linux-x86-64.so.2 (0x…)`
    for line in sh::output(Command::new("ldd").arg(&program))?.lines() {
        let path = line.split_whitespace().find(|word| word.starts_with('/'));
        if let Some(path) = path {
            files.insert(placed(Path::new(path))?);
        }
    }
    Ok(files)
}

fn placed(file: &Path) -> Result<(String, PathBuf)> {
    let name = file.strip_prefix("/")?.to_string_lossy().into_owned();
    let real = file.canonicalize().with_context(|| format!("no {}", file.display()))?;
    Ok((name, real))
}
