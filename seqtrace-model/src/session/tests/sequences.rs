//! Event sequences of common programs, as the kernel produces them (seen on 6.1 and 6.12).

use crate::session::tests::script::play;

/// A file of three records of two bytes, whose next does not advance the position at the end. `cat` does not show it,
/// because the fill loop of `seq_read_iter()` corrects the position.
#[test]
fn cat_of_a_next_that_is_stuck_at_the_end() {
    play(
        "open                       | s1 open seq_open
         read 0 want 131072 (0 0 0) | r1 read 0 want 131072
         begin 0                    |
         start -> A                 | start first 0 -> A
         show =2                    | show first 0 A +2 emitted 0..2
         next -> B @1               | next fill 0>1 A -> B
         show =4                    | show fill 1 B +2 emitted 2..4
         next -> C @2               | next fill 1>2 B -> C
         show =6                    | show fill 2 C +2 emitted 4..6
         next -> NULL @2            | next fill 2>2 C -> NULL fixed up
         stop @3                    | stop fill 3 NULL
         = 6 (3 0 6)                | r1 = 6 at 0..6 left 0 emitted 3 eof
         read 6 want 131072 (3 0 6) | r2 read 6 want 131072
         begin 3                    |
         start -> NULL              | start first 3 -> NULL
         stop                       | stop first 3 NULL
         = 0 (3 0 6)                | r2 = 0 left 0 eof
         release seq_release        | close seq_release 6 B",
    );
}

/// A pread at the end of the same file gets the last record again.
#[test]
fn pread_of_a_next_that_is_stuck_at_the_end() {
    play(
        "open                       | s1 open seq_open
         read 6 want 131072 (0 0 0) | r1 read 6 want 131072 traverse from 0
         begin 0                    |
         start -> A                 | start traverse 0 -> A
         show =2                    | show traverse 0 A +2 passed 0..2
         next -> B @1               | next traverse 0>1 A -> B
         show =2                    | show traverse 1 B +2 passed 2..4
         next -> C @2 =2            | next traverse 1>2 B -> C
         show =2                    | show traverse 2 C +2 passed 4..6
         next -> NULL @2            | next traverse 2>2 C -> NULL
         stop =0                    | stop traverse 2 NULL
         begin 2                    |
         start -> C                 | start first 2 -> C
         show =2                    | show first 2 C +2 emitted 6..8
         next -> NULL @2            | next fill 2>2 C -> NULL fixed up
         stop @3                    | stop fill 3 NULL
         = 2 (3 0 8)                | r1 = 2 at 6..8 left 0 emitted 1 passed 3 eof
         release seq_release        | close seq_release 2 B",
    );
}
