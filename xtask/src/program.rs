//! Programs for guests: linked statically, because a guest has no libraries.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::{paths, setup, sh};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds seqtrace as guests run it, and returns the file.
///
/// With `--target`, cargo keeps these objects apart from the machine's own: neither build undoes the
/// other's.
pub(crate) fn build(package: &str) -> Result<PathBuf> {
    let target = paths::target();
    sh::cargo(
        setup::outer_cargo()
            .args(["build", "--profile", "guest", "--target", TARGET, "--package", package])
            .arg("--target-dir")
            .arg(&target)
            .env("RUSTFLAGS", "-C target-feature=+crt-static")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .current_dir(paths::root()),
    )?;
    let file = target.join(TARGET).join("guest").join(package);
    ensure!(file.exists(), "cargo built no {}", file.display());
    Ok(file)
}
