//! Builds kernel modules for guests.
//!
//! A copy of the folder with the sources is built under target/, against the headers of the guest's kernel. A build is
//! repeated only if the sources or the headers have changed.

use std::fs;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher, Hash};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use walkdir::{DirEntry, WalkDir};

use crate::arch::Arch;
use crate::{paths, sh};

/// Extensions of files that Kbuild generates. Such files in the folder of the sources are not copied.
const PRODUCTS: &[&str] = &["ko", "o", "mod", "cmd", "symvers", "order"];

/// Lock of the folders under target/: guests that start at the same time may need the same modules.
static BUILD_LOCK: Mutex<()> = Mutex::new(());

/// Builds the out-of-tree modules of the folder `source` against `headers`. Returns the paths of the `.ko` files, sorted.
pub(crate) fn build(
    source: &Path,
    headers: &Path,
    release: &str,
    arch: &Arch,
) -> Result<Vec<PathBuf>> {
    let source =
        source.canonicalize().with_context(|| format!("no module folder {}", source.display()))?;
    ensure!(
        source.join("Makefile").exists() || source.join("Kbuild").exists(),
        "{} has neither Makefile nor Kbuild, so it is not a folder of out-of-tree modules",
        source.display()
    );
    let files = sources(&source)?;

    let name = source.file_name().unwrap_or_default().to_string_lossy();
    let name = format!("{name}-{:08x}", stable_hash(&source));
    let dir = paths::target().join("kmod").join(release).join(name);

    let _lock = BUILD_LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let stamp = dir.join(".stamp");
    let hash = content_hash(&source, &files, headers)?;
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&hash) {
        sh::progress("Building", &format!("modules of {} for {release}", source.display()));
        make(&source, &files, &dir, headers, arch)?;
        fs::write(&stamp, &hash)?;
    }

    let files =
        WalkDir::new(&dir).sort_by_file_name().into_iter().collect::<Result<Vec<_>, _>>()?;
    let modules: Vec<PathBuf> = files
        .into_iter()
        .map(DirEntry::into_path)
        .filter(|path| paths::has_extension(path, "ko"))
        .collect();
    ensure!(!modules.is_empty(), "{} builds no module", source.display());
    Ok(modules)
}

fn make(source: &Path, files: &[PathBuf], dir: &Path, headers: &Path, arch: &Arch) -> Result<()> {
    paths::emptied(dir.to_owned())?;
    for file in files {
        let to = dir.join(file);
        fs::create_dir_all(to.parent().unwrap_or(dir))?;
        fs::copy(source.join(file), to)?;
    }
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let mut make = Command::new("make");
    make.arg("-C").arg(headers).arg(format!("M={}", dir.display()));
    make.arg(format!("-j{jobs}"));
    // Debian's headers name the exact compiler of the kernel; gcc-12, or any gcc, is close enough.
    let compiler = ["gcc-12", "gcc"].map(|name| format!("{}{name}", arch.tools));
    let compiler = compiler.into_iter().find(|name| paths::which(name).is_some());
    make.arg(format!("CC={}", compiler.context("no gcc that builds modules")?)).args(arch.make);
    // These variables of cargo's jobserver would change make's own.
    make.env_remove("MAKEFLAGS").env_remove("MFLAGS").env_remove("CARGO_MAKEFLAGS");
    let output = sh::output(make.arg("modules"))
        .with_context(|| format!("{} does not build", source.display()))?;
    for line in output.lines().filter(|line| line.contains("warning")) {
        eprintln!("{line}");
    }
    Ok(())
}

/// Returns the paths of the sources under `top`, relative to it and sorted.
fn sources(top: &Path) -> Result<Vec<PathBuf>> {
    let is_source = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        let is_product = PRODUCTS.iter().any(|product| paths::has_extension(entry.path(), product));
        !name.starts_with('.') && !name.ends_with(".mod.c") && !is_product
    };
    let mut files = Vec::new();
    for entry in
        WalkDir::new(top).min_depth(1).follow_links(true).into_iter().filter_entry(is_source)
    {
        let entry = entry?;
        if !entry.file_type().is_dir() {
            files.push(entry.path().strip_prefix(top)?.to_path_buf());
        }
    }
    files.sort();
    Ok(files)
}

/// Returns a hash that is the same in every run.
pub(crate) fn stable_hash(value: &impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}

fn content_hash(source: &Path, files: &[PathBuf], headers: &Path) -> Result<String> {
    let mut contents = Vec::new();
    for file in files {
        let path = source.join(file);
        contents.push(fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
    }
    Ok(format!("{:016x}", stable_hash(&(headers, files, contents))))
}
