//! Paths of the checkout, of cargo's target directory and of the cache, and access to files in them.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Returns the top of the checkout.
pub(crate) fn root() -> PathBuf {
    // `cargo run` sets the variable to the current path of the package; the constant is its path at compile time.
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().map_or_else(|| package.clone(), Path::to_path_buf)
}

/// Returns cargo's target directory. It contains this program, whether or not `CARGO_TARGET_DIR` or a configuration file
/// moved it.
pub(crate) fn target() -> PathBuf {
    env::current_exe()
        .ok()
        .and_then(|exe| {
            exe.ancestors().find(|dir| dir.join("CACHEDIR.TAG").exists()).map(Path::to_path_buf)
        })
        .unwrap_or_else(|| root().join("target"))
}

/// Returns the folder of large files that all checkouts share and that can be created again: `SEQTRACE_CACHE`, or
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
    let dir = created(dir)?;
    dir.canonicalize().with_context(|| format!("cannot use {}", dir.display()))
}

/// Creates a folder, and those above it, as far as they are missing.
pub(crate) fn created(dir: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    Ok(dir)
}

/// Creates a folder, or removes everything from it.
pub(crate) fn emptied(dir: PathBuf) -> Result<PathBuf> {
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    created(dir)
}

/// Returns true if the path ends in `.extension`.
pub(crate) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

/// Locks a folder of the cache, which several checkouts share. Dropping the result releases the lock.
pub(crate) fn lock(dir: &Path) -> Result<File> {
    let file = File::create(dir.join("lock"))?;
    file.lock().with_context(|| format!("cannot lock {}", dir.display()))?;
    Ok(file)
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Returns the path of the program `name`; `None` if it is not on PATH.
pub(crate) fn which(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    // PATH of a root shell that su started may lack the sbin folders.
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}
