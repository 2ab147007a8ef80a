//! Programs for guests: linked statically, because a guest has no libraries.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::{paths, setup, sh};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds a program as guests run it, and returns the file.
pub(crate) fn build(package: &str) -> Result<PathBuf> {
    cargo("guest", &["--package", package], Path::new(package))
}

/// Builds seqtrace as it is shipped.
pub(crate) fn release() -> Result<PathBuf> {
    cargo("release", &["--package", "seqtrace", "--bin", "seqtrace"], Path::new("seqtrace"))
}

/// Builds one of seqtrace's examples, optimised.
pub(crate) fn example(name: &str) -> Result<PathBuf> {
    let file = Path::new("examples").join(name);
    cargo("release", &["--package", "seqtrace", "--example", name], &file)
}

/// Builds what `select` says and returns `file` in the profile's folder.
///
/// With `--target`, cargo keeps these objects apart from the machine's own: neither build undoes the
/// other's.
fn cargo(profile: &str, select: &[&str], file: &Path) -> Result<PathBuf> {
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
    let file = target.join(TARGET).join(profile).join(file);
    ensure!(file.exists(), "cargo built no {}", file.display());
    Ok(file)
}
