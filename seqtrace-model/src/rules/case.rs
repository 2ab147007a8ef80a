//! One session before the judge: updates become claims of the ledger, claims go to the rules.

mod calls;
mod delivery;
mod positions;

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use self::calls::Call;
use crate::event::{FileKind, Role};
use crate::finding::Severity;
use crate::finding::{Finding, FindingCount};
use crate::rules::bench::Bench;
use crate::rules::history::{self, FileKey, History, KnownFile, Place};
use crate::rules::ledger::entries::Entry;
use crate::rules::ledger::identity::Trust;
use crate::rules::ledger::pass::{Origin, Resume};
use crate::rules::ledger::{Fresh, Ledger, Left, Shown};
use crate::rules::{
    sq104, sq105, sq106, sq201, sq203, sq204, sq301, sq302, sq303, sq304, sq401, sq501, sq901,
};
use crate::session::update::{CallbackUpdate, Phase, Session, SessionId, Update, What};

/// Everything that is known of one open session.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Case {
    pub(super) session: Arc<Session>,
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
    /// When the start of the pass returned.
    began: Option<u64>,
    /// When the last pass ended.
    stopped: u64,
    /// The texts of records are being kept.
    texts: bool,
    /// start set the position back, and no read has begun since.
    back: Option<Back>,
    /// What the generation before had handed out, until this one begins.
    left: Option<Left>,
    /// A resume whose record may be the one that was handed out, at another address, and when it was: its text
    /// tells.
    moved: Option<(Resume, u64)>,
    /// `m->private` as the last start saw it.
    private: Option<u64>,
    doubles: sq201::Doubles,
    cuts: sq203::Cuts,
    resumes: sq104::Resumes,
    texts_of_firsts: sq104::Texts,
    ends: sq105::Ends,
    replay: sq204::Replay,
    storm: sq301::Storm,
}

/// A start that set the position back, and the resume in which it did, if it was in one.
#[derive(Clone, Copy, Debug)]
struct Back {
    end: sq105::Back,
    resume: Option<Resume>,
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
    pub(super) fn new(session: Arc<Session>) -> Self {
        let m = match session.kind {
            FileKind::Seq { m, .. } => m,
            FileKind::Plain { .. } => 0,
        };
        Self {
            ledger: Ledger::new(m, session.adopted),
            bench: Bench::new(Arc::clone(&session)),
            file: FileKey::of(&session).map(KnownFile::new),
            session,
            open: Vec::new(),
            holes: false,
            waiting: None,
            untold: false,
            complete: false,
            began: None,
            stopped: 0,
            texts: false,
            back: None,
            left: None,
            moved: None,
            private: None,
            doubles: sq201::Doubles::default(),
            cuts: sq203::Cuts::default(),
            resumes: sq104::Resumes::default(),
            texts_of_firsts: sq104::Texts::default(),
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
        self.back = None;
        self.left = None;
        self.moved = None;
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
        self.texts = texts;
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
        if self.bench.has_raised() {
            file.root = file.root.or(self.bench.root());
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
            Role::Start => {
                self.began = Some(update.time);
                self.start(update, callback, file);
            }
            Role::Next => self.next(update, callback, file),
            Role::Show => {
                sq302::judge(callback, &mut self.bench);
                self.storm.shown(callback);
                let (read, time) = (update.read, update.time);
                if texts && callback.bytes.unwrap_or(0) > 0 {
                    let callback = *callback;
                    self.waiting = Some(Waiting { callback, read, time });
                } else {
                    self.shown(callback, read, time, 0, file);
                }
            }
            Role::Stop => {
                sq303::judge(callback, &mut self.bench);
                if let Some(began) = self.began.take() {
                    sq501::judge(update.time.saturating_sub(began), &mut self.bench);
                }
                self.settle_moved(file);
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
            self.left = self.ledger.left();
            self.back = None;
            self.ledger.begin();
            self.complete = false;
            self.doubles.forget();
            self.ends.forget();
            self.replay.forget();
        }
    }

    /// Is the record that start returned the one that was handed out, at another address? Or is it the one that it was
    /// before, by its text, too?
    fn recognise(&mut self, entry: &Entry, file: &mut History) {
        let Some((mut resume, time)) = self.moved.take() else { return };
        let known = entry.hash != 0;
        if known && file.text_at(resume.handed.pos) == Some((entry.hash, entry.len)) {
            self.ledger.agrees_after_all();
            if resume.seen.is_some() {
                file.pointers.is_cursor();
            }
            self.resumes.agreed(file, &mut self.bench);
            return;
        }
        if resume.trust == Trust::Weak
            && resume.seen.is_some_and(|seen| seen.same_text(entry) == Some(true))
        {
            resume.trust = Trust::Firm;
        }
        self.disagreed(&resume, time, file);
    }

    /// The generation is over: what is worth remembering of it?
    fn keep(&self, file: &mut History) {
        if self.ledger.is_known() {
            let private = self.ledger.private();
            file.keep(self.ledger.entries.first(history::SAMPLE), private, self.complete);
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
        self.recognise(entry, file);
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
        self.read_first(fresh, file);
        let early = self.ledger.pass.as_mut().and_then(|pass| pass.early.take());
        let new = early.is_some() && self.ledger.is_new(fresh);
        let double = self.ledger.accept(fresh, time, &file.pointers);
        let root = self.ledger.root();
        if behind {
            let root = root.or(file.root.filter(|root| *root != sq105::RULE.id));
            if self.ends.behind(double.as_ref(), last.as_ref(), entry, root, &mut self.bench) {
                self.ledger.blame(sq105::RULE.id, true);
            }
        }
        if let Some(end) = early.filter(|_| new && double.is_none() && root.is_none()) {
            let began = self.began.unwrap_or(time);
            let severity = sq106::judge(&end, entry, began, file, &mut self.bench);
            self.ledger.blame(sq106::RULE.id, severity > Severity::Info);
        }
        if let Some(double) = double {
            self.doubles.rendered(double);
        } else {
            self.replay.accepted(number, fresh, here, file, &mut self.bench);
        }
        if self.ledger.entries.is_cut() {
            sq901::bound(self.ledger.entries.kept(), &mut self.bench);
        }
    }
}

/// Of the first bytes of a record; never 0.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish() | 1
}
