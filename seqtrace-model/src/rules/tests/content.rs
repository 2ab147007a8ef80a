//! Rules about show, and rules that need record bytes: each with a file that breaks the rule and a correct look-alike.

use std::cell::Cell;
use std::rc::Rc;

use super::verdicts::{findings, ids};
use crate::event::Wrapper;
use crate::rules::Severity;
use crate::testing::files::{Memory, list, text};
use crate::testing::machine::{Fd, File, Out, World};

fn shows(show: impl FnMut(u64, &mut Out<'_>) -> i32 + 'static) -> File {
    File { show: Box::new(show), ..list(Memory::Image) }
}

/// Returns all findings, including information: `SQ301i`.
fn all(world: &World) -> String {
    let mark = |severity| if severity == Severity::Info { "i" } else { "" };
    let found = findings(&world.events);
    let words: Vec<_> =
        found.iter().map(|one| format!("{}{}", one.id, mark(one.severity))).collect();
    words.join(" ")
}

fn cat(file: File, want: usize) -> World {
    let mut world = World { previews: true, ..World::default() };
    let mut fd = Fd::open(&mut world, 1, file, Wrapper::SeqOpen);
    fd.drain(&mut world, want, 400);
    fd.release(&mut world, Wrapper::SeqRelease);
    world
}

const NR: fn(u64) -> i64 = |v| Memory::Image.nr(v);

#[test]
fn return_values_of_show() {
    // A count, and nothing printed: harmless (ras/daemon_active).
    assert_eq!(all(&cat(shows(|_, _| 7), 4096)), "");
    // SEQ_SKIP
    assert_eq!(
        all(&cat(
            shows(|_, m| {
                m.put("x");
                1
            }),
            4096
        )),
        ""
    );
    assert_eq!(
        all(&cat(
            shows(|_, m| {
                m.put("x");
                2
            }),
            4096
        )),
        "SQ302"
    );
    // Returns an error for each read (write-only files of cgroup).
    assert_eq!(all(&cat(shows(|_, _| -22), 4096)), "");
    // Negative on overflow, where there is room for it in the next read.
    let tail = |v, m: &mut Out<'_>| {
        m.put(&text(NR(v)));
        if m.overflowed() { -1 } else { 0 }
    };
    assert_eq!(all(&cat(shows(tail), 131_072)), "SQ302i");
    let alone = |v, m: &mut Out<'_>| {
        m.put(&text(NR(v)).repeat(200));
        if m.overflowed() { -1 } else { 0 }
    };
    assert_eq!(all(&cat(shows(alone), 131_072)), "SQ302");
}

#[test]
fn hidden_errors() {
    let late = |v, m: &mut Out<'_>| {
        m.put(&text(NR(v)));
        if NR(v) == 3 { -5 } else { 0 }
    };
    let world = cat(shows(late), 131_072);
    assert_eq!(all(&world), "SQ304");
    // The only record of its read: reported at once.
    assert_eq!(all(&cat(shows(late), 27)), "");
    let fails = || File { start: Box::new(|_| (-12_i64).cast_unsigned()), ..list(Memory::Image) };
    assert_eq!(all(&cat(fails(), 27)), "");
}

#[test]
fn storms() {
    let large = |v, m: &mut Out<'_>| {
        m.put(&text(NR(v)).repeat(1000));
        0
    };
    assert_eq!(all(&cat(shows(large), 131_072)), "SQ301i");
    // `while read`: back to behind the first line, again and again.
    let mut world = World::default();
    let mut fd = Fd::open(&mut world, 1, list(Memory::Image), Wrapper::SeqOpen);
    for line in 1..60 {
        let _ = fd.read(&mut world, 128);
        fd.lseek(&mut world, 27 * line);
    }
    fd.release(&mut world, Wrapper::SeqRelease);
    assert_eq!(all(&world), "");
    assert_eq!(all(&cat(list(Memory::Image), 27)), "");
}

/// A counter that grows with each rendering: `value 7\n`.
fn counter() -> File {
    let count = Rc::new(Cell::new(0));
    File {
        show: Box::new(move |v, m| {
            count.set(count.get() + 1);
            m.put(&format!("{} value {}\n", NR(v), count.get()));
            0
        }),
        ..list(Memory::Image)
    }
}

#[test]
fn torn_records() {
    let pieces = |file: File, jump: bool| {
        let mut world = World { previews: true, ..World::default() };
        let mut fd = Fd::open(&mut world, 1, file, Wrapper::SeqOpen);
        let _ = fd.read(&mut world, 13);
        if jump {
            let _ = fd.pread(&mut world, 5, 3);
        }
        let _ = fd.read(&mut world, 13);
        fd.release(&mut world, Wrapper::SeqRelease);
        ids(&world.events)
    };
    assert_eq!(pieces(counter(), false), "");
    let one = || {
        let count = Cell::new(0);
        shows(move |v, m| {
            count.set(count.get() + i64::from(NR(v) == 1));
            m.put(&format!("{} value {}\n", NR(v), count.get() * i64::from(NR(v) == 1)));
            0
        })
    };
    assert_eq!(pieces(one(), true), "SQ203");
    // The whole contents change: that is reported, and the file is correct.
    assert_eq!(pieces(counter(), true), "");
    assert_eq!(pieces(list(Memory::Image), true), "");
}

#[test]
fn data_that_changes_is_information_once() {
    let mut world = World { previews: true, ..World::default() };
    for _ in 0..3 {
        let mut fd = Fd::open(&mut world, 1, counter(), Wrapper::SeqOpen);
        fd.drain(&mut world, 4096, 400);
        fd.lseek(&mut world, 0);
        fd.drain(&mut world, 100, 400);
        fd.release(&mut world, Wrapper::SeqRelease);
    }
    assert_eq!(all(&world), "SQ204i");
}

#[test]
fn one_at_the_end_of_a_list_that_grows() {
    // A log that grows: each read reaches the end of the file, and the next one gets new records.
    let mut world = World { previews: true, ..World::default() };
    let len = Rc::new(Cell::new(1));
    let (start_len, next_len) = (Rc::clone(&len), Rc::clone(&len));
    let file = File {
        start: Box::new(move |pos| if *pos < start_len.get() { Memory::Heap.rec(*pos) } else { 0 }),
        next: Box::new(move |_, pos| {
            *pos += 1;
            if *pos < next_len.get() { Memory::Heap.rec(*pos) } else { 0 }
        }),
        ..list(Memory::Heap)
    };
    let mut fd = Fd::open(&mut world, 1, file, Wrapper::SeqOpen);
    for more in 1..40 {
        len.set(more);
        let _ = fd.read(&mut world, 4096);
        let _ = fd.read(&mut world, 4096);
    }
    fd.release(&mut world, Wrapper::SeqRelease);
    assert_eq!(all(&world), "");
}

#[test]
fn what_never_ends() {
    let endless = || File {
        start: Box::new(|pos| (*pos + 2).cast_unsigned()),
        next: Box::new(|_, pos| {
            *pos += 1;
            (*pos + 2).cast_unsigned()
        }),
        show: Box::new(|v, m| {
            m.put(&format!("{v}\n"));
            0
        }),
        ..list(Memory::Image)
    };
    assert_eq!(all(&cat(endless(), 4096)), "");
    // slub's traces: start is never NULL, and past the end nothing is printed.
    let silent = File {
        start: Box::new(|pos| (*pos + 2).cast_unsigned()),
        show: Box::new(|v, m| {
            if v < 30 {
                m.put(&format!("{v}\n"));
            }
            0
        }),
        next: Box::new(|_, pos| {
            *pos += 1;
            if *pos < 40 { (*pos + 2).cast_unsigned() } else { 0 }
        }),
        ..list(Memory::Image)
    };
    assert_eq!(all(&cat(silent, 4096)), "");
}
