//! Programs for guests: linked statically, because a guest has no libraries.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::{paths, setup, sh};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds a program as guests run it, and returns the file.
pub(crate) fn build(package: &str) -> Result<PathBuf> {
    let folder = cargo("guest", &["--package", package])?;
    built(folder.join(package))
}

/// Builds seqtrace as it is shipped, and one of its examples: at once, because an example asks for more
/// features of some crates, and they are not to be built twice.
pub(crate) fn release(example: &str) -> Result<[PathBuf; 2]> {
    let select = ["--package", "seqtrace", "--bin", "seqtrace", "--example", example];
    let folder = cargo("release", &select)?;
    Ok([built(folder.join("seqtrace"))?, built(folder.join("examples").join(example))?])
}

fn built(file: PathBuf) -> Result<PathBuf> {
    ensure!(file.exists(), "cargo built no {}", file.display());
    Ok(file)
}

/// Builds what `select` says and returns the profile's folder.
///
/// With `--target`, cargo keeps these objects apart from the machine's own: neither build undoes the
/// other's.
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
