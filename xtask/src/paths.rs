//! Where things are: the checkout, its target directory, the cache outside of it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The top of the checkout.
pub(crate) fn root() -> PathBuf {
    // `cargo run` says where the package is now; the constant is where it was compiled.
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().map_or_else(|| package.clone(), Path::to_path_buf)
}

/// Cargo's target directory: whatever `CARGO_TARGET_DIR` or a configuration says, this program is in it.
pub(crate) fn target() -> PathBuf {
    env::current_exe()
        .ok()
        .and_then(|exe| {
            exe.ancestors().find(|dir| dir.join("CACHEDIR.TAG").exists()).map(Path::to_path_buf)
        })
        .unwrap_or_else(|| root().join("target"))
}

/// What is big, can be made again and is the same for every checkout: `SEQTRACE_CACHE` or
/// `~/.cache/seqtrace`.
pub(crate) fn cache() -> Result<PathBuf> {
    let dir = match (env::var_os("SEQTRACE_CACHE"), env::var_os("XDG_CACHE_HOME")) {
        (Some(dir), _) => PathBuf::from(dir),
        (None, Some(dir)) => PathBuf::from(dir).join("seqtrace"),
        (None, None) => {
            let home = env::home_dir().context("no home directory; set SEQTRACE_CACHE")?;
            home.join(".cache/seqtrace")
        }
    };
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    dir.canonicalize().with_context(|| format!("cannot use {}", dir.display()))
}

/// The program `name`, if it is on PATH.
pub(crate) fn which(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    // A root shell made by su may lack the sbin directories.
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}
