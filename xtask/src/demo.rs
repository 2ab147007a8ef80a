//! `cargo xtask demo`: runs the README's examples live in a guest, or on this machine with `--host`.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::arch::X86_64;
use crate::kernel::KernelOptions;
use crate::vm::{self, GuestOptions};
use crate::{modules, paths, program, setup, sh};

const STORY: &str = include_str!("../demo/story.sh");

/// Options of `cargo xtask demo`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    kernel: KernelOptions,
    /// Use the kernel of this machine, if `seqtrace doctor` reports that it can be traced
    #[arg(long, conflicts_with_all = ["kernel", "arch", "shell"])]
    host: bool,
    /// Start an interactive guest with the modules loaded instead of the demo
    #[arg(long)]
    shell: bool,
}

/// Runs the demo script and returns its exit status.
pub(crate) fn run(options: &Options) -> Result<u8> {
    if options.host {
        return host();
    }
    let series = options.kernel.series()?;
    setup::guests(series.arch)?;
    let guest = GuestOptions::default();
    if options.shell {
        vm::shell(series, &guest, SHELL)?;
        return Ok(0);
    }
    let script = format!("export MODULES=/modules\n{}{STORY}", terminal_variables());
    vm::run_script(&vm::spec(series, &guest, &script, &[])?, &mut io::stderr())
}

/// Commands that an interactive guest runs before its first prompt.
const SHELL: &str = "
for module in seq_file sequence fellow mod_proc seqbugs; do
	insmod /modules/$module.ko
done
cat <<'END'

Loaded: seq_file sequence fellow mod_proc seqbugs (all modules: /modules). Try:

    seqtrace attach /proc/seqfiles/seqfile &
    echo hello > /proc/seqfiles/seqfile; cat /proc/seqfiles/seqfile
    ls /proc/seqbugs
    seqtrace attach /proc/seqbugs/eof_stuck -- dd if=/proc/seqbugs/eof_stuck bs=6 skip=1

`exit` ends the guest.
END
";

/// Returns assignments of shell variables for the terminal: colours, and the number of columns.
fn terminal_variables() -> String {
    if !io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some() {
        return "BOLD= PLAIN= SEQTRACE_FLAGS=\n".to_owned();
    }
    let (_, columns) = vm::terminal_size().unwrap_or((24, 80));
    format!(
        "BOLD=$(printf '\\033[1m') PLAIN=$(printf '\\033[0m') SEQTRACE_FLAGS=--color=always\n\
         export COLUMNS={columns}\n"
    )
}

fn host() -> Result<u8> {
    setup::toolchain()?;
    let seqtrace = program::build(&X86_64, "seqtrace")?;
    let doctor = Command::new(&seqtrace).arg("doctor").status().context("cannot run seqtrace")?;
    if !doctor.success() {
        eprintln!(
            "error: seqtrace doctor reports that this machine's kernel cannot be traced; \
             `cargo xtask demo` without --host boots a kernel that can"
        );
        return Ok(doctor.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1));
    }
    let modules = host_modules()?;
    let dir = seqtrace.parent().context("no folder")?;
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("{}{STORY}", terminal_variables()))
        .env("PATH", format!("{}:/usr/sbin:/sbin:/usr/bin:/bin", dir.display()))
        .env("MODULES", modules.unwrap_or_default())
        .status()
        .context("cannot run sh")?;
    match status.code() {
        Some(code) => Ok(u8::try_from(code)?),
        None => bail!("the demo script ended by {status}"),
    }
}

/// Builds the modules for the running kernel and returns their folder; `None` if the kernel has no headers or does not
/// load modules.
fn host_modules() -> Result<Option<PathBuf>> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let release = release.trim();
    let headers = Path::new("/lib/modules").join(release).join("build");
    if !headers.exists() || !Path::new("/proc/modules").exists() {
        sh::progress(
            "Skipping",
            &format!(
                "the project's modules: this kernel has no headers ({}) or does not load modules",
                headers.display()
            ),
        );
        return Ok(None);
    }
    let built = modules::build(&paths::root().join("module"), &headers, release, &X86_64)?;
    Ok(built.first().and_then(|file| file.parent()).map(Path::to_path_buf))
}
