//! Fetches parts of Debian for another architecture than this machine's, and unpacks them in the cache.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::arch::Arch;
use crate::kernel::archive::{Apt, download, unpack};
use crate::{paths, sh};

/// Debian's rustc. Its std for another architecture has the same version, unlike that of rustup's rustc.
pub(crate) const RUSTC: &str = "/usr/bin/rustc";

/// Suites of the Debian release that xtask supports.
pub(crate) const SUITES: &[&str] = &["bookworm", "bookworm-security"];

/// Returns the sysroot with std for [`RUSTC`].
pub(crate) fn sysroot(arch: &Arch) -> Result<PathBuf> {
    let query = ["--show", "--showformat", "${Version}", "rustc-web"];
    let version = sh::output(Command::new("dpkg-query").args(query))?;
    // `1.96.0+dfsg1-1~deb12u2`; the shared libraries are in a package named after `1.96`.
    let minor: Vec<&str> = version.split('.').take(2).collect();
    let packages = [
        format!("libstd-rust-web-dev={version}"),
        format!("libstd-rust-web-{}={version}", minor.join(".")),
    ];
    let folder = unpacked(arch, &format!("std-{version}"), &packages).with_context(|| {
        format!(
            "cannot get Rust's std for {} of version {version}, that of the package rustc-web on this machine. \
             If Debian has a newer version: apt-get update && apt-get install rustc-web",
            arch.name
        )
    })?;
    Ok(folder.join("usr"))
}

/// Returns a static busybox.
pub(crate) fn busybox(arch: &Arch) -> Result<PathBuf> {
    let folder = unpacked(arch, "busybox", &["busybox-static".to_owned()])
        .with_context(|| format!("cannot get busybox for {}", arch.name))?;
    Ok(folder.join("bin/busybox"))
}

/// Returns the folder of the cache that contains the files of `packages`. Fetches these if the folder does not exist.
fn unpacked(arch: &Arch, folder: &str, packages: &[String]) -> Result<PathBuf> {
    let top = paths::created(paths::cache()?.join(arch.name))?;
    let unpacked = top.join(folder);
    if unpacked.exists() {
        return Ok(unpacked);
    }
    let _lock = paths::lock(&top)?;
    // Another checkout may have fetched them while this one waited for the lock.
    if unpacked.exists() {
        return Ok(unpacked);
    }
    sh::progress("Fetching", &format!("{} for {}", packages.join(" "), arch.name));
    let apt = Apt::new(arch, SUITES, &top)?;
    let work = paths::emptied(top.join("unpacking"))?;
    // apt has no package lists the first time, and old lists name versions that have left the archive.
    if download(packages, &apt, &work).is_err() {
        apt.refresh()?;
        download(packages, &apt, &work)?;
    }
    let root = paths::created(work.join("root"))?;
    unpack(&work, &root)?;
    fs::rename(&root, &unpacked)?;
    fs::remove_dir_all(&work)?;
    Ok(unpacked)
}
