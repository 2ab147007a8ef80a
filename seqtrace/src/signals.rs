//! The signals that end seqtrace: SIGINT, SIGTERM, SIGHUP.
//!
//! The first one ends the trace: all probes are detached, and the rest of the output is written. A second one ends the
//! program, whatever blocks it.

use std::{
    io,
    process::exit,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::{SigSet, Signal as Sig};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};

use crate::privileges;

/// Time for which further signals count as the first one: timeout(1) signals its command and then the process group.
const ECHO: Duration = Duration::from_millis(100);

/// Prepares this process for signals. Call it before any thread is started.
///
/// Unblocks all signals: a blocked signal mask is inherited, and would keep out the signals that end a trace. Installs a
/// handler of SIGXFSZ, which stays for the life of the process: a write beyond the limit on the size of files then fails,
/// and the error is reported. The command after `--` inherits neither.
pub fn prepare() {
    // Fails only for an invalid argument.
    let _unchanged = SigSet::empty().thread_set_mask();
    // Without it, for lack of a descriptor, SIGXFSZ ends the process without a message.
    if let Ok(runtime) = Builder::new_current_thread().enable_all().build() {
        let _inside = runtime.enter();
        let _handler_stays = signal(SignalKind::from_raw(Sig::SIGXFSZ as i32));
    }
}

/// Handlers of the signals, from creation on. Create it before readiness is reported: a signal that
/// follows immediately must not be lost, and a background job of a shell ignores SIGINT until a handler
/// is installed.
#[derive(Debug)]
pub struct Signals(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Notified by the first signal.
    first: Notify,
    /// True if the next signal ends the program, even if it is the first one.
    last: AtomicBool,
}

/// A runtime that may be dropped inside of another one: if no thread can be started. It is always there.
struct Background(Option<Runtime>);

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The handlers, each with the number of its signal.
struct Handlers([(Signal, SignalKind); 3]);

impl Signals {
    /// Installs the handlers, and starts a thread that waits for the signals.
    ///
    /// # Errors
    /// The kernel refuses a handler or the thread.
    pub(crate) fn listen() -> io::Result<Self> {
        let signals = Self(Arc::default());
        // A runtime of its own: that of the trace may be blocked.
        let runtime = Background(Some(Builder::new_current_thread().enable_all().build()?));
        let handlers = {
            let _inside = runtime.0.as_ref().map(Runtime::enter);
            let handler = |kind| Ok::<_, io::Error>((signal(kind)?, kind));
            Handlers([
                handler(SignalKind::interrupt())?,
                handler(SignalKind::terminate())?,
                handler(SignalKind::hangup())?,
            ])
        };
        let shared = Arc::clone(&signals.0);
        thread::Builder::new().name("seqtrace-signals".to_owned()).spawn(move || {
            if let Some(runtime) = &runtime.0 {
                shared.wait(runtime, handlers);
            }
        })?;
        Ok(signals)
    }

    /// Waits for the first of the signals.
    pub(crate) async fn any(&self) {
        self.0.first.notified().await;
    }

    /// If `waits`, a single signal ends the program from now on: the rest may take a while.
    pub(crate) fn end_at_next_if(&self, waits: bool) {
        self.0.last.fetch_or(waits, Ordering::Relaxed);
    }

    /// Returns a function that ends the trace as a signal does.
    pub(crate) fn stopper(&self) -> impl Fn() + Send + use<> {
        let shared = Arc::clone(&self.0);
        move || shared.first.notify_one()
    }

    /// Reports, once, that the output of a trace that has ended is blocked. From now on a single signal ends the program.
    pub(crate) fn report_blocked(&self) {
        if !self.0.last.swap(true, Ordering::Relaxed) {
            eprintln!(
                "seqtrace: detached; the output waits for its reader (Ctrl-C ends without the rest)"
            );
        }
    }
}

impl Shared {
    fn wait(&self, runtime: &Runtime, mut handlers: Handlers) {
        // Nothing of what the thread does needs them.
        let _kept = privileges::drop_all_capabilities();
        let mut first = None;
        loop {
            let kind = runtime.block_on(handlers.next());
            let begin = *first.get_or_insert_with(Instant::now);
            let is_first = begin.elapsed() < ECHO;
            if self.last.load(Ordering::Relaxed) || !is_first {
                #[cfg(feature = "tui")]
                seqtrace_tui::terminal::restore();
                exit(128 + kind.as_raw_value());
            }
            self.first.notify_one();
        }
    }
}

impl Handlers {
    /// Waits for the next signal.
    async fn next(&mut self) -> SignalKind {
        let Self([(first, one), (second, two), (third, three)]) = self;
        tokio::select! {
            _ = first.recv() => *one,
            _ = second.recv() => *two,
            _ = third.recv() => *three,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_may_be_dropped_inside_of_another() {
        let build = || Builder::new_current_thread().enable_all().build().unwrap();
        build().block_on(async { drop(Background(Some(build()))) });
    }
}
