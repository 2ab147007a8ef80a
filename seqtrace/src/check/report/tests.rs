use expect_test::{Expect, expect};

use super::*;
use crate::{
    check::{
        call::Syscall,
        oracle::{Difference, End, What},
        plan::Kind,
        repro::Repro,
        verdict::{Failure, Found},
    },
    event::Role,
    rules::{Blame, Cause, Id},
    session::update::{SessionId, Symbol},
};

fn function(name: &str) -> Blame {
    let function =
        Symbol { address: 1, name: Some(name.into()), module: Some("seqbugs".into()) };
    Blame { role: Role::Next, function, offset: None }
}

fn finding(id: u16, name: &'static str, cause: Option<u16>) -> Found {
    let finding = Finding {
        id: Id(id),
        name,
        severity: Severity::Error,
        session: SessionId(1),
        read: Some(1),
        blame: Some(function("eof_next")),
        message: "pos 2 <again> & \"again\"".to_owned(),
        evidence: Vec::new(),
        cause: cause.map(|id| Cause { id: Id(id), blame: Some(function("eof_next")) }),
        times: 1,
    };
    Found { finding, plans: vec![Kind::Whole, Kind::End], sessions: 2 }
}

fn broken() -> Report {
    let difference = Difference { call: 1, at: 6, what: What::Beyond { got: b"2\n".to_vec() } };
    let failure = Failure { syscall: Syscall::Pread, at: 6, want: 4096, difference };
    let plan = |kind, outcome| PlanReport { kind, calls: 2, bytes: 6, outcome };
    let errno = nix::libc::EINVAL;
    Report {
        path: b"/proc/seqbugs/eof_stuck".to_vec(),
        callbacks: None,
        bytes: 6,
        records: 3,
        end: Some(End::Eof),
        volatile: false,
        plans: vec![
            plan(Kind::Whole, PlanOutcome::Ok),
            plan(Kind::End, PlanOutcome::Fail(failure)),
            plan(Kind::Splice, PlanOutcome::Unsupported { syscall: Syscall::Splice, errno }),
        ],
        found: vec![
            finding(102, "next did not advance at the end", None),
            finding(201, "double emit", Some(102)),
        ],
        notes: Vec::new(),
        repro: Some(Repro {
            command: "dd if=/proc/seqbugs/eof_stuck bs=6 skip=1".to_owned(),
            shows: "behind the end, at byte 6: \"2\\n\"".to_owned(),
            correct: Some("cat /proc/seqbugs/eof_stuck | tail -c +7".to_owned()),
        }),
        lost: 0,
        verdict: Verdict::Findings,
    }
}

fn clean() -> Report {
    let mut report = broken();
    report.path = b"/proc/a\x1b[31m#1".to_vec();
    report.plans.truncate(1);
    report.found.clear();
    report.repro = None;
    report.verdict = Verdict::Clean;
    report
}

fn refused() -> Report {
    let verdict = Verdict::Refused("a consuming stream: 100% lost, for ever".to_owned());
    Report { plans: Vec::new(), verdict, path: b"/proc/kmsg".to_vec(), ..clean() }
}

fn written(format: Format, expected: &Expect) {
    let mut writer = Writer::new(Look { format, ..Look::default() });
    let mut out = Vec::new();
    writer.begin(3, &mut out);
    for report in [broken(), clean(), refused()] {
        writer.report(&report, &mut out);
    }
    writer.end(&mut out);
    expected.assert_eq(str::from_utf8(&out).unwrap());
}

#[test]
fn text() {
    written(Format::Text, &expect![[""]]);
}

#[test]
fn json() {
    written(Format::Json, &expect![[""]]);
}

#[test]
fn ktap() {
    written(Format::Ktap, &expect![[""]]);
}

#[test]
fn junit() {
    written(Format::Junit, &expect![[""]]);
}

#[test]
fn github() {
    written(Format::Github, &expect![[""]]);
}

#[test]
fn xml_is_escaped() {
    let mut report = clean();
    report.path = b"/proc/<a href=\"'&\x07".to_vec();
    let mut out = Vec::new();
    junit::report(&report, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("name=\"/proc/&lt;a href=&quot;&apos;&amp;\\x07\""), "{text}");
}

#[test]
fn ascii_is_ascii() {
    let mut report = broken();
    report.path = "/proc/größe".into();
    let mut out = Vec::new();
    let look = Look { ascii: true, color: true, ..Look::default() };
    text::report(&report, &look, &mut out);
    assert!(out.is_ascii());
    assert!(out.contains(&0x1b));
}
