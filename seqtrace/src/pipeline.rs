//! The whole tool on one page: events in, updates selected, text out.
//!
//! The source feeds [`Pipeline::feed`]; the caller writes [`Pipeline::output`] out whenever it likes.

use std::collections::HashMap;

use crate::{
    event::{Body, Event, FileKind},
    filter::Selection,
    render::{Output, Sink},
    session::{
        Resolve, Tracker, callbacks,
        update::{Callbacks, SessionId, Summary, Update, What},
    },
};

/// When a trace ends by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Until {
    /// After this many sessions.
    pub sessions: Option<u64>,
    /// After this many updates that show something.
    pub events: Option<u64>,
}

/// Events to text.
pub struct Pipeline<R> {
    tracker: Tracker<R>,
    view: View,
    /// What is to be written out.
    pub output: Output,
}

/// What lies behind the tracker: selection, limits, sums, renderer.
struct View {
    selection: Selection,
    until: Until,
    sink: Box<dyn Sink>,
    /// Open sessions, and whether they are shown.
    shown: HashMap<SessionId, bool>,
    begun: u64,
    closed: u64,
    updates: u64,
    summary: Summary,
    /// Sessions that open now are not shown, whatever they are.
    hide: bool,
    /// The last event opened a session, and it is shown or not.
    opened: Option<bool>,
}

impl<R: Resolve> Pipeline<R> {
    /// An empty one.
    pub fn new(
        tracker: Tracker<R>,
        selection: Selection,
        until: Until,
        sink: Box<dyn Sink>,
    ) -> Self {
        Self {
            tracker,
            view: View {
                selection,
                until,
                sink,
                shown: HashMap::new(),
                begun: 0,
                closed: 0,
                updates: 0,
                summary: Summary::default(),
                hide: false,
                opened: None,
            },
            output: Output::default(),
        }
    }

    /// The renderer, for what is not an update: header, targets, readiness.
    pub fn announce(&mut self, say: impl FnOnce(&mut dyn Sink, &mut Output)) {
        say(self.view.sink.as_mut(), &mut self.output);
    }

    /// Takes one event. If it opens a session: whether that is shown.
    ///
    /// When a limit is reached, only losses still count.
    pub fn feed(&mut self, event: Event) -> Option<bool> {
        if self.is_done() {
            if let Body::Gap { lost } = event.body {
                self.view.summary.lost += lost;
            }
            return None;
        }
        let Self { tracker, view, output } = self;
        view.opened = None;
        tracker.feed(event, &mut |update| view.take(&update, output));
        view.opened
    }

    /// Takes an event; a session that it opens is not shown, whatever the selection says.
    pub fn feed_hidden(&mut self, event: Event) {
        self.view.hide = true;
        self.feed(event);
        self.view.hide = false;
    }

    /// The callbacks of a file by name; `None` if it has none.
    pub fn callbacks(&mut self, kind: &FileKind) -> Option<Callbacks> {
        callbacks(kind, self.tracker.resolver())
    }

    /// What knows names and paths.
    pub fn resolver(&mut self) -> &mut R {
        self.tracker.resolver()
    }

    /// True when a limit is reached: nothing more will be shown.
    pub fn is_done(&self) -> bool {
        let reached = |limit: Option<u64>, count| limit.is_some_and(|limit| count >= limit);
        reached(self.view.until.sessions, self.view.closed)
            || reached(self.view.until.events, self.view.updates)
    }

    /// Ends the trace at `time` (ns since boot): closes what is open and says the last word.
    pub fn finish(&mut self, time: u64, missed: u64) -> Summary {
        let Self { tracker, view, output } = self;
        tracker.finish(time, &mut |update| view.take(&update, output));
        view.summary.missed = missed;
        view.sink.end(&view.summary, output);
        view.summary.clone()
    }
}

impl View {
    fn take(&mut self, update: &Update, output: &mut Output) {
        if let What::Gap { lost, .. } = &update.what {
            self.summary.lost += lost;
        }
        let Some(session) = &update.session else {
            self.show(update, output);
            return;
        };
        let id = session.id;
        let shown = *self.shown.entry(id).or_insert_with(|| {
            let room = self.until.sessions.is_none_or(|limit| self.begun < limit);
            let shown = room && !self.hide && self.selection.accepts(session);
            self.begun += u64::from(shown);
            self.opened = Some(shown);
            shown
        });
        let over = match &update.what {
            What::Close { totals, partial, .. } => {
                if shown {
                    self.closed += 1;
                    self.summary.sessions += 1;
                    self.summary.partial += u64::from(!partial.is_empty());
                    self.summary.totals.add(totals);
                }
                true
            }
            What::OpenFailed { .. } => true,
            _ => false,
        };
        if shown {
            self.show(update, output);
        }
        if over {
            self.shown.remove(&id);
        }
    }

    fn show(&mut self, update: &Update, output: &mut Output) {
        if self.until.events.is_none_or(|limit| self.updates < limit) {
            let before = output.data.len();
            self.sink.update(update, output);
            // A renderer may keep the begin of a read for the line of its end.
            self.updates += u64::from(output.data.len() > before);
        }
    }
}
