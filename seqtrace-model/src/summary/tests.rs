use std::sync::Arc;

use super::*;
use crate::event::{Callback, FileKind, OpTable, Ptr, Task, Wrapper};
use crate::finding::{Finding, Id, Severity};
use crate::session::update::{Phase, Range};

fn session(id: u32, path: &[u8]) -> Arc<Session> {
    let function = Symbol::unnamed;
    Arc::new(Session {
        id: SessionId(id),
        path: path.to_vec(),
        path_cut: false,
        opener: Task::default(),
        opened_by: Wrapper::SeqOpen,
        adopted: false,
        kind: FileKind::Seq {
            m: 1,
            op: 2,
            table: OpTable::default(),
            private: 0,
            size: 0,
            inner: 0,
        },
        callbacks: Some(Callbacks {
            table: None,
            start: function(10),
            next: function(20),
            show: function(30),
            stop: function(40),
        }),
        handlers: None,
        file: 3,
        ino: 4,
        dev: 5,
    })
}

fn callback(role: Role, fate: Option<Fate>, range: Option<Range>) -> UpdateKind {
    UpdateKind::Callback(CallbackUpdate {
        phase: Phase::Fill,
        pass: 1,
        pos_in: Some(7),
        v: Some(Ptr(0x1000)),
        bytes: Some(3),
        duration: Some(100),
        fate,
        range,
        held: (role == Role::Stop).then_some(5_000),
        ..CallbackUpdate::observed(&Callback { index: 7, count: 3, ..Callback::new(1, role, 0) })
    })
}

fn close(totals: Totals) -> UpdateKind {
    UpdateKind::Close {
        by: None,
        totals,
        lifetime: None,
        undelivered: 2,
        partial: Vec::new(),
        removed: None,
        private: None,
        findings: Vec::new(),
    }
}

fn finding(id: u16, severity: Severity, session: u32) -> UpdateKind {
    UpdateKind::Finding(Box::new(Finding {
        id: Id(id),
        name: "a rule",
        severity,
        session: SessionId(session),
        read: None,
        blame: None,
        message: String::new(),
        evidence: Vec::new(),
        cause: None,
        times: 1,
    }))
}

/// Feeds updates, one per 10 ns, and ends the trace.
fn summary(mut summary: TraceSummary, updates: Vec<(&Arc<Session>, UpdateKind)>) -> TraceSummary {
    for (time, (session, what)) in (100..).step_by(10).zip(updates) {
        let session = Some(session.clone());
        let shown =
            summary.update(&Update { time, cpu: 0, session, read: Some(1), task: None, what });
        assert_eq!(shown, Shown::No);
    }
    summary.end(&Summary { sessions: 9, ..Summary::default() });
    summary
}

#[test]
fn calls_and_renderings_are_summed() {
    let one = session(1, b"/proc/a");
    let show = |fate| (&one, callback(Role::Show, Some(fate), None));
    let summary = summary(
        TraceSummary::default(),
        vec![
            show(Fate::Emitted),
            show(Fate::Emitted),
            show(Fate::DiscardedTail),
            (&one, callback(Role::Stop, None, None)),
        ],
    );
    assert_eq!((summary.begin, summary.last, summary.duration()), (Some(100), 130, 30));
    assert_eq!(summary.sums.sessions, 9);
    let renderings: Vec<_> = summary.renderings.0.iter().filter(|sum| sum.count > 0).collect();
    assert_eq!(
        renderings,
        [
            &Rendering { fate: Fate::Emitted, count: 2, bytes: 6 },
            &Rendering { fate: Fate::DiscardedTail, count: 1, bytes: 3 },
        ]
    );
    let functions = summary.slowest_functions();
    let functions = functions.iter().map(|(role, sum)| (*role, sum.durations.count()));
    assert_eq!(functions.collect::<Vec<_>>(), [(Role::Show, 3), (Role::Stop, 1)]);
    assert_eq!((summary.passes.count(), summary.passes.quantile(0.5)), (1, 5_000));
    assert_eq!(summary.reads.quantile(0.5), 0);
    assert!(summary.ledgers.is_none());
}

#[test]
fn sessions_of_a_file_are_summed() {
    let totals = |callbacks| Totals { reads: 2, callbacks, ..Totals::default() };
    let (a, b) = (session(1, b"/proc/a"), session(2, b"/proc/b"));
    let updates = vec![(&a, close(totals(3))), (&b, close(totals(9))), (&a, close(totals(3)))];
    let summary = summary(TraceSummary::default(), updates);
    let twice = FileSummary {
        sessions: 2,
        partial: 0,
        undelivered: 4,
        totals: Totals { reads: 4, ..totals(6) },
    };
    let files = summary.busiest_files();
    assert_eq!(files.first().map(|(path, _)| *path), Some(b"/proc/b".as_slice()));
    assert_eq!(files.get(1), Some(&(b"/proc/a".as_slice(), &twice)));
}

#[test]
fn a_session_counts_once_for_a_finding_that_gets_worse() {
    let (a, b) = (session(1, b"/proc/a"), session(2, b"/proc/a"));
    let summary = summary(
        TraceSummary::default(),
        vec![
            (&a, finding(301, Severity::Warning, 1)),
            (&a, finding(201, Severity::Warning, 1)),
            (&a, finding(201, Severity::Error, 1)),
            (&b, finding(201, Severity::Warning, 2)),
        ],
    );
    let findings = summary.findings.iter();
    let findings = findings.map(|sum| (sum.finding.id, sum.finding.severity, sum.sessions));
    assert_eq!(
        findings.collect::<Vec<_>>(),
        [(Id(201), Severity::Error, 2), (Id(301), Severity::Warning, 1)]
    );
}

#[test]
fn a_ledger_has_what_was_emitted_or_passed_over() {
    let a = session(1, b"/proc/a");
    let range = |start| Some(Range { start, end: start + 3 });
    let summary = summary(
        TraceSummary::with_ledgers(),
        vec![
            (&a, callback(Role::Show, Some(Fate::PassedOver), range(0))),
            (&a, callback(Role::Show, Some(Fate::Emitted), range(3))),
            (&a, callback(Role::Show, Some(Fate::Skipped), range(6))),
            (&a, callback(Role::Show, Some(Fate::Emitted), None)),
            (&a, callback(Role::Next, None, range(6))),
            (&a, callback(Role::Stop, None, range(6))),
        ],
    );
    let ledgers = summary.ledgers.unwrap_or_default();
    let Some(Ledger { path, entries }) = ledgers.get(&SessionId(1)) else {
        unreachable!("the session has a ledger")
    };
    assert_eq!(path, b"/proc/a");
    let entries: Vec<_> = entries
        .iter()
        .map(|entry| (entry.range.start, entry.passed_over, entry.stop, entry.read))
        .collect();
    assert_eq!(
        entries,
        [(0, true, false, Some(1)), (3, false, false, Some(1)), (6, false, true, Some(1))]
    );
}
