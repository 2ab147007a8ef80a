use expect_test::{Expect, expect};

use super::*;
use crate::{
    check::{
        call::Syscall,
        oracle::{Difference, DifferenceKind, End},
        plan::Kind,
        repro::Repro,
        verdict::{Failure, Found},
    },
    event::Role,
    rules::{Blame, Cause, Id},
    session::update::{SessionId, Symbol},
    symbol::SourceLine,
};

fn function(name: &str) -> Blame {
    let function = Symbol {
        address: 1,
        name: Some(name.into()),
        module: Some("seqbugs".into()),
        offset: Some(0x250),
    };
    Blame { role: Role::Next, function, source: None }
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
    let sessions = [1, 2].map(SessionId).into();
    Found { finding, plans: vec![Kind::Whole, Kind::End], sessions }
}

fn broken() -> Report {
    let difference =
        Difference { call: 1, at: 6, what: DifferenceKind::Beyond { got: b"2\n".to_vec() } };
    let failure = Failure { syscall: Syscall::Pread, at: 6, want: 4096, difference, steady: true };
    let plan = |kind, outcome| PlanReport { kind, calls: 2, bytes: 6, outcome };
    let errno = nix::libc::EINVAL;
    Report {
        path: b"/proc/seqbugs/eof_stuck".to_vec(),
        callbacks: None,
        bytes: 6,
        records: 3,
        end: Some(End::Eof),
        volatile: false,
        bytes_compared: true,
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
            shows: "past the end, at byte 6: \"2\\n\"".to_owned(),
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

fn bytes(format: Format) -> Vec<u8> {
    let mut writer = ReportWriter::new(Options { format, ..Options::default() });
    let mut out = Vec::new();
    writer.begin(3, &mut out);
    for report in [broken(), clean(), refused()] {
        writer.report(&report, &mut out);
    }
    writer.end(&mut out);
    out
}

/// The report on one file, and the end.
fn one(report: &Report, format: Format) -> String {
    let mut writer = ReportWriter::new(Options { format, ..Options::default() });
    let mut out = Vec::new();
    writer.report(report, &mut out);
    writer.end(&mut out);
    String::from_utf8(out).unwrap()
}

fn written(format: Format, expected: &Expect) {
    expected.assert_eq(str::from_utf8(&bytes(format)).unwrap());
}

#[test]
fn text() {
    written(
        Format::Text,
        &expect![[r#"
            /proc/seqbugs/eof_stuck  6 bytes, 3 records
              ok      whole           to the end in large blocks: 6 bytes, 2 calls
              FAIL    end             past the end, at byte 6: "2\n"
              skip    splice          splice gives EINVAL
              ✗✗ SQ102 next did not advance at the end: pos 2 <again> & "again"
                    in eof_next [seqbugs+0x250]   seen in whole, end   seqtrace explain SQ102
              ✗✗ SQ201 double emit: pos 2 <again> & "again"
                    cause SQ102 eof_next [seqbugs+0x250]   seen in whole, end   seqtrace explain SQ201
              reproduce: dd if=/proc/seqbugs/eof_stuck bs=6 skip=1
                past the end, at byte 6: "2\n"; correct output: cat /proc/seqbugs/eof_stuck | tail -c +7
              findings: 2 errors, 0 warnings
            clean        /proc/a\x1b[31m#1  6 bytes, 3 records
            refused      /proc/kmsg  a consuming stream: 100% lost, for ever
            3 files: 1 clean, 1 with findings, 0 inconclusive, 1 not judged; 0 volatile
        "#]],
    );
}

/// Returns a report whose findings blame a function with a line of source.
fn with_source() -> Report {
    let mut report = broken();
    for Found { finding, .. } in &mut report.found {
        let cause = finding.cause.as_mut().and_then(|cause| cause.blame.as_mut());
        for blame in finding.blame.iter_mut().chain(cause) {
            blame.source = Some(SourceLine { file: "sub,dir/a\u{1b}.c".into(), line: 123 });
        }
    }
    report
}

#[test]
fn findings_name_the_line_of_source() {
    for (format, expected) in [
        (Format::Text, "in eof_next [seqbugs+0x250] at sub,dir/a\\x1b.c:123   seen in"),
        (Format::Text, "cause SQ102 eof_next [seqbugs+0x250] at sub,dir/a\\x1b.c:123   seen in"),
        (Format::Json, r#","source":{"file":"sub,dir/a\u001b.c","line":123},"cause":null,"#),
        (
            Format::Ktap,
            "next did not advance at the end: pos 2 <again> & \"again\" at sub,dir/a\\x1b.c:123\n",
        ),
        (Format::Junit, " name=\"SQ201 double emit\" file=\"sub,dir/a\u{fffd}.c\" line=\"123\">"),
        (Format::Github, "::error file=sub%2Cdir/a\\x1b.c,line=123,title=SQ201 double emit%3A "),
        (Format::Github, "%0Ain eof_next [seqbugs+0x250] at sub,dir/a\\x1b.c:123%0A"),
    ] {
        let text = one(&with_source(), format);
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
    }
}

#[test]
fn one_is_no_plural() {
    let mut one = broken();
    one.records = 1;
    one.found.truncate(1);
    one.plans.truncate(1);
    one.plans[0].calls = 1;
    let mut writer = ReportWriter::new(Options::default());
    let mut out = Vec::new();
    writer.report(&one, &mut out);
    writer.end(&mut out);
    let text = String::from_utf8(out).unwrap();
    for words in ["6 bytes, 1 record\n", "6 bytes, 1 call\n", "1 error, 0 warnings", "1 file: "] {
        assert!(text.contains(words), "{words:?} is not in:\n{text}");
    }
}

#[test]
fn json() {
    written(
        Format::Json,
        &expect![[r#"
            {"type":"check","v":1,"path":"/proc/seqbugs/eof_stuck","verdict":"findings","reason":null,"table":null,"start":null,"next":null,"show":null,"stop":null,"bytes":6,"records":3,"end":"eof","errno":null,"volatile":false,"bytes_compared":true,"lost":0,"plans":[{"name":"whole","what":"to the end in large blocks","outcome":"ok","detail":null,"calls":2,"bytes":6,"offset":null},{"name":"end","what":"at the end of the file and past it","outcome":"fail","detail":"past the end, at byte 6: \"2\\n\"","calls":2,"bytes":6,"offset":6},{"name":"splice","what":"splice into a pipe","outcome":"skip","detail":"splice gives EINVAL","calls":2,"bytes":6,"offset":null}],"findings":[{"id":"SQ102","name":"next did not advance at the end","severity":"error","message":"pos 2 <again> & \"again\"","blame":"eof_next [seqbugs+0x250]","cause":null,"sessions":2,"times":1,"plans":["whole","end"]},{"id":"SQ201","name":"double emit","severity":"error","message":"pos 2 <again> & \"again\"","blame":"eof_next [seqbugs+0x250]","cause":"SQ102 eof_next [seqbugs+0x250]","sessions":2,"times":1,"plans":["whole","end"]}],"notes":[],"reproduce":{"command":"dd if=/proc/seqbugs/eof_stuck bs=6 skip=1","shows":"past the end, at byte 6: \"2\\n\"","correct":"cat /proc/seqbugs/eof_stuck | tail -c +7"}}
            {"type":"check","v":1,"path":"/proc/a\\x1b[31m#1","verdict":"clean","reason":null,"table":null,"start":null,"next":null,"show":null,"stop":null,"bytes":6,"records":3,"end":"eof","errno":null,"volatile":false,"bytes_compared":true,"lost":0,"plans":[{"name":"whole","what":"to the end in large blocks","outcome":"ok","detail":null,"calls":2,"bytes":6,"offset":null}],"findings":[],"notes":[],"reproduce":null}
            {"type":"check","v":1,"path":"/proc/kmsg","verdict":"refused","reason":"a consuming stream: 100% lost, for ever","table":null,"start":null,"next":null,"show":null,"stop":null,"bytes":6,"records":3,"end":"eof","errno":null,"volatile":false,"bytes_compared":true,"lost":0,"plans":[],"findings":[],"notes":[],"reproduce":null}
            {"type":"check_end","v":1,"files":3,"clean":1,"findings":1,"inconclusive":0,"refused":1,"volatile":0,"interrupted":false,"not_reached":0}
        "#]],
    );
}

#[test]
fn every_object_is_what_the_schema_says() {
    let validator = jsonschema::validator_for(&crate::schema::of_a_line()).unwrap();
    let text = String::from_utf8(bytes(Format::Json)).unwrap();
    assert_eq!(text.lines().count(), 4);
    for line in text.lines() {
        let object = serde_json::from_str(line).unwrap();
        let problems: Vec<_> =
            validator.iter_errors(&object).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{problems:#?} {object}");
    }
}

#[test]
fn ktap() {
    written(
        Format::Ktap,
        &expect![[r#"
        KTAP version 1
        1..3
          KTAP version 1
          1..4
          ok 1 whole
          # past the end, at byte 6: "2\n"
          not ok 2 end
          ok 3 splice # SKIP splice gives EINVAL
          # error SQ102 next did not advance at the end: pos 2 <again> & "again"
          # error SQ201 double emit: pos 2 <again> & "again"
          # reproduce: dd if=/proc/seqbugs/eof_stuck bs=6 skip=1
          # past the end, at byte 6: "2\n"
          not ok 4 rules
        not ok 1 /proc/seqbugs/eof_stuck
          KTAP version 1
          1..2
          ok 1 whole
          ok 2 rules
        ok 2 /proc/a\x1b[31m\#1
        ok 3 /proc/kmsg # SKIP a consuming stream: 100% lost, for ever
        # Totals: pass:1 fail:1 skip:1 total:3
    "#]],
    );
}

#[test]
fn junit() {
    written(
        Format::Junit,
        &expect![[r#"
            <?xml version="1.0" encoding="UTF-8"?>
            <testsuites name="seqtrace check" tests="3" failures="1" errors="0" skipped="1">
              <testsuite name="/proc/seqbugs/eof_stuck" tests="6" failures="3" errors="0" skipped="1">
                <testcase classname="/proc/seqbugs/eof_stuck" name="whole"/>
                <testcase classname="/proc/seqbugs/eof_stuck" name="end"><failure message="past the end, at byte 6: &quot;2\n&quot;"/></testcase>
                <testcase classname="/proc/seqbugs/eof_stuck" name="splice"><skipped message="splice gives EINVAL"/></testcase>
                <testcase classname="/proc/seqbugs/eof_stuck" name="SQ102 next did not advance at the end">
                  <failure type="SQ102" message="pos 2 &lt;again&gt; &amp; &quot;again&quot;">in eof_next [seqbugs+0x250]
            reproduce: dd if=/proc/seqbugs/eof_stuck bs=6 skip=1
            past the end, at byte 6: &quot;2\n&quot;
            </failure>
                </testcase>
                <testcase classname="/proc/seqbugs/eof_stuck" name="SQ201 double emit">
                  <failure type="SQ201" message="pos 2 &lt;again&gt; &amp; &quot;again&quot;">in eof_next [seqbugs+0x250]
            reproduce: dd if=/proc/seqbugs/eof_stuck bs=6 skip=1
            past the end, at byte 6: &quot;2\n&quot;
            </failure>
                </testcase>
                <testcase classname="/proc/seqbugs/eof_stuck" name="verdict"/>
              </testsuite>
              <testsuite name="/proc/a\x1b[31m#1" tests="2" failures="0" errors="0" skipped="0">
                <testcase classname="/proc/a\x1b[31m#1" name="whole"/>
                <testcase classname="/proc/a\x1b[31m#1" name="verdict"/>
              </testsuite>
              <testsuite name="/proc/kmsg" tests="1" failures="0" errors="0" skipped="1">
                <testcase classname="/proc/kmsg" name="verdict"><skipped message="a consuming stream: 100% lost, for ever"/></testcase>
              </testsuite>
            </testsuites>
        "#]],
    );
}

#[test]
fn github() {
    written(
        Format::Github,
        &expect![[r#"
            ::error title=SQ102 next did not advance at the end%3A /proc/seqbugs/eof_stuck::pos 2 <again> & "again"%0Ain eof_next [seqbugs+0x250]%0Areproduce: dd if=/proc/seqbugs/eof_stuck bs=6 skip=1%0Apast the end, at byte 6: "2\n"
            ::error title=SQ201 double emit%3A /proc/seqbugs/eof_stuck::pos 2 <again> & "again"%0Ain eof_next [seqbugs+0x250]%0Areproduce: dd if=/proc/seqbugs/eof_stuck bs=6 skip=1%0Apast the end, at byte 6: "2\n"
            ::notice title=not judged%3A /proc/kmsg::a consuming stream: 100%25 lost, for ever
        "#]],
    );
}

/// Returns the report of a check of `files` files that was interrupted after the first one.
fn interrupted(files: usize, format: Format) -> String {
    let mut writer = ReportWriter::new(Options { format, ..Options::default() });
    let mut out = Vec::new();
    writer.begin(files as u64, &mut out);
    writer.report(&clean(), &mut out);
    assert_eq!(writer.done(), 1);
    let left: Vec<String> = (2..=files).map(|number| format!("/proc/{number}")).collect();
    writer.report_interrupted(left.iter().map(String::as_bytes), &mut out);
    assert_eq!(writer.done(), files);
    writer.end(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn an_interrupted_check_is_reported_as_such() {
    expect![[r"
        clean        /proc/a\x1b[31m#1  6 bytes, 3 records
        interrupted  2 files not judged: /proc/2, /proc/3
        3 files: 1 clean, 0 with findings, 2 inconclusive, 0 not judged; 0 volatile
    "]]
    .assert_eq(&interrupted(3, Format::Text));
    let text = interrupted(9, Format::Text);
    assert!(
        text.contains(
            "8 files not judged: /proc/2, /proc/3, /proc/4, /proc/5, /proc/6 and 3 others"
        )
    );
    let json = interrupted(3, Format::Json);
    let lines: Vec<&str> = json.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(
        lines[2]
            .contains(r#""path":"/proc/3","verdict":"inconclusive","reason":"interrupted before"#)
    );
    assert!(lines[3].contains(r#""inconclusive":2,"#), "{json}");
    assert!(lines[3].ends_with(r#""interrupted":true,"not_reached":2}"#), "{json}");
    let ktap = interrupted(3, Format::Ktap);
    assert!(ktap.contains(
        "\n# interrupted: the following tests were not run\nnot ok 2 /proc/2\nnot ok 3 /proc/3\n"
    ));
    assert!(ktap.contains("pass:1 fail:2 skip:0 total:3"), "{ktap}");
    let junit = interrupted(3, Format::Junit);
    assert!(junit.contains("tests=\"3\" failures=\"0\" errors=\"2\""), "{junit}");
    assert_eq!(junit.matches("<error message=\"interrupted before it was judged\"/>").count(), 2);
    let github = interrupted(3, Format::Github);
    assert_eq!(github, "::warning title=interrupted::2 files not judged: /proc/2, /proc/3\n");
}

#[test]
fn a_reader_that_was_killed_is_not_skipped() {
    let mut report = clean();
    report.plans[0].outcome = PlanOutcome::Killed;
    report.verdict = Verdict::Inconclusive("the reader was killed".to_owned());
    let (ktap, junit) = (one(&report, Format::Ktap), one(&report, Format::Junit));
    assert!(ktap.contains("\n  not ok 1 whole\n") && !ktap.contains("SKIP"), "{ktap}");
    assert!(junit.contains("errors=\"2\" skipped=\"0\""), "{junit}");
    assert!(junit.contains("name=\"whole\"><error message="), "{junit}");
}

#[test]
fn xml_is_escaped() {
    let mut report = clean();
    report.path = b"/proc/<a href=\"'&\x07".to_vec();
    let text = one(&report, Format::Junit);
    assert!(text.contains("name=\"/proc/&lt;a href=&quot;&apos;&amp;\\x07\""), "{text}");
}

#[test]
fn ascii_is_ascii() {
    let mut report = broken();
    report.path = "/proc/größe".into();
    let options = Options { ascii: true, color: true, ..Options::default() };
    let mut out = Vec::new();
    ReportWriter::new(options).report(&report, &mut out);
    assert!(out.is_ascii());
    assert!(out.contains(&0x1b));
}

/// Returns the report in text format on `others` files that are not seq files, and on a clean file if `judged`.
fn with_others(others: usize, judged: bool, options: Options) -> String {
    let mut writer = ReportWriter::new(options);
    let mut out = Vec::new();
    for _ in 0..others {
        let mut other = Report::new(b"/proc/cmdline".to_vec());
        other.verdict = Verdict::Refused("not a seq file".to_owned());
        writer.report_non_seq(other, &mut out);
    }
    if judged {
        writer.report(&clean(), &mut out);
    }
    writer.end(&mut out);
    assert_eq!(writer.sums.refused, others as u64);
    String::from_utf8(out).unwrap()
}

#[test]
fn many_files_that_are_no_seq_files_are_one_line() {
    let lines = |text: &str| text.lines().count();
    let text = with_others(169, true, Options::default());
    assert!(text.contains("169 of the named files are not seq files: -v lists them\n"), "{text}");
    assert!(text.contains("170 files: 1 clean") && text.contains("169 not judged"), "{text}");
    assert_eq!(lines(&text), 3);
    assert_eq!(lines(&with_others(1, true, Options::default())), 3);
    // If no other file was judged, each is listed.
    assert_eq!(lines(&with_others(3, false, Options::default())), 4);
    let json = Options { format: Format::Json, ..Options::default() };
    assert_eq!(lines(&with_others(3, true, json)), 5);
    let verbose = Options { verbose: true, ..Options::default() };
    assert!(!with_others(3, true, verbose).contains("-v"));
}

#[test]
fn files_that_globs_match_and_that_were_not_read_are_counted_apart() {
    let mut writer = ReportWriter::new(Options::default());
    let mut out = Vec::new();
    writer.report(&clean(), &mut out);
    writer.count_skipped();
    writer.count_skipped();
    writer.end(&mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("1 file: 1 clean"), "{text}");
    assert!(text.contains("0 not judged") && text.ends_with("; 2 passed over: -v lists them\n"));
    assert_eq!(writer.sums.refused, 0);
}
