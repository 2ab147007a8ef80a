//! Files with one fault each, after real code, and their correct look-alikes.

use std::cell::Cell;
use std::rc::Rc;

use crate::testing::files::{Memory, TOKEN, list, text};
use crate::testing::machine::File;

/// A correct list of `count` records.
pub(super) fn short(memory: Memory, count: i64) -> File {
    File {
        start: Box::new(move |pos| at(memory, count, *pos)),
        next: Box::new(move |_, pos| {
            *pos += 1;
            at(memory, count, *pos)
        }),
        ..list(memory)
    }
}

pub(super) fn at(memory: Memory, count: i64, pos: i64) -> u64 {
    if pos < count { memory.rec(pos) } else { 0 }
}

/// start() returns NULL for every position but 0, and sets the position back to 0.
pub(super) fn one_page(memory: Memory, count: i64) -> File {
    File {
        start: Box::new(move |pos| {
            if *pos == 0 {
                return at(memory, count, 0);
            }
            *pos = 0;
            0
        }),
        ..short(memory, count)
    }
}

/// start() sets the position back to 0 behind the end, and only there.
pub(super) fn set_back_at_end(memory: Memory, count: i64) -> File {
    File {
        start: Box::new(move |pos| {
            if *pos < count {
                return memory.rec(*pos);
            }
            *pos = 0;
            0
        }),
        ..short(memory, count)
    }
}

/// Returns the counter of the textbook: one record, whose bytes change with each rendering.
pub(super) fn counter() -> File {
    let turns = Rc::new(Cell::new(0));
    let shown = Rc::clone(&turns);
    let mut file = set_back_at_end(Memory::Image, 1);
    file.next = Box::new(move |_, pos| {
        turns.set(turns.get() + 1);
        *pos += 1;
        0
    });
    file.show = Box::new(move |_, m| {
        m.put(&format!("{}\n", shown.get()));
        0
    });
    file
}

/// Behind the end start() begins again, and sets the position accordingly.
pub(super) fn around(memory: Memory, count: i64) -> File {
    File {
        start: Box::new(move |pos| {
            *pos %= count;
            memory.rec(*pos)
        }),
        ..short(memory, count)
    }
}

/// next() returns NULL behind every `group` records, and start() continues there.
pub(super) fn ends_early(memory: Memory, count: i64, group: i64) -> File {
    File {
        next: Box::new(move |_, pos| {
            *pos += 1;
            if *pos % group == 0 { 0 } else { at(memory, count, *pos) }
        }),
        ..short(memory, count)
    }
}

/// The cursor is in m->private, and start() returns it whatever the position is.
pub(super) fn keeps_cursor(memory: Memory, count: i64) -> File {
    let cursor = Rc::new(Cell::new(memory.rec(0)));
    let (moves, private) = (Rc::clone(&cursor), Rc::clone(&cursor));
    File {
        start: Box::new(move |_| cursor.get()),
        next: Box::new(move |v, pos| {
            *pos += 1;
            moves.set(at(memory, count, memory.nr(v) + 1));
            moves.get()
        }),
        private: Box::new(move || private.get()),
        ..short(memory, count)
    }
}

/// start() begins with the first record whatever the position is, and next() sets the position to that of the record it
/// returns.
pub(super) fn begins_again(memory: Memory, count: i64) -> File {
    File {
        start: Box::new(move |pos| if *pos < count { memory.rec(0) } else { 0 }),
        next: Box::new(move |v, pos| {
            *pos = memory.nr(v) + 1;
            at(memory, count, *pos)
        }),
        ..short(memory, count)
    }
}

/// start() sets its iterator to the first record whatever the position is, and next() counts the position on and ends at
/// that: g_start() and g_next() of kernel/trace/ftrace.c.
pub(super) fn walks_again(memory: Memory, count: i64) -> File {
    File {
        start: Box::new(move |pos| if *pos < count { memory.rec(0) } else { 0 }),
        next: Box::new(move |v, pos| {
            *pos += 1;
            if *pos < count { memory.rec(memory.nr(v) + 1) } else { 0 }
        }),
        ..short(memory, count)
    }
}

/// The iterator that start() allocates counts by itself, from 0 in each pass. next() counts the position on, or sets it to
/// the iterator's number.
pub(super) fn counts_by_itself(count: i64, own: bool) -> File {
    let number = Rc::new(Cell::new(0));
    let (walk, shown) = (Rc::clone(&number), Rc::clone(&number));
    File {
        start: Box::new(move |pos| {
            number.set(0);
            if *pos < count { Memory::Heap.rec(0) } else { 0 }
        }),
        next: Box::new(move |v, pos| {
            walk.set(walk.get() + 1);
            *pos = if own { walk.get() } else { *pos + 1 };
            if *pos < count { v } else { 0 }
        }),
        show: Box::new(move |_, m| {
            m.put(&text(shown.get()));
            0
        }),
        ..list(Memory::Heap)
    }
}

/// A list that grows by a record with every `often`th call of start.
pub(super) fn grows(memory: Memory, often: i64) -> File {
    let (calls, len) = (Cell::new(0), Rc::new(Cell::new(5)));
    let known = Rc::clone(&len);
    File {
        start: Box::new(move |pos| {
            calls.set(calls.get() + 1);
            len.set(len.get() + i64::from(calls.get() % often == 0));
            at(memory, len.get(), *pos)
        }),
        next: Box::new(move |_, pos| {
            *pos += 1;
            at(memory, known.get(), *pos)
        }),
        ..short(memory, 5)
    }
}

/// start() prints a header, at 0 only if `once`.
pub(super) fn prints(memory: Memory, count: i64, once: bool) -> File {
    File {
        start_output: Box::new(move |pos| if once && pos != 0 { "" } else { "# a table\n" }),
        ..short(memory, count)
    }
}

/// A header at position 0, which next() leaves without counting; later positions are the records' own numbers.
pub(super) fn miscounts_header(memory: Memory, count: i64) -> File {
    File {
        start: Box::new(move |pos| if *pos == 0 { TOKEN } else { at(memory, count, *pos - 1) }),
        next: Box::new(move |v, pos| {
            let number = if v == TOKEN { 0 } else { memory.nr(v) + 1 };
            *pos = number;
            at(memory, count, number)
        }),
        show: Box::new(move |v, m| {
            m.put(&if v == TOKEN { "header\n".to_owned() } else { text(memory.nr(v)) });
            0
        }),
        ..short(memory, count)
    }
}

/// The array of the records is allocated anew every `often` calls of start: the records stay, their addresses do not.
pub(super) fn reallocated(count: i64, often: u64) -> File {
    const HEAP: u64 = 0xffff_8881_3000_0000;
    let (calls, base) = (Cell::new(0), Rc::new(Cell::new(HEAP)));
    let (walk, shown) = (Rc::clone(&base), Rc::clone(&base));
    let record = move |base: u64, pos: i64| {
        if pos < count { base + 64 * pos.cast_unsigned() } else { 0 }
    };
    File {
        start: Box::new(move |pos| {
            calls.set(calls.get() + 1);
            base.set(HEAP + 0x10_0000 * (calls.get() / often % 7));
            record(base.get(), *pos)
        }),
        next: Box::new(move |_, pos| {
            *pos += 1;
            record(walk.get(), *pos)
        }),
        show: Box::new(move |v, m| {
            m.put(&text(((v - shown.get()) / 64).cast_signed()));
            0
        }),
        ..list(Memory::Heap)
    }
}
