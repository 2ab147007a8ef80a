//! Builds kernel modules for guests.
//!
//! A copy of the folder with the sources is built under target/, against the headers of the guest's kernel. A build is
//! repeated only if the sources or the headers have changed.

use std::error::Error;
use std::fmt;
use std::fs;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher, Hash};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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
/// `symbols` are files Module.symvers with symbols that other folders export.
pub(crate) fn build(
    source: &Path,
    headers: &Path,
    release: &str,
    arch: &Arch,
    symbols: &[PathBuf],
) -> Result<Vec<PathBuf>> {
    let source =
        source.canonicalize().with_context(|| format!("no module folder {}", source.display()))?;
    ensure!(
        source.join("Makefile").exists() || source.join("Kbuild").exists(),
        "{} has neither Makefile nor Kbuild, so it is not a folder of out-of-tree modules",
        source.display()
    );
    let files = sources(&source)?;
    let dir = folder(&source, release)?;

    let _lock = BUILD_LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let stamp = dir.join(".stamp");
    let hash = content_hash(&source, &files, headers, symbols)?;
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&hash) {
        sh::progress("Building", &format!("modules of {} for {release}", source.display()));
        make(&source, &files, &dir, headers, arch, symbols)?;
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

/// Returns the folder in which the modules of the folder `source` are built for a kernel.
pub(crate) fn folder(source: &Path, release: &str) -> Result<PathBuf> {
    let source = source.canonicalize().with_context(|| source.display().to_string())?;
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    let name = format!("{name}-{:08x}", stable_hash(&source));
    Ok(paths::target().join("kmod").join(release).join(name))
}

/// Modules do not build.
#[derive(Debug)]
pub(crate) struct CompilerError {
    source: PathBuf,
    /// Folder with the copy of the sources.
    dir: PathBuf,
    /// Messages of make and of the compiler.
    output: String,
}

impl CompilerError {
    /// Returns the messages of the compiler and of the linker, with the paths of the sources.
    pub(crate) fn shown(&self, source: &Path) -> String {
        let prefix =
            if source == Path::new(".") { String::new() } else { format!("{}/", source.display()) };
        let text = self.output.replace(&format!("{}/", self.dir.display()), &prefix);
        // make's own lines only show which commands ran, and that one failed.
        text.lines()
            .filter(|line| !line.starts_with("make") && !line.starts_with("  CC "))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Returns true if the modules are those of the folder `source`.
    pub(crate) fn is_of(&self, source: &Path) -> bool {
        source.canonicalize().is_ok_and(|path| path == self.source)
    }
}

impl fmt::Display for CompilerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not build\n{}", self.source.display(), self.output)
    }
}

impl Error for CompilerError {}

fn make(
    source: &Path,
    files: &[PathBuf],
    dir: &Path,
    headers: &Path,
    arch: &Arch,
    symbols: &[PathBuf],
) -> Result<()> {
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
    if !symbols.is_empty() {
        let list: Vec<String> = symbols.iter().map(|file| file.display().to_string()).collect();
        make.arg(format!("KBUILD_EXTRA_SYMBOLS={}", list.join(" ")));
    }
    // These variables of cargo's jobserver would change make's own.
    make.env_remove("MAKEFLAGS").env_remove("MFLAGS").env_remove("CARGO_MAKEFLAGS");
    let result = make.arg("modules").stdin(Stdio::null()).output().context("cannot run make")?;
    let output = String::from_utf8_lossy(&result.stdout);
    if !result.status.success() {
        let (source, dir) = (source.to_path_buf(), dir.to_path_buf());
        let output = String::from_utf8_lossy(&result.stderr) + output;
        return Err(CompilerError { source, dir, output: output.into_owned() }.into());
    }
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

fn content_hash(
    source: &Path,
    files: &[PathBuf],
    headers: &Path,
    symbols: &[PathBuf],
) -> Result<String> {
    let mut contents = Vec::new();
    for path in files.iter().map(|file| source.join(file)).chain(symbols.iter().cloned()) {
        contents.push(fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
    }
    Ok(format!("{:016x}", stable_hash(&(headers, files, contents))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_the_compiler_name_the_sources() {
        let output =
            "make[1]: *** [a.o] Error 1\n  CC [M]  /t/kmod/a.o\n/t/kmod/a.c:3:4: error: no\n";
        let error = |source: &str| CompilerError {
            source: PathBuf::from(source),
            dir: PathBuf::from("/t/kmod"),
            output: output.to_owned(),
        };
        assert_eq!(error("/src").shown(Path::new("../src")), "../src/a.c:3:4: error: no");
        assert_eq!(error("/src").shown(Path::new(".")), "a.c:3:4: error: no");
    }
}
