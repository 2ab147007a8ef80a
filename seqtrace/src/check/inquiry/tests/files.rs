//! Simulated files of each kind, right and wrong.

use std::{cell::Cell, rc::Rc};

use proptest::prelude::*;

use super::lab::Make;
use seqtrace_model::testing::machine::{File, Out};

/// The behaviour of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Correct,
    /// Correct, with an iterator that is allocated for each pass.
    Allocated,
    /// Correct, but the text changes once, after this number of opens.
    ChangesOnce(u64),
    /// Correct, and prints the time, which passes with each call. `slow`: in units that are rarely over.
    Clock {
        slow: bool,
    },
    /// Correct; after each so many calls the first record is removed and a new one is appended.
    Moves(u64),
    /// Correct, and prints the number of descriptors that are in the middle of the file.
    CountsReaders,
    /// Correct, and prints how often it is open.
    CountsOpens,
    /// start() begins with the first record, whatever `*pos` is.
    StartResets,
    /// start() does not set what next() sets for show().
    StartForgets,
    /// start() prints a header at each position.
    StartPrints,
    /// start() gives up everywhere but at the first record, and sets `*pos` back to it.
    StartGivesUp,
    /// start() returns a cursor of the descriptor, whatever `*pos` is.
    StartIgnores,
    /// open() makes the iterator, and start() returns it as the last pass has left it.
    OpenIterator,
    /// show() prints a heading where the section changes, and all readers share the last section.
    ShowShares,
    /// next() returns NULL after each record, and start() goes on there.
    NextEnds,
    /// start() after the only record sets `*pos` back to it.
    SetsBack,
    /// All descriptors have one cursor, which begins again only when it has come to the end.
    LeftBehind,
    /// All descriptors have one cursor.
    SharedCursor,
    /// show() prints the record of its own cursor, and advances the cursor.
    ShowMoves,
    /// show() counts, and prints it.
    ShowCounts,
    /// start() counts, and show() prints it.
    StartCounts,
    /// Reading removes the records.
    Consumed,
    /// start() resumes wrong, in a file whose text changes once.
    ResetsAndChanges(u64),
}

/// Lengths of the records of a file, in bytes, without their numbers.
pub(super) fn lists() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        3 => prop::collection::vec(0..60_usize, 3..40),
        2 => prop::collection::vec(10..90_usize, 90..130),
    ]
}

fn text(list: &[usize], nr: i64) -> String {
    let len = usize::try_from(nr).ok().and_then(|nr| list.get(nr)).copied().unwrap_or(0);
    format!("record {nr:03} {}\n", "abcdefghij".repeat(len / 10 + 1))
}

const BASE: u64 = 0xffff_8881_0400_0000;

fn rec(count: i64, nr: i64) -> u64 {
    if (0..count).contains(&nr) { BASE + 64 * nr.cast_unsigned() } else { 0 }
}

fn nr(v: u64) -> i64 {
    (v.wrapping_sub(BASE) / 64).cast_signed()
}

/// State that all opens of a file share.
#[derive(Clone, Default)]
struct Shared {
    opens: Rc<Cell<u64>>,
    counter: Rc<Cell<i64>>,
    passes: Rc<Cell<u64>>,
    /// Descriptors that stand in the middle of the file.
    readers: Rc<Cell<i64>>,
}

/// A reference that a descriptor holds from one read to the next, until it is closed.
struct Hold {
    all: Rc<Cell<i64>>,
    here: Rc<Cell<i64>>,
}

impl Hold {
    fn set(&self, held: i64) {
        self.all.set(self.all.get() + held - self.here.replace(held));
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// Returns a file of this kind with these records.
pub(super) fn make(kind: Kind, list: &[usize]) -> Make {
    let list: Rc<[usize]> = list.into();
    let shared = Shared::default();
    Box::new(move |clock| {
        shared.opens.set(shared.opens.get() + 1);
        file(kind, Rc::clone(&list), &shared, Rc::clone(clock))
    })
}

fn list_file(list: Rc<[usize]>) -> File {
    let count = i64::try_from(list.len()).unwrap();
    File {
        start: Box::new(move |pos| rec(count, *pos)),
        next: Box::new(move |v, pos| {
            *pos += 1;
            rec(count, nr(v) + 1)
        }),
        show: Box::new(move |v, m| {
            m.put(&text(&list, nr(v)));
            0
        }),
        stop: Box::new(|_, _| ()),
        private: Box::new(|| 0),
        start_output: Box::new(|_| ""),
    }
}

/// Returns a show() that prints the record whose number the iterator has.
fn show_cell(list: Rc<[usize]>, at: Rc<Cell<i64>>) -> impl FnMut(u64, &mut Out<'_>) -> i32 {
    move |_, m| {
        m.put(&text(&list, at.get()));
        0
    }
}

#[expect(clippy::too_many_lines, reason = "a table, a file an arm")]
fn file(kind: Kind, list: Rc<[usize]>, shared: &Shared, clock: Rc<Cell<u64>>) -> File {
    let count = i64::try_from(list.len()).unwrap();
    let base = list_file(Rc::clone(&list));
    let own = Rc::new(Cell::new(0_i64));
    let changed = |after: u64| shared.opens.get() > after;
    match kind {
        Kind::Correct => base,
        Kind::ChangesOnce(after) => {
            let changed = changed(after);
            File {
                show: Box::new(move |v, m| {
                    let text = text(&list, nr(v));
                    m.put(&if changed { text.replace("record", "RECORD") } else { text });
                    0
                }),
                ..base
            }
        }
        Kind::Clock { slow } => File {
            show: Box::new(move |v, m| {
                let unit = if slow { 100_000 } else { 3 };
                m.put(&format!("{} at {}\n", nr(v), clock.get() / unit));
                0
            }),
            ..base
        },
        Kind::Moves(calls) => {
            let here = Rc::clone(&clock);
            let record = move |pos: i64, clock: &Cell<u64>| {
                let removed = clock.get() / calls;
                if (0..count).contains(&pos) {
                    BASE + 64 * (removed + pos.cast_unsigned())
                } else {
                    0
                }
            };
            File {
                start: Box::new(move |pos| record(*pos, &clock)),
                next: Box::new(move |_, pos| {
                    *pos += 1;
                    record(*pos, &here)
                }),
                ..base
            }
        }
        Kind::CountsReaders => {
            let hold = Rc::new(Hold { all: Rc::clone(&shared.readers), here: own });
            let (all, here) = (Rc::clone(&shared.readers), Rc::clone(&hold));
            let mut start = base.start;
            File {
                show: Box::new(move |v, m| {
                    m.put(&format!("row {:03} held {:04}\n", nr(v), 5000 + all.get()));
                    0
                }),
                stop: Box::new(move |v, _| here.set(i64::from(v != 0))),
                start: Box::new(move |pos| {
                    hold.set(0);
                    start(pos)
                }),
                ..base
            }
        }
        Kind::CountsOpens => {
            let hold = Hold { all: Rc::clone(&shared.readers), here: own };
            hold.set(1);
            File {
                show: Box::new(move |v, m| {
                    m.put(&format!("row {:03} users {:04}\n", nr(v), hold.all.get()));
                    0
                }),
                ..base
            }
        }
        Kind::Allocated => iterator(list, shared, |pos| pos),
        Kind::StartResets => iterator(list, shared, |_| 0),
        Kind::ResetsAndChanges(after) => {
            let changed = changed(after);
            let mut file = iterator(list, shared, |_| 0);
            let mut show = file.show;
            file.show = Box::new(move |v, m| {
                if changed {
                    m.put("new ");
                }
                show(v, m)
            });
            file
        }
        Kind::StartForgets => {
            let (set, forgotten, seen) = (Rc::clone(&own), Rc::clone(&own), own);
            let (mut start, mut next, mut show) = (base.start, base.next, base.show);
            File {
                start: Box::new(move |pos| {
                    forgotten.set(0);
                    start(pos)
                }),
                next: Box::new(move |v, pos| {
                    set.set(1);
                    next(v, pos)
                }),
                show: Box::new(move |v, m| {
                    if seen.get() == 1 {
                        m.put("-- ");
                    }
                    show(v, m)
                }),
                stop: base.stop,
                private: base.private,
                start_output: base.start_output,
            }
        }
        Kind::StartPrints => File { start_output: Box::new(|_| "# a table\n"), ..base },
        Kind::StartGivesUp => File {
            start: Box::new(move |pos| {
                if *pos == 0 {
                    return rec(count, 0);
                }
                *pos = 0;
                0
            }),
            ..base
        },
        Kind::StartIgnores => {
            let cursor = Rc::clone(&own);
            File {
                start: Box::new(move |_| rec(count, cursor.get())),
                next: Box::new(move |_, pos| {
                    *pos += 1;
                    own.set(own.get() + 1);
                    rec(count, own.get())
                }),
                ..base
            }
        }
        Kind::OpenIterator => {
            let moved = Rc::clone(&own);
            File {
                start: Box::new(move |pos| if *pos < count { BASE } else { 0 }),
                next: Box::new(move |v, pos| {
                    *pos += 1;
                    moved.set(moved.get() + 1);
                    if moved.get() < count { v } else { 0 }
                }),
                show: Box::new(show_cell(list, own)),
                ..base
            }
        }
        Kind::ShowShares => {
            let section_before = Rc::clone(&shared.counter);
            let mut show = base.show;
            File {
                show: Box::new(move |v, m| {
                    let section = nr(v) / 3 + 1;
                    if nr(v) == 0 || section_before.replace(section) != section {
                        section_before.set(section);
                        m.put(&format!("[section {section}]\n"));
                    }
                    show(v, m)
                }),
                ..base
            }
        }
        Kind::NextEnds => File {
            next: Box::new(|_, pos| {
                *pos += 1;
                0
            }),
            ..base
        },
        Kind::SetsBack => {
            let (turns, printed) = (Rc::clone(&shared.counter), Rc::clone(&shared.counter));
            File {
                start: Box::new(|pos| {
                    if *pos == 0 {
                        return rec(1, 0);
                    }
                    *pos = 0;
                    0
                }),
                next: Box::new(move |_, pos| {
                    *pos += 1;
                    turns.set(turns.get() + 1);
                    0
                }),
                show: Box::new(move |_, m| {
                    m.put(&format!("{}\n", printed.get()));
                    0
                }),
                ..base
            }
        }
        Kind::LeftBehind => {
            let (cursor, moved) = (Rc::clone(&shared.counter), Rc::clone(&shared.counter));
            File {
                start: Box::new(move |pos| if *pos < count { rec(count, cursor.get()) } else { 0 }),
                next: Box::new(move |_, pos| {
                    *pos += 1;
                    moved.set((moved.get() + 1) % count);
                    if moved.get() == 0 { 0 } else { rec(count, moved.get()) }
                }),
                ..base
            }
        }
        Kind::SharedCursor => {
            let (cursor, moved) = (Rc::clone(&shared.counter), Rc::clone(&shared.counter));
            File {
                start: Box::new(move |pos| {
                    if *pos == 0 {
                        cursor.set(0);
                    }
                    rec(count, cursor.get())
                }),
                next: Box::new(move |_, pos| {
                    *pos += 1;
                    moved.set(moved.get() + 1);
                    rec(count, moved.get())
                }),
                ..base
            }
        }
        Kind::ShowMoves => {
            let (reset, moved) = (Rc::clone(&own), own);
            File {
                start: Box::new(move |pos| {
                    if *pos == 0 {
                        reset.set(0);
                    }
                    if *pos < count { BASE } else { 0 }
                }),
                next: Box::new(move |v, pos| {
                    *pos += 1;
                    if *pos < count { v } else { 0 }
                }),
                show: Box::new(move |_, m| {
                    let at = moved.get();
                    if at < count {
                        moved.set(at + 1);
                        m.put(&text(&list, at));
                    }
                    0
                }),
                ..base
            }
        }
        Kind::ShowCounts => {
            let counter = Rc::clone(&shared.counter);
            File {
                show: Box::new(move |v, m| {
                    counter.set(counter.get() + 1);
                    m.put(&format!("row {:05} shown {}\n", nr(v), counter.get()));
                    0
                }),
                ..base
            }
        }
        Kind::StartCounts => {
            let (counter, printed) = (Rc::clone(&shared.counter), Rc::clone(&shared.counter));
            let mut start = base.start;
            File {
                start: Box::new(move |pos| {
                    counter.set(counter.get() + 3);
                    start(pos)
                }),
                show: Box::new(move |v, m| {
                    m.put(&format!("row {:05} pass {}\n", nr(v), printed.get()));
                    0
                }),
                ..base
            }
        }
        Kind::Consumed => {
            let taken = Rc::clone(&shared.counter);
            let (left, shown) = (Rc::clone(&taken), Rc::clone(&taken));
            File {
                start: Box::new(move |_| rec(count, left.get())),
                next: Box::new(move |_, pos| {
                    *pos += 1;
                    taken.set(taken.get() + 1);
                    rec(count, taken.get())
                }),
                show: Box::new(show_cell(list, shown)),
                ..base
            }
        }
    }
}

/// Returns a file with an iterator for each pass, which counts by itself from `begin(*pos)` on.
fn iterator(list: Rc<[usize]>, shared: &Shared, begin: fn(i64) -> i64) -> File {
    let count = i64::try_from(list.len()).unwrap();
    let at = Rc::new(Cell::new(0));
    let (moved, shown) = (Rc::clone(&at), Rc::clone(&at));
    let passes = Rc::clone(&shared.passes);
    File {
        start: Box::new(move |pos| {
            if *pos >= count {
                return 0;
            }
            passes.set(passes.get() + 1);
            at.set(begin(*pos));
            0xffff_8881_0900_0000 + 32 * (passes.get() * 7 % 64)
        }),
        next: Box::new(move |v, pos| {
            *pos += 1;
            moved.set(moved.get() + 1);
            if *pos < count { v } else { 0 }
        }),
        show: Box::new(show_cell(list, shown)),
        stop: Box::new(|_, _| ()),
        private: Box::new(|| 0),
        start_output: Box::new(|_| ""),
    }
}
