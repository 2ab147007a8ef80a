#![expect(clippy::needless_raw_string_hashes, reason = "as expect-test writes them")]

use expect_test::expect;

use super::super::testing::{NULL, Story, record};
use super::super::{Format, Options, Time};
use super::fold::PASSES;
use crate::session::update::Fate;

fn compact() -> Options {
    Options { format: Format::Compact, ..Options::default() }
}

#[test]
fn a_cat_is_a_line_a_read() {
    let mut story = Story::new(&compact());
    story.cat();
    expect![[r#"
            TIME TASK         SESSION  PATH                     EVENT
        0.000000 cat/4123     s1       /proc/seqbugs/eof_stuck  open  seq_open  eof_ops [seqbugs]
        0.000019 cat/4123     s1.r1    /proc/seqbugs/eof_stuck  read 0+131072 = 6 B  start 0 → show×3 next×3 (eof) stop  3 emitted 0 discarded  13.4µs
        0.000026 cat/4123     s1.r2    /proc/seqbugs/eof_stuck  read 6+131072 = 0 B  start 3 (eof) stop  13.4µs
        0.000028 cat/4123     s1       /proc/seqbugs/eof_stuck  close seq_release  2 reads  6 B  3 records emitted, 0 discarded  open 1.25ms
    "#]].assert_eq(story.data());
}

#[test]
fn everything_else() {
    let mut story = Story::new(&Options { time: Time::None, ..compact() });
    story.oddities();
    expect![[r#"
        TASK         SESSION  PATH                     EVENT
        cat/4123     s1.r1    /proc/seqbugs/eof_stuck  read 0+4096 = 95 B  start 0 → show×1 stop  OVERFLOW → 8192  start 0 → show×6 next×2 SEQ_SKIP×1 empty×1 failed×1 stuck×1 ERR_PTR(-ENOMEM) stop  1 emitted 4 discarded  5 B from the buffer  13 B left over  13.4µs  partial: events lost
        cat/4123     s1.r2    /proc/seqbugs/eof_stuck  read 27+131072 = EFAULT  traverse start 0 → show×2  OVERFLOW → 16384  0 emitted 0 discarded 1 passed over  13.4µs
        cat/4123     s1       /proc/seqbugs/eof_stuck  lseek SEEK_CUR 40 = 40  1 passed over  14 B in the buffer  3.1µs
        cat/4123     s1       /proc/seqbugs/eof_stuck  lseek SEEK_END 0 = EINVAL
        cat/4123     s1       /proc/seqbugs/eof_stuck  write 6 B  off 6 after
        cat/4123     s1       /proc/seqbugs/eof_stuck  write 2 B of 6  off 8 after
        cat/4123     s1       /proc/seqbugs/eof_stuck  write 6 B  = EINVAL
        cat/4123     s1       /proc/seqbugs/eof_stuck  show t_show is not traced: notrace function
        cat/4123     s1       /proc/seqbugs/eof_stuck  ✗✗ SQ201 double emit: pos 2 passed over as bytes 4..6, emitted again as 6..8   cause SQ102 000000000000c0de   seqtrace explain SQ201
        cat/4123     s1       /proc/seqbugs/eof_stuck  events were missed: expected show, next or stop, saw start
        cat/4123     s1       /proc/seqbugs/eof_stuck  close still open when tracing ended  1 read  0 B  0 records emitted, 0 discarded  2 writes  8 B written  13 B never fetched  the file was removed while open  partial: events lost, still open
        a\x1b]0;b\xc3/4123:4130 s2       …/proc/version_\x1b[2J\xff open  proc_reg_open  plain file, not a seq_file: no callbacks
        a\x1b]0;b\xc3/4123:4130 s2       …/proc/version_\x1b[2J\xff read want 131072  = 12 B  off 12 after
        a\x1b]0;b\xc3/4123:4130 s2       …/proc/version_\x1b[2J\xff read want 131072  = EIO
        a\x1b]0;b\xc3/4123:4130 s3       /sys/fs/cgroup/cpu.stat    open  seq_open  no callbacks: m->op is NULL  was open already
        a\x1b]0;b\xc3/4123:4130 s4       /proc/uptime               open  single_open  show up_show [up]
        a\x1b]0;b\xc3/4123:4130 s4       /proc/uptime               open  = ENOMEM
        a\x1b]0;b\xc3/4123:4130 s4       /proc/uptime               open  = EINVAL  after single_open() had succeeded
        a\x1b]0;b\xc3/4123:4130 s4       /proc/uptime               close no release was seen  0 reads  0 B  0 records emitted, 0 discarded  open 9.0µs
                                                                    ── gap: 37 events lost on CPU 1; s7 s8 incomplete ──
                                                                    ── gap: 1 event lost on CPU 1; s1 s2 s3 s4 s5 s6 s7 s8 and 12 more incomplete ──
    "#]].assert_eq(story.data());
}

#[test]
fn a_line_does_not_grow_with_passes() {
    let fields = Some(vec!["session".to_owned(), "event".to_owned()]);
    let mut story = Story::new(&Options { fields, quiet: true, ..compact() });
    story.read(1, 0, 4096);
    for _ in 0..PASSES + 3 {
        story.start(0, record(0));
        story.show(0, record(0), 1, 1, Fate::Emitted);
        story.next(0, 1, record(0), NULL);
        story.stop(1, NULL);
    }
    story.read_end(1, |_| ());
    expect![[r#"
        s1.r1    read 0+4096 = 1 B  start 0 → show×1 next×1 (eof) stop  start 0 → show×1 next×1 (eof) stop  start 0 → show×1 next×1 (eof) stop  start 0 → show×1 next×1 (eof) stop  … 3 more passes  13.4µs
    "#]].assert_eq(story.data());
}
