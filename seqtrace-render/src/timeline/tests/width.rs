use std::sync::Arc;

use expect_test::expect;
use proptest::prelude::*;

use super::super::super::arbitrary::story;
use super::super::super::testing::{Story, record, session, symbol};
use super::super::super::wrap::columns;
use super::super::super::{Format, Options};
use crate::escape::is_deceptive;
use crate::event::Task;
use crate::session::update::UpdateKind;

/// Renders the story with every kind of update.
fn everything(options: &Options) -> Story {
    let mut story = Story::new(options);
    story.cat();
    story.oddities();
    story
}

#[test]
fn in_a_terminal_of_80_columns() {
    let mut story = Story::new(&Options { width: Some(80), ..Options::default() });
    story.oddities();
    expect![[r#"
            TIME SESSION  EVENT
        0.000000 s1.r1    ┌─ READ  off 0  want 4096
        0.000001 s1.r1    │  start pos 0         → …3000    0.2µs
        0.000003 s1.r1    │  show  pos 0   …3000   +4096 B  0.6µs
                             OVERFLOW: discarded, shown again
        0.000005 s1.r1    │  stop  pos 0   …3000            0.2µs  held 10.2µs
        0.000007 s1.r1    │  OVERFLOW 4096/4096 → grow 8192, restart 1
        0.000009 s1.r1    │  start pos 0         → TOKEN    0.2µs
        0.000011 s1.r1    │  show  pos 0   TOKEN   +0 B     0.6µs  empty
        0.000013 s1.r1    │  show  pos 1   …3004   +0 B     0.6µs  fate unknown
        0.000015 s1.r1    │  show  pos 2   …3008   +90 B    0.6µs  emitted 0..90
        0.000019 s1.r1    │  show  pos 0   …300c   +3 B     0.2µs
                             SEQ_SKIP: discarded (returned 7)
        0.000020 s1.r1    │  show  pos 0   …300c   +3 B     0.2µs  failed ENOMEM
        0.000022 s1.r1    │  next  pos 2→2 …3008 → …300c    0.2µs
                             did not advance: the core adds 1
        0.000024 s1.r1    │  show  pos 3   …300c   +8102 B  0.6µs
                             tail did not fit: dropped, shown again
        0.000026 s1.r1    │  next  pos ?→-7 …3008 → ERR_PTR(-ENOMEM)  0.2µs
        0.000028 s1.r1    │  stop  pos 0   ERR_PTR(-ENOMEM)  +5 B
        0.000030 s1.r1    └─ = 95 B  1 record emitted, 4 discarded, 1 restart  13.4µs
                             5 B from the buffer  13 B left over  partial: events lost
        0.000032 s1.r2    ┌─ READ  off 27  want 131072  position unknown: traverse 0..27
                             (the core is at 95)
        0.000034 s1.r2    │┄ start pos 0         → …3000    0.2µs
        0.000036 s1.r2    │┄ show  pos 0   …3000   +27 B    0.6µs  passed over 0..27
        0.000038 s1.r2    │┄ show  pos 1   …3004   +27 B    0.6µs
                             rest emitted of 27..54
        0.000039 s1.r2    │┄ OVERFLOW 8192/8192 → grow 16384, restart 2
        0.000041 s1.r2    └─ = EFAULT  0 records emitted, 0 discarded, 1 passed over
                             13.4µs
        0.000043 s1       ┌─ LSEEK SEEK_CUR 40
        0.000045 s1       └─ = 40  1 passed over  14 B in the buffer  3.1µs
        0.000047 s1       ┌─ LSEEK SEEK_END 0
        0.000049 s1       └─ = EINVAL
        0.000051 s1       WRITE 6 B  off 6 after
        0.000053 s1       WRITE 2 B of 6  off 8 after
        0.000055 s1       WRITE 6 B  = EINVAL
        0.000057 s1       show t_show is not traced: notrace function  ✗✗ SQ201
        ✗✗ SQ201 double emit: pos 2 passed over as bytes 4..6, emitted again as 6..8
                             cause SQ102 000000000000c0de   seqtrace explain SQ201
        0.000060 s1       events were missed: expected show, next or stop, saw start
        0.000062 s1       the reader died inside show() at position 5
        0.000064 s1       CLOSE still open when tracing ended  1 read  0 B
                             0 records emitted, 0 discarded  2 writes  8 B written
                             13 B never fetched  the file was removed while open
                             partial: events lost, still open
        0.000066 s2       OPEN  …/proc/version_\x1b[2J\xff  by a\x1b]0;b\xc3/4123:4130
                             proc_reg_open  plain file, not a seq_file: no callbacks
        0.000068 s2       READ  want 131072  = 12 B  off 12 after
        0.000070 s2       READ  want 131072  = EIO
        0.000072 s3       OPEN  /sys/fs/cgroup/cpu.stat  by a\x1b]0;b\xc3/4123:4130
                             seq_open  no callbacks: m->op is NULL  was open already
        0.000074 s4       OPEN  /proc/uptime  by a\x1b]0;b\xc3/4123:4130   single_open
                             show up_show [up]
                             start single_start  next single_next  show up_show [up]
                             stop ffffffff81001234
        0.000076 s4       OPEN  /proc/uptime  by a\x1b]0;b\xc3/4123:4130   single_open
                             = ENOMEM
        0.000077 s4       OPEN  /proc/uptime  by a\x1b]0;b\xc3/4123:4130   = EINVAL
                             after single_open() had succeeded
        0.000079 s4       CLOSE no release was seen  0 reads  0 B
                             0 records emitted, 0 discarded  open 9.0µs
        0.000081          ── gap: 37 events lost on CPU 1; s7 s8 incomplete ──
        0.000083          ── gap: 1 event lost on CPU 1; s1 s2 s3 s4 s5 s6 s7 s8 and 12
                             more incomplete ──
    "#]]
    .assert_eq(story.data());
}

#[test]
fn each_width_has_its_columns() {
    let heading = |width: u16| {
        let story = Story::new(&Options { width: Some(width), ..Options::default() });
        let columns = story.data().split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{width} {columns}\n")
    };
    let widths = [60, 71, 72, 79, 80, 92, 93, 123, 124, 127, 128, 135, 136, 500];
    expect![[r#"
        60 SESSION EVENT
        71 SESSION EVENT
        72 TIME SESSION EVENT
        79 TIME SESSION EVENT
        80 TIME SESSION EVENT
        92 TIME SESSION EVENT
        93 TIME TASK SESSION EVENT
        123 TIME TASK SESSION EVENT
        124 TIME TASK SESSION EVENT
        127 TIME TASK SESSION EVENT
        128 TIME CPU TASK SESSION EVENT
        135 TIME CPU TASK SESSION EVENT
        136 TIME DELTA CPU TASK SESSION EVENT
        500 TIME DELTA CPU TASK SESSION EVENT
    "#]]
    .assert_eq(&widths.map(heading).concat());
}

#[test]
fn another_width_shows_the_heading_again_if_it_differs() {
    let mut story = Story::new(&Options::default());
    story.read(1, 0, 10);
    for width in [150, 80, 90, 140] {
        story.resize(width, 24);
        story.start(0, record(0));
    }
    expect![[r#"
            TIME   DELTA CPU TASK         SESSION  EVENT
        0.000000           1 cat/4123     s1.r1    ┌─ READ  off 0  want 10
        0.000001   1.9µs   1 cat/4123     s1.r1    │  start pos 0                         → ffff8881042a3000         0.2µs
            TIME SESSION  EVENT
        0.000003 s1.r1    │  start pos 0         → …3000    0.2µs
        0.000005 s1.r1    │  start pos 0         → …3000    0.2µs
            TIME   DELTA CPU TASK         SESSION  EVENT
        0.000007   1.9µs   1 cat/4123     s1.r1    │  start pos 0                         → ffff8881042a3000         0.2µs
    "#]].assert_eq(story.data());
}

#[test]
fn long_names_lose_their_middle() {
    let mut story = Story::new(&Options { width: Some(100), ..Options::default() });
    let path =
        b"/sys/kernel/debug/a_driver_with_a_long_name/0000:00:1f.2/port0/queue17/statistics_of_all";
    story.session = Some(Arc::new(session(1, path)));
    story.task =
        Some(Arc::new(Task { comm: b"a_long_name".to_vec(), pid: 4_194_304, tid: 7, uid: 0 }));
    story.emit(UpdateKind::Open);
    story.read(1, 0, 5);
    expect![[r#"
            TIME TASK         SESSION  EVENT
        0.000000 a_…g_name/4194304:7 s1       OPEN  /sys/kernel/debug/…:1f.2/port0/queue17/statistics_of_all
                                                 seq_open  eof_ops [seqbugs]
                                                 start eof_start  next eof_next  show eof_show
                                                 stop eof_stop  [seqbugs]
        0.000001 a_…g_name/4194304:7 s1.r1    ┌─ READ  off 0  want 5
    "#]].assert_eq(story.data());
}

fn uncolored(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').unwrap().1)
}

proptest! {
    #[test]
    fn no_line_is_wider_than_the_terminal(
        width in 20u16..200,
        name in prop_oneof![prop::collection::vec(any::<u8>(), 0..300), any::<String>().prop_map(String::into_bytes)],
        (ascii, color, compact, verbose) in any::<(bool, bool, bool, bool)>(),
        updates in story(),
    ) {
        let format = if compact { Format::Compact } else { Format::Timeline };
        let width_of = Some(width);
        let options =
            Options { width: width_of, ascii, color, format, verbose, preview: 64, ..Options::default() };
        let mut story = everything(&options);
        for update in updates {
            story.forward(&update);
        }
        let lossy = String::from_utf8_lossy(&name).into_owned();
        let mut named = session(1, &name);
        if let Some(callbacks) = &mut named.callbacks {
            callbacks.table = Some(symbol(&lossy, Some(&lossy)));
        }
        story.session = Some(Arc::new(named));
        story.task = Some(Arc::new(Task { comm: name.clone(), ..Task::default() }));
        story.emit(UpdateKind::Open);
        story.emit(UpdateKind::Preview { bytes: name });
        let text = uncolored(story.data());
        for line in text.lines() {
            prop_assert!(columns(line) <= usize::from(width), "{line}");
        }
        prop_assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || is_deceptive(c))));
    }
}
