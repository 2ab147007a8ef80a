//! One session before the judge: updates become claims of the ledger, claims go to the rules.

use std::hash::{DefaultHasher, Hasher};
use std::rc::Rc;

use crate::event::{FileKind, Role, Wrapper};
use crate::rules::bench::Bench;
use crate::rules::finding::{Finding, FindingCount};
use crate::rules::history::{self, FileKey, History, KnownFile, Place};
use crate::rules::ledger::identity::Trust;
use crate::rules::ledger::pass::{Origin, Resume};
use crate::rules::ledger::{Fresh, Ledger, Shown};
use crate::rules::rule::Severity;
use crate::rules::sq304::Failure;
use crate::rules::{
    sq101, sq103, sq104, sq105, sq201, sq202, sq203, sq204, sq205, sq301, sq302, sq303, sq304,
    sq401, sq501, sq601, sq901,
};
use crate::session::update::{
    CallbackUpdate, Partial, Phase, ReadEnd, Session, SessionId, Totals, Update, What,
};

/// Everything that is known of one open session.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) session: Rc<Session>,
    /// Its file, if it has callbacks.
    pub(super) file: Option<KnownFile>,
    ledger: Ledger,
    bench: Bench,
    /// Reads and lseeks that have not returned.
    open: Vec<Call>,
    /// Events were lost while it was open.
    holes: bool,
    /// A show whose text may still come.
    waiting: Option<Waiting>,
    /// The update before was a record that was accepted without its text.
    untold: bool,
    /// The end of the file was reached in this generation.
    complete: bool,
    /// When the last pass ended.
    stopped: u64,
    /// `m->private` as the last start saw it.
    private: Option<u64>,
    doubles: sq201::Doubles,
    cuts: sq203::Cuts,
    resumes: sq104::Resumes,
    ends: sq105::Ends,
    replay: sq204::Replay,
    storm: sq301::Storm,
}

/// A read or lseek that has not returned.
#[derive(Debug)]
struct Call {
    /// The read's number; `None` for an lseek.
    read: Option<u32>,
    /// Its thread.
    tid: Option<u32>,
    /// A read's file offset.
    pos: i64,
    /// Passes begun.
    passes: u32,
    /// Another one was open at the same time.
    shared: bool,
    failure: Option<Failure>,
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
            ledger: Ledger::new(m, session.adopted),
            bench: Bench::new(Rc::clone(&session)),
            file: FileKey::of(&session).map(KnownFile::new),
            session,
            open: Vec::new(),
            holes: false,
            waiting: None,
            untold: false,
            complete: false,
            stopped: 0,
            private: None,
            doubles: sq201::Doubles::default(),
            cuts: sq203::Cuts::default(),
            resumes: sq104::Resumes::default(),
            ends: sq105::Ends::default(),
            replay: sq204::Replay::default(),
            storm: sq301::Storm::default(),
        }
    }

    /// A smaller ledger, for tests.
    #[cfg(test)]
    pub(super) fn limited(mut self, entries: Option<usize>) -> Self {
        if let Some(entries) = entries {
            self.ledger.limit(entries);
        }
        self
    }

    /// Whether anything was found since it was taken last.
    pub(super) fn has_found(&self) -> bool {
        self.bench.has_raised()
    }

    /// What was found since this was asked last.
    pub(super) fn take(&mut self) -> Vec<Finding> {
        self.bench.take()
    }

    /// What was found in all.
    pub(super) fn counts(&self) -> Vec<FindingCount> {
        self.bench.counts()
    }

    /// Events were lost while it was open.
    pub(super) fn gap(&mut self) {
        self.waiting = None;
        self.holes = true;
        self.taint();
    }

    /// Its `struct file` is another's now. Where events were lost, its release may be among them.
    pub(super) fn reused(&mut self, time: u64) {
        let callbacks = self.session.callbacks.is_some();
        if callbacks && !self.session.adopted && !self.holes {
            sq401::reused(self.session.file, time, &mut self.bench);
        }
    }

    fn taint(&mut self) {
        self.ledger.taint();
        self.doubles.forget();
        self.ends.forget();
        self.replay.forget();
    }

    fn here(&self) -> (SessionId, u32) {
        (self.session.id, self.ledger.generation)
    }

    /// An update of this session. `texts`: those of records are being kept.
    #[inline]
    pub(super) fn see(&mut self, update: &Update, texts: bool, file: &mut History) {
        if self.waiting.is_some() {
            self.text(update, file);
        }
        let untold = std::mem::take(&mut self.untold);
        self.bench.read = update.read;
        match &update.what {
            What::Callback(callback) => self.callback(update, callback, texts, file),
            // The first text of the trace: nobody knew that there would be any.
            What::Preview { bytes } if untold => self.ledger.entries.text(hash(bytes)),
            What::ReadBegin { pos, .. } => self.enter(update, *pos),
            What::LseekBegin { .. } => self.enter(update, 0),
            What::Grow { to, .. } => self.storm.grown(*to, &mut self.bench),
            What::ReadEnd(end) => self.read_end(update, end, file),
            What::LseekEnd { ret, .. } => {
                if let Some(failure) = self.leave(update).and_then(|call| call.failure) {
                    sq304::judge(&failure, *ret, &mut self.bench);
                }
            }
            What::Disagreement { .. } => {
                self.holes = true;
                self.taint();
            }
            What::OpenLeaked { ret } => {
                sq401::open_failed(self.session.opened_by, *ret, &mut self.bench);
            }
            What::Close { by, totals, partial, private, .. } => {
                self.close(*by, totals, partial, *private, file);
            }
            _ => {}
        }
    }

    /// Behind a show that waits for it: its text, or something else.
    fn text(&mut self, update: &Update, file: &mut History) {
        let hash = match &update.what {
            What::Preview { bytes } => hash(bytes),
            _ => 0,
        };
        let Some(Waiting { callback, read, time }) = self.waiting.take() else { return };
        self.shown(&callback, read, time, hash, file);
        self.untold = false;
    }

    fn enter(&mut self, update: &Update, pos: i64) {
        let shared = !self.open.is_empty();
        for call in &mut self.open {
            call.shared = true;
        }
        let tid = update.task.as_ref().map(|task| task.tid);
        let call = Call { read: update.read, tid, pos, passes: 0, shared, failure: None };
        self.open.push(call);
    }

    /// The call that an update belongs to.
    fn call(&mut self, update: &Update) -> Option<&mut Call> {
        let tid = update.task.as_ref().map(|task| task.tid);
        self.open
            .iter_mut()
            .find(|call| call.read == update.read && (call.read.is_some() || call.tid == tid))
    }

    fn leave(&mut self, update: &Update) -> Option<Call> {
        let tid = update.task.as_ref().map(|task| task.tid);
        let at = self.open.iter().position(|call| {
            call.read == update.read && (call.read.is_some() || call.tid == tid)
        })?;
        Some(self.open.remove(at))
    }

    #[inline]
    fn callback(
        &mut self,
        update: &Update,
        callback: &CallbackUpdate,
        texts: bool,
        file: &mut History,
    ) {
        if callback.phase == Phase::Unknown {
            self.taint();
            return;
        }
        if callback.role == Role::Start {
            self.begin(update, callback, file);
        }
        if !self.ledger.is_known() {
            return;
        }
        if let Some(failure) = sq304::failure(callback, update.time)
            && let Some(call) = self.call(update)
        {
            call.failure.get_or_insert(failure);
        }
        match callback.role {
            Role::Start => self.start(update, callback, file),
            Role::Next => self.next(update, callback, file),
            Role::Show => {
                sq302::judge(callback, &mut self.bench);
                self.storm.shown(callback);
                let (read, time) = (update.read, update.time);
                if texts && callback.bytes.unwrap_or(0) > 0 {
                    let callback = callback.clone();
                    self.waiting = Some(Waiting { callback, read, time });
                } else {
                    self.shown(callback, read, time, 0, file);
                }
            }
            Role::Stop => {
                sq303::judge(callback, &mut self.bench);
                sq501::judge(callback, &mut self.bench);
                self.ledger.stop(callback);
                self.stopped = update.time;
                let handed = self.ledger.handed.map_or(0, |handed| handed.identity.key());
                file.stands(Place { session: self.session.id, handed, time: update.time });
            }
        }
    }

    /// Does a generation begin with this start?
    fn begin(&mut self, update: &Update, callback: &CallbackUpdate, file: &mut History) {
        let first = self.call(update).is_some_and(|call| {
            call.passes += 1;
            call.passes == 1 && call.read.is_some() && call.pos == 0
        });
        let rewound = first && callback.phase == Phase::First;
        if rewound || callback.phase == Phase::Traverse {
            self.keep(file);
            self.ledger.begin();
            self.complete = false;
            self.doubles.forget();
            self.ends.forget();
            self.replay.forget();
        }
    }

    /// The generation is over: what is worth remembering of it?
    fn keep(&self, file: &mut History) {
        if self.ledger.is_known() {
            file.keep(self.ledger.entries.first(history::SAMPLE), self.complete);
        }
    }

    fn start(&mut self, update: &Update, callback: &CallbackUpdate, file: &mut History) {
        let returned = callback.ret_ptr.unwrap_or_default();
        self.private = callback.private.or(self.private);
        if callback.bytes.is_some() {
            self.ledger.strays();
        }
        let handed = self.ledger.handed;
        if sq205::judge(callback, returned, handed.as_ref(), &mut self.bench) {
            self.ledger.root = Some(sq205::RULE.id);
        }
        let resume = self.ledger.start(callback, returned, &mut file.pointers);
        self.ledger.stamp(update.time, update.read);
        if let Some(resume) = resume {
            self.resumed(&resume, update.time, file);
        }
    }

    fn resumed(&mut self, resume: &Resume, time: u64, file: &mut History) {
        let key = resume.identity.key();
        let other = file.other(self.session.id, key, self.stopped);
        if let Some(other) =
            other.filter(|_| !resume.agrees && !resume.rounded && resume.trust == Trust::Firm)
        {
            sq601::judge(resume, other, &mut self.bench);
            return;
        }
        let here = self.here();
        let severity = self.resumes.judge(resume, time, here, file, &mut self.bench);
        if let Some(severity) = severity {
            if self.ledger.root != Some(sq205::RULE.id) {
                self.ledger.root = Some(sq104::RULE.id);
            }
            if severity > Severity::Info {
                self.ledger.miss(resume.handed);
            }
        }
    }

    fn next(&mut self, update: &Update, callback: &CallbackUpdate, file: &mut History) {
        let returned = callback.ret_ptr.unwrap_or_default();
        if callback.bytes.is_some() {
            self.ledger.strays();
        }
        let back = sq103::judge(callback, returned, &self.ledger.entries, &mut self.bench);
        if back {
            self.ledger.root = Some(sq103::RULE.id);
        }
        if let Some(stuck) = sq101::judge(callback, returned, &mut self.bench) {
            self.ledger.root = Some(stuck);
        }
        self.ledger.next(callback, returned, &mut file.pointers);
        self.ledger.stamp(update.time, update.read);
        if back {
            self.ledger.out_of_step();
        }
    }

    /// A rendering, and its text if that is known.
    fn shown(
        &mut self,
        callback: &CallbackUpdate,
        read: Option<u32>,
        time: u64,
        hash: u64,
        file: &mut History,
    ) {
        let read = read.unwrap_or(0);
        match self.ledger.show(callback, read, hash, &mut file.pointers) {
            Shown::Accepted(fresh) => {
                self.untold = hash == 0;
                self.accepted(&fresh, time, file);
            }
            Shown::Consumed | Shown::Again => {}
            Shown::Unknown => self.taint(),
        }
    }

    fn accepted(&mut self, fresh: &Fresh, time: u64, file: &mut History) {
        let entry = &fresh.entry;
        let end = self.ledger.end();
        if !self.ledger.tiles(entry) {
            sq901::self_check(end.unwrap_or(0), entry.start, &mut self.bench);
            self.taint();
            return;
        }
        let here = self.here();
        let behind = self.ledger.pass.as_ref().is_some_and(|pass| pass.origin == Origin::AfterEnd);
        let last = if behind { self.ledger.entries.last().copied() } else { None };
        let number = self.ledger.entries.total();
        let double = self.ledger.accept(fresh, time, &file.pointers);
        if behind {
            self.ends.behind(double.as_ref(), last.as_ref(), entry, &mut self.bench);
        }
        if let Some(double) = double {
            self.doubles.rendered(double);
        } else {
            self.replay.accepted(number, entry, fresh.identity, here, file, &mut self.bench);
        }
        if self.ledger.entries.is_cut() {
            sq901::bound(self.ledger.entries.kept(), &mut self.bench);
        }
    }

    fn read_end(&mut self, update: &Update, end: &ReadEnd, file: &mut History) {
        let call = self.leave(update);
        if end.partial.is_some() {
            self.taint();
        }
        if !self.ledger.is_known() {
            return;
        }
        let (failure, shared) = call.map_or((None, true), |call| (call.failure, call.shared));
        if let Some(failure) = failure {
            sq304::judge(&failure, end.ret, &mut self.bench);
        }
        if end.ret > 0 {
            self.delivered(end, shared, file);
        } else if end.ret == 0 && end.eof {
            self.complete = true;
            let severity = self.resumes.severity.unwrap_or(Severity::Info);
            let (missed, more) = self.ledger.take_missed();
            sq202::judge(&missed, more, severity, &mut self.bench);
            let whole = u64::try_from(end.range.end).unwrap_or(0);
            if self.ledger.root.is_none() {
                file.whole = file.whole.max(Some(whole));
            }
        }
    }

    fn delivered(&mut self, end: &ReadEnd, shared: bool, file: &mut History) {
        let (root, range) = (self.ledger.root, end.range);
        let bytes = u64::try_from(end.ret).unwrap_or(0);
        if let Some(kept) = self.ledger.end().filter(|_| !shared) {
            let core = range.end.saturating_add_unsigned(end.leftover);
            if kept != core {
                sq901::self_check(kept, core, &mut self.bench);
                self.taint();
                return;
            }
        }
        let doubles = self.doubles.delivered(range.end, root, &file.pointers, &mut self.bench);
        let records = self.ledger.entries.total();
        self.ends.delivered(bytes, doubles, records, file.whole, &mut self.bench);
        let generation = self.ledger.generation;
        self.cuts.delivered(
            range,
            generation,
            &self.ledger.entries,
            file.is_volatile(),
            &mut self.bench,
        );
    }

    fn close(
        &mut self,
        by: Option<Wrapper>,
        totals: &Totals,
        partial: &[Partial],
        private: Option<u64>,
        file: &mut History,
    ) {
        self.keep(file);
        file.left(self.session.id);
        self.storm.closed(totals, &mut self.bench);
        if let Some(by) = by.filter(|_| !self.session.adopted) {
            let opened = self.session.opened_by;
            sq401::released(opened, by, private, self.private, &mut self.bench);
        }
        if totals.reads > 0 || totals.callbacks > 0 {
            sq901::closed(partial, &mut self.bench);
        }
    }
}

/// Of the first bytes of a record; never 0.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish() | 1
}
