//! Recordings in the hands of others: pyarrow reads the golden ones and finds in them what seqtrace does.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::test::Tally;
use crate::{paths, setup, sh};

/// The version that the test installs into a virtual environment under `target/`.
const PYARROW: &str = "pyarrow==26.0.1";

/// The golden recordings by `xtask/interop/recordings.py`.
pub(crate) fn recordings() -> Result<Tally> {
    sh::say("Testing", "interop/pyarrow");
    let environment = paths::target().join("pyarrow");
    let python = environment.join("bin/python");
    let installed = environment.join(PYARROW);
    if !installed.exists() {
        setup::python()?;
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
        if path.extension().is_some_and(|extension| extension == "seqtrace") {
            command.arg(path);
        }
    }
    let mut tally = Tally::default();
    for line in sh::output(&mut command)?.lines() {
        match line.strip_prefix("ok ") {
            Some(_) => tally.pass(),
            None => tally.fail(format!("interop/pyarrow: {line}")),
        }
    }
    if tally.is_empty() {
        tally.fail("interop/pyarrow: no recording was read".to_owned());
    }
    Ok(tally)
}
