//! `cargo xtask vm`: a script in a guest.
//!
//! stdout is the script's and nothing else; the exit status is the script's, or one of the three below,
//! which a message on stderr explains.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use crate::guest::{self, End, GuestSpec};
use crate::initramfs::{self, Initramfs};
use crate::kernel::{self, Kernel, Series};
use crate::{modules, paths, program, setup, sh};

/// The guest ran out of time.
pub(crate) const TIMED_OUT: u8 = 124;
/// The guest did not boot, or died.
pub(crate) const DIED: u8 = 125;
/// There was no guest: something did not build, or is missing.
pub(crate) const NO_GUEST: u8 = 126;

/// The driver of the virtio ports, where a kernel has it as modules.
pub(crate) const PORTS: &[&str] = &["virtio_pci", "virtio_console"];

/// What to boot and what to put into it.
#[derive(Debug, Args)]
pub(crate) struct Machine {
    /// Debian's kernel: 5.10, 6.1, 6.12 or 7 (the newest)
    #[arg(long, value_parser = kernel::parse, default_value = kernel::DEFAULT)]
    pub(crate) kernel: &'static Series,
    /// CPUs
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) smp: u32,
    /// Guest time counts instructions, 2 ns each: the same run takes the same time; one CPU
    #[arg(long)]
    pub(crate) icount: bool,
    /// Memory in MiB
    #[arg(long, value_name = "MB", default_value_t = 1024)]
    pub(crate) mem: u32,
    /// A folder of out-of-tree modules, built and put into /modules (repeatable)
    #[arg(long, value_name = "DIR")]
    pub(crate) kmod: Vec<PathBuf>,
    /// A file or folder, copied to /add (repeatable)
    #[arg(long, value_name = "PATH")]
    pub(crate) add: Vec<PathBuf>,
    /// More kernel arguments
    #[arg(long, value_name = "ARGS", default_value = "")]
    pub(crate) append: String,
    /// Seconds until the guest is given up
    #[arg(long, value_name = "S", default_value_t = 600)]
    pub(crate) timeout: u64,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            kernel: kernel::default(),
            smp: 2,
            icount: false,
            mem: 1024,
            kmod: Vec::new(),
            add: Vec::new(),
            append: String::new(),
            timeout: 600,
        }
    }
}

/// Options of `cargo xtask vm`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: SCRIPT's; 124 the guest ran out of time; 125 it did not boot or \
                        died; 126 there was no guest (something is missing or does not build).\n\
                        In the guest: seqtrace on PATH, the modules in /modules, --add in /add, busybox, \
                        users root and user (1000), no network but lo."
)]
pub(crate) struct Options {
    #[command(flatten)]
    machine: Machine,
    /// An interactive shell on this terminal instead of SCRIPT
    #[arg(long, conflicts_with = "script")]
    shell: bool,
    /// What the guest's sh runs
    #[arg(last = true, required_unless_present = "shell")]
    script: Vec<String>,
}

/// Runs the script and returns the exit status.
pub(crate) fn run(options: &Options) -> Result<u8> {
    setup::all()?;
    if options.shell {
        shell(&options.machine, "")?;
        return Ok(0);
    }
    // `-- 'a; b'` and `-- cat /proc/version` both do what they look like.
    let spec = spec(&options.machine, &options.script.join(" "), &[])?;
    let result = guest::run(&spec, &mut io::stdout(), &mut io::stderr())?;
    if let Some(complaint) = result.complaint(&spec) {
        eprintln!("error: {complaint}");
    }
    Ok(status(result.end))
}

/// The exit status that stands for `end`.
pub(crate) fn status(end: End) -> u8 {
    match end {
        End::Exit(status) => status,
        End::TimedOut => TIMED_OUT,
        End::Died | End::NotBooted => DIED,
        End::Closed => 0,
    }
}

/// Boots an interactive guest; `prepare` runs before the shell's first prompt.
pub(crate) fn shell(machine: &Machine, prepare: &str) -> Result<()> {
    // The serial line does not know how large the terminal is.
    let (rows, columns) = terminal_size().unwrap_or((24, 80));
    let mut script = format!("stty rows {rows} cols {columns}\n");
    script.push_str(prepare);
    script.push_str("\ncd /root\nexec sh -l\n");
    let mut spec = spec(machine, &script, &[])?;
    spec.append.push_str(" guest.shell");
    sh::say("Booting", &format!("{} (exit or Ctrl-A X ends it)", spec.kernel.release));
    guest::interactive(&spec)
}

/// Rows and columns of our terminal, if there is one.
pub(crate) fn terminal_size() -> Option<(u16, u16)> {
    let stty = Command::new("stty").arg("size").stdin(Stdio::inherit()).output().ok()?;
    let text = String::from_utf8_lossy(&stty.stdout).into_owned();
    let (rows, columns) = text.trim().split_once(' ')?;
    Some((rows.parse().ok()?, columns.parse().ok()?))
}

/// Builds all that `machine` asks for. `files` are more files for the guest.
pub(crate) fn spec(
    machine: &Machine,
    script: &str,
    files: &[(&str, PathBuf)],
) -> Result<GuestSpec> {
    let kernel = kernel::get(machine.kernel)?;
    let mut archive = Initramfs::base()?;
    archive.file("bin/seqtrace", &fs::read(program::build("seqtrace")?)?, 0o755);
    for (name, bytes) in modules(&kernel, &machine.kmod)? {
        archive.file(format!("modules/{name}"), &bytes, 0o644);
    }
    for (number, (name, bytes)) in kernel.modules(PORTS)?.into_iter().enumerate() {
        archive.file(format!("lib/ports/{number}-{name}.ko"), &bytes, 0o644);
    }
    for path in &machine.add {
        let (name, from) = initramfs::added(path)?;
        archive.tree(&name, &from)?;
    }
    for (name, from) in files {
        archive.tree(name.as_ref(), from)?;
    }
    archive.file("script", script.as_bytes(), 0o755);
    Ok(GuestSpec {
        kernel,
        initramfs: archive.finish(),
        smp: machine.smp,
        icount: machine.icount,
        memory: machine.mem,
        append: machine.append.clone(),
        arguments: Vec::new(),
        timeout: Duration::from_secs(machine.timeout),
    })
}

/// The project's modules and those of `--kmod`, by file name.
fn modules(kernel: &Kernel, more: &[PathBuf]) -> Result<BTreeMap<String, Vec<u8>>> {
    let own = paths::root().join("module");
    let mut found = BTreeMap::new();
    let dirs: Vec<&PathBuf> = own.exists().then_some(&own).into_iter().chain(more).collect();
    let Some(headers) = &kernel.headers else {
        ensure!(more.is_empty(), "modules for {} cannot be built on this machine", kernel.release);
        return Ok(found);
    };
    for dir in dirs {
        for file in modules::build(dir, headers, &kernel.release)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let bytes =
                fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            if found.insert(name.clone(), bytes).is_some() {
                bail!("two of the folders build a module {name}");
            }
        }
    }
    Ok(found)
}
