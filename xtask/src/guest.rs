//! A guest: one QEMU process, the script it runs, what comes out of it and how it ends.
//!
//! stdout, stderr and the exit status travel over three virtio ports to unix sockets in a private
//! folder, so any number of guests run at once. The kernel's console goes to a file.

use std::env;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};

use crate::kernel::Kernel;
use crate::paths;

/// How many console logs are kept.
const LOGS: usize = 32;
/// How many of a console's lines a message quotes.
const LAST_LINES: usize = 20;
/// The beginning of the names of scratch folders; the process's id follows.
const SCRATCH: &str = "seqtrace-vm-";

/// What to boot.
#[derive(Debug, Clone)]
pub(crate) struct GuestSpec {
    /// Which kernel.
    pub(crate) kernel: Kernel,
    /// Its file system, `/script` included.
    pub(crate) initramfs: Vec<u8>,
    /// CPUs.
    pub(crate) smp: u32,
    /// Guest time counts instructions: 2 ns each. Means one CPU.
    pub(crate) icount: bool,
    /// Memory, MiB.
    pub(crate) memory: u32,
    /// More kernel arguments.
    pub(crate) append: String,
    /// More arguments for QEMU: devices.
    pub(crate) arguments: Vec<String>,
    /// How long it may take.
    pub(crate) timeout: Duration,
}

/// How a guest ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The script ended, with this status.
    Exit(u8),
    /// It took longer than it may.
    TimedOut,
    /// It went away before the script ended: a panic or an oops.
    Died,
    /// It went away, or time ran out, before the script was started.
    NotBooted,
    /// Nobody reads our stdout any more.
    Closed,
}

/// What became of a guest.
#[derive(Debug)]
pub(crate) struct GuestResult {
    /// How it ended.
    pub(crate) end: End,
    /// The kernel's console.
    pub(crate) console: PathBuf,
}

impl GuestResult {
    /// Says what went wrong unless the script ended by itself: the reason and the console's last lines.
    pub(crate) fn complaint(&self, spec: &GuestSpec) -> Option<String> {
        let what = match self.end {
            End::Exit(_) | End::Closed => return None,
            End::TimedOut => format!("ran out of time ({} s)", spec.timeout.as_secs()),
            End::Died => "died: the kernel panicked or powered off".to_owned(),
            End::NotBooted => "did not boot".to_owned(),
        };
        let lines = last_lines(&self.console);
        Some(format!(
            "the guest with kernel {} {what}\nlast lines of its console ({}):\n{lines}",
            spec.kernel.release,
            self.console.display()
        ))
    }
}

enum News {
    Started,
    Status(u8),
    Closed,
}

/// Boots a guest, copies the script's stdout and stderr to `out` and `err` as they come, and waits for
/// its end. QEMU does not outlive the calling thread.
pub(crate) fn run(
    spec: &GuestSpec,
    out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> Result<GuestResult> {
    let scratch = Scratch::new()?;
    let console = console_log(&spec.kernel.release)?;
    let listen = |name: &str| -> Result<UnixListener> {
        let listener = UnixListener::bind(scratch.0.join(name))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    let listeners = [listen("1")?, listen("2")?, listen("3")?];
    fs::write(scratch.0.join("initramfs"), &spec.initramfs)?;

    let mut qemu = qemu(spec);
    qemu.args(["-display", "none", "-serial"]).arg(format!("file:{}", console.display()));
    qemu.args(["-device", "virtio-serial-pci,ioeventfd=off"]);
    for port in 1..=3 {
        qemu.arg("-chardev").arg(format!("socket,id=c{port},path={port}"));
        qemu.arg("-device").arg(format!("virtserialport,nr={port},chardev=c{port}"));
    }
    qemu.current_dir(&scratch.0).stdin(Stdio::null()).stdout(Stdio::null());
    qemu.stderr(fs::File::create(scratch.0.join("qemu"))?);
    let mut child = Running(qemu.spawn().context("cannot run setpriv and qemu-system-x86_64")?);
    let deadline = Instant::now() + spec.timeout;

    let said = || fs::read_to_string(scratch.0.join("qemu")).unwrap_or_default();
    let Some([stdout, stderr, control]) = connect(&listeners, &mut child.0)? else {
        bail!("QEMU does not start: {}", said().trim());
    };

    let end = thread::scope(|scope| -> Result<End> {
        let (sender, news) = mpsc::channel();
        let closed = sender.clone();
        scope.spawn(move || copy(stdout, out, Some(&closed)));
        scope.spawn(move || copy(stderr, err, None));
        scope.spawn(move || listen_to(control, &sender));
        let end = follow(&news, &mut child.0, deadline);
        // All that the script wrote is in our sockets: QEMU is needed no more, and the threads end
        // with its sockets.
        child.stop();
        end
    })?;
    if end == End::NotBooted {
        eprint!("{}", said());
    }
    Ok(GuestResult { end, console })
}

/// Boots a guest whose console is this terminal.
pub(crate) fn interactive(spec: &GuestSpec) -> Result<()> {
    let scratch = Scratch::new()?;
    fs::write(scratch.0.join("initramfs"), &spec.initramfs)?;
    let mut qemu = qemu(spec);
    qemu.args(["-display", "none", "-serial", "mon:stdio"]).current_dir(&scratch.0);
    let status = qemu.status().context("cannot run setpriv and qemu-system-x86_64")?;
    if !status.success() {
        bail!("QEMU: {status}");
    }
    Ok(())
}

fn qemu(spec: &GuestSpec) -> Command {
    // A killed xtask takes QEMU with it: nothing else would end a guest that hangs.
    let mut qemu = Command::new("setpriv");
    qemu.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
    qemu.args(["-nodefaults", "-no-user-config", "-no-reboot", "-vga", "none", "-net", "none"]);
    qemu.args(["-m", &spec.memory.to_string()]);
    if spec.icount {
        // `rep movsb` and `rep stosb` count as an instruction a byte, for which no processor takes that long.
        // One that says it is not good at them gets eight bytes an instruction from Linux.
        qemu.args(["-cpu", "max,erms=off,fsrm=off"]);
        qemu.args(["-accel", "tcg", "-icount", "shift=1,sleep=off", "-smp", "1"]);
    } else {
        // All CPUs in one thread. With a thread each, and more of them than the machine has cores, the
        // kernel dies of breakpoints in text that another CPU has just patched back: of kprobes, and of
        // ftrace's own. It is no slower where two guests share two cores.
        qemu.args(["-cpu", "max", "-accel", "tcg,thread=single"]);
        qemu.args(["-smp", &spec.smp.to_string()]);
    }
    qemu.arg("-kernel").arg(&spec.kernel.vmlinuz).args(["-initrd", "initramfs", "-append"]);
    // An oops in a module must not pass for success.
    qemu.arg(format!("console=ttyS0 quiet panic=-1 oops=panic {}", spec.append));
    qemu.args(&spec.arguments);
    qemu
}

/// QEMU connects as it starts; `None` if it ends instead.
fn connect(listeners: &[UnixListener; 3], child: &mut Child) -> Result<Option<[UnixStream; 3]>> {
    let mut accept = |listener: &UnixListener| -> Result<Option<UnixStream>> {
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    return Ok(Some(stream));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if child.try_wait()?.is_some() {
                        return Ok(None);
                    }
                    thread::sleep(Duration::from_millis(5));
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    let [first, second, third] = listeners;
    let (Some(first), Some(second), Some(third)) =
        (accept(first)?, accept(second)?, accept(third)?)
    else {
        return Ok(None);
    };
    Ok(Some([first, second, third]))
}

fn follow(news: &mpsc::Receiver<News>, child: &mut Child, deadline: Instant) -> Result<End> {
    let mut started = false;
    let mut gone = false;
    loop {
        match news.recv_timeout(Duration::from_millis(50)) {
            Ok(News::Started) => started = true,
            Ok(News::Status(status)) => return Ok(End::Exit(status)),
            Ok(News::Closed) => return Ok(End::Closed),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) if gone => {
                return Ok(if started { End::Died } else { End::NotBooted });
            }
            // Once more round the loop for news that came together with the end.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                gone = child.try_wait()?.is_some();
            }
        }
        if Instant::now() > deadline {
            return Ok(End::TimedOut);
        }
    }
}

fn copy(mut from: UnixStream, to: &mut (dyn Write + Send), closed: Option<&Sender<News>>) {
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
                closed.send(News::Closed).ok();
            }
        }
    }
}

fn listen_to(control: UnixStream, news: &Sender<News>) {
    for line in BufReader::new(control).split(b'\n') {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                eprintln!("the guest's status cannot be read: {error}");
                return;
            }
        };
        let line = String::from_utf8_lossy(&line);
        let what = match line.strip_prefix("status ").map(str::parse) {
            Some(Ok(status)) => News::Status(status),
            _ => News::Started,
        };
        if news.send(what).is_err() {
            return;
        }
    }
}

/// The end of a guest's console, made safe for a terminal: where the trouble begins, if the kernel
/// said so, and the last lines.
fn last_lines(console: &Path) -> String {
    const TROUBLE: &[&str] = &["Kernel panic", "BUG:", "Oops", "general protection fault"];
    let bytes = fs::read(console).unwrap_or_default();
    let text: String = String::from_utf8_lossy(&bytes)
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let trouble = lines.iter().position(|line| TROUBLE.iter().any(|word| line.contains(word)));
    let tail = lines.len().saturating_sub(LAST_LINES);
    let begin = trouble.unwrap_or(tail);
    let end = lines.len().min(begin + LAST_LINES);
    let shown = lines.get(begin..end).unwrap_or_default();
    let more = lines.get(end.max(lines.len().saturating_sub(4))..).unwrap_or_default();
    let mut quoted: Vec<String> = shown.iter().map(|line| format!("  | {line}")).collect();
    if !more.is_empty() {
        quoted.push("  | …".to_owned());
        quoted.extend(more.iter().map(|line| format!("  | {line}")));
    }
    if quoted.is_empty() {
        quoted.push("  (nothing)".to_owned());
    }
    quoted.join("\n")
}

fn console_log(release: &str) -> Result<PathBuf> {
    let dir = paths::target().join("vm");
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    prune(&dir);
    Ok(dir.join(format!("console-{release}-{}-{}.log", process::id(), next())))
}

/// Keeps the newest logs only; what cannot be removed stays.
fn prune(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut logs: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .filter(|(_, path)| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    logs.sort();
    let surplus = logs.len().saturating_sub(LOGS);
    for (_, path) in logs.into_iter().take(surplus) {
        fs::remove_file(path).ok();
    }
}

fn next() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A folder with a short path, as addresses of unix sockets must be; gone when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        Self::sweep();
        let dir = env::temp_dir().join(format!("{SCRATCH}{}-{}", process::id(), next()));
        fs::create_dir(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(Self(dir))
    }

    /// Removes what killed processes left.
    fn sweep() {
        for entry in fs::read_dir(env::temp_dir()).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let pid = name.to_str().and_then(|name| name.strip_prefix(SCRATCH)?.split('-').next());
            if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                fs::remove_dir_all(entry.path()).ok();
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A child that ends with its owner.
struct Running(Child);

impl Running {
    fn stop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
