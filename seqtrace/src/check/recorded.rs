//! What a recording proves of each file in it: the same report as of a file that is read, without the
//! plans.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use super::verdict::{Circumstances, Report, Verdict, add, conclude};
use crate::{
    render::{Header, Output, Ready, Sink, TargetInfo},
    rules::Finding,
    session::update::{Summary, Update, What},
};

/// Makes a report of each file, in the order in which they were opened first.
#[derive(Clone, Debug, Default)]
pub struct Gatherer(Rc<RefCell<Gathered>>);

#[derive(Debug, Default)]
struct Gathered {
    files: Vec<File>,
    /// Where in `files` a path is.
    index: HashMap<Vec<u8>, usize>,
}

#[derive(Debug)]
struct File {
    report: Report,
    sessions: u64,
    circumstances: Circumstances,
}

impl Gatherer {
    /// The reports. `cut`: the recording has no end, so nothing in it is clean.
    pub fn reports(&self, cut: bool) -> Vec<Report> {
        let files = std::mem::take(&mut *self.0.borrow_mut()).files;
        files.into_iter().map(|file| file.concluded(cut)).collect()
    }
}

impl Sink for Gatherer {
    fn header(&mut self, _: &Header, _: &mut Output) {}

    fn target(&mut self, _: &TargetInfo, _: &mut Output) {}

    fn ready(&mut self, _: &Ready, _: &mut Output) {}

    fn update(&mut self, update: &Update, _: &mut Output) {
        self.0.borrow_mut().update(update);
    }

    fn end(&mut self, _: &Summary, _: &mut Output) {}
}

impl Gathered {
    fn update(&mut self, update: &Update) {
        let Some(session) = &update.session else { return };
        let index = *self.index.entry(session.path.clone()).or_insert_with(|| {
            let report = Report {
                callbacks: session.callbacks.clone(),
                ..Report::new(session.path.clone())
            };
            let circumstances = Circumstances { judged: true, ..Circumstances::default() };
            self.files.push(File { report, sessions: 0, circumstances });
            self.files.len() - 1
        });
        let Some(file) = self.files.get_mut(index) else { return };
        if file.report.callbacks.is_none() {
            file.report.callbacks.clone_from(&session.callbacks);
        }
        match &update.what {
            What::Finding(finding) => add(&mut file.report.found, [Finding::clone(finding)], None),
            What::Close { totals, partial, .. } => {
                file.sessions += 1;
                file.report.bytes += totals.bytes;
                file.report.records += totals.emitted;
                file.circumstances.partial += u64::from(!partial.is_empty());
            }
            _ => {}
        }
    }
}

impl File {
    fn concluded(self, cut: bool) -> Report {
        let Self { mut report, sessions, circumstances } = self;
        let plural = if sessions == 1 { "" } else { "s" };
        report.notes.push(format!("from a recording: {sessions} session{plural}"));
        if report.callbacks.is_none() {
            report.verdict =
                Verdict::Refused("not a seq file, or one without callbacks".to_owned());
            return report;
        }
        conclude(&mut report, &circumstances);
        if cut && report.verdict == Verdict::Clean {
            report.verdict = Verdict::Inconclusive("the recording is cut off".to_owned());
        }
        report
    }
}
