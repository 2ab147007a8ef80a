//! Runs a script in a guest: one QEMU process.
//!
//! Three virtio ports carry the script's stdout, its stderr, and its exit status to pipes, which QEMU opens through
//! /proc, as it does the root file system. No file is left behind, even if xtask is killed. The kernel's console goes to a
//! file.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, PipeReader, Read, Seek as _, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};

use crate::kernel::Kernel;
use crate::vm::GuestOptions;
use crate::{paths, sh};

/// Number of console logs that are retained.
const MAX_LOGS: usize = 32;
/// Number of console lines that a message quotes.
const QUOTED_LINES: usize = 20;

/// Description of a guest.
#[derive(Debug, Clone)]
pub(crate) struct GuestSpec {
    pub(crate) kernel: Kernel,
    /// Archive of the root file system, which contains `/script`.
    pub(crate) initramfs: Vec<u8>,
    pub(crate) options: GuestOptions,
    /// Additional arguments for QEMU, which add devices.
    pub(crate) arguments: Vec<String>,
}

/// Reason why a guest ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GuestEnd {
    /// The script ended with this exit status.
    Exit(u8),
    /// The time limit was reached after the script had started.
    TimedOut,
    /// QEMU ended while the script was running: the kernel panicked or powered off.
    Died,
    /// QEMU ended before the script started.
    NotBooted,
    /// The reader of xtask's stdout closed it.
    OutputClosed,
}

/// Result of a guest that ran.
#[derive(Debug)]
pub(crate) struct GuestResult {
    pub(crate) end: GuestEnd,
    /// Log of the kernel's console.
    console: PathBuf,
}

impl GuestResult {
    /// Describes why the guest failed and quotes its console; `None` if the script ended by itself.
    pub(crate) fn failure(&self, spec: &GuestSpec) -> Option<String> {
        let reason = match self.end {
            GuestEnd::Exit(_) | GuestEnd::OutputClosed => return None,
            GuestEnd::TimedOut => format!("ran out of time ({} s)", spec.options.timeout),
            GuestEnd::Died => "died: the kernel panicked or powered off".to_owned(),
            GuestEnd::NotBooted => "did not boot".to_owned(),
        };
        let lines = quote(&self.console);
        Some(format!(
            "the guest with kernel {} {reason}\nlast lines of its console ({}):\n{lines}",
            spec.kernel.release,
            self.console.display()
        ))
    }
}

enum GuestEvent {
    ScriptStarted,
    /// The script ended with this exit status.
    ScriptEnded(u8),
    /// Writing to the destination of the script's stdout failed.
    OutputClosed,
}

/// Boots a guest, forwards the script's stdout and stderr to `out` and `err` without delay, and waits for the end of
/// the guest. QEMU ends when the calling thread ends, or earlier.
pub(crate) fn run(
    spec: &GuestSpec,
    out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> Result<GuestResult> {
    sh::progress("Booting", &format!("a guest with Linux {}", spec.kernel.release));
    let console = console_log(&spec.kernel.release)?;
    let initramfs = initramfs(spec)?;
    let mut qemu = qemu(spec, &initramfs);
    qemu.args(["-display", "none", "-serial"]).arg(format!("file:{}", console.display()));
    qemu.args(["-device", "virtio-serial-pci,ioeventfd=off"]);
    let mut writers = Vec::new();
    let mut port = |number: u32| -> Result<PipeReader> {
        let (reader, writer) = io::pipe()?;
        qemu.arg("-chardev").arg(format!("file,id=c{number},path={}", path_of(&writer)));
        qemu.arg("-device").arg(format!("virtserialport,nr={number},chardev=c{number}"));
        writers.push(writer);
        Ok(reader)
    };
    let (stdout, stderr, control) = (port(1)?, port(2)?, port(3)?);
    let mut messages = tempfile::tempfile()?;
    qemu.stdin(Stdio::null()).stdout(Stdio::null()).stderr(messages.try_clone()?);
    let child = qemu.spawn().context("cannot run setpriv and QEMU")?;
    let mut child = scopeguard::guard(child, |mut child| stop(&mut child));
    let deadline = Instant::now() + Duration::from_secs(spec.options.timeout);

    let end = thread::scope(|scope| -> Result<GuestEnd> {
        let (sender, events) = mpsc::channel();
        let closed = sender.clone();
        scope.spawn(move || forward(stdout, out, Some(&closed)));
        scope.spawn(move || forward(stderr, err, None));
        scope.spawn(move || read_control(control, &sender));
        let end = wait_for_end(&events, &mut child, deadline);
        // All output of the script is in the pipes. When QEMU has ended and its ends are closed, the threads end.
        stop(&mut child);
        drop(writers);
        end
    })?;
    if end == GuestEnd::NotBooted {
        messages.rewind()?;
        let messages = io::read_to_string(messages)?;
        // QEMU also ends without an error if the kernel panics.
        if child.wait()?.code().is_some_and(|code| code != 0) {
            bail!("QEMU does not start: {}", messages.trim());
        }
        eprint!("{messages}");
    }
    Ok(GuestResult { end, console })
}

/// Boots a guest whose console is this terminal.
pub(crate) fn interactive(spec: &GuestSpec) -> Result<()> {
    let initramfs = initramfs(spec)?;
    let mut qemu = qemu(spec, &initramfs);
    qemu.args(["-display", "none", "-serial", "mon:stdio"]);
    let status = qemu.status().context("cannot run setpriv and QEMU")?;
    if !status.success() {
        bail!("QEMU: {status}");
    }
    Ok(())
}

/// Writes the root file system to a file without a name.
fn initramfs(spec: &GuestSpec) -> Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(&spec.initramfs)?;
    Ok(file)
}

/// Returns a path by which other processes of this user open a file of this process.
fn path_of(file: &impl AsRawFd) -> String {
    format!("/proc/{}/fd/{}", process::id(), file.as_raw_fd())
}

fn qemu(spec: &GuestSpec, initramfs: &File) -> Command {
    // QEMU ends with xtask even if xtask is killed: nothing else would end a guest that hangs.
    let mut qemu = Command::new("setpriv");
    let arch = spec.kernel.arch;
    qemu.args(["--pdeathsig", "KILL", arch.qemu]).args(arch.machine);
    qemu.args(["-nodefaults", "-no-user-config", "-no-reboot", "-net", "none"]);
    let cpu = if spec.options.icount { arch.counted_cpu } else { arch.cpu };
    qemu.args(["-cpu", spec.options.cpu.as_deref().unwrap_or(cpu)]);
    qemu.args(["-m", &spec.options.mem.to_string()]);
    if spec.options.icount {
        qemu.args(["-accel", "tcg", "-icount", "shift=1,sleep=off", "-smp", "1"]);
    } else {
        // All CPUs share one thread. With one thread per CPU, and more CPUs than the machine has cores, the kernel
        // panics: it meets breakpoints of kprobes and ftrace in text that another CPU has just patched back. One thread
        // is not slower if two guests share two cores.
        qemu.args(["-accel", "tcg,thread=single"]);
        qemu.args(["-smp", &spec.options.smp.to_string()]);
    }
    qemu.arg("-kernel").arg(&spec.kernel.vmlinuz).args(["-initrd", &path_of(initramfs), "-append"]);
    // An oops in a module ends the guest, so that the test fails.
    let console = format!("console={} quiet panic=-1 oops=panic", arch.console);
    qemu.arg(format!("{console} {} {}", arch.arguments, spec.options.append));
    qemu.args(&spec.arguments);
    qemu
}

fn stop(child: &mut Child) {
    child.kill().ok();
    child.wait().ok();
}

fn wait_for_end(
    events: &mpsc::Receiver<GuestEvent>,
    child: &mut Child,
    deadline: Instant,
) -> Result<GuestEnd> {
    let mut started = false;
    let mut gone = false;
    loop {
        match events.recv_timeout(Duration::from_millis(50)) {
            Ok(GuestEvent::ScriptStarted) => started = true,
            Ok(GuestEvent::ScriptEnded(status)) => return Ok(GuestEnd::Exit(status)),
            Ok(GuestEvent::OutputClosed) => return Ok(GuestEnd::OutputClosed),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) if gone => {
                return Ok(if started { GuestEnd::Died } else { GuestEnd::NotBooted });
            }
            // Another iteration receives events that arrived together with the end.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                gone = child.try_wait()?.is_some();
            }
        }
        if Instant::now() > deadline {
            return Ok(GuestEnd::TimedOut);
        }
    }
}

/// Copies `from` to `to`. If writing fails, reports that to `closed` and discards the rest, so that QEMU never blocks.
fn forward(mut from: PipeReader, to: &mut (dyn Write + Send), closed: Option<&Sender<GuestEvent>>) {
    let mut buffer = vec![0; 65536];
    let mut open = true;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        if open && to.write_all(bytes).and_then(|()| to.flush()).is_err() {
            open = false;
            if let Some(closed) = closed {
                closed.send(GuestEvent::OutputClosed).ok();
            }
        }
    }
}

/// Sends an event for each line that /init writes to the control port.
fn read_control(control: PipeReader, events: &Sender<GuestEvent>) {
    for line in BufReader::new(control).split(b'\n') {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                eprintln!("the guest's status cannot be read: {error}");
                return;
            }
        };
        let line = String::from_utf8_lossy(&line);
        let event = match line.strip_prefix("status ").map(str::parse) {
            Some(Ok(status)) => GuestEvent::ScriptEnded(status),
            _ => GuestEvent::ScriptStarted,
        };
        if events.send(event).is_err() {
            return;
        }
    }
}

/// Quotes a guest's console without control characters: from the first line that reports a crash, if there is one, and
/// the last lines.
fn quote(console: &Path) -> String {
    const CRASH: &[&str] = &["Kernel panic", "BUG:", "Oops", "general protection fault"];
    let bytes = fs::read(console).unwrap_or_default();
    let text: String = String::from_utf8_lossy(&bytes)
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let crash = lines.iter().position(|line| CRASH.iter().any(|word| line.contains(word)));
    let tail = lines.len().saturating_sub(QUOTED_LINES);
    let begin = crash.unwrap_or(tail);
    let end = lines.len().min(begin + QUOTED_LINES);
    let mut shown = lines.get(begin..end).unwrap_or_default().to_vec();
    let more = lines.get(end.max(lines.len().saturating_sub(4))..).unwrap_or_default();
    if !more.is_empty() {
        shown.push("…");
        shown.extend(more);
    }
    if shown.is_empty() {
        return "  (nothing)".to_owned();
    }
    format!("  | {}", shown.join("\n  | "))
}

fn console_log(release: &str) -> Result<PathBuf> {
    let dir = paths::created(paths::target().join("vm"))?;
    remove_old_logs(&dir);
    let prefix = format!("console-{release}-");
    let log = tempfile::Builder::new().prefix(&prefix).suffix(".log").tempfile_in(&dir)?;
    Ok(log.keep()?.1)
}

/// Removes all but the newest logs. Errors are ignored: an old log does no harm.
fn remove_old_logs(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut logs: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .filter(|(_, path)| paths::has_extension(path, "log"))
        .collect();
    logs.sort();
    let surplus = logs.len().saturating_sub(MAX_LOGS);
    for (_, path) in logs.into_iter().take(surplus) {
        fs::remove_file(path).ok();
    }
}
