//! Builds programs for guests. They are linked statically, because a guest has no libraries.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::arch::{Arch, X86_64};
use crate::{cross, paths, setup, sh};

/// Arguments of cargo that select all programs of guests.
const GUEST: &[&str] =
    &["--package", "seqtrace", "--package", "e2e-helper", "--package", "bench-helper"];

/// Builds a program with the profile `guest` and returns its path.
pub(crate) fn build(arch: &Arch, package: &str) -> Result<PathBuf> {
    // One build for all programs, because most crates that they share would be compiled once for each set of features.
    // On this machine other builds have compiled them.
    let select = if arch.is_foreign() { GUEST } else { &["--package", package] };
    let folder = cargo(arch, "guest", select)?;
    built(folder.join(package))
}

/// Builds seqtrace with the profile `release`, and one of its examples, and returns their paths. One build for both: the
/// example enables more features of some crates, which two builds would compile twice.
pub(crate) fn release(example: &str) -> Result<[PathBuf; 2]> {
    let select = ["--package", "seqtrace", "--bin", "seqtrace", "--example", example];
    let folder = cargo(&X86_64, "release", &select)?;
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
fn cargo(arch: &Arch, profile: &str, select: &[&str]) -> Result<PathBuf> {
    let target = paths::target();
    let mut cargo = setup::outer_cargo();
    let mut flags = vec!["-C".to_owned(), "target-feature=+crt-static".to_owned()];
    if arch.is_foreign() {
        flags.insert(0, format!("--sysroot={}", cross::sysroot(arch)?.display()));
        let name = arch.target.to_uppercase().replace('-', "_");
        cargo.env(format!("CARGO_TARGET_{name}_LINKER"), format!("{}gcc", arch.tools));
        cargo.env("RUSTC", cross::RUSTC);
    }
    // With --target, cargo does not use these flags for build scripts, which run on this machine.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    cargo.args(["build", "--profile", profile, "--target", arch.target]).args(select);
    cargo.arg("--target-dir").arg(&target).current_dir(paths::root());
    sh::cargo(&mut cargo)?;
    Ok(target.join(arch.target).join(profile))
}
