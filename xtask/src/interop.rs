//! Tests that pyarrow reads the golden recordings and gets the same data as seqtrace.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::tally::Tally;
use crate::{apt, paths, setup, sh};

/// Version of pyarrow as a requirement for pip. The test installs it into a virtual environment under `target/`.
const PYARROW: &str = "pyarrow==26.0.1";

/// Runs `xtask/interop/recordings.py` on the golden recordings.
pub(crate) fn recordings() -> Result<Tally> {
    sh::progress("Testing", "interop/pyarrow");
    let environment = paths::target().join("pyarrow");
    let python = environment.join("bin/python");
    let installed = environment.join(PYARROW);
    if !installed.exists() {
        apt::install(setup::PYTHON)?;
        sh::output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        sh::output(Command::new(&python).args(["-m", "pip", "install", "--quiet", PYARROW]))
            .with_context(|| format!("cannot install {PYARROW}"))?;
        fs::write(&installed, "")?;
    }
    let mut command = Command::new(&python);
    command.arg(paths::root().join("xtask/interop/recordings.py"));
    let folder = paths::root().join("seqtrace/tests/golden");
    for entry in fs::read_dir(&folder).context("cannot read the golden recordings")? {
        let path = entry?.path();
        if paths::has_extension(&path, "seqtrace") {
            command.arg(path);
        }
    }
    let mut tally = Tally::default();
    for line in sh::output(&mut command)?.lines() {
        match line.strip_prefix("ok ") {
            Some(_) => tally.passed += 1,
            None => tally.failed.push(format!("interop/pyarrow: {line}")),
        }
    }
    if tally.is_empty() {
        tally.failed.push("interop/pyarrow: no recording was read".to_owned());
    }
    Ok(tally)
}
