//! Prepares the terminal for the screen, and restores it whatever ends the program.
//!
//! | end | restored by |
//! | --- | --- |
//! | quit, error | [`crate::Ui`] |
//! | panic of any thread | the panic hook |
//! | signals that can be handled | the thread of `Signals` |
//! | SIGKILL, SIGSEGV, abort | the [`Guardian`], a process of its own |

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read as _, Write};
use std::os::fd::AsFd as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::thread;

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use signal_hook::consts::signal as number;
use signal_hook::low_level::emulate_default_handler;

/// True while the terminal is prepared.
static PREPARED: AtomicBool = AtomicBool::new(false);
/// Byte that ends a guardian without restoring anything.
const DONE: &[u8] = b"q";

/// Returns an error for the user if there is no terminal for a screen.
///
/// # Errors
/// Standard output is no terminal, there is no terminal for input, or the terminal cannot move its cursor.
pub fn check() -> Result<(), String> {
    if !io::stdout().is_terminal() {
        return Err("--tui needs a terminal: standard output is none".to_owned());
    }
    if !io::stdin().is_terminal() && File::open("/dev/tty").is_err() {
        return Err("--tui needs a terminal for its keys: standard input is none".to_owned());
    }
    match std::env::var("TERM") {
        Ok(name) if name != "dumb" && !name.is_empty() => Ok(()),
        _ => Err("--tui needs a terminal that can move its cursor: TERM is not set, or is dumb"
            .to_owned()),
    }
}

/// Returns the terminal as a file. Unlike [`io::stdout`], it has no lock that a blocked thread could hold.
///
/// # Errors
/// There are no more descriptors.
pub(crate) fn output() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// Prepares the terminal: raw mode, alternate screen, mouse.
pub(crate) fn prepare() -> io::Result<()> {
    PREPARED.store(true, Ordering::SeqCst);
    enable_raw_mode()?;
    let mut terminal = BufWriter::new(output()?);
    execute!(terminal, EnterAlternateScreen, EnableMouseCapture, Hide)
}

/// Restores the terminal if it is prepared. Any thread may call this at any time.
pub fn restore() {
    if PREPARED.swap(false, Ordering::SeqCst) {
        // There is nothing left to do if the terminal is gone.
        let _gone = disable_raw_mode();
        let _gone = output().and_then(reset);
    }
}

/// Writes the escape sequences that undo those of `prepare`.
///
/// # Errors
/// The terminal cannot be written.
pub fn reset(mut terminal: impl Write) -> io::Result<()> {
    execute!(terminal, DisableMouseCapture, LeaveAlternateScreen, Show)
}

/// Lets panics restore the terminal before they print their message.
pub(crate) fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            previous(panic);
        }));
    });
}

/// Signals that end a program by default and come from outside. Not SIGPIPE, which Rust's runtime ignores.
const ENDING: [i32; 15] = [
    number::SIGHUP,
    number::SIGINT,
    number::SIGTERM,
    number::SIGQUIT,
    number::SIGUSR1,
    number::SIGUSR2,
    number::SIGALRM,
    number::SIGVTALRM,
    number::SIGPROF,
    number::SIGXCPU,
    number::SIGXFSZ,
    number::SIGSYS,
    number::SIGTRAP,
    number::SIGABRT,
    number::SIGIO,
];

/// Signals that another part of the program may handle.
const SHARED: [i32; 3] = [number::SIGHUP, number::SIGINT, number::SIGTERM];

/// Requests of signals to the thread that draws.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests {
    /// Restore the terminal and stop.
    pub(crate) suspend: Arc<AtomicBool>,
    /// Prepare the terminal again: the process goes on.
    pub(crate) resume: Arc<AtomicBool>,
    /// End the screen, and the program with it.
    pub(crate) quit: Arc<AtomicBool>,
}

/// Handles signals until it is dropped.
#[derive(Debug)]
pub(crate) struct Signals(signal_hook::iterator::Handle);

impl Signals {
    /// Starts the thread that handles signals. `ends_elsewhere`: true if SIGHUP, SIGINT and SIGTERM only request a quit,
    /// because another part of the program ends it.
    pub(crate) fn handle(requests: Requests, ends_elsewhere: bool) -> io::Result<Self> {
        let others = [number::SIGTSTP, number::SIGCONT];
        let mut signals = signal_hook::iterator::Signals::new(ENDING.iter().chain(&others))?;
        let handle = signals.handle();
        thread::Builder::new().name("seqtrace-tui-sig".to_owned()).spawn(move || {
            for signal in signals.forever() {
                match signal {
                    number::SIGTSTP => requests.suspend.store(true, Ordering::SeqCst),
                    number::SIGCONT => requests.resume.store(true, Ordering::SeqCst),
                    signal if ends_elsewhere && SHARED.contains(&signal) => {
                        requests.quit.store(true, Ordering::SeqCst);
                    }
                    signal => {
                        restore();
                        // Ends the process.
                        let _never = emulate_default_handler(signal);
                    }
                }
            }
        })?;
        Ok(Self(handle))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Stops the process until SIGCONT. The terminal must be restored.
pub(crate) fn stop() {
    let _refused = emulate_default_handler(number::SIGTSTP);
}

/// A process that restores the terminal if this process ends without doing so.
#[derive(Debug)]
pub struct Guardian {
    child: Child,
    /// The guardian acts when this is closed.
    pipe: Option<ChildStdin>,
}

impl Guardian {
    /// Starts a program that calls [`guard`], and waits until it knows the state of the terminal.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(mut program: Command) -> io::Result<Self> {
        let mut child =
            program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let pipe = child.stdin.take();
        if let Some(mut ready) = child.stdout.take() {
            // It ends early if there is no terminal to guard.
            let _count = ready.read(&mut [0])?;
        }
        Ok(Self { child, pipe })
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        restore();
        if let Some(mut pipe) = self.pipe.take() {
            let _ended = pipe.write_all(DONE);
        }
        let _reaped = self.child.wait();
    }
}

/// Waits for the end of the process that started this one. Returns true if that process did not restore the terminal.
/// Call it with the state of the terminal in memory.
///
/// # Errors
/// The pipe cannot be read or written.
pub fn guard() -> io::Result<bool> {
    let mut stdout = io::stdout();
    stdout.write_all(b"r")?;
    stdout.flush()?;
    let mut read = Vec::new();
    io::stdin().lock().read_to_end(&mut read)?;
    Ok(read != DONE)
}
