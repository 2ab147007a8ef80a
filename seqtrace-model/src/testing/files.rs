//! The files of module/seqbugs, in Rust. Their sources and table.h describe them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use super::machine::{File, M, Out};
use super::moving::{allocated, volatile};

pub const N: i64 = 300;

/// Memory in which the records of a file are: data of a module, or the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    Image,
    Heap,
}

impl Memory {
    /// Returns the address of the record with a number, or NULL if there is none.
    pub fn rec(self, nr: i64) -> u64 {
        if (0..N).contains(&nr) { self.base() + 64 * nr.cast_unsigned() } else { 0 }
    }

    /// Returns the number of a record.
    pub fn nr(self, v: u64) -> i64 {
        (v.wrapping_sub(self.base()) / 64).cast_signed()
    }

    fn base(self) -> u64 {
        match self {
            Self::Image => 0xffff_ffff_c0a0_0000,
            Self::Heap => 0xffff_8881_042a_3000,
        }
    }
}

pub const TOKEN: u64 = 1;
const CURSOR: u64 = 0xffff_8881_5500_0000;

pub fn text(nr: i64) -> String {
    format!("record {nr:03} abcdefghijklmno\n")
}

/// Returns a correct list, whose positions are the numbers of records.
pub fn list(memory: Memory) -> File {
    File {
        start: Box::new(move |pos| memory.rec(*pos)),
        next: Box::new(move |v, pos| {
            *pos += 1;
            memory.rec(memory.nr(v) + 1)
        }),
        show: Box::new(move |v, m| {
            m.put(&text(memory.nr(v)));
            0
        }),
        stop: Box::new(|_, _| ()),
        private: Box::new(|| 0),
        start_output: Box::new(|_| ""),
    }
}

fn titled(memory: Memory) -> impl FnMut(u64, &mut Out<'_>) -> i32 {
    move |v, m| {
        if v == TOKEN {
            m.put("-- three hundred records --\n");
        } else {
            m.put(&text(memory.nr(v)));
        }
        0
    }
}

/// State that all opens of a file share.
#[derive(Clone, Default)]
pub struct Shared(Rc<Cell<i64>>);

/// Returns a file of module/seqbugs by name; `None` for those without a bug in their callbacks.
#[expect(clippy::too_many_lines, reason = "a table, a file an arm")]
pub fn seqbug(name: &str, memory: Memory, shared: &Shared) -> Option<File> {
    let rec = move |nr| memory.rec(nr);
    let nr = move |v| memory.nr(v);
    let base = list(memory);
    Some(match name {
        "eof_stuck" | "eof_stuck_long" => {
            let count = if name == "eof_stuck" { 3 } else { N };
            File {
                start: Box::new(move |pos| if *pos < count { rec(*pos) } else { 0 }),
                next: Box::new(move |_, pos| {
                    if *pos + 1 >= count {
                        return 0;
                    }
                    *pos += 1;
                    rec(*pos)
                }),
                ..base
            }
        }
        "stuck" => File { next: Box::new(move |v, _| rec(nr(v) + 1)), ..base },
        "first_stuck" => File {
            next: Box::new(move |v, pos| {
                *pos += i64::from(nr(v) % 3 != 1);
                rec(nr(v) + 1)
            }),
            show: Box::new(move |v, m| {
                if nr(v) % 3 != 1 {
                    m.put(&text(nr(v)));
                }
                0
            }),
            ..base
        },
        "header_stuck" => File {
            start: Box::new(move |pos| if *pos == 0 { TOKEN } else { rec(*pos) }),
            next: Box::new(move |v, pos| {
                *pos += i64::from(v != TOKEN);
                rec(*pos)
            }),
            show: Box::new(titled(memory)),
            ..base
        },
        "back" => File {
            start: Box::new(move |pos| rec(if *pos < 200 { *pos } else { *pos + 3 })),
            next: Box::new(move |v, pos| {
                let next = rec(nr(v) + 1);
                *pos = match next {
                    0 => *pos + 1,
                    _ if nr(next) < 200 => nr(next),
                    _ => nr(next) - 3,
                };
                next
            }),
            ..base
        },
        "early" => File { start: Box::new(move |pos| rec((*pos - 1).max(0))), ..base },
        "late" => File {
            start: Box::new(move |pos| rec(if *pos == 0 { 0 } else { *pos + 1 })),
            next: Box::new(move |v, pos| {
                *pos = nr(v) + 1;
                rec(*pos)
            }),
            ..base
        },
        "rewind" => {
            File { start: Box::new(move |pos| if *pos < 3000 { rec(0) } else { 0 }), ..base }
        }
        "header_forgotten" => File {
            start: Box::new(move |pos| if *pos == 0 { TOKEN } else { rec(*pos) }),
            next: Box::new(move |v, pos| {
                let number = if v == TOKEN { 0 } else { nr(v) + 1 };
                *pos = number + 1;
                rec(number)
            }),
            show: Box::new(titled(memory)),
            ..base
        },
        "header_again" => File {
            start: Box::new(move |pos| if *pos <= N { TOKEN } else { 0 }),
            next: Box::new(move |_, pos| {
                *pos += 1;
                rec(*pos - 1)
            }),
            show: Box::new(titled(memory)),
            ..base
        },
        "ordinal" => {
            let first = Rc::new(Cell::new(0));
            let gone = Rc::clone(&first);
            File {
                start: Box::new(move |pos| rec(first.get() + *pos)),
                stop: Box::new(move |v, _| gone.set(gone.get() + i64::from(v != 0))),
                private: Box::new(|| CURSOR),
                ..base
            }
        }
        "uaf_sim" => {
            let (at, dead) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(BTreeSet::new())));
            let alive = |dead: &Rc<RefCell<BTreeSet<i64>>>, from: i64| {
                (from..N).find(|nr| !dead.borrow().contains(nr)).unwrap_or(N)
            };
            let (at2, dead2, dead3) = (Rc::clone(&at), Rc::clone(&dead), Rc::clone(&dead));
            File {
                start: Box::new(move |pos| {
                    if *pos == 0 {
                        at.set(rec(alive(&dead, 0)));
                    } else if at.get() != 0 && dead.borrow().contains(&nr(at.get())) {
                        at.set(0);
                    }
                    at.get()
                }),
                next: Box::new(move |v, pos| {
                    *pos += 1;
                    at2.set(rec(alive(&dead2, nr(v) + 1)));
                    at2.get()
                }),
                stop: Box::new(move |v, _| {
                    if v != 0 {
                        dead3.borrow_mut().insert(nr(v));
                    }
                }),
                private: Box::new(|| CURSOR),
                ..base
            }
        }
        "shared_cursor" => {
            let (at, moves) = (Rc::clone(&shared.0), Rc::clone(&shared.0));
            File {
                start: Box::new(move |pos| {
                    if *pos == 0 {
                        at.set(0);
                    }
                    rec(at.get())
                }),
                next: Box::new(move |_, pos| {
                    *pos += 1;
                    moves.set(moves.get() + 1);
                    rec(moves.get())
                }),
                ..base
            }
        }
        "side_effects" => {
            let at = Rc::new(Cell::new(0));
            let shown = Rc::clone(&at);
            File {
                start: Box::new(move |pos| {
                    if *pos == 0 {
                        at.set(0);
                    }
                    if *pos < N { CURSOR } else { 0 }
                }),
                next: Box::new(move |v, pos| {
                    *pos += 1;
                    if *pos < N { v } else { 0 }
                }),
                show: Box::new(move |_, m| {
                    if shown.get() < N {
                        m.put(&text(shown.get()));
                        shown.set(shown.get() + 1);
                    }
                    0
                }),
                private: Box::new(|| CURSOR),
                ..base
            }
        }
        "ipc_holes" => {
            let find = move |from: i64, pos: &mut i64| {
                *pos = from;
                (from..N).find(|slot| !(3..=5).contains(&(slot % 10))).map_or(0, rec)
            };
            File {
                start: Box::new(move |pos| find(*pos, pos)),
                next: Box::new(move |_, pos| find(*pos + 1, pos)),
                ..base
            }
        }
        "no_eof" => File {
            start: Box::new(move |pos| if *pos >= N + 1000 { 0 } else { rec((*pos).min(N - 1)) }),
            ..base
        },
        "stop_output" => File { stop: Box::new(|_, m| m.put("-- end --\n")), ..base },
        "show_fails" => File {
            show: Box::new(move |v, m| {
                if nr(v) == 150 {
                    return -5;
                }
                m.put(&text(nr(v)));
                0
            }),
            ..base
        },
        "next_fails" => File {
            start: Box::new(move |pos| if *pos < 150 { rec(*pos) } else { 0 }),
            next: Box::new(move |v, pos| {
                *pos += 1;
                if *pos == 150 { (-5_i64).cast_unsigned() } else { rec(nr(v) + 1) }
            }),
            ..base
        },
        "skip_all" => File {
            show: Box::new(move |v, m| {
                m.put(&text(nr(v)));
                27
            }),
            ..base
        },
        "overflow_negative" => File {
            show: Box::new(move |v, m| {
                m.put(&text(nr(v)).repeat(if nr(v) == 7 { 200 } else { 1 }));
                if m.overflowed() { -1 } else { 0 }
            }),
            ..base
        },
        "ok_large" => File {
            show: Box::new(move |v, m| {
                m.put(&text(nr(v)).repeat(200));
                0
            }),
            ..base
        },
        "ok_skip" => File {
            show: Box::new(move |v, m| {
                m.put(&text(nr(v)));
                i32::from(nr(v) % 3 == 1)
            }),
            ..base
        },
        "ok_empty" => File {
            show: Box::new(move |v, m| {
                if nr(v) % 3 != 1 {
                    m.put(&text(nr(v)));
                }
                0
            }),
            ..base
        },
        "ok_one_pointer" | "ok_index_ptr" => {
            let pointer = if name == "ok_index_ptr" { M + 40 } else { CURSOR };
            let (one, two) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
            let (at, shown) = (Rc::clone(&one), Rc::clone(&one));
            two.set(1);
            File {
                start: Box::new(move |pos| {
                    one.set(*pos);
                    if *pos < N { pointer } else { 0 }
                }),
                next: Box::new(move |_, pos| {
                    *pos += 1;
                    at.set(*pos);
                    if *pos < N { pointer } else { 0 }
                }),
                show: Box::new(move |_, m| {
                    m.put(&text(shown.get()));
                    0
                }),
                private: Box::new(move || if pointer == CURSOR { CURSOR } else { 0 }),
                ..base
            }
        }
        "ok_same_text" => File {
            show: Box::new(move |_, m| {
                m.put(&text(0));
                0
            }),
            ..base
        },
        "ok_linked_twice" => {
            let at = move |pos: i64| rec(if pos == 250 { 7 } else { pos });
            File {
                start: Box::new(move |pos| at(*pos)),
                next: Box::new(move |_, pos| {
                    *pos += 1;
                    at(*pos)
                }),
                ..base
            }
        }
        "ok_alloc" => allocated(false, false),
        "ok_jump" => File {
            start: Box::new(move |pos| {
                let number = (*pos + 99) / 100;
                *pos = number * 100;
                rec(number)
            }),
            next: Box::new(move |v, pos| {
                *pos = 100 * (nr(v) + 1);
                rec(nr(v) + 1)
            }),
            ..base
        },
        "ok_negative" => File {
            start: Box::new(move |pos| rec(if *pos < 0 { *pos - i64::MIN } else { *pos })),
            next: Box::new(move |v, pos| {
                *pos = i64::MIN + nr(v) + 1;
                rec(nr(v) + 1)
            }),
            ..base
        },
        "ok_token" => File {
            start: Box::new(move |pos| if *pos == 0 { TOKEN } else { rec(*pos - 1) }),
            next: Box::new(move |_, pos| {
                *pos += 1;
                rec(*pos - 1)
            }),
            show: Box::new(titled(memory)),
            ..base
        },
        "ok_footer" | "ok_nested" | "ok_single" | "ok_private" | "ok_private_kfree"
        | "ok_no_lseek" => base,
        "ok_volatile" => volatile(memory),
        _ => return None,
    })
}
