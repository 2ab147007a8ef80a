//! The whole tool on one page: events in, updates selected, text out.
//!
//! The source feeds [`Pipeline::feed`]; the caller writes [`Pipeline::output`] out whenever it likes.

use std::mem::ManuallyDrop;

use rustc_hash::FxHashMap;

use crate::{
    event::{Body, Event, FileKind},
    filter::Selection,
    render::{Output, Sink},
    rules::{FindingCount, Id, RuleEngine, SQ902, Severity, add_counts, find},
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
    /// When a rule is broken.
    pub finding: Option<Wanted>,
}

/// Which finding ends a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A warning or an error.
    Any,
    /// Any of this rule.
    Rule(Id),
}

/// Events to text.
pub struct Pipeline<R> {
    tracker: Tracker<R>,
    engine: RuleEngine,
    view: View,
    /// What is to be written out.
    pub output: Output,
}

/// What lies around the judge: selection before it; limits, sums and renderer behind it.
struct View {
    selection: Selection,
    until: Until,
    sink: Box<dyn Sink>,
    /// Open sessions, and whether they are shown.
    shown: FxHashMap<SessionId, bool>,
    only_findings: bool,
    /// What was to be found was found.
    found: bool,
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
            engine: RuleEngine::new(),
            view: View {
                selection,
                until,
                sink,
                shown: FxHashMap::default(),
                only_findings: false,
                found: false,
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

    /// Shows nothing but findings, and where events were lost.
    pub fn only_findings(&mut self) {
        self.view.only_findings = true;
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
        let Self { tracker, engine, view, output } = self;
        view.opened = None;
        // What most events are owns nothing that would have to be dropped.
        let event = ManuallyDrop::new(event);
        if let Body::Callback { .. } = event.body {
            let told = tracker.callback(&event, &mut |update| view.judged(engine, update, output));
            if let Some(update) = told {
                view.callback(engine, update, output);
            }
            return view.opened;
        }
        let event = ManuallyDrop::into_inner(event);
        tracker.feed(event, &mut |update| view.judged(engine, update, output));
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

    /// Whether a pass is under way, shown or not, of which nothing has been heard since `time` (ns since boot).
    pub fn has_quiet_pass(&self, time: u64) -> bool {
        self.tracker.has_quiet_pass(time)
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
            || self.view.found
    }

    /// Ends the trace at `time` (ns since boot): closes what is open and says the last word.
    pub fn finish(&mut self, time: u64, missed: u64) -> Summary {
        let Self { tracker, engine, view, output } = self;
        tracker.finish(time, &mut |update| view.judged(engine, update, output));
        view.missed(missed);
        view.sink.end(&view.summary, output);
        view.summary.clone()
    }
}

impl View {
    /// [`judged`](Self::judged) for the update of a callback, with nothing that only others need.
    #[inline]
    fn callback(&mut self, engine: &mut RuleEngine, update: &Update, output: &mut Output) {
        if !self.admits(update) {
            return;
        }
        let found = engine.observe(update);
        self.show(update, output);
        if found {
            engine.emit_findings(update, &mut |update| self.take(update, output));
        }
    }

    /// Takes an update of a session that is shown, and what it proves.
    fn judged(&mut self, engine: &mut RuleEngine, update: &Update, output: &mut Output) {
        if self.admits(update) {
            engine.feed(update, &mut |update| self.take(update, output));
        }
        if matches!(update.what, What::Close { .. } | What::OpenFailed { .. })
            && let Some(session) = &update.session
        {
            self.shown.remove(&session.id);
        }
    }

    /// Whether an update is judged and shown. Sessions that are not shown are not judged either: what
    /// is said of the others must not depend on whether these were traced at all.
    #[inline]
    fn admits(&mut self, update: &Update) -> bool {
        let Some(session) = &update.session else { return true };
        *self.shown.entry(session.id).or_insert_with(|| {
            let room = self.until.sessions.is_none_or(|limit| self.begun < limit);
            let shown = room && !self.hide && self.selection.accepts(session);
            self.begun += u64::from(shown);
            self.opened = Some(shown);
            shown
        })
    }

    fn take(&mut self, update: &Update, output: &mut Output) {
        match &update.what {
            What::Gap { lost, .. } => self.summary.lost += lost,
            What::Finding(finding) => {
                self.found |= self.until.finding.is_some_and(|wanted| match wanted {
                    Wanted::Any => finding.severity > Severity::Info,
                    Wanted::Rule(id) => finding.id == id,
                });
            }
            What::Close { totals, partial, findings, .. } => {
                self.closed += 1;
                self.summary.sessions += 1;
                self.summary.partial += u64::from(!partial.is_empty());
                self.summary.totals.add(totals);
                add_counts(&mut self.summary.findings, findings);
            }
            _ => {}
        }
        self.show(update, output);
    }

    /// The kernel missed so many hits of probes: nobody knows in which sessions.
    fn missed(&mut self, missed: u64) {
        self.summary.missed = missed;
        if let Some(rule) = find(SQ902).filter(|_| missed > 0) {
            let (id, name, severity) = (rule.id, rule.name, rule.most);
            let count = FindingCount { id, name, severity, sessions: 0, times: missed };
            add_counts(&mut self.summary.findings, &[count]);
        }
    }

    #[inline]
    fn show(&mut self, update: &Update, output: &mut Output) {
        if self.only_findings && !matches!(update.what, What::Finding(_) | What::Gap { .. }) {
            return;
        }
        if self.until.events.is_none_or(|limit| self.updates < limit) {
            let before = output.data.len();
            self.sink.update(update, output);
            // A renderer may keep the begin of a read for the line of its end.
            self.updates += u64::from(output.data.len() > before);
        }
    }
}

#[cfg(test)]
mod tests;
