//! Builds programs for guests. They are linked statically, because a guest has no libraries.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::{paths, setup, sh};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds a program with the profile `guest` and returns its path.
pub(crate) fn build(package: &str) -> Result<PathBuf> {
    let folder = cargo("guest", &["--package", package])?;
    built(folder.join(package))
}

/// Builds seqtrace with the profile `release`, and one of its examples, and returns their paths. One build for both: the
/// example enables more features of some crates, which two builds would compile twice.
pub(crate) fn release(example: &str) -> Result<[PathBuf; 2]> {
    let select = ["--package", "seqtrace", "--bin", "seqtrace", "--example", example];
    let folder = cargo("release", &select)?;
    Ok([built(folder.join("seqtrace"))?, built(folder.join("examples").join(example))?])
}

fn built(file: PathBuf) -> Result<PathBuf> {
    ensure!(file.exists(), "cargo built no {}", file.display());
    Ok(file)
}

/// Builds the packages that the arguments `select` name, and returns the folder of the profile.
///
/// With `--target`, cargo keeps these objects in a folder of their own, so that they and those of other builds do not
/// replace each other.
fn cargo(profile: &str, select: &[&str]) -> Result<PathBuf> {
    let target = paths::target();
    sh::cargo(
        setup::outer_cargo()
            .args(["build", "--profile", profile, "--target", TARGET])
            .args(select)
            .arg("--target-dir")
            .arg(&target)
            .env("RUSTFLAGS", "-C target-feature=+crt-static")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .current_dir(paths::root()),
    )?;
    Ok(target.join(TARGET).join(profile))
}
