//! Fetches Debian's kernels for guests, with the headers to build modules for them, and unpacks them in the cache. The
//! machine's own /boot, /lib/modules and /usr/src are not touched.
//!
//! A metapackage names the version of a kernel. Versions are not pinned, because old ones leave the archive. A fetched
//! version is used until `cargo xtask setup --update` runs, so that a filled cache needs no network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use walkdir::WalkDir;

use crate::arch::{Arch, X86_64};
use crate::{paths, sh};

pub(crate) mod archive;
mod series;

use archive::{Apt, depends, download, unpack};
pub(crate) use series::{DEFAULT, FULL, KernelOptions, Series, find, parse, series};

/// A kernel in the cache.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    pub(crate) arch: &'static Arch,
    /// Output of `uname -r` on this kernel.
    pub(crate) release: String,
    /// Folder of the unpacked packages.
    root: PathBuf,
    pub(crate) vmlinuz: PathBuf,
    /// Argument of `make -C` that builds modules; `None` if no modules can be built.
    pub(crate) headers: Option<PathBuf>,
}

/// Returns the kernel of `series`. Fetches it if the cache does not have one.
pub(crate) fn get(series: &'static Series) -> Result<Kernel> {
    let dir = directory(series)?;
    if let Some(kernel) = cached(series, &dir) {
        return Ok(kernel);
    }
    let _lock = paths::lock(&dir)?;
    // Another checkout may have fetched it while this one waited for the lock.
    if let Some(kernel) = cached(series, &dir) {
        return Ok(kernel);
    }
    fetch(series, &dir).with_context(|| format!("cannot get Debian's kernel {}", series.folder))
}

/// Returns the newest kernel of `series`. Fetches it if the cache has an older one or none.
pub(crate) fn update(series: &'static Series) -> Result<Kernel> {
    let dir = directory(series)?;
    let _lock = paths::lock(&dir)?;
    let apt = Apt::new(series.arch, series.suites, &dir)?;
    apt.update()?;
    let newest = image_package(series, &apt)?;
    match cached(series, &dir) {
        Some(kernel) if newest == format!("linux-image-{}", kernel.release) => Ok(kernel),
        _ => fetch(series, &dir),
    }
}

fn directory(series: &Series) -> Result<PathBuf> {
    paths::created(paths::cache()?.join("kernels").join(series.folder))
}

/// Returns the kernel that `DIR/current` names. That file is written last, so the kernel is complete.
fn cached(series: &Series, dir: &Path) -> Option<Kernel> {
    let release = fs::read_to_string(dir.join("current")).ok()?;
    open(series, &dir.join(&release), &release).ok()
}

/// Returns the unpacked kernel in `root`. Fails if it is not complete.
fn open(series: &Series, root: &Path, release: &str) -> Result<Kernel> {
    let vmlinuz = vmlinuz(root, release);
    let vmlinuz = vmlinuz.with_context(|| format!("no vmlinuz in {}", root.display()))?;
    let headers = root.join(format!("usr/src/linux-headers-{release}"));
    let has_headers = headers.join("Makefile").exists();
    ensure!(has_headers || !series.builds_modules, "no headers in {}", root.display());
    let headers = series.builds_modules.then_some(headers);
    Ok(Kernel {
        arch: series.arch,
        release: release.to_owned(),
        root: root.to_path_buf(),
        vmlinuz,
        headers,
    })
}

impl Kernel {
    /// Returns names and uncompressed contents of the modules `names` and of their dependencies, in the order in which
    /// they can be loaded. Leaves out modules that are built in.
    pub(crate) fn modules(&self, names: &[&str]) -> Result<Vec<(String, Vec<u8>)>> {
        let mut found = Vec::new();
        names.iter().try_for_each(|name| self.add_module(name, &mut found))?;
        Ok(found)
    }

    /// Returns the folder `modules/RELEASE` of the unpacked packages.
    pub(crate) fn modules_folder(&self) -> Result<PathBuf> {
        ["lib", "usr/lib"]
            .into_iter()
            .map(|lib| self.root.join(lib).join("modules").join(&self.release))
            .find(|dir| dir.join("kernel").exists())
            .with_context(|| format!("no modules in {}", self.root.display()))
    }

    /// Adds a module after its dependencies.
    fn add_module(&self, name: &str, found: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
        if found.iter().any(|(known, _)| known == name) {
            return Ok(());
        }
        let dir = self.modules_folder()?.join("kernel");
        let Some(file) = find_module(&dir, name)? else { return Ok(()) };
        let bytes = read_module(&file)?;
        dependencies(&bytes).iter().try_for_each(|name| self.add_module(name, found))?;
        found.push((name.to_owned(), bytes));
        Ok(())
    }
}

/// Reads a module and uncompresses it.
fn read_module(file: &Path) -> Result<Vec<u8>> {
    if file.extension().is_none_or(|extension| extension == "ko") {
        return fs::read(file).with_context(|| format!("cannot read {}", file.display()));
    }
    let xz = Command::new("xz").arg("-dc").arg(file).output().context("cannot run xz")?;
    ensure!(xz.status.success(), "xz cannot unpack {}", file.display());
    Ok(xz.stdout)
}

/// Returns the modules that a module depends on: `depends=a,b` in its section .modinfo.
fn dependencies(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let at = module.windows(KEY.len()).position(|bytes| bytes == KEY);
    let value = at.and_then(|at| module.get(at + KEY.len()..)).unwrap_or_default();
    let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(value);
    names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Searches a folder and its subfolders for the file of a module.
fn find_module(dir: &Path, name: &str) -> Result<Option<PathBuf>> {
    let names = [format!("{name}.ko"), format!("{name}.ko.xz")];
    for entry in WalkDir::new(dir) {
        let entry = entry?;
        if names.iter().any(|name| entry.file_name() == name.as_str()) {
            return Ok(Some(entry.into_path()));
        }
    }
    Ok(None)
}

/// Returns the package with the kernel's image.
fn image_package(series: &Series, apt: &Apt) -> Result<String> {
    let find = || -> Result<Option<String>> {
        let names = depends(series.metapackage, apt)?;
        Ok(names.into_iter().find(|name| name.starts_with("linux-image-")))
    };
    // apt has no package lists before the first `apt-get update`.
    if let Ok(Some(image)) = find() {
        return Ok(image);
    }
    apt.refresh()?;
    find()?.with_context(|| {
        format!("package {} depends on no linux-image package", series.metapackage)
    })
}

/// Fetches a kernel. If that fails, updates the package lists and tries again.
fn fetch(series: &'static Series, dir: &Path) -> Result<Kernel> {
    sh::progress("Fetching", &format!("Debian's kernel {} and its headers", series.folder));
    let apt = Apt::new(series.arch, series.suites, dir)?;
    fetch_resolved(series, &apt, dir).or_else(|error| {
        // Old lists name versions that have left the archive.
        sh::progress("Retrying", &format!("with new package lists, because: {error:#}"));
        apt.refresh()?;
        fetch_resolved(series, &apt, dir)
    })
}

fn fetch_resolved(series: &'static Series, apt: &Apt, dir: &Path) -> Result<Kernel> {
    let image = image_package(series, apt)?;
    let release = image.strip_prefix("linux-image-").unwrap_or(&image).to_owned();
    let packages = packages(series, apt, &image, &release)?;

    let work = paths::emptied(dir.join("unpacking"))?;
    let root = work.join("root");
    fs::create_dir_all(&root)?;
    download(&packages, apt, &work)?;
    unpack(&work, &root)?;
    if vmlinuz(&root, &release).is_none() {
        // Some suites have the signed image as a template only.
        let unsigned = work.join("unsigned");
        fs::create_dir_all(&unsigned)?;
        download(&[format!("{image}-unsigned")], apt, &unsigned)?;
        unpack(&unsigned, &root)?;
    }
    if series.builds_modules {
        relocate(&root.join(format!("usr/src/linux-headers-{release}")))?;
    }
    open(series, &root, &release)?;

    let unpacked = dir.join(&release);
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked)?;
    }
    fs::rename(&root, &unpacked)?;
    fs::remove_dir_all(&work)?;
    let previous = fs::read_to_string(dir.join("current")).unwrap_or_default();
    fs::write(dir.join("current.new"), &release)?;
    fs::rename(dir.join("current.new"), dir.join("current"))?;
    if !previous.is_empty() && previous != release {
        fs::remove_dir_all(dir.join(previous)).ok();
    }
    open(series, &unpacked, &release)
}

/// Returns the packages of a kernel: the image, further packages with parts of the image in newer suites, and the
/// headers.
fn packages(series: &Series, apt: &Apt, image: &str, release: &str) -> Result<Vec<String>> {
    let mut packages = vec![image.to_owned()];
    let parts = [format!("linux-binary-{release}"), format!("linux-modules-{release}")];
    packages.extend(depends(image, apt)?.into_iter().filter(|name| parts.contains(name)));
    if series.builds_modules {
        let headers = format!("linux-headers-{release}");
        let wanted = ["linux-headers-", "linux-kbuild-", "linux-compiler-"];
        let is_wanted = |name: &String| wanted.iter().any(|prefix| name.starts_with(prefix));
        // The build tools run on this machine, also if the modules do not.
        let qualified = |name: String| {
            let runs_here = series.arch.is_foreign() && name.starts_with("linux-kbuild-");
            if runs_here { format!("{name}:{}", X86_64.debian) } else { name }
        };
        packages.extend(depends(&headers, apt)?.into_iter().filter(is_wanted).map(qualified));
        packages.push(headers);
    }
    Ok(packages)
}

/// Returns the path of the kernel's image in unpacked packages.
fn vmlinuz(root: &Path, release: &str) -> Option<PathBuf> {
    [format!("boot/vmlinuz-{release}"), format!("usr/lib/modules/{release}/vmlinuz")]
        .into_iter()
        .map(|path| root.join(path))
        .find(|path| path.exists())
}

/// Replaces /usr/src in the Makefile of the headers, their only absolute path, so that they can be used in the cache.
fn relocate(headers: &Path) -> Result<()> {
    let file = headers.join("Makefile");
    let text = paths::read(&file)?;
    let here = "include $(realpath $(dir $(lastword $(MAKEFILE_LIST))))/../";
    fs::write(&file, text.replace("include /usr/src/", here))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_modinfo() {
        assert_eq!(
            dependencies(b"ELF\0license=GPL\0depends=virtio_ring,virtio\0name=x\0"),
            ["virtio_ring", "virtio"]
        );
        assert!(dependencies(b"\0depends=\0").is_empty());
        assert!(dependencies(b"").is_empty());
    }
}
