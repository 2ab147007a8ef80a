//! The signals that end seqtrace: SIGINT, SIGTERM, SIGHUP.

use std::io;

use nix::sys::signal::SigSet;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Unblocks all signals. A blocked signal mask is inherited: it would keep out the signals that end a trace, and would
/// reach the command after `--`. Call it before any thread is started.
pub fn unblock() {
    // Fails only for an invalid argument.
    let _unchanged = SigSet::empty().thread_set_mask();
}

/// Handlers of the signals, from creation on. Create it before readiness is reported: a signal that
/// follows immediately must not be lost, and a background job of a shell ignores SIGINT until a handler
/// is installed.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Installs the handlers. Call it within a tokio runtime.
    ///
    /// # Errors
    /// The kernel refuses a handler.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for any of the signals.
    pub(crate) async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
