use std::{fmt::Write as _, pin::pin, task};

use super::{Repro, search};
use crate::{
    check::{
        call::{Call, Syscall},
        oracle::{End, Outcome, Reference},
        plan::{self, Kind as Way, Shape},
        verdict::{Failure, Found, PlanOutcome, PlanReport, Report},
    },
    rules::{Finding, Id, Severity},
    session::update::SessionId,
};

mod files;
mod lines;
mod properties;
mod sim;

use files::{File, Kind};
use sim::Sim;

const PATH: &str = "/proc/foo";

/// Returns the report on a file from its bytes alone, without rules.
fn examined(sim: &mut Sim<File>, limit: u64) -> (Report, Shape) {
    let mut report = Report::new(PATH.as_bytes().to_vec());
    let calls = sim.run(&steps(&plan::whole(limit)));
    let reference = Reference::of(&calls).unwrap();
    let ends = reference.bytes.iter().zip(1..).filter(|(byte, _)| **byte == b'\n');
    let read_ends = calls.iter().filter(|call| call.ret > 0 && call.syscall == Syscall::Read);
    let shape = Shape {
        len: reference.len(),
        complete: reference.end == End::Eof,
        record_ends: ends.map(|(_, end)| end).collect(),
        read_ends: read_ends.map(|call| call.at + call.bytes.len() as u64).collect(),
    };
    (report.bytes, report.end) = (reference.len(), Some(reference.end));
    let again = Reference::of(&sim.run(&steps(&plan::whole(limit)))).unwrap();
    report.volatile = again != reference;
    for plan in plan::all(&shape) {
        let calls = sim.run(&steps(&plan));
        let outcome = match reference.compare(&calls) {
            Outcome::Differs(difference) => {
                let call = &calls[difference.call];
                let (syscall, at, want) = (call.syscall, call.at, call.want);
                let failure = Failure { syscall, at, want, difference, steady: true };
                if report.volatile {
                    PlanOutcome::Volatile(failure)
                } else {
                    PlanOutcome::Fail(failure)
                }
            }
            _ => PlanOutcome::Ok,
        };
        report.plans.push(PlanReport { kind: plan.kind, calls: 1, bytes: 1, outcome });
    }
    (report, shape)
}

fn steps(plan: &plan::Plan) -> Vec<plan::Step> {
    plan.acts.iter().map(|act| act.step.clone()).collect()
}

fn found(id: u16) -> Found {
    let finding = Finding {
        id: Id(id),
        name: "",
        severity: Severity::Error,
        session: SessionId(1),
        read: None,
        blame: None,
        message: String::new(),
        evidence: Vec::new(),
        cause: None,
        times: 1,
    };
    Found { finding, plans: vec![Way::Whole], sessions: [SessionId(1)].into() }
}

fn searched(sim: &mut Sim<File>, report: &Report, shape: &Shape) -> Option<Repro> {
    let mut carried = 0;
    searched_until(report, shape, |steps| {
        carried += 1;
        assert!(carried < 1000, "no end of trials");
        Some(sim.run(steps))
    })
}

/// Searches with calls from `carry`, which ends the search with `None`.
fn searched_until(
    report: &Report,
    shape: &Shape,
    mut carry: impl FnMut(&[plan::Step]) -> Option<Vec<Call>>,
) -> Option<Repro> {
    let search = pin!(search(report, shape, async |steps| Ok(carry(&steps))));
    match search.poll(&mut task::Context::from_waker(task::Waker::noop())) {
        task::Poll::Ready(found) => found.unwrap(),
        task::Poll::Pending => panic!("nothing to wait for"),
    }
}

/// Returns the command for a file with one bug, and its description.
fn repro(kind: Kind, count: usize, ids: &[u16]) -> Option<Repro> {
    let mut sim = Sim::new(File::of(kind, count));
    let (mut report, shape) = examined(&mut sim, 1 << 16);
    report.found.extend(ids.iter().map(|id| found(*id)));
    searched(&mut sim, &report, &shape)
}

fn described(kind: Kind, count: usize, ids: &[u16]) -> String {
    let Some(Repro { command, shows, correct }) = repro(kind, count, ids) else {
        return "none".to_owned();
    };
    format!("{command}\n  {shows}\n  {}", correct.as_deref().unwrap_or("-"))
}

#[test]
fn each_bug_has_its_command() {
    let mut all = String::new();
    for (kind, count, ids) in [
        (Kind::EofStuck, 3, &[102][..]),
        (Kind::EofStuckTicking, 30, &[102]),
        (Kind::Early, 300, &[104]),
        (Kind::Reset, 300, &[204]),
        (Kind::StartPrints, 300, &[305]),
        (Kind::StartPrintsTicking, 30, &[305]),
        (Kind::Counter, 1, &[105]),
        (Kind::OnePage, 300, &[104]),
        (Kind::Cursor, 300, &[204]),
        (Kind::Alone, 10, &[106]),
        (Kind::Stale, 100, &[204]),
        (Kind::Shared, 300, &[601]),
        (Kind::Endless, 300, &[105]),
        (Kind::Astray, 300, &[107]),
        (Kind::EofStuckNoLseek, 300, &[102]),
        (Kind::Readv, 300, &[204]),
        (Kind::Splice, 300, &[204]),
        (Kind::Fails, 10, &[304]),
    ] {
        writeln!(all, "{kind:?}: {}", described(kind, count, ids)).unwrap();
    }
    expect_test::expect![[r##"
        EofStuck: dd if=/proc/foo bs=81 skip=1
          past the end, at byte 81: "rec 00002 abcdefghijklmnop\n"
          cat /proc/foo | tail -c +82
        EofStuckTicking: { dd bs=128k >/dev/null; dd bs=33 skip=1; } </proc/foo | wc -l
          1 line instead of 0
          echo 0
        Early: dd if=/proc/foo bs=27 count=3
          at byte 35: "rec 00000 abcdefghijklmnop\n" instead of "rec 00001 abcdefghijklmnop\n"
          cat /proc/foo | head -c 81
        Reset: dd if=/proc/foo bs=27 count=3
          at byte 35: "rec 00000 abcdefghijklmnop\n" instead of "rec 00001 abcdefghijklmnop\n"
          cat /proc/foo | head -c 81
        StartPrints: dd if=/proc/foo bs=27 count=3
          at byte 37: "# a table\n" instead of "rec 00001 abcdefghijklmnop\n"
          cat /proc/foo | head -c 81
        StartPrintsTicking: dd if=/proc/foo bs=33 | tr -d '0-9 '
          without digits and blanks, at byte 30: "#atable\n" instead of "atrecabcdefghijklmnop\n"
          dd if=/proc/foo bs=128k | tr -d '0-9 '
        Counter: dd if=/proc/foo bs=1 count=1000 | wc -c
          1000 bytes instead of 5; the reads do not reach an end
          dd if=/proc/foo bs=128k | wc -c
        OnePage: dd if=/proc/foo bs=27
          ends at byte 27, before "rec 00001 abcdefghijklmnop\nrec 00002 abcdefghijklmnop\nre"
          dd if=/proc/foo bs=128k
        Cursor: { dd bs=27 count=1 >/dev/null; dd bs=27 skip=1 count=2; } </proc/foo
          at byte 62: "rec 00003 abcdefghijklmnop\n" instead of "rec 00002 abcdefghijklmnop\n"
          cat /proc/foo | tail -c +55 | head -c 54
        Alone: dd if=/proc/foo bs=270 skip=1 count=2
          past the end, at byte 270: "rec 00001 abcdefghijklmnop\nrec 00002 abcdefghijklmnop\n"
          cat /proc/foo | tail -c +271 | head -c 540
        Stale: dd if=/proc/foo bs=27 count=3
          at byte 27: "1f722b88\n" instead of "rec 00001 abcdefghijklmnop\n"; other bytes each time
          cat /proc/foo | head -c 81
        Shared: (exec 3</proc/foo 4</proc/foo; for i in 0 1 2; do dd bs=27 count=1 <&3; dd bs=27 count=1 <&4; done)
          at byte 35: "rec 00002 abcdefghijklmnop\n" instead of "rec 00001 abcdefghijklmnop\n"
          for i in 0 1 2; do for j in 3 4; do cat /proc/foo | tail -c +$((i * 27 + 1)) | head -c 27; done; done
        Endless: dd if=/proc/foo bs=128k count=17 | wc -c
          17 reads do not reach an end
          -
        Astray: python3 -c 'from os import *; print(lseek(0, 8100, 0))' </proc/foo
          lseek to 8100 returns 8099
          echo 8100
        EofStuckNoLseek: python3 -c 'from os import *; write(1, pread(0, 27, 8100))' </proc/foo
          past the end, at byte 8100: "rec 00299 abcdefghijklmnop\n"
          cat /proc/foo | tail -c +8101 | head -c 27
        Readv: python3 -c 'from os import *; b = [bytearray(n) for n in (27, 27,)]; n = readv(0, b); write(1, b"".join(b)[:n])' </proc/foo
          at byte 0: "!ec 00000 abcdefghijklmnop\n" instead of "rec 00000 abcdefghijklmnop\n"
          cat /proc/foo | head -c 54
        Splice: python3 -c 'from os import *; all(sendfile(1, 0, None, 65536) for i in range(4096))' </proc/foo
          at byte 0: "!ec 00000 abcdefghijklmnop\n" instead of "rec 00000 abcdefghijklmnop\n"
          dd if=/proc/foo bs=128k
        Fails: cat /proc/foo
          fails with EIO after 135 bytes
          -
    "##]].assert_eq(&all);
}

#[test]
fn a_file_that_reading_changes_has_no_command() {
    for kind in [Kind::Consumed, Kind::Counting, Kind::Ticking, Kind::Right] {
        for ids in [&[204][..], &[105], &[102, 201]] {
            assert_eq!(repro(kind, 300, ids), None, "{kind:?}");
        }
    }
}
