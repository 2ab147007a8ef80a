//! Builds kernel modules for guests.
//!
//! A copy of the folder with the sources is built under target/, against the headers of the guest's kernel. A build is
//! repeated only if the sources or the headers have changed.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, ensure};

use crate::{paths, sh};

/// Extensions of files that Kbuild generates. Such files in the folder of the sources are not copied.
const PRODUCTS: &[&str] = &["ko", "o", "mod", "cmd", "symvers", "order"];

/// Lock of the folders under target/: guests that start at the same time may need the same modules.
static BUILD_LOCK: Mutex<()> = Mutex::new(());

/// Builds the out-of-tree modules of the folder `source` against `headers`. Returns the paths of the `.ko` files, sorted.
pub(crate) fn build(source: &Path, headers: &Path, release: &str) -> Result<Vec<PathBuf>> {
    let source =
        source.canonicalize().with_context(|| format!("no module folder {}", source.display()))?;
    ensure!(
        source.join("Makefile").exists() || source.join("Kbuild").exists(),
        "{} has neither Makefile nor Kbuild, so it is not a folder of out-of-tree modules",
        source.display()
    );
    let mut files = Vec::new();
    collect(&source, &source, &mut files)?;
    files.sort();

    let mut path_hash = DefaultHasher::new();
    source.hash(&mut path_hash);
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    let name = format!("{name}-{:08x}", path_hash.finish());
    let dir = paths::target().join("kmod").join(release).join(name);

    let _lock = BUILD_LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let stamp = dir.join(".stamp");
    let hash = content_hash(&source, &files, headers)?;
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&hash) {
        make(&source, &files, &dir, headers, release)?;
        fs::write(&stamp, &hash)?;
    }

    let mut modules = Vec::new();
    find_ko(&dir, &mut modules)?;
    modules.sort();
    ensure!(!modules.is_empty(), "{} builds no module", source.display());
    Ok(modules)
}

fn make(source: &Path, files: &[PathBuf], dir: &Path, headers: &Path, release: &str) -> Result<()> {
    sh::progress("Building", &format!("modules of {} for {release}", source.display()));
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    for file in files {
        let to = dir.join(file);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(source.join(file), to)?;
    }
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let mut make = Command::new("make");
    make.arg("-C").arg(headers).arg(format!("M={}", dir.display()));
    make.arg(format!("-j{jobs}"));
    // Debian's headers name the exact compiler of the kernel; gcc-12, or any gcc, is close enough.
    let compiler = if paths::which("gcc-12").is_some() { "gcc-12" } else { "gcc" };
    make.arg(format!("CC={compiler}"));
    // These variables of cargo's jobserver would change make's own.
    make.env_remove("MAKEFLAGS").env_remove("MFLAGS").env_remove("CARGO_MAKEFLAGS");
    let output = sh::output(make.arg("modules"))
        .with_context(|| format!("{} does not build", source.display()))?;
    for line in output.lines().filter(|line| line.contains("warning")) {
        eprintln!("{line}");
    }
    Ok(())
}

/// Adds the paths of the sources under `dir`, relative to `top`, to `files`.
fn collect(top: &Path, dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || name.ends_with(".mod.c") {
            continue;
        }
        if path.is_dir() {
            collect(top, &path, files)?;
        } else if !path.extension().is_some_and(|e| PRODUCTS.iter().any(|p| e == *p)) {
            files.push(path.strip_prefix(top)?.to_path_buf());
        }
    }
    Ok(())
}

fn content_hash(source: &Path, files: &[PathBuf], headers: &Path) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    headers.hash(&mut hasher);
    for file in files {
        file.hash(&mut hasher);
        fs::read(source.join(file))
            .with_context(|| format!("cannot read {}", source.join(file).display()))?
            .hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn find_ko(dir: &Path, modules: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            find_ko(&path, modules)?;
        } else if path.extension().is_some_and(|extension| extension == "ko") {
            modules.push(path);
        }
    }
    Ok(())
}
