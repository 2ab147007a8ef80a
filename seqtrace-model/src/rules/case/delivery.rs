//! What the reader got, and what is left when a session is over.

use super::Case;
use crate::event::Wrapper;
use crate::finding::Severity;
use crate::rules::history::History;
use crate::rules::{sq202, sq304, sq401, sq901};
use crate::session::update::{Partial, ReadEnd, Totals, Update};

impl Case {
    pub(super) fn read_end(&mut self, update: &Update, end: &ReadEnd, file: &mut History) {
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
            sq202::judge(&missed, more, severity, self.ledger.root(), &mut self.bench);
            let whole = u64::try_from(end.range.end).unwrap_or(0);
            if self.ledger.root().is_none() {
                file.whole = file.whole.max(Some(whole));
            }
        }
    }

    fn delivered(&mut self, end: &ReadEnd, shared: bool, file: &mut History) {
        let (root, range) = (self.ledger.root(), end.range);
        let root = root.or(self.bench.root());
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
        if let Some(root) = root.filter(|root| doubles > 0 && self.bench.is_firm(*root)) {
            self.ledger.blame(root, true);
        }
        let records = self.ledger.entries.total();
        self.ends.delivered(bytes, doubles, records, file.whole, root, &mut self.bench);
        let generation = self.ledger.generation;
        self.cuts.delivered(
            range,
            generation,
            &self.ledger.entries,
            file.is_volatile(),
            &mut self.bench,
        );
    }

    pub(super) fn close(
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
