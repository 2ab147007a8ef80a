//! Correct iterators of every kind, and faults that can be added to them.

use std::cell::Cell;
use std::rc::Rc;

use proptest::prelude::*;

use crate::testing::machine::{File, M};

/// Kind of pointers that start and next return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pointers {
    /// Address of the record, in a module or on the heap.
    Image,
    Heap,
    /// A small number: the index of the record.
    Number,
    /// One address for all records: a cursor on the heap, m->private, or &m->index.
    Cursor,
    Private,
    Index,
    /// Allocated by start, freed by stop; the addresses recur.
    Allocated,
    /// Each next allocates a new one and frees the old.
    Alternating,
    /// Address in a copy of all records, which start creates in m->private.
    Snapshot,
    /// Address of a copy of the record, allocated by start for each record. In the next pass another record has the
    /// address.
    Copies,
}

/// Fault of next or start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    None,
    StuckAtEnd,
    Stuck,
    Early,
    Late,
    Rewinds,
}

/// A file.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// Number of bytes that show prints for each record; 0: nothing.
    pub(super) records: Vec<u16>,
    /// Records whose show returns SEQ_SKIP: bit n stands for all records whose number modulo 64 is n.
    pub(super) skipped: u64,
    pub(super) pointers: Pointers,
    /// Position of record 1. The distance between positions is the same.
    pub(super) first: i64,
    pub(super) stride: i64,
    pub(super) header: bool,
    pub(super) same_bytes: bool,
    /// True if one record is linked twice, where pointers are addresses.
    pub(super) linked_twice: bool,
    pub(super) bug: Bug,
}

const HEAP: u64 = 0xffff_8881_2200_0000;

impl Model {
    fn count(&self) -> usize {
        self.records.len()
    }

    fn pos(&self, nr: usize) -> i64 {
        match i64::try_from(nr).unwrap() {
            0 => 0,
            nr => self.first.wrapping_add((nr - 1).wrapping_mul(self.stride)),
        }
    }

    fn nr(&self, pos: i64) -> usize {
        (0..=self.count()).find(|nr| self.pos(*nr) == pos).unwrap_or(self.count())
    }

    /// Returns the text that show prints for a record.
    pub(super) fn text(&self, nr: usize) -> String {
        let len = usize::from(self.records[nr]);
        let name = if self.same_bytes { "same".to_owned() } else { format!("record {nr:04}") };
        name.chars().chain(std::iter::repeat('.')).take(len).collect()
    }

    /// Returns the bytes that a reader should get.
    pub(super) fn content(&self) -> Vec<u8> {
        let shown = (0..self.count()).filter(|nr| self.skipped >> (nr % 64) & 1 == 0);
        shown.flat_map(|nr| self.text(nr).into_bytes()).collect()
    }

    fn pointer(&self, nr: usize, pass: u64) -> u64 {
        let nr = if self.linked_twice && nr == self.count() / 2 { 0 } else { nr };
        let at = nr as u64;
        match self.pointers {
            _ if self.header && at == 0 => 1,
            Pointers::Image => 0xffff_ffff_c0a0_0000 + 64 * at,
            Pointers::Heap => HEAP + 64 * (at + 1),
            Pointers::Number => 2 + at,
            Pointers::Cursor | Pointers::Private => HEAP,
            Pointers::Index => M + 40,
            Pointers::Allocated => HEAP + 64 * (pass * 7 % 11),
            Pointers::Alternating => HEAP + 64 * ((pass + at) % 2),
            Pointers::Snapshot => HEAP + 8192 * (pass % 3) + 8 * (at + 1),
            Pointers::Copies => {
                let primes = [67_u64, 131, 347];
                let fits = |prime: &&u64| **prime > self.count() as u64;
                let prime = *primes.iter().find(fits).unwrap();
                let factor = 1 + pass * 37 % (prime - 1);
                HEAP + 64 * ((factor * (at + 1) + 13 * pass * pass) % prime)
            }
        }
    }

    /// Returns the callbacks of an open; `opens` is the number of earlier opens.
    pub(super) fn file(&self, opens: u64) -> File {
        let model = Rc::new(self.clone());
        let (at, pass) = (Rc::new(Cell::new(0_usize)), Rc::new(Cell::new(1000 * opens)));
        let fetch = {
            let (model, at, pass) = (Rc::clone(&model), Rc::clone(&at), Rc::clone(&pass));
            move |nr: usize| {
                at.set(nr);
                if nr < model.count() { model.pointer(nr, pass.get()) } else { 0 }
            }
        };
        let (start_model, next_model, show_model) =
            (Rc::clone(&model), Rc::clone(&model), Rc::clone(&model));
        let (next_at, show_at, next_fetch) = (Rc::clone(&at), at, fetch.clone());
        let (private_pass, private) = (Rc::clone(&pass), self.pointers);
        File {
            start: Box::new(move |pos| {
                pass.set(pass.get() + 1);
                let nr = start_model.nr(*pos);
                fetch(match start_model.bug {
                    Bug::Early => nr.saturating_sub(1),
                    Bug::Late if nr > 0 => nr + 1,
                    Bug::Rewinds if nr < start_model.count() => 0,
                    _ => nr,
                })
            }),
            next: Box::new(move |_, pos| {
                let nr = next_at.get() + 1;
                let last = nr >= next_model.count();
                let stays = match next_model.bug {
                    Bug::Stuck => true,
                    Bug::StuckAtEnd => last,
                    _ => false,
                };
                if !stays {
                    *pos = match next_model.bug {
                        // They have lost count.
                        Bug::Early | Bug::Rewinds => {
                            next_model.pos(next_model.nr(*pos).saturating_add(1))
                        }
                        _ => next_model.pos(nr),
                    };
                }
                next_fetch(nr)
            }),
            show: Box::new(move |_, m| {
                let nr = show_at.get();
                m.put(&show_model.text(nr));
                i32::from(show_model.skipped >> (nr % 64) & 1 == 1)
            }),
            stop: Box::new(|_, _| ()),
            start_output: Box::new(|_| ""),
            private: Box::new(move || match private {
                Pointers::Private => HEAP,
                Pointers::Snapshot => HEAP + 8192 * (private_pass.get() % 3),
                _ => 0,
            }),
        }
    }
}

/// Correct files of all kinds.
pub(super) fn models() -> impl Strategy<Value = Model> {
    let record = prop_oneof![
        6 => 1..60_u16, 1 => Just(27), 2 => Just(0), 2 => 1000..3000_u16, 1 => 4000..9000_u16
    ];
    let records = prop_oneof![
        3 => prop::collection::vec(record.clone(), 0..12),
        2 => prop::collection::vec(record, 12..40),
        2 => prop::collection::vec(Just(27_u16), 0..60),
        1 => prop::collection::vec(Just(27_u16), 150..330),
    ];
    let pointers = prop_oneof![
        Just(Pointers::Image),
        Just(Pointers::Heap),
        Just(Pointers::Number),
        Just(Pointers::Cursor),
        Just(Pointers::Private),
        Just(Pointers::Index),
        Just(Pointers::Allocated),
        Just(Pointers::Alternating),
        Just(Pointers::Snapshot),
        Just(Pointers::Copies),
    ];
    let positions = prop_oneof![
        4 => Just((1, 1)),
        1 => Just((100, 100)),
        1 => Just((-1, -1)),
        1 => Just((i64::MIN, 1)),
        1 => Just((1 << 40, 1 << 20)),
    ];
    let skipped = prop_oneof![3 => Just(0), 1 => any::<u64>()];
    (records, skipped, pointers, positions, any::<(bool, bool, bool)>()).prop_map(
        |(records, skipped, pointers, (first, stride), (header, same_bytes, linked_twice))| Model {
            records,
            skipped,
            pointers,
            first,
            stride,
            header,
            same_bytes,
            linked_twice,
            bug: Bug::None,
        },
    )
}
