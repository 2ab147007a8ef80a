//! Tests that other programs read what seqtrace writes, and get the same data: recordings, and both exports of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::tally::Tally;
use crate::{apt, lint, paths, setup, sh};

/// A test with a script in `xtask/interop`, which runs in a virtual environment of its own.
struct Test {
    /// Name after `interop/`, also that of the environment under `target/`.
    name: &'static str,
    script: &'static str,
    /// Requirements for pip, with their versions.
    packages: &'static [&'static str],
    /// Returns the arguments of the script for the golden recordings.
    arguments: fn(&[PathBuf]) -> Result<Vec<PathBuf>>,
}

const TESTS: &[Test] = &[
    Test {
        name: "pyarrow",
        script: "recordings.py",
        packages: &["pyarrow==26.0.1"],
        arguments: |recordings| Ok(recordings.to_vec()),
    },
    Test {
        name: "perfetto",
        script: "traces.py",
        packages: &["perfetto==0.59.1", "protobuf==7.36.2"],
        arguments: traces,
    },
    Test {
        name: "tables",
        script: "tables.py",
        packages: &["duckdb==2.0.1", "polars==2.1.0"],
        arguments: tables,
    },
];

/// Runs the tests whose names `wants` selects; with `skip`, lists them as skipped.
pub(crate) fn run(tally: &mut Tally, wants: impl Fn(&str) -> bool, skip: bool) -> Result<()> {
    for test in TESTS {
        let name = format!("interop/{}", test.name);
        if !wants(&name) {
            continue;
        }
        if skip {
            tally.skipped.push(format!("{name}: --quick"));
        } else {
            sh::progress("Testing", &name);
            tally.add(test.run(&name)?);
        }
    }
    Ok(())
}

impl Test {
    fn run(&self, name: &str) -> Result<Tally> {
        let python = self.environment()?;
        let mut command = Command::new(&python);
        command.arg(paths::root().join("xtask/interop").join(self.script));
        command.args((self.arguments)(&golden()?)?);
        let mut tally = Tally::default();
        for line in sh::output(&mut command)?.lines() {
            match line.strip_prefix("ok ") {
                Some(_) => tally.passed += 1,
                None => tally.failed.push(format!("{name}: {line}")),
            }
        }
        if tally.is_empty() {
            tally.failed.push(format!("{name}: nothing was read"));
        }
        Ok(tally)
    }

    /// Installs the packages, unless that was done before, and returns the environment's Python.
    fn environment(&self) -> Result<PathBuf> {
        let environment = paths::target().join(self.name);
        let python = environment.join("bin/python");
        let installed = environment.join(self.packages.join("+"));
        if !installed.exists() {
            apt::install(setup::PYTHON)?;
            sh::output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
            let install = ["-m", "pip", "install", "--quiet"];
            sh::output(Command::new(&python).args(install).args(self.packages))
                .with_context(|| format!("cannot install {}", self.packages.join(", ")))?;
            fs::write(&installed, "")?;
        }
        Ok(python)
    }
}

/// Returns the golden recordings.
fn golden() -> Result<Vec<PathBuf>> {
    let folder = paths::root().join("seqtrace/tests/golden");
    let mut recordings = Vec::new();
    for entry in fs::read_dir(&folder).context("cannot read the golden recordings")? {
        let path = entry?.path();
        if paths::has_extension(&path, "seqtrace") {
            recordings.push(path);
        }
    }
    recordings.sort();
    Ok(recordings)
}

/// Exports recordings into a file or folder in a folder that is emptied first.
fn export(recordings: &[PathBuf], format: &str, output: &Path) -> Result<()> {
    let build = ["build", "--quiet", "--locked", "--package", "seqtrace", "--bin", "seqtrace"];
    sh::output(&mut lint::cargo(&build))?;
    let mut command = Command::new(paths::target().join("debug/seqtrace"));
    command.args(["export", "--host", "golden", "--to", format, "--output"]).arg(output);
    sh::output(command.args(recordings))?;
    Ok(())
}

/// Exports each recording for Perfetto. Returns, for each, its JSON and its trace.
fn traces(recordings: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let folder = paths::target().join("interop");
    fs::create_dir_all(&folder)?;
    let mut arguments = Vec::new();
    for recording in recordings {
        // What follows the last dot of misc-6.1 is no extension.
        let mut name = recording.file_stem().unwrap_or_default().to_os_string();
        name.push(".perfetto");
        let trace = folder.join(name);
        export(std::slice::from_ref(recording), "perfetto", &trace)?;
        arguments.extend([recording.with_extension("json"), trace]);
    }
    Ok(arguments)
}

/// Exports all recordings into one folder. Returns the folder, the document with the queries, and the JSON of each.
fn tables(recordings: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let folder = paths::target().join("interop/tables");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    export(recordings, "parquet", &folder)?;
    let mut arguments = vec![folder, paths::root().join("docs/fleet.md")];
    arguments.extend(recordings.iter().map(|recording| recording.with_extension("json")));
    Ok(arguments)
}
