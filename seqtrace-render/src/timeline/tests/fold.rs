use std::sync::Arc;

use expect_test::expect;
use proptest::prelude::*;

use super::super::super::testing::{NULL, Story, record, session};
use super::super::super::{Options, Shown, Time};
use crate::session::update::{Fate, Range, UpdateKind};

fn folded() -> Options {
    let fields = ["time", "session", "event"].map(str::to_owned).to_vec();
    Options { fold: true, quiet: true, fields: Some(fields), ..Options::default() }
}

/// A pass that emits records.
struct Records<'a> {
    story: &'a mut Story,
    number: u64,
    offset: u64,
}

impl<'a> Records<'a> {
    fn begin(story: &'a mut Story) -> Self {
        story.read(1, 0, 131_072);
        story.start(0, record(0));
        Self { story, number: 0, offset: 0 }
    }

    fn show(&mut self, bytes: u64, duration: u64) {
        self.offset += bytes;
        let (number, end) = (self.number, i64::try_from(self.offset).unwrap());
        self.story.callback(|callback| {
            let pos = i64::try_from(number).unwrap();
            (callback.pos_in, callback.pos_out) = (Some(pos), pos);
            (callback.v, callback.ret_int) = (Some(record(number)), Some(0));
            (callback.bytes, callback.count) = (Some(bytes), 0);
            (callback.duration, callback.fate) = (Some(duration), Some(Fate::Emitted));
            callback.range = Some(Range { start: end - i64::try_from(bytes).unwrap(), end });
        });
    }

    fn next(&mut self) {
        let (pos, from, to) =
            (i64::try_from(self.number).unwrap(), record(self.number), record(self.number + 1));
        self.number += 1;
        self.story.next(pos, pos + 1, from, to);
    }

    fn add(&mut self, count: u64, bytes: u64) -> &mut Self {
        for _ in 0..count {
            self.show(bytes, 600);
            self.next();
        }
        self
    }

    /// Ends the pass with the last record.
    fn end(&mut self, bytes: u64) {
        self.show(bytes, 600);
        let pos = i64::try_from(self.number).unwrap();
        self.story.next(pos, pos + 1, record(self.number), NULL);
        self.story.stop(pos + 1, NULL);
        self.story.read_end(i64::try_from(self.offset).unwrap(), |_| ());
    }
}

#[test]
fn a_run_is_one_line_between_the_first_and_the_last_record() {
    let mut story = Story::new(&folded());
    Records::begin(&mut story).add(36, 27).end(27);
    expect![[r#"
        0.000000 s1.r1    ┌─ READ  off 0  want 131072
        0.000001 s1.r1    │  start pos 0                         → ffff8881042a3000         0.2µs
        0.000003 s1.r1    │  show  pos 0        ffff8881042a3000   +27 B    buf 0/4096      0.6µs  emitted 0..27
        0.000005 s1.r1    │  next  pos 0→1      ffff8881042a3000 → ffff8881042a3004         0.2µs
        0.000138 s1.r1    │  … 35 records  pos 1→36  +27 B each  emitted 27..972  28.4µs
        0.000140 s1.r1    │  show  pos 36       ffff8881042a3090   +27 B    buf 0/4096      0.6µs  emitted 972..999
        0.000142 s1.r1    │  next  pos 36→37    ffff8881042a3090 → NULL                     0.2µs
        0.000144 s1.r1    │  stop  pos 37       NULL                                        0.2µs  held 10.2µs
        0.000146 s1.r1    └─ = 999 B  0 records emitted, 0 discarded                       13.4µs
    "#]].assert_eq(story.data());
}

#[test]
fn few_records_have_lines_of_their_own() {
    for count in 0..4 {
        let plain = Options { fold: false, ..folded() };
        let [folded, plain] = [folded(), plain].map(|options| {
            let mut story = Story::new(&options);
            Records::begin(&mut story).add(count, 27).end(27);
            story.data().to_owned()
        });
        assert_eq!(folded, plain);
    }
}

#[test]
fn records_of_other_sizes_end_a_run_and_begin_one() {
    let mut story = Story::new(&folded());
    let mut records = Records::begin(&mut story);
    records.add(10, 30).add(10, 20).add(10, 500).end(500);
    expect![[r#"
        0.000000 s1.r1    ┌─ READ  off 0  want 131072
        0.000001 s1.r1    │  start pos 0                         → ffff8881042a3000         0.2µs
        0.000003 s1.r1    │  show  pos 0        ffff8881042a3000   +30 B    buf 0/4096      0.6µs  emitted 0..30
        0.000005 s1.r1    │  next  pos 0→1      ffff8881042a3000 → ffff8881042a3004         0.2µs
        0.000074 s1.r1    │  … 18 records  pos 1→19  +20..30 B each  emitted 30..480  14.6µs
        0.000076 s1.r1    │  show  pos 19       ffff8881042a304c   +20 B    buf 0/4096      0.6µs  emitted 480..500
        0.000077 s1.r1    │  next  pos 19→20    ffff8881042a304c → ffff8881042a3050         0.2µs
        0.000115 s1.r1    │  … 10 records  pos 20→30  +500 B each  emitted 500..5500  8.1µs
        0.000117 s1.r1    │  show  pos 30       ffff8881042a3078   +500 B   buf 0/4096      0.6µs  emitted 5500..6000
        0.000119 s1.r1    │  next  pos 30→31    ffff8881042a3078 → NULL                     0.2µs
        0.000121 s1.r1    │  stop  pos 31       NULL                                        0.2µs  held 10.2µs
        0.000123 s1.r1    └─ = 6000 B  0 records emitted, 0 discarded                      13.4µs
    "#]].assert_eq(story.data());
}

#[test]
fn a_slow_callback_ends_a_run() {
    let mut story = Story::new(&folded());
    let mut records = Records::begin(&mut story);
    records.add(110, 30);
    records.show(30, 9_000);
    records.next();
    records.add(10, 30).end(30);
    expect![[r#"
        0.000000 s1.r1    ┌─ READ  off 0  want 131072
        0.000001 s1.r1    │  start pos 0                         → ffff8881042a3000         0.2µs
        0.000003 s1.r1    │  show  pos 0        ffff8881042a3000   +30 B    buf 0/4096      0.6µs  emitted 0..30
        0.000005 s1.r1    │  next  pos 0→1      ffff8881042a3000 → ffff8881042a3004         0.2µs
        0.000416 s1.r1    │  … 108 records  pos 1→109  +30 B each  emitted 30..3270  87.7µs
        0.000418 s1.r1    │  show  pos 109      ffff8881042a31b4   +30 B    buf 0/4096      0.6µs  emitted 3270..3300
        0.000419 s1.r1    │  next  pos 109→110  ffff8881042a31b4 → ffff8881042a31b8         0.2µs
        0.000421 s1.r1    │  show  pos 110      ffff8881042a31b8   +30 B    buf 0/4096      9.0µs  emitted 3300..3330
        0.000423 s1.r1    │  next  pos 110→111  ffff8881042a31b8 → ffff8881042a31bc         0.2µs
        0.000461 s1.r1    │  … 10 records  pos 111→121  +30 B each  emitted 3330..3630  8.1µs
        0.000463 s1.r1    │  show  pos 121      ffff8881042a31e4   +30 B    buf 0/4096      0.6µs  emitted 3630..3660
        0.000465 s1.r1    │  next  pos 121→122  ffff8881042a31e4 → NULL                     0.2µs
        0.000467 s1.r1    │  stop  pos 122      NULL                                        0.2µs  held 10.2µs
        0.000469 s1.r1    └─ = 3660 B  0 records emitted, 0 discarded                      13.4µs
    "#]].assert_eq(story.data());
}

#[test]
fn other_updates_end_a_run() {
    let mut story = Story::new(&folded());
    let mut records = Records::begin(&mut story);
    records.add(10, 30);
    records.story.emit(UpdateKind::Gap { lost: 3, sessions: Vec::new() });
    records.add(10, 30);
    let other = Some(Arc::new(session(2, b"/proc/other")));
    let own = std::mem::replace(&mut records.story.session, other);
    records.story.emit(UpdateKind::Open);
    records.story.session = own;
    records.add(10, 30);
    let number = records.number;
    records.story.show(i64::try_from(number).unwrap(), record(number), 30, 0, Fate::DiscardedTail);
    expect![[r#"
        0.000000 s1.r1    ┌─ READ  off 0  want 131072
        0.000001 s1.r1    │  start pos 0                         → ffff8881042a3000         0.2µs
        0.000003 s1.r1    │  show  pos 0        ffff8881042a3000   +30 B    buf 0/4096      0.6µs  emitted 0..30
        0.000005 s1.r1    │  next  pos 0→1      ffff8881042a3000 → ffff8881042a3004         0.2µs
        0.000036 s1.r1    │  … 8 records  pos 1→9  +30 B each  emitted 30..270  6.5µs
        0.000038 s1.r1    │  show  pos 9        ffff8881042a3024   +30 B    buf 0/4096      0.6µs  emitted 270..300
        0.000039 s1.r1    │  next  pos 9→10     ffff8881042a3024 → ffff8881042a3028         0.2µs
        0.000041 s1.r1    ── gap: 3 events lost on CPU 1 ──
        0.000043 s1.r1    │  show  pos 10       ffff8881042a3028   +30 B    buf 0/4096      0.6µs  emitted 300..330
        0.000045 s1.r1    │  next  pos 10→11    ffff8881042a3028 → ffff8881042a302c         0.2µs
        0.000076 s1.r1    │  … 8 records  pos 11→19  +30 B each  emitted 330..570  6.5µs
        0.000077 s1.r1    │  show  pos 19       ffff8881042a304c   +30 B    buf 0/4096      0.6µs  emitted 570..600
        0.000079 s1.r1    │  next  pos 19→20    ffff8881042a304c → ffff8881042a3050         0.2µs
        0.000081 s2.r1    OPEN  /proc/other   seq_open  eof_ops [seqbugs]
                                start eof_start  next eof_next  show eof_show  stop eof_stop  [seqbugs]
        0.000083 s1.r1    │  show  pos 20       ffff8881042a3050   +30 B    buf 0/4096      0.6µs  emitted 600..630
        0.000085 s1.r1    │  next  pos 20→21    ffff8881042a3050 → ffff8881042a3054         0.2µs
        0.000115 s1.r1    │  … 8 records  pos 21→29  +30 B each  emitted 630..870  6.5µs
        0.000117 s1.r1    │  show  pos 29       ffff8881042a3074   +30 B    buf 0/4096      0.6µs  emitted 870..900
        0.000119 s1.r1    │  next  pos 29→30    ffff8881042a3074 → ffff8881042a3078         0.2µs
        0.000121 s1.r1    │  show  pos 30       ffff8881042a3078   +30 B    buf 0/4096      0.6µs  tail did not fit: dropped, shown again
    "#]].assert_eq(story.data());
}

#[test]
fn a_finding_marks_the_line_that_proves_it() {
    let mut story = Story::new(&folded());
    let mut records = Records::begin(&mut story);
    records.add(10, 30);
    records.show(30, 600);
    records.story.finding();
    expect![[r#"
        0.000000 s1.r1    ┌─ READ  off 0  want 131072
        0.000001 s1.r1    │  start pos 0                         → ffff8881042a3000         0.2µs
        0.000003 s1.r1    │  show  pos 0        ffff8881042a3000   +30 B    buf 0/4096      0.6µs  emitted 0..30
        0.000005 s1.r1    │  next  pos 0→1      ffff8881042a3000 → ffff8881042a3004         0.2µs
        0.000039 s1.r1    │  … 9 records  pos 1→10  +30 B each  emitted 30..300  7.3µs
        0.000041 s1.r1    │  show  pos 10       ffff8881042a3028   +30 B    buf 0/4096      0.6µs  emitted 300..330  ✗✗ SQ201
                          ✗✗ SQ201 double emit: pos 2 passed over as bytes 4..6, emitted again as 6..8
                             cause SQ102 000000000000c0de   seqtrace explain SQ201
    "#]].assert_eq(story.data());
}

#[test]
fn in_a_narrow_terminal() {
    for width in [80, 60] {
        let mut story = Story::new(&Options { width: Some(width), fields: None, ..folded() });
        Records::begin(&mut story).add(36, 27).end(27);
        let line =
            story.data().lines().find(|line| line.contains("35 records")).unwrap().to_owned();
        if width == 80 {
            expect!["0.000138 s1.r1    │  … 35 records  1→36  +27 B  emitted 27..972  28.4µs"]
                .assert_eq(&line);
        } else {
            expect!["s1.r1    │  … 35 records  1→36  +27 B  emitted 27..972"].assert_eq(&line);
        }
    }
}

#[test]
fn a_reader_does_not_wait_for_lines() {
    let mut story = Story::new(&folded());
    let mut records = Records::begin(&mut story);
    records.add(20, 30);
    let before = records.story.data().len();
    records.story.refresh();
    assert_eq!(records.story.data().len(), before, "records were added meanwhile");
    records.story.refresh();
    assert!(records.story.data().contains("18 records"), "{}", records.story.data());
    // A pass of more than a second.
    let before = records.story.data().len();
    for _ in 0..40 {
        records.story.time += 50_000_000;
        records.add(1, 30);
    }
    assert!(records.story.data().len() > before);
}

#[test]
fn previews_are_a_part_of_their_records() {
    let mut story = Story::new(&Options { preview: 8, ..folded() });
    let mut records = Records::begin(&mut story);
    for _ in 0..6 {
        records.show(30, 600);
        records.story.emit(UpdateKind::Preview { bytes: b"a record".to_vec() });
        records.next();
    }
    records.end(30);
    expect![[r#"
        0.000000 s1.r1    ┌─ READ  off 0  want 131072
        0.000001 s1.r1    │  start pos 0                         → ffff8881042a3000         0.2µs
        0.000003 s1.r1    │  show  pos 0        ffff8881042a3000   +30 B    buf 0/4096      0.6µs  emitted 0..30
        0.000005 s1.r1    │        "a record"
        0.000007 s1.r1    │  next  pos 0→1      ffff8881042a3000 → ffff8881042a3004         0.2µs
        0.000036 s1.r1    │  … 5 records  pos 1→6  +30 B each  emitted 30..180  4.1µs
        0.000038 s1.r1    │  show  pos 6        ffff8881042a3018   +30 B    buf 0/4096      0.6µs  emitted 180..210
        0.000039 s1.r1    │  next  pos 6→7      ffff8881042a3018 → NULL                     0.2µs
        0.000041 s1.r1    │  stop  pos 7        NULL                                        0.2µs  held 10.2µs
        0.000043 s1.r1    └─ = 210 B  0 records emitted, 0 discarded                       13.4µs
    "#]].assert_eq(story.data());
}

#[test]
fn folded_callbacks_count_as_displayed() {
    let mut story = Story::new(&folded());
    Records::begin(&mut story).add(20, 27).end(27);
    assert!(story.shown.iter().all(|shown| *shown == Shown::Yes));
}

proptest! {
    /// A fold stands for as many records as have no lines, and all other lines are those without folding.
    #[test]
    fn nothing_is_lost(steps in prop::collection::vec((0..12u8, 1..6u64), 0..40)) {
        let play = |fold| {
            let mut story = Story::new(&Options { fold, time: Time::Rel, ..folded() });
            let mut records = Records::begin(&mut story);
            for (step, count) in &steps {
                match step {
                    0 => records.add(*count, 400),
                    1 => {
                        records.story.emit(UpdateKind::Gap { lost: *count, sessions: Vec::new() });
                        &mut records
                    }
                    2 => {
                        records.show(27, 600 * count);
                        &mut records
                    }
                    3 => {
                        records.next();
                        &mut records
                    }
                    4 => {
                        records.story.finding();
                        &mut records
                    }
                    5 => {
                        records.end(27);
                        records.story.read(1, 0, 5);
                        &mut records
                    }
                    _ => records.add(*count, 27),
                };
            }
            story.end(&crate::session::update::Summary::default());
            story.data().to_owned()
        };
        let (plain, folded) = (play(false), play(true));
        let mut rest = plain.lines();
        let mut left_out = 0;
        for line in folded.lines() {
            if let Some((_, fold)) = line.split_once("… ") {
                let records: usize = fold.split(' ').next().unwrap().parse().unwrap();
                left_out += 2 * records;
            } else {
                prop_assert!(rest.any(|plain| plain == line), "{line}\n{plain}");
            }
        }
        prop_assert_eq!(folded.lines().filter(|line| !line.contains("… ")).count() + left_out, plain.lines().count());
    }
}
