//! One session before the judge: updates enter the ledger, and what follows is handed to the rules.

pub(super) mod calls;

use std::hash::{DefaultHasher, Hasher};
use std::rc::Rc;

use self::calls::Calls;
use super::Rules;
use super::bench::Bench;
use super::history::{self, FileKey, History, KnownFile};
use super::hooks::{Accepted, Closed, Context, Delivery, Hooks, Returned, Started};
use super::ledger::pass::Origin;
use super::ledger::{Fresh, Ledger, Shown};
use crate::event::{FileKind, Role};
use crate::finding::{Finding, FindingCount};
use crate::session::update::{CallbackUpdate, Phase, ReadEnd, Session, Update, What};

/// Everything that is known of one open session.
#[derive(Debug)]
pub(super) struct Case {
    /// Its file, if it has callbacks.
    pub(super) file: Option<KnownFile>,
    facts: Facts,
    rules: Rules,
    calls: Calls,
    /// Events were lost while it was open.
    holes: bool,
    /// A show whose text may still come.
    waiting: Option<Waiting>,
    /// The update before was a record that was accepted without its text.
    untold: bool,
    /// The end of the file was reached in this generation.
    complete: bool,
}

/// Facts of the session that the rules share.
#[derive(Debug)]
struct Facts {
    session: Rc<Session>,
    ledger: Ledger,
    bench: Bench,
    texts: bool,
}

impl Facts {
    #[inline]
    fn with<'a>(&'a mut self, history: &'a mut History) -> Context<'a> {
        let Self { session, ledger, bench, texts } = self;
        Context { session, ledger, history, bench, texts: *texts }
    }
}

/// A show whose text may still come.
#[derive(Debug)]
struct Waiting {
    callback: CallbackUpdate,
    read: Option<u32>,
    time: u64,
}

impl Case {
    /// A session that was opened, or is seen for the first time.
    pub(super) fn new(session: Rc<Session>) -> Self {
        let m = match session.kind {
            FileKind::Seq { m, .. } => m,
            FileKind::Plain { .. } => 0,
        };
        Self {
            file: FileKey::of(&session).map(KnownFile::new),
            facts: Facts {
                ledger: Ledger::new(m, session.adopted),
                bench: Bench::new(Rc::clone(&session)),
                session,
                texts: false,
            },
            rules: Rules::default(),
            calls: Calls::default(),
            holes: false,
            waiting: None,
            untold: false,
            complete: false,
        }
    }

    /// A smaller ledger, for tests.
    #[cfg(test)]
    pub(super) fn limited(mut self, entries: Option<usize>) -> Self {
        if let Some(entries) = entries {
            self.facts.ledger.limit(entries);
        }
        self
    }

    pub(super) fn session(&self) -> &Rc<Session> {
        &self.facts.session
    }

    /// Whether anything was found since it was taken last.
    pub(super) fn has_found(&self) -> bool {
        self.facts.bench.has_raised()
    }

    /// What was found since this was asked last.
    pub(super) fn take(&mut self) -> Vec<Finding> {
        self.facts.bench.take()
    }

    /// What was found in all.
    pub(super) fn counts(&self) -> Vec<FindingCount> {
        self.facts.bench.counts()
    }

    /// Events were lost while it was open.
    pub(super) fn gap(&mut self) {
        self.waiting = None;
        self.holes = true;
        self.taint();
    }

    /// Its `struct file` is another's now. Where events were lost, its release may be among them.
    pub(super) fn reused(&mut self, time: u64, history: &mut History) {
        if !self.holes {
            self.rules.on_reused(&mut self.facts.with(history), time);
        }
    }

    fn taint(&mut self) {
        self.facts.ledger.taint();
        self.rules.forget();
    }

    /// An update of this session. `texts`: those of records are being kept.
    #[inline]
    pub(super) fn see(&mut self, update: &Update, texts: bool, history: &mut History) {
        if self.waiting.is_some() {
            self.text(update, history);
        }
        self.facts.texts = texts;
        let untold = std::mem::take(&mut self.untold);
        self.facts.bench.read = update.read;
        match &update.what {
            What::Callback(callback) => self.callback(update, callback, texts, history),
            // The first text of the trace: nobody knew that there would be any.
            What::Preview { bytes } if untold => self.facts.ledger.entries.text(hash(bytes)),
            What::ReadBegin { pos, .. } => self.calls.enter(update, *pos),
            What::LseekBegin { .. } => self.calls.enter(update, 0),
            What::Grow { to, .. } => self.rules.on_grow(&mut self.facts.with(history), *to),
            What::ReadEnd(end) => self.read_end(update, end, history),
            What::LseekEnd { ret, .. } => {
                if let Some(failure) = self.calls.leave(update).and_then(|call| call.failure) {
                    self.rules.on_call_end(&mut self.facts.with(history), &failure, *ret);
                }
            }
            What::Disagreement { .. } => {
                self.holes = true;
                self.taint();
            }
            What::OpenLeaked { ret } => {
                self.rules.on_open_failed(&mut self.facts.with(history), *ret);
            }
            What::Close { by, totals, partial, private, .. } => {
                self.keep(history);
                let closed = Closed { by: *by, totals, partial, private: *private };
                self.rules.on_close(&mut self.facts.with(history), &closed);
            }
            _ => {}
        }
        if self.facts.bench.has_raised() {
            history.root = history.root.or(self.facts.bench.root());
        }
    }

    /// Behind a show that waits for it: its text, or something else.
    fn text(&mut self, update: &Update, history: &mut History) {
        let hash = match &update.what {
            What::Preview { bytes } => hash(bytes),
            _ => 0,
        };
        let Some(Waiting { callback, read, time }) = self.waiting.take() else { return };
        self.shown(&callback, read, time, hash, history);
        self.untold = false;
    }

    #[inline]
    fn callback(
        &mut self,
        update: &Update,
        callback: &CallbackUpdate,
        texts: bool,
        history: &mut History,
    ) {
        if callback.phase == Phase::Unknown {
            self.taint();
            return;
        }
        if callback.role == Role::Start {
            self.begin(update, callback, history);
        }
        if !self.facts.ledger.is_known() {
            return;
        }
        self.calls.note_failure(update, callback);
        let (read, time) = (update.read, update.time);
        let returned = Returned { callback, ptr: callback.ret_ptr.unwrap_or_default(), time };
        match callback.role {
            Role::Start => self.start(&returned, read, history),
            Role::Next => self.next(&returned, read, history),
            Role::Show => {
                self.rules.on_show(&mut self.facts.with(history), callback);
                if texts && callback.bytes.unwrap_or(0) > 0 {
                    let callback = callback.clone();
                    self.waiting = Some(Waiting { callback, read, time });
                } else {
                    self.shown(callback, read, time, 0, history);
                }
            }
            Role::Stop => {
                self.rules.on_stop(&mut self.facts.with(history), &returned);
                self.facts.ledger.stop(callback);
            }
        }
    }

    /// Does a generation begin with this start?
    fn begin(&mut self, update: &Update, callback: &CallbackUpdate, history: &mut History) {
        let rewound = self.calls.begin_pass(update) && callback.phase == Phase::First;
        if rewound || callback.phase == Phase::Traverse {
            self.keep(history);
            self.rules.forget();
            self.rules.on_generation(&mut self.facts.with(history));
            self.facts.ledger.begin();
            self.complete = false;
        }
    }

    /// The generation is over: what is worth remembering of it?
    fn keep(&self, history: &mut History) {
        let ledger = &self.facts.ledger;
        if ledger.is_known() {
            let first = ledger.entries.first(history::SAMPLE);
            history.keep(first, ledger.private(), self.complete);
        }
    }

    fn start(&mut self, start: &Returned<'_>, read: Option<u32>, history: &mut History) {
        let Returned { callback, ptr, time } = *start;
        if callback.bytes.is_some() {
            self.facts.ledger.strays();
        }
        let root = self.facts.ledger.root();
        self.rules.before_start(&mut self.facts.with(history), start);
        let ledger = &mut self.facts.ledger;
        let (set_back, was_set_back) = (ledger.sets_back(callback, ptr), ledger.set_back);
        let resume = ledger.start(callback, ptr, time, &mut history.pointers);
        ledger.stamp(time, read);
        let mut pass = Started { root, set_back, was_set_back, resume, explained: false };
        self.rules.on_start(&mut self.facts.with(history), start, &mut pass);
    }

    fn next(&mut self, next: &Returned<'_>, read: Option<u32>, history: &mut History) {
        let Returned { callback, ptr, time } = *next;
        if callback.bytes.is_some() {
            self.facts.ledger.strays();
        }
        self.rules.before_next(&mut self.facts.with(history), next);
        self.facts.ledger.next(callback, ptr, &mut history.pointers);
        self.facts.ledger.stamp(time, read);
        self.rules.on_next(&mut self.facts.with(history), next);
    }

    /// A rendering, and its text if that is known.
    fn shown(
        &mut self,
        callback: &CallbackUpdate,
        read: Option<u32>,
        time: u64,
        hash: u64,
        history: &mut History,
    ) {
        let read = read.unwrap_or(0);
        match self.facts.ledger.show(callback, read, hash, &mut history.pointers) {
            Shown::Accepted(fresh) => {
                self.untold = hash == 0;
                self.accepted(&fresh, time, history);
            }
            Shown::Consumed | Shown::Again => {}
            Shown::Unknown => self.taint(),
        }
    }

    fn accepted(&mut self, fresh: &Fresh, time: u64, history: &mut History) {
        self.rules.before_accept(&mut self.facts.with(history), fresh);
        let ledger = &mut self.facts.ledger;
        let expected = ledger.end().unwrap_or(0);
        if !ledger.tiles(&fresh.entry) {
            return self.untiled(expected, fresh.entry.start, history);
        }
        let behind = ledger.pass.as_ref().is_some_and(|pass| pass.origin == Origin::AfterEnd);
        let last = if behind { ledger.entries.last().copied() } else { None };
        let number = ledger.entries.total();
        let early = ledger.pass.as_mut().and_then(|pass| pass.early.take());
        let early = early.filter(|_| ledger.is_new(fresh));
        let double = ledger.accept(fresh, time, &history.pointers);
        let early = early.filter(|_| double.is_none());
        let accepted = Accepted { fresh, number, last, early, double: double.as_ref(), time };
        self.rules.on_accept(&mut self.facts.with(history), &accepted);
    }

    /// The ledger does not end where the core's buffer does: nothing is claimed of this generation any further.
    fn untiled(&mut self, expected: i64, observed: i64, history: &mut History) {
        self.rules.on_untiled(&mut self.facts.with(history), expected, observed);
        self.taint();
    }

    fn read_end(&mut self, update: &Update, end: &ReadEnd, history: &mut History) {
        let call = self.calls.leave(update);
        if end.partial.is_some() {
            self.taint();
        }
        if !self.facts.ledger.is_known() {
            return;
        }
        let (failure, shared) = call.map_or((None, true), |call| (call.failure, call.shared));
        if let Some(failure) = failure {
            self.rules.on_call_end(&mut self.facts.with(history), &failure, end.ret);
        }
        if end.ret > 0 {
            self.delivered(end, shared, history);
        } else if end.ret == 0 && end.eof {
            self.complete = true;
            self.rules.on_end_of_file(&mut self.facts.with(history));
            if self.facts.ledger.root().is_none() {
                let whole = u64::try_from(end.range.end).unwrap_or(0);
                history.whole = history.whole.max(Some(whole));
            }
        }
    }

    fn delivered(&mut self, end: &ReadEnd, shared: bool, history: &mut History) {
        let Facts { ledger, bench, .. } = &self.facts;
        let root = ledger.root().or(bench.root());
        if let Some(kept) = ledger.end().filter(|_| !shared) {
            let core = end.range.end.saturating_add_unsigned(end.leftover);
            if kept != core {
                return self.untiled(kept, core, history);
            }
        }
        let bytes = u64::try_from(end.ret).unwrap_or(0);
        let mut delivery = Delivery { bytes, range: end.range, root, doubles: 0 };
        self.rules.on_delivered(&mut self.facts.with(history), &mut delivery);
    }
}

/// Of the first bytes of a record; never 0.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish() | 1
}
