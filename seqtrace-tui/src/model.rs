//! The trace that the screen shows, shared between the thread that makes it and the thread that draws it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seqtrace_model::session::update::{Summary, Update};
use seqtrace_model::trace::{Header, Ready, Shown, Sink as _, TargetInfo};
use seqtrace_render::{Output, Renderer};
use seqtrace_view::Trace;

/// Greatest number of bytes of the rows that a live trace keeps.
const LIVE_BYTES: usize = 128 << 20;

/// A trace and its state.
#[derive(Debug, Default)]
pub struct Model {
    /// The trace so far.
    pub trace: Trace,
    /// State of the trace: whether further updates will come.
    pub progress: Progress,
}

/// State of a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// A recording is being read.
    #[default]
    Loading,
    /// Events arrive as they happen.
    Live,
    /// The trace is complete.
    Ended,
    /// The trace ends early, for this reason.
    Broken(String),
}

impl Model {
    /// Returns the time from which times are counted, ns since boot.
    pub(crate) fn begin(&self) -> u64 {
        let first = self.trace.sessions.first().map_or(0, |session| session.begin);
        self.trace.ready.map_or(first, |ready| ready.begin)
    }

    /// Returns true if no more updates will come.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.progress, Progress::Ended | Progress::Broken(_))
    }
}

/// A model that two threads share.
#[derive(Clone, Debug)]
pub struct Shared {
    model: Arc<Mutex<Model>>,
    /// True if the user has quit.
    quit: Arc<AtomicBool>,
}

impl Shared {
    /// Creates the model of a recording.
    pub fn recorded() -> Self {
        Self { model: Arc::default(), quit: Arc::default() }
    }

    /// Creates the model of a live trace. Its memory is bounded: the oldest rows are dropped.
    pub fn live() -> Self {
        let model = Model { trace: Trace::with_limit(LIVE_BYTES), progress: Progress::Live };
        Self { model: Arc::new(Mutex::new(model)), quit: Arc::default() }
    }

    /// Returns the sink that fills the model.
    pub fn feed(&self) -> Feed {
        Feed(self.clone())
    }

    /// Marks the trace as complete, or as broken for a reason.
    pub fn end(&self, reason: Option<String>) {
        self.lock().progress = reason.map_or(Progress::Ended, Progress::Broken);
    }

    /// Returns true if the user has quit.
    pub fn has_quit(&self) -> bool {
        self.quit.load(Ordering::Relaxed)
    }

    /// Calls a function with the model, which does not change meanwhile.
    pub fn with<T>(&self, act: impl FnOnce(&Model) -> T) -> T {
        act(&self.lock())
    }

    pub(crate) fn quit(&self) {
        self.quit.store(true, Ordering::Relaxed);
    }

    /// Waits for the other thread, which needs it for milliseconds at most.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Model> {
        // A panic of the other thread ends the program anyway.
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A renderer that keeps everything for the screen and outputs nothing.
#[derive(Debug)]
pub struct Feed(Shared);

impl Renderer for Feed {
    fn header(&mut self, header: &Header, _: &mut Output) {
        self.0.lock().trace.header(header);
    }

    fn target(&mut self, target: &TargetInfo, _: &mut Output) {
        self.0.lock().trace.target(target);
    }

    fn ready(&mut self, ready: &Ready, _: &mut Output) {
        self.0.lock().trace.ready(ready);
    }

    fn update(&mut self, update: &Update, _: &mut Output) -> Shown {
        self.0.lock().trace.update(update)
    }

    fn end(&mut self, summary: &Summary, _: &mut Output) {
        self.0.lock().trace.end(summary);
    }
}
