//! `cargo xtask btf`: makes BTF for a kernel that has none, from its headers. docs/btf.md has the same as commands.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::kernel::{self, Series};
use crate::{apt, modules, paths, setup, sh};

/// Options of `cargo xtask btf`.
#[derive(Debug, Args)]
#[command(
    after_help = "For a kernel of another architecture, set ARCH and CROSS_COMPILE as for a build of its modules:\n  \
                  ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- cargo xtask btf --headers DIR -o FILE\n\
                  CC names another compiler than gcc-12 or gcc."
)]
pub(crate) struct Options {
    /// Folder in which modules for the kernel are built: /lib/modules/RELEASE/build
    #[arg(long, value_name = "DIR")]
    headers: PathBuf,
    /// File to write, for `seqtrace … --btf FILE`
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    output: PathBuf,
}

/// Makes the BTF, and checks that seqtrace can use it.
pub(crate) fn run(options: &Options) -> Result<()> {
    apt::install(&["dwarves", "make", "gcc"])?;
    setup::toolchain()?;
    let headers = &options.headers;
    let headers = headers.canonicalize().with_context(|| format!("no {}", headers.display()))?;
    ensure!(
        headers.join("Makefile").exists() && headers.join(".config").exists(),
        "{} is no folder in which modules can be built: it has no Makefile and .config",
        headers.display()
    );
    let made = make(&headers)?;
    let facts = facts(&made)?;
    fs::copy(&made, &options.output)
        .with_context(|| format!("cannot write {}", options.output.display()))?;
    sh::progress("Ready", &format!("{}: {}", options.output.display(), facts.trim()));
    Ok(())
}

/// Makes the BTF that a guest's test needs: the kernel's, and that of another kernel. Returns the paths in the guest, and the
/// sources.
pub(crate) fn for_guest(series: &'static Series) -> Result<Vec<(&'static str, PathBuf)>> {
    let is_other = |other: &&Series| other.tested_by_default && other.name != series.name;
    let mut files = Vec::new();
    for (name, series) in [
        ("e2e/kernel.btf", Some(series)),
        ("e2e/foreign.btf", kernel::series(series.arch).iter().find(is_other)),
    ] {
        let kernel = series.map(kernel::get).transpose()?;
        if let Some(headers) = kernel.and_then(|kernel| kernel.headers) {
            files.push((name, make(&headers)?));
        }
    }
    Ok(files)
}

/// Compiles the types against the headers, and converts their DWARF. Returns the path of the BTF.
fn make(headers: &Path) -> Result<PathBuf> {
    sh::progress("Compiling", &format!("the types of {}", headers.display()));
    let dir = format!("{:016x}", modules::stable_hash(&headers));
    let dir = paths::emptied(paths::target().join("btf").join(dir))?;
    for file in ["Kbuild", "offsets.c"] {
        fs::copy(paths::root().join("xtask/btf").join(file), dir.join(file))?;
    }
    let mut make = Command::new("make");
    make.arg("-C").arg(headers).arg(format!("M={}", dir.display()));
    make.arg(format!("CC={}", compiler()));
    // These variables of cargo's jobserver would change make's own.
    make.env_remove("MAKEFLAGS").env_remove("MFLAGS").env_remove("CARGO_MAKEFLAGS");
    sh::run(make.arg("offsets.o")).context("the types do not compile against these headers")?;
    let file = dir.join("kernel.btf");
    let to = format!("--btf_encode_detached={}", file.display());
    sh::run(Command::new("pahole").arg(to).arg(dir.join("offsets.o")))?;
    ensure!(file.exists(), "pahole wrote no BTF: are the types compiled without -g?");
    Ok(file)
}

/// Returns the name of the compiler. Headers name the exact compiler of their kernel, which the machine may not have; a
/// near version lays types out in the same way.
fn compiler() -> String {
    env::var("CC").unwrap_or_else(|_| {
        let prefix = env::var("CROSS_COMPILE").unwrap_or_default();
        let versioned = format!("{prefix}gcc-12");
        if paths::which(&versioned).is_some() { versioned } else { format!("{prefix}gcc") }
    })
}

/// Reads the BTF as seqtrace does. Returns a line about it.
fn facts(file: &Path) -> Result<String> {
    let mut cargo = setup::outer_cargo();
    cargo.args(["run", "--quiet", "--package", "seqtrace", "--example", "kernel_facts", "--"]);
    sh::output(cargo.arg(file).current_dir(paths::root()))
        .context("seqtrace cannot use the BTF that was made")
}
