//! `cargo xtask setup`: what a fresh Debian machine lacks. The other tasks run it first.
//!
//! When nothing is missing it costs one `dpkg-query`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::{kernel, paths, sh};

/// The version that reads the bitcode of Debian's rustc.
const BPF_LINKER: &str = "0.13.0";
/// The LLVM of Debian's rustc-web; bpf-linker is built against the same.
const LLVM: &str = "22";

/// Guests, and modules built for them.
const GUEST: &[&str] = &[
    "qemu-system-x86",
    "busybox-static",
    "util-linux",
    "xz-utils",
    "gcc-12",
    "gcc",
    "make",
    // The kernel's build tools come built, linked with these.
    "libelf1",
    "libssl3",
    // pahole: BTF of modules.
    "dwarves",
];
/// eBPF: a rustc with a prebuilt core for bpfel-unknown-none.
const EBPF: &[&str] = &["rustc-web", "libstd-rust-web-dev-bpf"];
/// Disks for the guests of a full sweep.
const IMAGES: &[&str] = &["mmdebstrap", "debian-archive-keyring", "e2fsprogs", "kmod", "xz-utils"];
/// To look at recordings with pyarrow.
const PYTHON: &[&str] = &["python3-venv"];
/// Tracers to compare with.
const TRACERS: &[&str] = &["bpftrace", "trace-cmd", "jq"];
/// To build bpf-linker.
const LINKER: &[&str] = &["llvm-22-dev", "libpolly-22-dev", "libzstd-dev", "g++"];

/// Installs and fetches what is missing. `update` also looks for newer kernels.
pub(crate) fn run(update: bool) -> Result<()> {
    all()?;
    for series in kernel::SERIES.iter().filter(|series| series.usual) {
        let kernel = if update { kernel::update(series)? } else { kernel::get(series)? };
        sh::say("Ready", &format!("kernel {}", kernel.release));
    }
    sh::say("Ready", &format!("bpf-linker {}", linker()?.display()));
    Ok(())
}

/// Everything but the kernels, which are fetched when one is asked for.
pub(crate) fn all() -> Result<()> {
    prepare(GUEST)
}

/// What it takes to build seqtrace.
pub(crate) fn toolchain() -> Result<()> {
    prepare(&[])
}

/// What it takes to make virtual environments of Python.
pub(crate) fn python() -> Result<()> {
    install(PYTHON)
}

/// What it takes to make disks for guests.
pub(crate) fn images() -> Result<()> {
    ensure!(is_root()?, "only root can make the disks of a full sweep's guest");
    install(IMAGES)
}

/// Other tracers, and a reader of JSON.
pub(crate) fn tracers() -> Result<()> {
    install(TRACERS)
}

fn prepare(packages: &[&str]) -> Result<()> {
    let linker_there = find_linker()?.is_some();
    let mut packages = packages.to_vec();
    // A developer's nightly with rust-src builds the programs as well: see seqtrace/build.rs.
    if !nightly_with_source() {
        packages.extend(EBPF);
    }
    if !linker_there {
        packages.extend(LINKER);
    }
    install(&packages)?;
    if !linker_there {
        build_linker()?;
    }
    Ok(())
}

/// bpf-linker, on PATH or in the cache.
pub(crate) fn linker() -> Result<PathBuf> {
    find_linker()?.context("no bpf-linker, though it was just built")
}

fn find_linker() -> Result<Option<PathBuf>> {
    let cached = paths::cache()?.join("bpf-linker/bin/bpf-linker");
    Ok(if cached.exists() { Some(cached) } else { paths::which("bpf-linker") })
}

fn nightly_with_source() -> bool {
    let Some(home) = env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".rustup")))
    else {
        return false;
    };
    let Ok(toolchains) = fs::read_dir(home.join("toolchains")) else { return false };
    toolchains.flatten().any(|entry| {
        entry.file_name().to_string_lossy().starts_with("nightly-")
            && entry.path().join("lib/rustlib/src/rust/library").exists()
    })
}

fn install(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    if paths::which("dpkg-query").is_none() || paths::which("apt-get").is_none() {
        bail!(
            "this machine is not Debian, and the kernels for the guests are Debian's: \
             apt-get and dpkg are needed to fetch them.\n\
             What is used, by the names of Debian 12's packages: {}.\n\
             Use a Debian 12 machine, virtual machine or container (no /dev/kvm needed).",
            packages.join(" ")
        );
    }
    let missing = missing(packages)?;
    if missing.is_empty() {
        return Ok(());
    }
    if !is_root()? {
        bail!(
            "packages are missing and only root can install them. Run this, then try again:\n\
             \n    sudo apt-get update && sudo apt-get install --no-install-recommends {}\n",
            missing.join(" ")
        );
    }
    sh::say("Installing", &missing.join(" "));
    if apt_install(&missing).is_err() {
        // Lists that are absent or old.
        apt_update()?;
        apt_install(&missing).with_context(|| {
            format!(
                "apt-get cannot install {} (Debian 12 with its security suite has them all)",
                missing.join(" ")
            )
        })?;
    }
    Ok(())
}

fn missing<'a>(packages: &[&'a str]) -> Result<Vec<&'a str>> {
    // dpkg-query fails when it does not know one of them, and still lists the others.
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${Package} ${db:Status-Status}\n"])
        .args(packages)
        .output()
        .context("cannot run dpkg-query")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let installed: Vec<&str> =
        text.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
    Ok(packages.iter().copied().filter(|package| !installed.contains(package)).collect())
}

fn apt_install(packages: &[&str]) -> Result<()> {
    sh::output(
        Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["--quiet", "--yes", "--no-install-recommends"])
            .args(["-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=300", "install"])
            .args(packages),
    )
    .map(drop)
}

/// `apt-get update`, which only root can.
pub(crate) fn apt_update() -> Result<()> {
    ensure!(
        is_root()?,
        "the package lists are missing or old and only root can fetch them: sudo apt-get update"
    );
    sh::say("Updating", "the package lists");
    sh::output(Command::new("apt-get").args(["--quiet", "-o", "DPkg::Lock::Timeout=300", "update"]))
        .map(drop)
}

fn is_root() -> Result<bool> {
    Ok(sh::output(Command::new("id").arg("-u"))?.trim() == "0")
}

fn build_linker() -> Result<()> {
    sh::say("Building", &format!("bpf-linker {BPF_LINKER} (once, about a minute)"));
    let prefix = format!("/usr/lib/llvm-{LLVM}");
    ensure!(Path::new(&prefix).exists(), "{prefix} is not there though its package is installed");
    sh::output(
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
    .map(drop)
}

/// The cargo that runs this, without what it tells its children about this package.
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
