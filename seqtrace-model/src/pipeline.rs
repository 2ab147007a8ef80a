//! The whole model on one page: events in, updates and findings of selected sessions out.
//!
//! ```text
//! Event ─► tracker ─► Update ─► selection ─► rules ─► Update, Finding ─► limits and sums ─► Sink
//! ```

use rustc_hash::FxHashMap;

use crate::event::{Event, EventKind};
use crate::filter::{LongReads, Selection};
use crate::finding::{FindingCount, Id, Severity, add_counts};
use crate::fixed::FixedRanges;
use crate::rules::{self, RuleEngine, SQ902};
use crate::session::Tracker;
use crate::session::update::{Session, SessionId, Summary, Update, UpdateKind};
use crate::trace::{Shown, Sink};

/// Limits at which a trace ends by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Until {
    /// Number of selected sessions. No further ones are selected, and the trace ends when all are closed. `None`: no
    /// limit.
    pub sessions: Option<u64>,
    /// Number of displayed updates; `None`: no limit.
    pub events: Option<u64>,
    /// Kind of finding that ends the trace; `None`: findings do not end it.
    pub finding: Option<Wanted>,
}

/// The finding that ends a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A warning or an error.
    Any,
    /// A finding of this rule, of any severity.
    Rule(Id),
}

/// Effect of an event on the pipeline. A recorder does not store events without effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// The event was not analysed, because a limit was reached earlier. Only lost events are still counted.
    Ignored,
    /// The event was analysed.
    Followed,
    /// The event opened a session, which is selected or not.
    Opened {
        /// True if the session is selected.
        shown: bool,
    },
}

/// Follows all sessions, selects some of them and applies the rules to those.
pub struct Pipeline {
    tracker: Tracker,
    engine: RuleEngine,
    view: View,
}

/// The step before the rules, which selects sessions, and the step after them, which applies limits and computes sums.
#[derive(Default)]
struct View {
    selection: Selection,
    until: Until,
    /// For each open session, true if it is selected.
    selected: FxHashMap<SessionId, bool>,
    only_findings: bool,
    /// `None`: reads of any duration are forwarded.
    long_reads: Option<Box<LongReads>>,
    /// True if the finding that ends the trace was reported.
    found: bool,
    /// Number of selected sessions so far.
    begun: u64,
    /// Number of selected sessions that are closed.
    closed: u64,
    /// Number of updates that were displayed.
    updates: u64,
    summary: Summary,
    /// True while no new sessions are selected ([`Pipeline::feed_hidden`]).
    hide: bool,
    /// True if the session that the current event opened is selected; `None` if it opened none.
    opened: Option<bool>,
}

impl Pipeline {
    /// Creates a pipeline for a new trace.
    pub fn new(selection: Selection, until: Until) -> Self {
        Self {
            tracker: Tracker::new(),
            engine: RuleEngine::new(),
            view: View { selection, until, ..View::default() },
        }
    }

    /// Sets the address ranges of the traced kernel's image and modules, for sessions that begin from now on. Without
    /// them, those of x86-64 are used.
    pub fn set_fixed(&mut self, fixed: FixedRanges) {
        self.engine.set_fixed(fixed);
    }

    /// Restricts the updates that are forwarded from now on to findings and gaps.
    pub fn only_findings(&mut self) {
        self.view.only_findings = true;
    }

    /// Restricts the updates that are forwarded from now on to reads and lseeks that took at least `ns`, and to findings
    /// and gaps.
    pub fn least_duration(&mut self, ns: u64) {
        self.view.long_reads = Some(Box::new(LongReads::new(ns)));
    }

    /// Processes an event and forwards the resulting updates to `sink`.
    ///
    /// After a limit is reached, only lost events are counted.
    pub fn feed(&mut self, event: &Event, sink: &mut dyn Sink) -> Fed {
        if self.is_done() {
            if let EventKind::Gap { lost } = event.body {
                self.view.add_lost(lost);
            }
            return Fed::Ignored;
        }
        let Self { tracker, engine, view } = self;
        view.opened = None;
        tracker.feed(event, &mut |update| view.judge(engine, update, sink));
        view.opened.map_or(Fed::Followed, |selected| Fed::Opened { shown: selected })
    }

    /// Processes an event like [`feed`](Self::feed), but does not select the session that it opens.
    pub fn feed_hidden(&mut self, event: &Event, sink: &mut dyn Sink) {
        self.view.hide = true;
        self.feed(event, sink);
        self.view.hide = false;
    }

    /// Returns true if a pass of any session is in progress and had no event since `time` (ns since boot).
    pub fn has_quiet_pass(&self, time: u64) -> bool {
        self.tracker.has_quiet_pass(time)
    }

    /// Returns the number of open sessions, selected or not.
    pub fn open_sessions(&self) -> usize {
        self.tracker.open_sessions()
    }

    /// Returns true if a limit is reached: no further update will be displayed.
    pub fn is_done(&self) -> bool {
        let reached = |limit: Option<u64>, count| limit.is_some_and(|limit| count >= limit);
        reached(self.view.until.sessions, self.view.closed)
            || reached(self.view.until.events, self.view.updates)
            || self.view.found
    }

    /// Ends the trace at `time` (ns since boot): closes the open sessions and returns the summary.
    ///
    /// `missed` is the number of probe hits for which no program ran.
    pub fn finish(&mut self, time: u64, missed: u64, sink: &mut dyn Sink) -> Summary {
        let Self { tracker, engine, view } = self;
        tracker.finish(time, &mut |update| view.judge(engine, update, sink));
        view.summary.missed = missed;
        if missed > 0 {
            add_counts(&mut view.summary.findings, missed_probes(missed).as_slice());
        }
        sink.end(&view.summary);
        view.summary.clone()
    }
}

impl View {
    /// Applies the rules to an update if its session is selected, and forwards it with the findings that it proves.
    fn judge(&mut self, engine: &mut RuleEngine, update: &Update, sink: &mut dyn Sink) {
        // The engine knows selected sessions only.
        if matches!(update.what, UpdateKind::Callback(_))
            && let Some(found) = engine.observe(update)
        {
            self.show(update, sink);
            if found {
                engine.emit_findings(update, &mut |update| self.forward(update, sink));
            }
            return;
        }
        if let UpdateKind::Gap { lost, sessions } = &update.what {
            // A recording has no events of sessions that were not selected: a replay could not name the same ones.
            let selected = |id: &SessionId| self.selected.get(id) == Some(&true);
            let sessions = sessions.iter().copied().filter(selected).collect();
            let what = UpdateKind::Gap { lost: *lost, sessions };
            let update = Update { what, ..update.clone() };
            engine.feed(&update, &mut |update| self.forward(update, sink));
        } else if self.selects(update) {
            engine.feed(update, &mut |update| self.forward(update, sink));
        }
        if matches!(update.what, UpdateKind::Close { .. } | UpdateKind::OpenFailed { .. })
            && let Some(session) = &update.session
        {
            self.selected.remove(&session.id);
        }
    }

    /// Returns true if an update is selected. The rules see selected sessions only, so that findings do not depend on
    /// other sessions that happen to be traced.
    fn selects(&mut self, update: &Update) -> bool {
        let Some(session) = &update.session else { return true };
        match self.selected.get(&session.id) {
            Some(selected) => *selected,
            None => self.select(session),
        }
    }

    /// Selects a new session, or not.
    #[cold]
    fn select(&mut self, session: &Session) -> bool {
        let below = self.until.sessions.is_none_or(|limit| self.begun < limit);
        let selected = below && !self.hide && self.selection.accepts(session);
        self.begun += u64::from(selected);
        self.opened = Some(selected);
        self.selected.insert(session.id, selected);
        selected
    }

    fn add_lost(&mut self, lost: u64) {
        // The number may be that of a recording, which can have any.
        self.summary.lost = self.summary.lost.saturating_add(lost);
    }

    /// Adds an update to the sums and forwards it, unless a limit is reached.
    fn forward(&mut self, update: &Update, sink: &mut dyn Sink) {
        match &update.what {
            UpdateKind::Gap { lost, .. } => self.add_lost(*lost),
            UpdateKind::Finding(finding) => {
                self.found |= self.until.finding.is_some_and(|wanted| match wanted {
                    Wanted::Any => finding.severity > Severity::Info,
                    Wanted::Rule(id) => finding.id == id,
                });
            }
            UpdateKind::Close { totals, partial, findings, .. } => {
                self.closed += 1;
                self.summary.sessions += 1;
                self.summary.partial += u64::from(!partial.is_empty());
                self.summary.totals.add(totals);
                add_counts(&mut self.summary.findings, findings);
            }
            _ => {}
        }
        self.show(update, sink);
    }

    /// Forwards an update, unless a limit is reached or it is hidden.
    fn show(&mut self, update: &Update, sink: &mut dyn Sink) {
        if self.only_findings
            && !matches!(update.what, UpdateKind::Finding(_) | UpdateKind::Gap { .. })
        {
            return;
        }
        if self.long_reads.is_some() {
            self.show_long_reads(update, sink);
        } else {
            self.display(update, sink);
        }
    }

    /// Forwards the updates of long reads.
    #[cold]
    fn show_long_reads(&mut self, update: &Update, sink: &mut dyn Sink) {
        let Some(mut long_reads) = self.long_reads.take() else { return };
        long_reads.filter(update, &mut |update| self.display(update, sink));
        self.long_reads = Some(long_reads);
    }

    /// Forwards an update, unless a limit is reached.
    fn display(&mut self, update: &Update, sink: &mut dyn Sink) {
        if self.until.events.is_none_or(|limit| self.updates < limit) {
            self.updates += u64::from(sink.update(update) == Shown::Yes);
        }
    }
}

/// Returns the finding for missed probe hits. It belongs to no session.
fn missed_probes(times: u64) -> Option<FindingCount> {
    let rule = rules::find(SQ902)?;
    Some(FindingCount { id: rule.id, name: rule.name, severity: rule.most, sessions: 0, times })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Verdict;
    use crate::testing::simulator::reader::{open, task};

    /// Number of updates that were forwarded.
    #[derive(Default)]
    struct Count(u64);

    impl Sink for Count {
        fn update(&mut self, _update: &Update) -> Shown {
            self.0 += 1;
            Shown::No
        }
    }

    #[test]
    fn the_summary_counts_all_sessions() {
        let mut pipeline = Pipeline::new(Selection::default(), Until::default());
        let mut sink = Count::default();
        let write = |key| EventKind::Write { key, task: task(1), pos: 3, want: 3, ret: 3 };
        let bodies =
            [open(1, false), open(2, true), EventKind::Gap { lost: 37 }, open(3, false), write(3)];
        for (time, body) in (1..).zip(bodies) {
            pipeline.feed(&Event { time, cpu: 0, body }, &mut sink);
        }
        let updates = sink.0;
        pipeline.feed(&Event { time: 6, cpu: 0, body: write(99) }, &mut sink);
        assert_eq!(sink.0, updates, "an event of an unknown session has no effect");
        let summary = pipeline.finish(7, 0, &mut sink);
        assert_eq!((summary.sessions, summary.lost, summary.partial), (3, 37, 3));
        assert_eq!((summary.totals.writes, summary.totals.written), (1, 3));
    }

    #[test]
    fn missed_probes_are_a_finding_of_the_summary() {
        for (missed, verdict) in [(0, Verdict::Clean), (3, Verdict::Inconclusive)] {
            let mut pipeline = Pipeline::new(Selection::default(), Until::default());
            let summary = pipeline.finish(1, missed, &mut Count::default());
            assert_eq!((summary.missed, Verdict::of(&summary)), (missed, verdict));
            let ids: Vec<Id> = summary.findings.iter().map(|count| count.id).collect();
            assert_eq!(ids, if missed > 0 { vec![Id(902)] } else { vec![] });
        }
    }
}
