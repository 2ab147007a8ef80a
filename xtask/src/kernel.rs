//! Kernels for guests, and the headers to build modules for them: Debian's cloud kernels, unpacked
//! in the cache. The machine's own /boot, /lib/modules and /usr/src are left alone.
//!
//! A kernel's version is resolved through its metapackage and never pinned: old versions leave the
//! archive. What was resolved stays until `cargo xtask setup --update`, so that a warm cache needs no
//! network.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::{paths, sh};

pub(crate) mod archive;

use archive::{Apt, Archive, depends, download, unpack};

/// A line of kernels.
#[derive(Debug)]
pub(crate) struct Series {
    /// What `--kernel` calls it.
    pub(crate) name: &'static str,
    /// Its folder in the cache.
    folder: &'static str,
    /// The metapackage that depends on the newest image.
    metapackage: &'static str,
    /// Archives and suites of another release of Debian that have it, on the mirror that this machine's
    /// sources name; none: this machine's own sources.
    suites: &'static [(Archive, &'static str)],
    /// Modules can be built for it here.
    pub(crate) modules: bool,
    /// It is tested if nothing else is asked for.
    pub(crate) usual: bool,
}

/// Every line of kernels there is.
pub(crate) static SERIES: [Series; 4] = [
    Series {
        name: "6.12",
        folder: "6.12",
        metapackage: "linux-image-6.12-cloud-amd64",
        suites: &[],
        modules: true,
        usual: true,
    },
    Series {
        name: "6.1",
        folder: "6.1",
        metapackage: "linux-image-cloud-amd64",
        suites: &[],
        modules: true,
        usual: true,
    },
    Series {
        name: "5.10",
        folder: "5.10",
        metapackage: "linux-image-cloud-amd64",
        suites: &[(Archive::Security, "bullseye-security"), (Archive::Main, "bullseye")],
        modules: true,
        usual: false,
    },
    Series {
        name: "7",
        folder: "7",
        metapackage: "linux-image-cloud-amd64",
        suites: &[(Archive::Main, "sid")],
        // Its build tools want a newer libc, its flags a newer compiler than Debian 12 has.
        modules: false,
        usual: false,
    },
];

/// Debian's full kernels, of the same names: with nearly all drivers, and no headers here.
pub(crate) static FULL: [Series; 3] = [
    Series {
        name: "6.12",
        folder: "6.12-full",
        metapackage: "linux-image-6.12-amd64",
        suites: &[],
        modules: false,
        usual: false,
    },
    Series {
        name: "6.1",
        folder: "6.1-full",
        metapackage: "linux-image-amd64",
        suites: &[],
        modules: false,
        usual: false,
    },
    Series {
        name: "7",
        folder: "7-full",
        metapackage: "linux-image-amd64",
        suites: &[(Archive::Main, "sid")],
        modules: false,
        usual: false,
    },
];

/// What `--kernel` is when not given.
pub(crate) const DEFAULT: &str = "6.12";

/// The series that [`DEFAULT`] names.
pub(crate) fn default() -> &'static Series {
    let [first, ..] = &SERIES;
    first
}

/// Parses `--kernel`.
pub(crate) fn parse(name: &str) -> Result<&'static Series, String> {
    find(&SERIES, name)
}

/// Parses `--kernel` where full kernels are meant.
pub(crate) fn parse_full(name: &str) -> Result<&'static Series, String> {
    find(&FULL, name)
}

fn find(all: &'static [Series], name: &str) -> Result<&'static Series, String> {
    all.iter().find(|series| series.name == name).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|series| series.name).collect();
        format!("one of {}", names.join(", "))
    })
}

/// An unpacked kernel.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// `uname -r`
    pub(crate) release: String,
    /// The unpacked packages.
    root: PathBuf,
    /// The boot image.
    pub(crate) vmlinuz: PathBuf,
    /// What `make -C` is given to build modules, if that can be done.
    pub(crate) headers: Option<PathBuf>,
}

/// The kernel of `series`, fetched if the cache does not have one.
pub(crate) fn get(series: &'static Series) -> Result<Kernel> {
    let dir = directory(series)?;
    if let Some(kernel) = cached(series, &dir) {
        return Ok(kernel);
    }
    // Several checkouts share the cache: one fetches, the others wait.
    let lock = lock(&dir)?;
    let kernel = match cached(series, &dir) {
        Some(kernel) => kernel,
        None => fetch(series, &dir)
            .with_context(|| format!("cannot get Debian's kernel {}", series.folder))?,
    };
    drop(lock);
    Ok(kernel)
}

/// Fetches the newest kernel of `series` even if there is one.
pub(crate) fn update(series: &'static Series) -> Result<Kernel> {
    let dir = directory(series)?;
    let lock = lock(&dir)?;
    let apt = Apt::of(series, &dir)?;
    apt.update()?;
    let newest = image_package(series, &apt)?;
    let kernel = match cached(series, &dir) {
        Some(kernel) if newest == format!("linux-image-{}", kernel.release) => kernel,
        _ => fetch(series, &dir)?,
    };
    drop(lock);
    Ok(kernel)
}

fn directory(series: &Series) -> Result<PathBuf> {
    let dir = paths::cache()?.join("kernels").join(series.folder);
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    Ok(dir)
}

fn lock(dir: &Path) -> Result<File> {
    let file = File::create(dir.join("lock"))?;
    file.lock().with_context(|| format!("cannot lock {}", dir.display()))?;
    Ok(file)
}

/// `DIR/current` names the release; it is written last, so what it names is whole.
fn cached(series: &Series, dir: &Path) -> Option<Kernel> {
    let release = fs::read_to_string(dir.join("current")).ok()?;
    open(series, &dir.join(&release), &release).ok()
}

fn open(series: &Series, root: &Path, release: &str) -> Result<Kernel> {
    let vmlinuz = [format!("boot/vmlinuz-{release}"), format!("usr/lib/modules/{release}/vmlinuz")]
        .into_iter()
        .map(|path| root.join(path))
        .find(|path| path.exists())
        .with_context(|| format!("no vmlinuz in {}", root.display()))?;
    let headers = root.join(format!("usr/src/linux-headers-{release}"));
    let there = headers.join("Makefile").exists();
    ensure!(there || !series.modules, "no headers in {}", root.display());
    let headers = series.modules.then_some(headers);
    Ok(Kernel { release: release.to_owned(), root: root.to_path_buf(), vmlinuz, headers })
}

impl Kernel {
    /// The kernel's own modules `names` and what they depend on, not compressed, in the order of
    /// insertion. What is built in is left out.
    pub(crate) fn modules(&self, names: &[&str]) -> Result<Vec<(String, Vec<u8>)>> {
        let mut found = Vec::new();
        for name in names {
            self.module(name, &mut found)?;
        }
        Ok(found)
    }

    /// The folder `modules/RELEASE` of the unpacked packages.
    pub(crate) fn modules_folder(&self) -> Result<PathBuf> {
        ["lib", "usr/lib"]
            .into_iter()
            .map(|lib| self.root.join(lib).join("modules").join(&self.release))
            .find(|dir| dir.join("kernel").exists())
            .with_context(|| format!("no modules in {}", self.root.display()))
    }

    fn module(&self, name: &str, found: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
        if found.iter().any(|(there, _)| there == name) {
            return Ok(());
        }
        let dir = self.modules_folder()?.join("kernel");
        let Some(file) = find_module(&dir, name)? else { return Ok(()) };
        let bytes = read_module(&file)?;
        for dependency in dependencies(&bytes) {
            self.module(&dependency, found)?;
        }
        found.push((name.to_owned(), bytes));
        Ok(())
    }
}

/// A module's bytes, unpacked.
fn read_module(file: &Path) -> Result<Vec<u8>> {
    if file.extension().is_none_or(|extension| extension == "ko") {
        return fs::read(file).with_context(|| format!("cannot read {}", file.display()));
    }
    let xz = Command::new("xz").arg("-dc").arg(file).output().context("cannot run xz")?;
    ensure!(xz.status.success(), "xz cannot unpack {}", file.display());
    Ok(xz.stdout)
}

/// What a module says it depends on: `depends=a,b` in its section .modinfo.
fn dependencies(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|bytes| bytes == KEY) else {
        return Vec::new();
    };
    let value = module.get(at + KEY.len()..).unwrap_or_default();
    let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(value);
    names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn find_module(dir: &Path, name: &str) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if let Some(found) = find_module(&path, name)? {
                return Ok(Some(found));
            }
        } else if entry
            .file_name()
            .to_str()
            .and_then(|file| file.strip_prefix(name))
            .is_some_and(|rest| rest == ".ko" || rest == ".ko.xz")
        {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The image the metapackage stands for.
fn image_package(series: &Series, apt: &Apt) -> Result<String> {
    let find = || -> Result<Option<String>> {
        let names = depends(series.metapackage, apt)?;
        Ok(names.into_iter().find(|name| name.starts_with("linux-image-")))
    };
    // A machine that never ran `apt-get update` knows no packages at all.
    if let Ok(Some(image)) = find() {
        return Ok(image);
    }
    apt.refresh()?;
    find()?.with_context(|| format!("{} depends on no image", series.metapackage))
}

fn fetch(series: &'static Series, dir: &Path) -> Result<Kernel> {
    sh::say("Fetching", &format!("Debian's kernel {} and its headers", series.name));
    let apt = Apt::of(series, dir)?;
    match fetch_resolved(series, &apt, dir) {
        Ok(kernel) => Ok(kernel),
        // The lists may name a version that has left the archive.
        Err(error) => {
            sh::say("Retrying", &format!("with fresh package lists, because: {error:#}"));
            apt.refresh()?;
            fetch_resolved(series, &apt, dir)
        }
    }
}

fn fetch_resolved(series: &'static Series, apt: &Apt, dir: &Path) -> Result<Kernel> {
    let image = image_package(series, apt)?;
    let release = image.strip_prefix("linux-image-").unwrap_or(&image).to_owned();

    let mut packages = vec![image.clone()];
    // Newer suites have the parts of an image in packages of their own.
    let parts = [format!("linux-binary-{release}"), format!("linux-modules-{release}")];
    packages.extend(depends(&image, apt)?.into_iter().filter(|name| parts.contains(name)));
    if series.modules {
        let headers = format!("linux-headers-{release}");
        let wanted = ["linux-headers-", "linux-kbuild-", "linux-compiler-"];
        packages.extend(
            depends(&headers, apt)?
                .into_iter()
                .filter(|name| wanted.iter().any(|prefix| name.starts_with(prefix))),
        );
        packages.push(headers);
    }

    let work = dir.join("unpacking");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    let root = work.join("root");
    fs::create_dir_all(&root)?;
    download(&packages, apt, &work)?;
    unpack(&work, &root)?;
    if !has_vmlinuz(&root, &release) {
        // Some suites ship the signed image as a template only.
        let unsigned = work.join("unsigned");
        fs::create_dir_all(&unsigned)?;
        download(&[format!("{image}-unsigned")], apt, &unsigned)?;
        unpack(&unsigned, &root)?;
    }
    if series.modules {
        relocate(&root.join(format!("usr/src/linux-headers-{release}")))?;
    }
    open(series, &root, &release)?;

    let place = dir.join(&release);
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::rename(&root, &place)?;
    fs::remove_dir_all(&work)?;
    let previous = fs::read_to_string(dir.join("current")).unwrap_or_default();
    fs::write(dir.join("current.new"), &release)?;
    fs::rename(dir.join("current.new"), dir.join("current"))?;
    if !previous.is_empty() && previous != release {
        fs::remove_dir_all(dir.join(previous)).ok();
    }
    open(series, &place, &release)
}

fn has_vmlinuz(root: &Path, release: &str) -> bool {
    root.join(format!("boot/vmlinuz-{release}")).exists()
        || root.join(format!("usr/lib/modules/{release}/vmlinuz")).exists()
}

/// Makes the headers work where they were unpacked: their links are relative, only the Makefile
/// names /usr/src.
fn relocate(headers: &Path) -> Result<()> {
    let file = headers.join("Makefile");
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let here = "include $(realpath $(dir $(lastword $(MAKEFILE_LIST))))/../";
    fs::write(&file, text.replace("include /usr/src/", here))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_first() {
        assert_eq!(default().name, DEFAULT);
    }

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
