//! Creates reports on the files of a recording, like those on files that check reads itself, but without plans.

use std::collections::HashMap;

use seqtrace_model::trace::{Shown, Sink};

use super::verdict::{Circumstances, NOT_A_SEQ_FILE, Report, Verdict, add, conclude, unreadable};
use crate::{
    recording::{Ending, Played},
    render::Count,
    rules::Finding,
    session::update::{Update, UpdateKind},
};

/// Collects a report on each file, in the order in which the files were first opened.
#[derive(Debug, Default)]
pub(crate) struct ReportCollector {
    files: Vec<File>,
    /// Index in `files` by path.
    index: HashMap<Vec<u8>, usize>,
}

#[derive(Debug)]
struct File {
    report: Report,
    sessions: u64,
    circumstances: Circumstances,
    /// True if a read returned bytes or the end of the file.
    read: bool,
    /// Positive errno of the last read that failed; `None` if none did.
    errno: Option<i32>,
}

impl ReportCollector {
    /// Returns the reports. If events were lost, or the recording is cut off, no file is clean: the missing events may
    /// belong to any file.
    pub(crate) fn reports(self, played: &Played) -> Vec<Report> {
        self.files.into_iter().map(|file| file.concluded(played)).collect()
    }
}

impl Sink for ReportCollector {
    fn update(&mut self, update: &Update) -> Shown {
        let Some(session) = &update.session else { return Shown::No };
        let index = *self.index.entry(session.path.clone()).or_insert_with(|| {
            let report = Report {
                callbacks: session.callbacks.clone(),
                ..Report::new(session.path.clone())
            };
            let circumstances = Circumstances { judged: true, ..Circumstances::default() };
            let file = File { report, sessions: 0, circumstances, read: false, errno: None };
            self.files.push(file);
            self.files.len() - 1
        });
        let Some(file) = self.files.get_mut(index) else { return Shown::No };
        if file.report.callbacks.is_none() {
            file.report.callbacks.clone_from(&session.callbacks);
        }
        match &update.what {
            UpdateKind::Finding(finding) => {
                add(&mut file.report.found, [Finding::clone(finding)], None);
            }
            UpdateKind::ReadEnd(end) => match i32::try_from(end.ret) {
                Ok(ret) if ret < 0 => file.errno = Some(ret.saturating_neg()),
                _ => file.read = true,
            },
            UpdateKind::Close { totals, partial, .. } => {
                file.sessions += 1;
                file.report.bytes = file.report.bytes.saturating_add(totals.bytes);
                file.report.records += totals.emitted;
                file.circumstances.partial += u64::from(!partial.is_empty());
            }
            _ => {}
        }
        Shown::No
    }
}

impl File {
    fn concluded(self, played: &Played) -> Report {
        let Self { mut report, sessions, circumstances, read, errno } = self;
        report.notes.push(format!("from a recording: {}", Count(sessions, "session")));
        report.lost = played.summary.lost.saturating_add(played.summary.missed);
        if report.callbacks.is_none() {
            report.verdict = Verdict::Refused(NOT_A_SEQ_FILE.to_owned());
            return report;
        }
        conclude(&mut report, &circumstances);
        if played.ending == Ending::Cut && report.verdict == Verdict::Clean {
            report.verdict = Verdict::Inconclusive("the recording is cut off".to_owned());
        }
        if report.verdict == Verdict::Clean && !read {
            let never = || Verdict::Refused("no read in the recording".to_owned());
            report.verdict = errno.map_or_else(never, unreadable);
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        render::testing::session,
        session::update::{Range, ReadEnd, Summary, Totals},
    };

    /// Returns the verdict on a file, from the return values of its reads.
    fn verdict(reads: &[i64]) -> Verdict {
        let mut collected = ReportCollector::default();
        let session = Arc::new(session(1, b"/proc/foo"));
        let mut feed = |what| {
            let session = Some(Arc::clone(&session));
            collected.update(&Update { time: 1, cpu: 0, session, read: None, task: None, what });
        };
        feed(UpdateKind::Open);
        for ret in reads {
            feed(UpdateKind::ReadEnd(Box::new(ReadEnd {
                ret: *ret,
                range: Range { start: 0, end: 0 },
                totals: Totals::default(),
                leftover: 0,
                from_leftover: 0,
                duration: None,
                eof: false,
                partial: None,
            })));
        }
        let played = Played { ending: Ending::Whole, summary: Summary::default() };
        collected.files.remove(0).concluded(&played).verdict
    }

    #[test]
    fn what_was_not_read_is_not_clean() {
        assert_eq!(verdict(&[0]), Verdict::Clean);
        assert_eq!(verdict(&[-5, 27, 0]), Verdict::Clean);
        let refused = |verdict, word: &str| {
            assert!(matches!(&verdict, Verdict::Refused(why) if why.contains(word)), "{verdict:?}");
        };
        refused(verdict(&[-5, -5]), "EIO");
        refused(verdict(&[]), "no read");
    }
}
