//! Concurrent calls: threads that share a descriptor, and a file that is read inside another file's show.

use crate::session::tests::script::play;

/// A pass belongs to the thread that began it, in any order of entries.
#[test]
fn two_preads_at_once() {
    play(
        "open                     | s1 open seq_open
         @1 read 0 want 4 (0 0 0) | r1 read 0 want 4
         @2 read 4 want 4 (0 0 0) | r2 read 4 want 4
         @2 begin 0               |
         start -> A               | start traverse 0 -> A
         show =4                  | show traverse 0 A +4 passed 0..4
         next -> B @1             | next traverse 0>1 A -> B
         stop =0                  | stop traverse 1 B
         @2 begin 1               |
         start -> B               | start first 1 -> B
         show =4                  | show first 1 B +4 emitted 4..8
         next -> NULL @2          | next fill 1>2 B -> NULL
         stop                     | stop fill 2 NULL
         @1 begin 0               |
         start -> A               | start first 0 -> A
         @2 = 4 (0 0 8)           | r2 = 4 at 4..8 left 0 emitted 1 passed 1 eof
         show =4                  | show first 0 A +4 emitted 0..4
         next -> B @1             | next fill 0>1 A -> B
         stop                     | stop fill 1 B
         @1 = 4 (1 0 4)           | r1 = 4 at 0..4 left 0 emitted 1
         release seq_release      | close seq_release 8 B",
    );
}

/// One of two reads gets a part of the leftover and calls no callback.
#[test]
fn a_silent_read_among_two() {
    play(
        "open                     | s1 open seq_open
         @1 read 0 want 2 (0 0 0) | r1 read 0 want 2
         @1 begin 0               |
         start -> A               | start first 0 -> A
         show =10                 | show first 0 A +10 emitted 0..10
         next -> B @1             | next fill 0>1 A -> B
         stop                     | stop fill 1 B
         @1 = 2 (1 8 2)           | r1 = 2 at 0..2 left 8 emitted 1
         @1 read 2 want 3 (1 8 2) | r2 read 2 want 3
         @2 read 5 want 9 (1 8 2) | r3 read 5 want 9
         @2 begin 1               |
         start -> B               | start first 1 -> B
         show =10                 | show first 1 B +10 emitted 10..20
         next -> NULL @2          | next fill 1>2 B -> NULL
         stop                     | stop fill 2 NULL
         @2 = 9 (2 6 14)          | r3 = 9 at 5..14 from leftover 5 left 6 emitted 1
         @1 = 3 (2 6 14)          | r2 = 3 at 2..5 from leftover 3 left 15
         release seq_release      | close seq_release 14 B undelivered 6",
    );
}

/// A thread reads a file inside another file's show.
#[test]
fn a_read_inside_of_a_show() {
    play(
        "#1 open                   | s1 open seq_open
         #2 open                   | s2 open seq_open
         #1 read 0 want 90 (0 0 0) | r1 read 0 want 90
         #1 begin 0                |
         #1 start -> A             | start first 0 -> A
         #2 read 0 want 90 (0 0 0) | r1 read 0 want 90
         #2 begin 0                |
         #2 start -> X             | start first 0 -> X
         #2 show =7                | show first 0 X +7 emitted 0..7
         #2 next -> NULL @1        | next fill 0>1 X -> NULL
         #2 stop                   | stop fill 1 NULL
         #2 = 7 (1 0 7)            | r1 = 7 at 0..7 left 0 emitted 1 eof
         #1 show @0 =2             | show first 0 A +2 emitted 0..2",
    );
}

/// A relative lseek enters a record. The leftover is known when the lseek returns, so the updates are emitted then.
#[test]
fn a_relative_lseek() {
    play(
        "open                      | s1 open seq_open
         lseek cur 40 (0 0 0)      | lseek cur 40
         begin 0                   |
         start -> A                | start traverse 0 -> A
         show =27                  |
         next -> B @1              |
         show =27                  | show traverse 0 A +27 passed 0..27; next traverse 0>1 A -> B
         next -> C @2              |
         #2 open                   | s2 open seq_open
         stop =14                  |
         lseek = 40 (2 14 40)      | show traverse 1 B +27 emitted 27..54; next traverse 1>2 B -> C; stop traverse 2 C; lseek = 40 passed 1 left 14
         release seq_release       | close seq_release 0 B undelivered 14",
    );
}
