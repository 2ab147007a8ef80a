//! What start and next do with positions, before the rules.

use super::{Back, Case};
use crate::event::Ptr;
use crate::finding::Severity;
use crate::rules::history::{History, Mismatch};
use crate::rules::ledger::entries::Entry;
use crate::rules::ledger::identity::Trust;
use crate::rules::ledger::pass::{Resume, is_record};
use crate::rules::ledger::{Fresh, Left};
use crate::rules::{sq101, sq103, sq104, sq105, sq205, sq305, sq601};
use crate::session::update::{CallbackUpdate, Update};

impl Case {
    pub(super) fn start(&mut self, update: &Update, callback: &CallbackUpdate, file: &mut History) {
        let returned = callback.ret_ptr.unwrap_or_default();
        self.private = callback.private.or(self.private);
        if callback.bytes.is_some() {
            self.ledger.strays();
            sq305::judge(callback, &mut self.bench);
        }
        self.begins_again(update.time, callback, returned);
        let handed = self.ledger.handed;
        let root = self.ledger.root();
        if sq205::judge(callback, returned, handed.as_ref(), &mut self.bench) {
            self.ledger.blame(sq205::RULE.id, true);
        }
        let set_back = self.ledger.sets_back(callback, returned);
        let before = self.ledger.set_back;
        let resume = self.ledger.start(callback, returned, &mut file.pointers);
        self.ledger.stamp(update.time, update.read);
        if let Some(left) = self.left.take() {
            self.goes_on(&left, update.time, callback, returned, file);
        }
        if let Some(resume) = resume {
            self.resumed(&resume, update.time, file);
        } else if let (Some(from), Some(to)) = (callback.pos_in, set_back) {
            let back = sq105::Back { from, to, returned };
            let again = file.mismatched(Mismatch::SetBack { from, to }, self.here()) || before;
            let root = root.or(file.root.filter(|root| *root == sq104::RULE.id));
            sq105::set_back(back, again, root, &mut self.bench);
            self.ledger.blame(sq105::RULE.id, true);
            self.back = Some(Back { end: back, resume: None });
        }
    }

    /// start is called where an earlier one of the generation had set the position back.
    fn begins_again(&mut self, time: u64, callback: &CallbackUpdate, returned: Ptr) {
        let Some(Back { end, resume }) = self.back.take() else { return };
        if callback.pos_in != Some(end.to) || !is_record(returned) {
            return;
        }
        let root = self.ledger.root();
        if let Some(resume) = resume {
            let context = sq104::Context { time, here: self.here(), root };
            self.resumes.began_again(&resume, context, &mut self.bench);
        }
        if end.returned == Ptr::NULL {
            sq105::began_again(end, root, &mut self.bench);
        }
    }

    /// A generation begins: with what next had handed out before it?
    fn goes_on(
        &mut self,
        left: &Left,
        time: u64,
        callback: &CallbackUpdate,
        returned: Ptr,
        file: &mut History,
    ) {
        let Some(resume) = self.ledger.goes_on(left, callback, returned, &file.pointers) else {
            return;
        };
        let context = sq104::Context { time, here: self.here(), root: None };
        let severity = sq104::goes_on(&resume, context, file, &mut self.bench);
        self.ledger.blame(sq104::RULE.id, severity > Severity::Info);
    }

    fn resumed(&mut self, resume: &Resume, time: u64, file: &mut History) {
        let key = resume.identity.key();
        let other = file.other(self.session.id, key, self.stopped);
        let astray = !resume.agrees && !resume.rounded && resume.set_back.is_none();
        if let Some(other) = other.filter(|_| astray && resume.trust == Trust::Firm) {
            sq601::judge(resume, other, &mut self.bench);
            return;
        }
        if self.texts && resume.can_be_moved() && file.text_at(resume.handed.pos).is_some() {
            // The next rendering tells.
            self.moved = Some((*resume, time));
            return;
        }
        self.disagreed(resume, time, file);
    }

    /// start returned what it did: does it disagree?
    pub(super) fn disagreed(&mut self, resume: &Resume, time: u64, file: &mut History) {
        // Who shares a cursor with others does not find what is handed out here.
        let shared = file.root.filter(|root| *root == sq601::RULE.id);
        let root = self.ledger.root().or(shared);
        let context = sq104::Context { time, here: self.here(), root };
        let severity = self.resumes.judge(resume, context, file, &mut self.bench);
        let Some(severity) = severity else { return };
        let origin = sq104::origin(resume, context.root).unwrap_or(sq104::RULE.id);
        self.ledger.blame(origin, severity > Severity::Info);
        if severity > Severity::Info {
            self.ledger.miss(resume.handed);
        }
        if let Some(to) = resume.set_back {
            let (from, returned) = (resume.handed.pos, resume.returned);
            let end = sq105::Back { from, to, returned };
            self.back = Some(Back { end, resume: Some(*resume) });
        }
    }

    pub(super) fn next(&mut self, update: &Update, callback: &CallbackUpdate, file: &mut History) {
        let returned = callback.ret_ptr.unwrap_or_default();
        if callback.bytes.is_some() {
            self.ledger.strays();
        }
        self.settle_moved(file);
        self.follow(callback, file);
        let cause = self.ledger.misled();
        let stuck = sq101::judge(callback, returned, cause, &mut self.bench);
        if let Some(stuck) = stuck.filter(|_| !callback.fixed_up) {
            self.ledger.blame(stuck, true);
        }
        // What start has set back is not next's.
        let back = !self.ledger.set_back && {
            let cause = self.ledger.mended.or(self.ledger.root());
            sq103::judge(callback, returned, &self.ledger.entries, cause, &mut self.bench)
        };
        if back {
            self.ledger.blame(self.ledger.mended.unwrap_or(sq103::RULE.id), true);
        }
        if callback.fixed_up {
            self.ledger.mended = self.ledger.mended.or(cause).or(stuck);
        }
        self.ledger.next(callback, returned, &mut file.pointers);
        self.ledger.stamp(update.time, update.read);
        if back {
            self.ledger.out_of_step();
        }
    }

    /// The first record of a pass was rendered with its text: is it the one that belongs there? Only where pointers do
    /// not tell.
    pub(super) fn read_first(&mut self, fresh: &Fresh, file: &mut History) {
        let entry = &fresh.entry;
        let (identity, text) = (fresh.identity, (entry.hash, entry.len));
        let unknown = file.pointers.trust(identity, identity) == Trust::None;
        if !fresh.resumed || entry.hash == 0 || !unknown || self.ledger.is_broken() {
            return;
        }
        let Some(right) = file.text_at(entry.pos) else { return };
        if right == text {
            self.texts_of_firsts.agreed();
            return;
        }
        let earlier = self.ledger.there_before(entry);
        let Some(earlier) = earlier.filter(|one| file.text_at(one.pos) == Some(text)) else {
            return;
        };
        self.went_back(&earlier, entry, false, file);
    }

    /// next goes on behind the first record of a pass: if to where it had gone before from the record whose text that
    /// one has, it is start that went back.
    fn follow(&mut self, callback: &CallbackUpdate, file: &mut History) {
        let other = self.ledger.root().is_some_and(|root| root != sq104::RULE.id);
        if (other && self.ledger.is_broken()) || self.ledger.mended.is_some() {
            return;
        }
        let Some(last) = self.ledger.first_of_pass() else { return };
        let identity = self.ledger.identity(last.ptr);
        if file.pointers.trust(identity, identity) > Trust::None {
            return;
        }
        let earlier = self.ledger.there_before(&last);
        let behind = |one: &Entry| self.ledger.behind(one) == Some(callback.pos_out);
        if let Some(earlier) = earlier.filter(behind) {
            self.went_back(&earlier, &last, true, file);
        }
    }

    fn went_back(&mut self, earlier: &Entry, entry: &Entry, certain: bool, file: &mut History) {
        let here = self.here();
        let bench = &mut self.bench;
        let severity = self.texts_of_firsts.astray(earlier, entry, certain, here, file, bench);
        self.ledger.blame(sq104::RULE.id, severity > Severity::Info);
        if severity > Severity::Info {
            self.ledger.astray();
        }
    }

    /// The record that start returned was not rendered: nothing more will be known of it.
    pub(super) fn settle_moved(&mut self, file: &mut History) {
        if let Some((resume, time)) = self.moved.take() {
            self.disagreed(&resume, time, file);
        }
    }
}
