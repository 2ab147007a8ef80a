//! Beginning and end of sessions, and events that are not reads.

use crate::event::{Callback, Event, EventKind, Role, SeqState};
use crate::session::Tracker;
use crate::session::tests::script::play;
use crate::testing::simulator::reader::{open, task};

#[test]
fn a_session_is_opened_by_its_wrapper() {
    play(
        "open via single_open_size | s1 open single_open_size
         release single_release | close single_release 0 B
         release seq_release    |
         #2 open via seq_open_private | s2 open seq_open_private
         #3 open                   | s3 open seq_open
         #4 open single_start      | s4 open single_open",
    );
}

#[test]
fn an_open_that_fails() {
    play(
        "open failed via single_open | open failed -12
         read 0 want 10 (0 0 0) |
         open                   | s2 open seq_open",
    );
}

#[test]
fn an_open_that_fails_after_seq_open() {
    play(
        "open m7                  | s1 open seq_open
         fail -22                 | open leaked -22; close unseen 0 B
         fail -22                 |
         #2 open via single_open  | s2 open single_open
         #2 fail -12              | open leaked -12; close unseen 0 B
         #3 open m7               | s3 open seq_open
         gap 9                    | gap 9 s3
         #3 fail -5               | open leaked -5; close unseen 0 B [Gap]
         #4 open m7               | s4 open seq_open
         #4 release seq_release   | close seq_release 0 B
         #4 fail -22              |
         finish                   |",
    );
}

#[test]
fn our_own_opens_are_no_sessions() {
    play(
        "open own |
         #2 open  | s1 open seq_open",
    );
}

#[test]
fn writes_and_plain_files() {
    play(
        "open                     | s1 open seq_open
         write 6 6 6              | write 6 = 6 to 6
         write 6 -22 6            | write 6 = -22 to 6
         release seq_release      | close seq_release 0 B
         #2 open plain            | s2 open proc_reg_open
         #2 plain 131072 19 19    | r1 plain 131072 = 19 to 19
         #2 plain 131072 0 19     | r2 plain 131072 = 0 to 19
         #2 release proc_reg_release | close proc_reg_release 19 B
         #3 open bare             | s3 open seq_open
         #3 release seq_release   | close seq_release 0 B",
    );
}

#[test]
fn an_address_has_one_owner() {
    play(
        "open m7                  | s1 open seq_open
         #2 open m7               | DISAGREES expected release, observed another open in its place; close unseen 0 B [Disagrees]; s2 open seq_open
         #3 open m8               | s3 open seq_open
         gap 9                    | gap 9 s2 s3
         #4 open m7               | close unseen 0 B [Gap]; s4 open seq_open
         #4 release seq_release   | close seq_release 0 B
         #5 open m7               | s5 open seq_open
         #6 open failed           | open failed -12
         #3 release seq_release   | close seq_release 0 B [Gap]",
    );
}

#[test]
fn a_gap_names_the_sessions_with_events_since_the_last_one() {
    play(
        "open m7                  | s1 open seq_open
         #2 open m8               | s2 open seq_open
         gap 9                    | gap 9 s1 s2
         gap 8                    | gap 8
         #2 write 6 6 6           | write 6 = 6 to 6
         gap 7                    | gap 7 s2
         #2 release seq_release   | close seq_release 0 B [Gap]
         #3 open m9               | s3 open seq_open
         gap 6                    | gap 6 s3
         release seq_release      | close seq_release 0 B [Gap]",
    );
}

#[test]
fn previews_belong_to_the_last_show() {
    play(
        "open                   | s1 open seq_open
         read 0 want 10 (0 0 0) | r1 read 0 want 10
         begin 0                |
         start -> A             | start first 0 -> A
         show =2                | show first 0 A +2 emitted 0..2
         preview hi             | preview hi",
    );
}

#[test]
fn bytes_that_no_read_fetched() {
    play(
        "open                   | s1 open seq_open
         read 0 want 3 (0 0 0)  | r1 read 0 want 3
         begin 0                |
         start -> A             | start first 0 -> A
         show =10               | show first 0 A +10 emitted 0..10
         next -> NULL @1        | next fill 0>1 A -> NULL
         stop                   | stop fill 1 NULL
         = 3 (1 7 3)            | r1 = 3 at 0..3 left 7 emitted 1
         read 3 want 2 (1 7 3)  | r2 read 3 want 2
         = 2 (1 5 5)            | r2 = 2 at 3..5 from leftover 2 left 5
         release seq_release    | close seq_release 5 B undelivered 5",
    );
}

#[test]
fn sessions_open_at_the_end() {
    play(
        "open                   | s1 open seq_open
         #2 open                | s2 open seq_open
         #2 read 0 want 2 (0 0 0) | r1 read 0 want 2
         finish                 | close unseen 0 B [StillOpen]; close unseen 0 B [StillOpen]",
    );
}

/// An open reuses the key of an open session, whose release was missed.
#[test]
fn a_missed_release() {
    play(
        "open                   | s1 open seq_open
         read 0 want 0 (0 0 0)  | r1 read 0 want 0
         = 0 (0 0 0)            | r1 = 0 left 0
         open                   | s2 open seq_open; DISAGREES expected release, observed another open in its place; close unseen 0 B [Disagrees]",
    );
}

#[test]
fn a_quiet_pass() {
    let mut tracker = Tracker::new();
    let mut feed = |time, body, quiet: &[(u64, bool)]| {
        tracker.feed(&Event { time, cpu: 0, body }, &mut |_| ());
        for &(since, expected) in quiet {
            assert_eq!(tracker.has_quiet_pass(since), expected, "at {time}, since {since}");
        }
    };
    let callback = |role, ret| EventKind::Callback(Callback::new(1, role, ret));
    feed(1, open(1, false), &[(u64::MAX, false)]);
    let state = SeqState::default();
    feed(
        2,
        EventKind::ReadEnter { key: 1, task: task(1), pos: 0, want: 9, state, via: None },
        &[(u64::MAX, false)],
    );
    let begin = EventKind::PassBegin { key: 1, tid: 1, index: 0, size: 4096, count: 0, from: 0 };
    feed(3, begin, &[(2, false), (3, true)]);
    feed(5, callback(Role::Start, 0x1000), &[(4, false), (5, true)]);
    feed(6, callback(Role::Stop, 0), &[(u64::MAX, false)]);
}

/// A release by the reader inside a callback is the end of a task that an oops has killed.
#[test]
fn a_reader_that_dies() {
    play(
        "open                      | s1 open seq_open
         read 0 want 90 (0 0 0)    | r1 read 0 want 90
         begin 0                   |
         release seq_release       | DIED in start at 0; close seq_release 0 B
         #2 open                   | s2 open seq_open
         #2 read 0 want 90 (0 0 0) | r1 read 0 want 90
         #2 begin 0                |
         #2 start -> A             | start first 0 -> A
         #2 show =2                | show first 0 A +2 emitted 0..2
         #2 next -> B @1           | next fill 0>1 A -> B
         #2 release seq_release    | DIED in show at 1; close seq_release 0 B",
    );
}

/// A release by another task, or after the last callback, means that the return of the read was missed.
#[test]
fn a_missed_return() {
    play(
        "open                      | s1 open seq_open
         read 0 want 90 (0 0 0)    | r1 read 0 want 90
         begin 0                   |
         start -> A                | start first 0 -> A
         @2 release seq_release    | DISAGREES expected return of a read or lseek, observed release; close seq_release 0 B [Disagrees]
         #2 open                   | s2 open seq_open
         #2 read 0 want 90 (0 0 0) | r1 read 0 want 90
         #2 begin 0                |
         #2 start -> NULL          | start first 0 -> NULL
         #2 stop =0                | stop first 0 NULL
         #2 release seq_release    | DISAGREES expected return of a read or lseek, observed release; close seq_release 0 B [Disagrees]",
    );
}
