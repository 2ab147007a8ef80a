//! What start and next do with positions, before the rules.

use super::Case;
use crate::rules::history::History;
use crate::rules::ledger::identity::Trust;
use crate::rules::ledger::pass::Resume;
use crate::rules::rule::Severity;
use crate::rules::{sq101, sq103, sq104, sq205, sq601};
use crate::session::update::{CallbackUpdate, Update};

impl Case {
    pub(super) fn start(&mut self, update: &Update, callback: &CallbackUpdate, file: &mut History) {
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

    pub(super) fn next(&mut self, update: &Update, callback: &CallbackUpdate, file: &mut History) {
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
}
