#![expect(clippy::needless_raw_string_hashes, reason = "as expect-test writes them")]

use std::sync::Arc;

use expect_test::expect;
use proptest::prelude::*;

mod fold;
mod width;

use super::super::testing::{Story, record, session, symbol};
use super::super::{Format, Options, Time, renderer};
use crate::escape::is_deceptive;
use crate::event::{Role, Task};
use crate::session::update::{Fate, UpdateKind};

#[test]
fn a_cat_reads_as_what_it_is() {
    let mut story = Story::new(&Options::default());
    story.cat();
    expect![[r#"
              TIME   DELTA CPU TASK         SESSION  EVENT
          0.000000           1 cat/4123     s1       OPEN  /proc/seqbugs/eof_stuck   seq_open  eof_ops [seqbugs]
                                                           start eof_start  next eof_next  show eof_show  stop eof_stop  [seqbugs]
          0.000001   1.9µs   1 cat/4123     s1.r1    ┌─ READ  off 0  want 131072
          0.000003   1.9µs   1 cat/4123     s1.r1    │  start pos 0                         → ffff8881042a3000         0.2µs
          0.000005   1.9µs   1 cat/4123     s1.r1    │  show  pos 0        ffff8881042a3000   +2 B     buf 2/4096      0.6µs  emitted 0..2
          0.000007   1.9µs   1 cat/4123     s1.r1    │  next  pos 0→1      ffff8881042a3000 → ffff8881042a3004         0.2µs
          0.000009   1.9µs   1 cat/4123     s1.r1    │  show  pos 1        ffff8881042a3004   +2 B     buf 4/4096      0.6µs  emitted 2..4
          0.000011   1.9µs   1 cat/4123     s1.r1    │  next  pos 1→2      ffff8881042a3004 → ffff8881042a3008         0.2µs
          0.000013   1.9µs   1 cat/4123     s1.r1    │  show  pos 2        ffff8881042a3008   +2 B     buf 6/4096      0.6µs  emitted 4..6
          0.000015   1.9µs   1 cat/4123     s1.r1    │  next  pos 2→3      ffff8881042a3008 → NULL                     0.2µs
          0.000017   1.9µs   1 cat/4123     s1.r1    │  stop  pos 3        NULL                                        0.2µs  held 10.2µs
          0.000019   1.9µs   1 cat/4123     s1.r1    └─ = 6 B  3 records emitted, 0 discarded                         13.4µs
          0.000020   1.9µs   1 cat/4123     s1.r2    ┌─ READ  off 6  want 131072
          0.000022   1.9µs   1 cat/4123     s1.r2    │  start pos 3                         → NULL                     0.2µs
          0.000024   1.9µs   1 cat/4123     s1.r2    │  stop  pos 3        NULL                                        0.2µs  held 10.2µs
          0.000026   1.9µs   1 cat/4123     s1.r2    └─ = 0 B  0 records emitted, 0 discarded                         13.4µs  end of file
          0.000028   1.9µs   1 cat/4123     s1       CLOSE seq_release  2 reads  6 B  3 records emitted, 0 discarded  open 1.25ms
    "#]].assert_eq(story.data());
}

#[test]
fn everything_else_has_a_line() {
    let mut story = Story::new(&Options { preview: 64, ..Options::default() });
    story.oddities();
    expect![[r#"
            TIME   DELTA CPU TASK         SESSION  EVENT
        0.000000           1 cat/4123     s1.r1    ┌─ READ  off 0  want 4096
        0.000001   1.9µs   1 cat/4123     s1.r1    │  start pos 0                         → ffff8881042a3000         0.2µs
        0.000003   1.9µs   1 cat/4123     s1.r1    │  show  pos 0        ffff8881042a3000   +4096 B  buf 4096/4096   0.6µs  OVERFLOW: discarded, shown again
        0.000005   1.9µs   1 cat/4123     s1.r1    │  stop  pos 0        ffff8881042a3000                            0.2µs  held 10.2µs
        0.000007   1.9µs   1 cat/4123     s1.r1    │  OVERFLOW 4096/4096 → grow 8192, restart 1
        0.000009   1.9µs   1 cat/4123     s1.r1    │  start pos 0                         → TOKEN                    0.2µs
        0.000011   1.9µs   1 cat/4123     s1.r1    │  show  pos 0        TOKEN              +0 B     buf 0/4096      0.6µs  empty
        0.000013   1.9µs   1 cat/4123     s1.r1    │  show  pos 1        ffff8881042a3004   +0 B     buf 0/4096      0.6µs  fate unknown
        0.000015   1.9µs   1 cat/4123     s1.r1    │  show  pos 2        ffff8881042a3008   +90 B    buf 90/4096     0.6µs  emitted 0..90
        0.000017   1.9µs   1 cat/4123     s1.r1    │        "eth0: \x1b[31m1\n\xff"
        0.000019   1.9µs   1 cat/4123     s1.r1    │  show  pos 0        ffff8881042a300c   +3 B     buf 0/4096      0.2µs  SEQ_SKIP: discarded (returned 7)
        0.000020   1.9µs   1 cat/4123     s1.r1    │  show  pos 0        ffff8881042a300c   +3 B     buf 0/4096      0.2µs  failed ENOMEM
        0.000022   1.9µs   1 cat/4123     s1.r1    │  next  pos 2→2      ffff8881042a3008 → ffff8881042a300c         0.2µs  did not advance: the core adds 1
        0.000024   1.9µs   1 cat/4123     s1.r1    │  show  pos 3        ffff8881042a300c   +8102 B  buf 90/4096     0.6µs  tail did not fit: dropped, shown again
        0.000026   1.9µs   1 cat/4123     s1.r1    │  next  pos ?→-7     ffff8881042a3008 → ERR_PTR(-ENOMEM)         0.2µs
        0.000028   1.9µs   1 cat/4123     s1.r1    │  stop  pos 0        ERR_PTR(-ENOMEM)   +5 B     buf 95/4096
        0.000030   1.9µs   1 cat/4123     s1.r1    └─ = 95 B  1 record emitted, 4 discarded, 1 restart              13.4µs  5 B from the buffer  13 B left over  partial: events lost
        0.000032   1.9µs   1 cat/4123     s1.r2    ┌─ READ  off 27  want 131072  position unknown: traverse 0..27  (the core is at 95)
        0.000034   1.9µs   1 cat/4123     s1.r2    │┄ start pos 0                         → ffff8881042a3000         0.2µs
        0.000036   1.9µs   1 cat/4123     s1.r2    │┄ show  pos 0        ffff8881042a3000   +27 B    buf 27/4096     0.6µs  passed over 0..27
        0.000038   1.9µs   1 cat/4123     s1.r2    │┄ show  pos 1        ffff8881042a3004   +27 B    buf 54/4096     0.6µs  rest emitted of 27..54
        0.000039   1.9µs   1 cat/4123     s1.r2    │┄ OVERFLOW 8192/8192 → grow 16384, restart 2
        0.000041   1.9µs   1 cat/4123     s1.r2    └─ = EFAULT  0 records emitted, 0 discarded, 1 passed over       13.4µs
        0.000043   1.9µs   1 cat/4123     s1       ┌─ LSEEK SEEK_CUR 40
        0.000045   1.9µs   1 cat/4123     s1       └─ = 40  1 passed over  14 B in the buffer                        3.1µs
        0.000047   1.9µs   1 cat/4123     s1       ┌─ LSEEK SEEK_END 0
        0.000049   1.9µs   1 cat/4123     s1       └─ = EINVAL
        0.000051   1.9µs   1 cat/4123     s1       WRITE 6 B  off 6 after
        0.000053   1.9µs   1 cat/4123     s1       WRITE 2 B of 6  off 8 after
        0.000055   1.9µs   1 cat/4123     s1       WRITE 6 B  = EINVAL
        0.000057   1.9µs   1 cat/4123     s1       show t_show is not traced: notrace function  ✗✗ SQ201
                             ✗✗ SQ201 double emit: pos 2 passed over as bytes 4..6, emitted again as 6..8
                                cause SQ102 000000000000c0de   seqtrace explain SQ201
        0.000060   3.8µs   1 cat/4123     s1       events were missed: expected show, next or stop, saw start
        0.000062   1.9µs   1 cat/4123     s1       the reader died inside show() at position 5
        0.000064   1.9µs   1 cat/4123     s1       CLOSE still open when tracing ended  1 read  0 B  0 records emitted, 0 discarded  2 writes  8 B written  13 B never fetched  the file was removed while open  partial: events lost, still open
        0.000066   1.9µs   1 a\x1b]0;b\xc3/4123:4130 s2       OPEN  …/proc/version_\x1b[2J\xff   proc_reg_open  plain file, not a seq_file: no callbacks
        0.000068   1.9µs   1 a\x1b]0;b\xc3/4123:4130 s2       READ  want 131072  = 12 B  off 12 after
        0.000070   1.9µs   1 a\x1b]0;b\xc3/4123:4130 s2       READ  want 131072  = EIO
        0.000072   1.9µs   1 a\x1b]0;b\xc3/4123:4130 s3       OPEN  /sys/fs/cgroup/cpu.stat   seq_open  no callbacks: m->op is NULL  was open already
        0.000074   1.9µs   1 a\x1b]0;b\xc3/4123:4130 s4       OPEN  /proc/uptime   single_open  show up_show [up]
                                                                    start single_start  next single_next  show up_show [up]  stop ffffffff81001234
        0.000076   1.9µs   1 a\x1b]0;b\xc3/4123:4130 s4       OPEN  /proc/uptime   single_open  = ENOMEM
        0.000077   1.9µs   1 a\x1b]0;b\xc3/4123:4130 s4       OPEN  /proc/uptime   = EINVAL  after single_open() had succeeded
        0.000079   1.9µs   1 a\x1b]0;b\xc3/4123:4130 s4       CLOSE no release was seen  0 reads  0 B  0 records emitted, 0 discarded  open 9.0µs
        0.000081   1.9µs   1                                  ── gap: 37 events lost on CPU 1; s7 s8 incomplete ──
        0.000083   1.9µs   1                                  ── gap: 1 event lost on CPU 1; s1 s2 s3 s4 s5 s6 s7 s8 and 12 more incomplete ──
    "#]].assert_eq(story.data());
}

#[test]
fn narrow_ascii_without_times() {
    let mut story = Story::new(&Options {
        ascii: true,
        time: Time::None,
        width: Some(80),
        ..Options::default()
    });
    story.cat();
    expect![[r#"
        SESSION  EVENT
        s1       OPEN  /proc/seqbugs/eof_stuck  by cat/4123   seq_open
                    eof_ops [seqbugs]
                    start eof_start  next eof_next  show eof_show  stop eof_stop
                    [seqbugs]
        s1.r1    ,- READ  off 0  want 131072
        s1.r1    |  start pos 0         -> ~3000   0.2us
        s1.r1    |  show  pos 0   ~3000   +2 B     0.6us  emitted 0..2
        s1.r1    |  next  pos 0->1 ~3000 -> ~3004  0.2us
        s1.r1    |  show  pos 1   ~3004   +2 B     0.6us  emitted 2..4
        s1.r1    |  next  pos 1->2 ~3004 -> ~3008  0.2us
        s1.r1    |  show  pos 2   ~3008   +2 B     0.6us  emitted 4..6
        s1.r1    |  next  pos 2->3 ~3008 -> NULL   0.2us
        s1.r1    |  stop  pos 3   NULL             0.2us  held 10.2us
        s1.r1    `- = 6 B  3 records emitted, 0 discarded  13.4us
        s1.r2    ,- READ  off 6  want 131072
        s1.r2    |  start pos 3         -> NULL    0.2us
        s1.r2    |  stop  pos 3   NULL             0.2us  held 10.2us
        s1.r2    `- = 0 B  0 records emitted, 0 discarded  13.4us  end of file
        s1       CLOSE seq_release  2 reads  6 B  3 records emitted, 0 discarded
                    open 1.25ms
    "#]]
    .assert_eq(story.data());
}

#[test]
fn sessions_interleave_and_have_their_colors() {
    let mut story =
        Story::new(&Options { color: true, quiet: true, ..columns(&["session", "event"]) });
    let other = Some(Arc::new(session(2, b"/proc/other")));
    story.read(1, 0, 10);
    let first = std::mem::replace(&mut story.session, other);
    story.read(1, 0, 20);
    story.session = first;
    story.read = Some(1);
    story.show(0, record(0), 3, 0, Fate::DiscardedTail);
    let shown = story.data().replace('\x1b', "^");
    expect![[r#"
        ^[36ms1.r1^[0m    ^[36m┌─^[0m ^[1mREAD ^[0m off 0  want 10
        ^[32ms2.r1^[0m    ^[32m┌─^[0m ^[1mREAD ^[0m off 0  want 20
        ^[36ms1.r1^[0m    ^[36m│ ^[0m show  pos 0        ffff8881042a3000   +3 B     buf 0/4096      ^[2m0.6µs^[0m  ^[2mtail did not fit: dropped, shown again^[0m
    "#]].assert_eq(&shown);
}

fn columns(fields: &[&str]) -> Options {
    let fields = fields.iter().map(|field| (*field).to_owned()).collect();
    Options { fields: Some(fields), ..Options::default() }
}

#[test]
fn columns_can_be_chosen() {
    let mut story = Story::new(&columns(&["session", "uid", "pid", "tid", "comm", "path", "time"]));
    story.cat();
    let lines: Vec<_> = story.data().lines().take(3).collect();
    expect![[r#"
        SESSION      UID     PID     TID COMM     PATH                         TIME
        s1          1000    4123    4123 cat      /proc/seqbugs/eof_stuck  0.000000
        s1.r1       1000    4123    4123 cat      /proc/seqbugs/eof_stuck  0.000001"#]]
    .assert_eq(&lines.join("\n"));
    let error = renderer(&columns(&["time", "speed"])).err().unwrap().to_string();
    expect!["no field `speed` in this format; it has: time, delta, cpu, task, comm, pid, tid, uid, session, path, event"].assert_eq(&error);
}

#[test]
fn quiet_leaves_the_data() {
    let mut story = Story::new(&Options { quiet: true, ..Options::default() });
    story.cat();
    story.end(&crate::session::update::Summary::default());
    assert!(story.out.status.is_empty());
    assert!(story.data().starts_with("0.000000 "));
}

#[test]
fn long_traces_widen_the_columns() {
    let mut story = Story::new(&columns(&["time", "task", "event"]));
    story.emit(UpdateKind::Write { pos: 1, want: 1, ret: 1 });
    story.time += 1_000_000_000_000;
    story.task =
        Some(Arc::new(Task { pid: 4_194_304, tid: 7, comm: b"a long name".to_vec(), uid: 0 }));
    story.emit(UpdateKind::Write { pos: 1, want: 1, ret: 1 });
    story.task = None;
    story.emit(UpdateKind::Write { pos: 1, want: 1, ret: 1 });
    expect![[r#"
            TIME TASK         EVENT
        0.000000 cat/4123     WRITE 1 B  off 1 after
        1000.000001 a long name/4194304:7 WRITE 1 B  off 1 after
        1000.000003                       WRITE 1 B  off 1 after
    "#]]
    .assert_eq(story.data());
}

proptest! {
    #[test]
    fn nothing_that_was_named_reaches_the_terminal_raw(
        name in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..24),
            any::<String>().prop_map(String::into_bytes),
        ],
        ascii: bool,
        compact: bool,
    ) {
        let format = if compact { Format::Compact } else { Format::Timeline };
        let mut story = Story::new(&Options { ascii, format, preview: 64, ..Options::default() });
        let lossy = String::from_utf8_lossy(&name).into_owned();
        let mut named = session(1, &name);
        if let Some(callbacks) = &mut named.callbacks {
            callbacks.table = Some(symbol(&lossy, Some(&lossy)));
            callbacks.show = symbol(&lossy, Some(&lossy));
        }
        story.session = Some(Arc::new(named));
        story.task = Some(Arc::new(Task { comm: name.clone(), ..Task::default() }));
        story.emit(UpdateKind::Open);
        story.emit(UpdateKind::Preview { bytes: name });
        let function = symbol(&lossy, Some(&lossy));
        story.emit(UpdateKind::Blind { function, role: Role::Show, reason: lossy.clone() });
        story.emit(UpdateKind::Disagreement { expected: lossy.clone(), observed: lossy });
        let text = story.data();
        prop_assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || is_deceptive(c))));
        prop_assert!(!ascii || text.is_ascii());
        prop_assert_eq!(text.lines().count(), if compact { 4 } else { 6 });
    }
}
