//! Partial sessions: their beginning, callbacks or order are not all seen.

use crate::session::tests::script::play;

/// After a gap nothing is concluded until a read enters.
#[test]
fn a_gap_in_a_read() {
    play(
        "open                   | s1 open seq_open
         read 0 want 90 (0 0 0) | r1 read 0 want 90
         begin 0                |
         start -> A             | start first 0 -> A
         show =2                | show first 0 A +2 emitted 0..2
         gap 37                 | gap 37 s1
         show @5 =20            | show ? 5 ? unknown
         next -> F @6           | next ? 5>6 ? -> F
         show =24               | show ? 6 F unknown
         next -> NULL @6        | next ? 6>6 F -> NULL
         stop @7                | stop ? 7 NULL
         = 24 (7 0 24)          | r1 = 24 at 0..24 left 0 emitted 1 Gap
         read 24 want 90 (7 0 24) | r2 read 24 want 90
         begin 7                |
         start -> NULL          | start first 7 -> NULL
         stop =0                | stop first 7 NULL
         = 0 (7 0 24)           | r2 = 0 left 0 eof
         release seq_release    | close seq_release 24 B [Gap]",
    );
}

/// The return of a read may be lost in a gap. While the read may still be in flight, the state that another thread saw
/// on entry proves nothing.
#[test]
fn a_gap_that_may_hide_a_reader() {
    play(
        "open                    | s1 open seq_open
         @1 read 0 want 9 (0 0 0) | r1 read 0 want 9
         gap 1                    | gap 1 s1
         @2 read 9 want 9 (1 0 9) | r2 read 9 want 9
         @2 begin 1               |
         start -> B               | start ? 1 -> B
         show =2                  | show ? 1 B unknown
         next -> NULL @2          | next ? 1>2 B -> NULL
         stop                     | stop ? 2 NULL
         @2 = 2 (2 0 11)          | r2 = 2 at 9..11 left 0 eof Gap
         @1 read 0 want 9 (2 0 11) | r3 read 0 want 9 rewind
         @1 begin 0               |
         start -> A               | start first 0 -> A",
    );
}

/// The first read of an adopted session shows its state.
#[test]
fn adopted_between_two_reads() {
    play(
        "open adopted             | s1 open seq_open adopted
         read 40 want 40 (2 14 40) | r1 read 40 want 40
         begin 2                  |
         start -> C               | start first 2 -> C
         show =27                 | show first 2 C +27 emitted 54..81
         next -> D @3             | next fill 2>3 C -> D
         stop                     | stop fill 3 D
         = 40 (3 1 80)            | r1 = 40 at 40..80 from leftover 14 left 1 emitted 1
         release seq_release      | close seq_release 40 B undelivered 1 [Adopted]",
    );
}

#[test]
fn adopted_in_the_middle_of_a_read() {
    play(
        "open adopted     | s1 open seq_open adopted
         next -> D @3 =27 | next ? ?>3 ? -> D
         show =54         | show ? 3 D unknown
         stop             | stop ? 3 D
         = 27 (3 0 80)    |
         read 80 want 1 (3 0 80) | r1 read 80 want 1
         begin 3          |
         start -> NULL    | start first 3 -> NULL
         stop =0          | stop first 3 NULL
         = 0 (3 0 80)     | r1 = 0 left 0 eof",
    );
}

/// A missing callback is reported once. The next read has a known state again.
#[test]
fn a_missing_next() {
    play(
        "open                   | s1 open seq_open
         read 0 want 90 (0 0 0) | r1 read 0 want 90
         begin 0                |
         start -> A             | start first 0 -> A
         show =2                | show first 0 A +2 emitted 0..2
         show @1 =4             | DISAGREES expected next, observed show; show ? 1 ? unknown
         show @2 =6             | show ? 2 ? unknown
         stop @3                | stop ? 3 ?
         = 6 (3 0 6)            | r1 = 6 at 0..6 left 0 emitted 1 Disagrees
         read 6 want 90 (3 0 6) | r2 read 6 want 90
         begin 3                |
         start -> NULL          | start first 3 -> NULL
         stop =0                | stop first 3 NULL
         = 0 (3 0 6)            | r2 = 0 left 0 eof
         release seq_release    | close seq_release 6 B [Disagrees]",
    );
}

/// A missing record is noticed by its position.
#[test]
fn a_missing_record() {
    play(
        "open                   | s1 open seq_open
         read 0 want 90 (0 0 0) | r1 read 0 want 90
         begin 0                |
         start -> A             | start first 0 -> A
         show =2                | show first 0 A +2 emitted 0..2
         next -> C @1           | next fill 0>1 A -> C
         show @2 =6             | DISAGREES expected show at position 1, observed show at position 2; show ? 2 ? unknown",
    );
}

#[test]
fn a_show_that_cannot_be_traced() {
    play(
        "blind show             | blind show: notrace
         open                   | s1 open seq_open
         read 0 want 90 (0 0 0) | r1 read 0 want 90
         begin 0                |
         start -> A             | start ? 0 -> A
         next -> B @1 =2        | next ? 0>1 A -> B
         next -> NULL @1 =4     | next ? 1>1 B -> NULL
         stop @2                | stop ? 2 NULL
         = 4 (2 0 4)            | r1 = 4 at 0..4 left 0 eof Blind
         release seq_release    | close seq_release 4 B [Blind]",
    );
}

/// With the backend `callbacks`, user space attaches to a table while its first file is being read.
#[test]
fn attached_between_two_reads() {
    play(
        "open                   | s1 open seq_open
         read 0 want 90 (0 0 0) | r1 read 0 want 90
         = 6 (3 0 6)            | r1 = 6 at 0..6 left 0 LateAttach
         attached               |
         read 6 want 90 (3 0 6) | r2 read 6 want 90
         begin 3                |
         start -> NULL          | start first 3 -> NULL
         stop =0                | stop first 3 NULL
         = 0 (3 0 6)            | r2 = 0 left 0 eof
         release seq_release    | close seq_release 6 B [LateAttach]
         open                   | s2 open seq_open
         read 0 want 90 (0 0 0) | r1 read 0 want 90
         = 6 (3 0 6)            | DISAGREES expected start, observed return of 6; r1 = 6 at 0..6 left 0 Disagrees",
    );
}

/// If user space attaches between open and first read, nothing is missed.
#[test]
fn attached_in_time() {
    play(
        "open                   | s1 open seq_open
         attached               |
         read 0 want 90 (0 0 0) | r1 read 0 want 90
         begin 0                |
         start -> NULL          | start first 0 -> NULL
         stop =0                | stop first 0 NULL
         = 0 (0 0 0)            | r1 = 0 left 0 eof
         release seq_release    | close seq_release 0 B",
    );
}

/// If the buffer has bytes, the core can only return some of them, or -EFAULT.
#[test]
fn a_return_that_the_core_does_not_give() {
    play(
        "open                   | s1 open seq_open
         read 0 want 2 (0 0 0)  | r1 read 0 want 2
         begin 0                |
         start -> A             | start first 0 -> A
         show =10               | show first 0 A +10 emitted 0..10
         next -> NULL @1        | next fill 0>1 A -> NULL
         stop                   | stop fill 1 NULL
         = -5 (1 10 0)          | DISAGREES expected up to 2 bytes, observed -5; r1 = -5 left 10 emitted 1 Disagrees",
    );
}

/// After copying the whole leftover the core calls start. A read that returns without it is a mismatch.
#[test]
fn a_leftover_used_up_without_a_start() {
    play(
        "open                   | s1 open seq_open
         read 3 want 20 (0 0 0) | r1 read 3 want 20 traverse from 0
         begin 0                |
         start -> A             | start traverse 0 -> A
         show =10               | show traverse 0 A +10 emitted 0..10
         next -> NULL @1        | next traverse 0>1 A -> NULL
         stop =7                | stop traverse 1 NULL
         = 7 (1 0 10)           | DISAGREES expected a part of the leftover, observed 7; r1 = 7 at 3..10 left 0 emitted 1 Disagrees",
    );
}
