//! `cargo xtask vm`: runs a script in a guest.
//!
//! Only the script's stdout goes to stdout. The exit status is the script's, or one of the three constants below; in
//! that case a message on stderr gives the reason.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Parser};
use terminal_size::{Height, Width};

use crate::guest::{self, GuestEnd, GuestSpec};
use crate::initramfs::Initramfs;
use crate::kernel::{self, Kernel, KernelOptions, Series};
use crate::{modules, paths, program, setup, sh};

/// Exit status if the guest reached its time limit.
const TIMED_OUT: u8 = 124;
/// Exit status if the guest did not boot, or died.
const DIED: u8 = 125;
/// Exit status if no guest was started, because something is missing or does not build.
pub(crate) const NO_GUEST: u8 = 126;

/// Modules with the driver of the virtio ports; in some kernels the driver is built in.
pub(crate) const PORTS: &[&str] = &["virtio_pci", "virtio_console"];

/// Options that describe a guest, except its kernel.
#[derive(Clone, Debug, Parser)]
pub(crate) struct GuestOptions {
    /// CPU that QEMU emulates, such as max,pauth-impdef=on; a default of the architecture if not given
    #[arg(long, value_name = "CPU")]
    pub(crate) cpu: Option<String>,
    /// Number of CPUs in the guest
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) smp: u32,
    /// Advance guest time by 2 ns per instruction, so that equal runs take equal time; needs one CPU
    #[arg(long)]
    pub(crate) icount: bool,
    /// Memory of the guest in MiB
    #[arg(long, value_name = "MB", default_value_t = 1024)]
    pub(crate) mem: u32,
    /// Build the out-of-tree modules of a folder and add them to /modules (repeatable)
    #[arg(long, value_name = "DIR")]
    pub(crate) kmod: Vec<PathBuf>,
    /// Copy a file or folder to /add (repeatable)
    #[arg(long, value_name = "PATH")]
    pub(crate) add: Vec<PathBuf>,
    /// Additional kernel arguments, separated by blanks
    #[arg(long, value_name = "ARGS", default_value = "")]
    pub(crate) append: String,
    /// Time limit of the guest in seconds
    #[arg(long, value_name = "S", default_value_t = 600)]
    pub(crate) timeout: u64,
}

impl Default for GuestOptions {
    fn default() -> Self {
        Self::parse_from([""])
    }
}

/// Options of `cargo xtask vm`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: SCRIPT's; 124 if the guest reached its time limit; 125 if it did not boot or \
                        died; 126 if no guest was started (something is missing or does not build).\n\
                        In the guest: seqtrace on PATH, the modules in /modules, --add in /add, busybox, \
                        users root and user (1000), no network but lo."
)]
pub(crate) struct Options {
    #[command(flatten)]
    kernel: KernelOptions,
    #[command(flatten)]
    guest: GuestOptions,
    /// Start an interactive shell on this terminal instead of SCRIPT
    #[arg(long, conflicts_with = "script")]
    shell: bool,
    /// Script for the guest's sh
    #[arg(last = true, required_unless_present = "shell")]
    script: Vec<String>,
}

/// Runs the script and returns the exit status.
pub(crate) fn run(options: &Options) -> Result<u8> {
    let series = options.kernel.series()?;
    setup::guests(series.arch)?;
    if options.shell {
        shell(series, &options.guest, "")?;
        return Ok(0);
    }
    // Words are joined, so that both `-- 'a; b'` and `-- cat /proc/version` work.
    run_script(&spec(series, &options.guest, &options.script.join(" "), &[])?, &mut io::stderr())
}

/// Boots a guest and forwards the script's stdout to stdout and its stderr to `err`. Returns the exit status.
pub(crate) fn run_script(spec: &GuestSpec, err: &mut (dyn Write + Send)) -> Result<u8> {
    let result = guest::run(spec, &mut io::stdout(), err)?;
    if let Some(failure) = result.failure(spec) {
        eprintln!("error: {failure}");
    }
    Ok(match result.end {
        GuestEnd::Exit(status) => status,
        GuestEnd::TimedOut => TIMED_OUT,
        GuestEnd::Died | GuestEnd::NotBooted => DIED,
        GuestEnd::OutputClosed => 0,
    })
}

/// Boots an interactive guest. The shell runs `prepare` before its first prompt.
pub(crate) fn shell(series: &'static Series, options: &GuestOptions, prepare: &str) -> Result<()> {
    // A serial line has no size of its own.
    let (rows, columns) = terminal_size().unwrap_or((24, 80));
    let script = format!("stty rows {rows} cols {columns}\n{prepare}\ncd /root\nexec sh -l\n");
    let mut spec = spec(series, options, &script, &[])?;
    spec.options.append.push_str(" guest.shell");
    sh::progress("Booting", &format!("{} (exit or Ctrl-A X ends it)", spec.kernel.release));
    guest::interactive(&spec)
}

/// Returns the rows and columns of xtask's terminal; `None` without a terminal.
pub(crate) fn terminal_size() -> Option<(u16, u16)> {
    let (Width(columns), Height(rows)) = terminal_size::terminal_size()?;
    Some((rows, columns))
}

/// Builds everything that the guest needs. `files` are additional files: path in the guest, and source.
pub(crate) fn spec(
    series: &'static Series,
    options: &GuestOptions,
    script: &str,
    files: &[(&str, PathBuf)],
) -> Result<GuestSpec> {
    let kernel = kernel::get(series)?;
    let mut archive = archive(&kernel, PORTS)?;
    for (name, bytes) in modules(&kernel, &options.kmod)? {
        archive.file(format!("modules/{name}"), &bytes, 0o644);
    }
    for path in &options.add {
        let from = path.canonicalize().with_context(|| format!("--add {}", path.display()))?;
        let name = path.file_name().or(from.file_name());
        let name = name.context("--add: the path has no last component")?;
        archive.tree(&Path::new("add").join(name), &from)?;
    }
    for (name, from) in files {
        archive.tree(name.as_ref(), from)?;
    }
    archive.file("script", script.as_bytes(), 0o755);
    Ok(GuestSpec {
        kernel,
        initramfs: archive.finish(),
        options: options.clone(),
        arguments: Vec::new(),
    })
}

/// Begins a guest's root file system: the files of every guest, seqtrace, and modules that /init loads.
pub(crate) fn archive(kernel: &Kernel, modules: &[&str]) -> Result<Initramfs> {
    let mut archive = Initramfs::base(kernel.arch)?;
    archive.file("bin/seqtrace", &fs::read(program::build(kernel.arch, "seqtrace")?)?, 0o755);
    for (number, (name, bytes)) in kernel.modules(modules)?.into_iter().enumerate() {
        archive.file(format!("lib/ports/{number:03}-{name}.ko"), &bytes, 0o644);
    }
    Ok(archive)
}

/// Builds the project's modules and those of the folders `more`. Returns their contents by file name.
fn modules(kernel: &Kernel, more: &[PathBuf]) -> Result<BTreeMap<String, Vec<u8>>> {
    let own = paths::root().join("module");
    let mut found = BTreeMap::new();
    let Some(headers) = &kernel.headers else {
        ensure!(more.is_empty(), "modules for {} cannot be built on this machine", kernel.release);
        return Ok(found);
    };
    for dir in [&own].into_iter().chain(more) {
        for file in modules::build(dir, headers, &kernel.release, kernel.arch)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let bytes =
                fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            if found.insert(name.clone(), bytes).is_some() {
                bail!("two of the folders build a module {name}: rename one");
            }
        }
    }
    Ok(found)
}
