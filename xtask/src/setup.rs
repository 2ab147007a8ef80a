//! `cargo xtask setup`: installs what the tasks need on a new Debian machine. The other tasks run it first.
//!
//! If nothing is missing, it only runs `dpkg-query` once.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::arch::Arch;
use crate::{apt, cross, kernel, paths, sh};

/// Version of bpf-linker that reads the bitcode of Debian's rustc.
const BPF_LINKER: &str = "0.13.0";
/// Version of LLVM that Debian's rustc-web uses. bpf-linker is built with the same version.
const LLVM: &str = "22";

/// Packages with the tools that run guests and build modules for them; [`Arch::packages`] has more.
const GUEST: &[&str] = &[
    "busybox-static",
    "util-linux",
    "xz-utils",
    "gcc-12",
    "gcc",
    "make",
    // The kernel's build tools in the header packages are linked with these.
    "libelf1",
    "libssl3",
    // A terminal for the test of the terminal UI.
    "tmux",
    // For pahole, which generates the BTF of modules.
    "dwarves",
];
/// Packages with a rustc that has a prebuilt core for bpfel-unknown-none.
const EBPF: &[&str] = &["rustc-web", "libstd-rust-web-dev-bpf"];
/// Packages with the tools that create the disks of a full sweep's guest.
const IMAGES: &[&str] = &["mmdebstrap", "debian-archive-keyring", "e2fsprogs", "kmod", "xz-utils"];
/// Packages with the tools that install packages of Python.
pub(crate) const PYTHON: &[&str] = &["python3-venv"];
/// Package with the browser that shows pages.
pub(crate) const BROWSER: &[&str] = &["chromium"];
/// Packages with other tracers for comparison, and jq.
pub(crate) const TRACERS: &[&str] = &["bpftrace", "trace-cmd", "jq"];
/// Packages that are needed to build bpf-linker.
const LINKER: &[&str] = &["llvm-22-dev", "libpolly-22-dev", "libzstd-dev", "g++"];

/// Installs packages, builds bpf-linker and fetches kernels, as far as they are missing. If `update` is true, fetches newer
/// kernels, too.
pub(crate) fn run(arch: &Arch, update: bool) -> Result<()> {
    guests(arch)?;
    for series in kernel::series(arch).iter().filter(|series| series.tested_by_default) {
        let kernel = if update { kernel::update(series)? } else { kernel::get(series)? };
        sh::progress("Ready", &format!("kernel {}", kernel.release));
    }
    if arch.is_foreign() {
        cross::busybox(arch)?;
        sh::progress(
            "Ready",
            &format!("std for {}: {}", arch.name, cross::sysroot(arch)?.display()),
        );
    }
    let linker = find_linker()?.context("the build of bpf-linker left no program")?;
    sh::progress("Ready", &format!("bpf-linker {}", linker.display()));
    Ok(())
}

/// Installs everything that guests need, except kernels; [`kernel::get`] fetches these.
pub(crate) fn guests(arch: &Arch) -> Result<()> {
    prepare(&[GUEST, arch.packages].concat())
}

/// Installs everything that builds of seqtrace need.
pub(crate) fn toolchain() -> Result<()> {
    prepare(&[])
}

/// Installs everything that disks for guests need.
pub(crate) fn images() -> Result<()> {
    ensure!(
        apt::is_root()?,
        "only root can make the disks of a full sweep's guest: run this task as root"
    );
    apt::install(IMAGES)
}

fn prepare(packages: &[&str]) -> Result<()> {
    let has_linker = find_linker()?.is_some();
    let mut packages = packages.to_vec();
    // A nightly toolchain with rust-src also builds the programs: see seqtrace/build.rs.
    if !nightly_with_source() {
        packages.extend(EBPF);
    }
    if !has_linker {
        packages.extend(LINKER);
    }
    apt::install(&packages)?;
    if !has_linker {
        build_linker()?;
    }
    Ok(())
}

/// Returns the path of bpf-linker in the cache or on PATH.
fn find_linker() -> Result<Option<PathBuf>> {
    let cached = paths::cache()?.join("bpf-linker/bin/bpf-linker");
    Ok(if cached.exists() { Some(cached) } else { paths::which("bpf-linker") })
}

fn nightly_with_source() -> bool {
    let home = env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".rustup")));
    let toolchains = home.and_then(|home| fs::read_dir(home.join("toolchains")).ok());
    toolchains.into_iter().flatten().flatten().any(|entry| {
        entry.file_name().to_string_lossy().starts_with("nightly-")
            && entry.path().join("lib/rustlib/src/rust/library").exists()
    })
}

fn build_linker() -> Result<()> {
    sh::progress("Building", &format!("bpf-linker {BPF_LINKER} (once, about a minute)"));
    let prefix = format!("/usr/lib/llvm-{LLVM}");
    ensure!(
        Path::new(&prefix).exists(),
        "{prefix} does not exist, although its package is installed"
    );
    sh::run(
        outer_cargo()
            .args(["install", "bpf-linker", "--version", BPF_LINKER, "--locked"])
            .args(["--no-default-features", "--features", &format!("llvm-{LLVM}")])
            .arg("--root")
            .arg(paths::cache()?.join("bpf-linker"))
            .arg("--target-dir")
            .arg(paths::target().join("bpf-linker"))
            .env("LLVM_PREFIX", &prefix)
            .env(format!("LLVM_SYS_{LLVM}1_PREFIX"), &prefix),
    )
}

/// Returns a command that runs the same cargo as the one that runs xtask, without the environment variables in which cargo
/// describes the package xtask.
pub(crate) fn outer_cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}
