//! Files whose contents depend on earlier calls: a show() with a side effect, a start() that ignores the state that
//! next() has set, and queues that reading empties.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use proptest::prelude::*;

use super::faults::{at, short};
use super::faulty::{cases, ways};
use super::properties::{self, Act, acts};
use super::verdicts::{findings, milder_roots};
use crate::event::{Role, Wrapper};
use crate::rules::{Finding, Id, Severity};
use crate::testing::files::{Memory, TOKEN, list, text};
use crate::testing::machine::{Fd, File, World};

const CURSOR: u64 = 0xffff_8881_5500_0000;

/// Side effect of show().
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Advances its own cursor, which start() sets back at position 0.
    Moves,
    /// Counts its calls, and prints the number.
    Counts,
    /// Prints a record, which is empty afterwards.
    Clears,
}

impl Effect {
    /// Returns a function that opens the file. All opens share the state that show() changes, except for the cursor.
    fn opens(self, memory: Memory, count: i64) -> Box<dyn Fn() -> File> {
        let (calls, shown) = (Rc::default(), Rc::default());
        match self {
            Self::Moves => Box::new(move || moves(count)),
            Self::Counts => Box::new(move || counts(memory, count, &calls)),
            Self::Clears => Box::new(move || clears(memory, count, &shown)),
        }
    }
}

fn moves(count: i64) -> File {
    let cursor = Rc::new(Cell::new(0));
    let shown = Rc::clone(&cursor);
    File {
        start: Box::new(move |pos| {
            if *pos == 0 {
                cursor.set(0);
            }
            if *pos < count { CURSOR } else { 0 }
        }),
        next: Box::new(move |v, pos| {
            *pos += 1;
            if *pos < count { v } else { 0 }
        }),
        show: Box::new(move |_, m| {
            if shown.get() < count {
                m.put(&text(shown.get()));
                shown.set(shown.get() + 1);
            }
            0
        }),
        private: Box::new(|| CURSOR),
        ..list(Memory::Heap)
    }
}

/// Returns a file whose show() counts its calls in `calls`, which all opens share.
fn counts(memory: Memory, count: i64, calls: &Rc<Cell<u32>>) -> File {
    let calls = Rc::clone(calls);
    File {
        show: Box::new(move |v, m| {
            calls.set(calls.get() + 1);
            m.put(&format!("{:03} shown {:06}\n", memory.nr(v), calls.get()));
            0
        }),
        ..short(memory, count)
    }
}

/// Returns a file whose show() prints a record once. All opens share the set of printed records, `shown`.
fn clears(memory: Memory, count: i64, shown: &Rc<RefCell<BTreeSet<u64>>>) -> File {
    let shown = Rc::clone(shown);
    File {
        show: Box::new(move |v, m| {
            if shown.borrow_mut().insert(v) {
                m.put(&text(memory.nr(v)));
            }
            0
        }),
        ..short(memory, count)
    }
}

/// State that next() sets and start() does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forgets {
    /// A flag that show() prints, 1 after the first next(): start() clears it in each pass, not only in the first.
    Section,
    /// The same flag, but start() does not change it.
    Kept,
    /// The number that show() prints: start() sets it to 0.
    Number,
}

impl Forgets {
    fn file(self, memory: Memory, count: i64, right: bool) -> File {
        let state = Rc::new(Cell::new(0));
        let (noted, shown) = (Rc::clone(&state), Rc::clone(&state));
        File {
            start: Box::new(move |pos| {
                match self {
                    _ if right => state.set(*pos),
                    Self::Kept => {}
                    Self::Section | Self::Number => state.set(0),
                }
                at(memory, count, *pos)
            }),
            next: Box::new(move |_, pos| {
                *pos += 1;
                noted.set(*pos);
                at(memory, count, *pos)
            }),
            show: Box::new(move |v, m| {
                let state = match self {
                    Self::Number => shown.get(),
                    Self::Section | Self::Kept => shown.get().min(1),
                };
                m.put(&format!("{state:03} before {}", text(memory.nr(v))));
                0
            }),
            ..short(memory, count)
        }
    }
}

/// Time at which a queue removes a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queue {
    /// next() removes the previous record.
    Next,
    /// stop() removes the records that were printed.
    Stop,
}

/// Returns a file that is a queue. All opens share `gone`, the number of removed records.
fn queue(kind: Queue, memory: Memory, count: i64, gone: &Rc<Cell<i64>>, header: bool) -> File {
    let (first, next, stopped) = (Rc::clone(gone), Rc::clone(gone), Rc::clone(gone));
    File {
        start: Box::new(
            move |pos| {
                if header && *pos == 0 { TOKEN } else { at(memory, count, first.get()) }
            },
        ),
        next: Box::new(move |v, pos| {
            *pos += 1;
            match kind {
                _ if v == TOKEN => {}
                Queue::Next => next.set(next.get() + 1),
                Queue::Stop => return at(memory, count, memory.nr(v) + 1),
            }
            at(memory, count, next.get())
        }),
        show: Box::new(move |v, m| {
            m.put(&if v == TOKEN { "a queue\n".to_owned() } else { text(memory.nr(v)) });
            0
        }),
        stop: Box::new(move |v, _| {
            if kind == Queue::Stop && v != TOKEN {
                stopped.set(if v == 0 { count } else { memory.nr(v) });
            }
        }),
        ..list(memory)
    }
}

/// Reads of one descriptor after the other: size in bytes and first file offset. Then actions on two descriptors at
/// once, and true if the trace contains record bytes.
type Readers = (Vec<(usize, i64)>, Vec<(bool, Act)>, bool);

fn readers() -> impl Strategy<Value = Readers> {
    (ways(), acts(), any::<bool>())
}

/// Returns all findings in a file, including information.
fn play(open: &dyn Fn() -> File, (ways, acts, previews): &Readers) -> Vec<Finding> {
    let mut world = properties::play(|_| open(), acts, *previews);
    for (want, from) in ways {
        let mut fd = Fd::open(&mut world, 1, open(), Wrapper::SeqOpen);
        fd.f_pos = *from;
        fd.drain(&mut world, *want, 60);
        fd.release(&mut world, Wrapper::SeqRelease);
    }
    let found = findings(&world.events);
    assert_eq!(milder_roots(&found), [""; 0]);
    found
}

/// Returns the warnings and errors other than `known`, which lists rules and the callbacks that they point to.
fn others<'a>(found: &'a [Finding], known: &[(u16, Role)]) -> Vec<&'a Finding> {
    let is_known = |one: &Finding| {
        let role = one.blame.as_ref().map(|blame| blame.role);
        known.iter().any(|(id, blamed)| one.id == Id(*id) && role == Some(*blamed))
    };
    let bad = found.iter().filter(|one| one.severity > Severity::Info);
    bad.filter(|one| !is_known(one)).collect()
}

/// Returns the severity of the finding that the contents differ between reads; `None` if there is none.
fn differs(found: &[Finding]) -> Option<Severity> {
    found.iter().filter(|one| one.id == Id(204)).map(|one| one.severity).max()
}

fn memories() -> impl Strategy<Value = Memory> {
    prop_oneof![Just(Memory::Image), Just(Memory::Heap)]
}

fn sizes() -> impl Strategy<Value = i64> {
    prop_oneof![2..30_i64, 140..300_i64]
}

const EFFECTS: [Effect; 3] = [Effect::Moves, Effect::Counts, Effect::Clears];
const FORGOTTEN: [Forgets; 3] = [Forgets::Section, Forgets::Kept, Forgets::Number];
const QUEUES: [Queue; 2] = [Queue::Next, Queue::Stop];

/// Sizes and offsets of reads: one whole read, and two in pieces.
const SIZES: [(usize, i64); 3] = [(131_072, 0), (200, 0), (200, 0)];

#[test]
fn text_that_depends_on_the_reader_is_reported() {
    let back = [Act::Drain(200), Act::Lseek(0), Act::Drain(200)].map(|act| (false, act));
    let play = |open: &dyn Fn() -> File, acts: &[(bool, Act)]| {
        differs(&play(open, &(SIZES.to_vec(), acts.to_vec(), true)))
    };
    for memory in [Memory::Image, Memory::Heap] {
        assert_eq!(play(&|| moves(300), &[]), Some(Severity::Error));
        // Only `check` reads often enough to determine that the change is not in the data.
        let counting = Effect::Counts.opens(memory, 300);
        assert_eq!(play(&*counting, &[]), Some(Severity::Info));
        for forgotten in FORGOTTEN {
            let found = play(&|| forgotten.file(memory, 60, false), &back);
            assert_eq!(found, Some(Severity::Info), "{forgotten:?}");
            assert_eq!(play(&|| forgotten.file(memory, 60, true), &back), None);
        }
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn a_show_with_a_side_effect_is_the_only_one_to_blame(
        effect in prop::sample::select(&EFFECTS),
        memory in memories(),
        count in sizes(),
        readers in readers(),
    ) {
        let found = play(&*effect.opens(memory, count), &readers);
        let known = [(203, Role::Show), (204, Role::Show)];
        let others = others(&found, &known);
        prop_assert!(others.is_empty(), "{effect:?} {others:#?}");
        // Without record bytes a difference cannot be found.
        prop_assert!(readers.2 || differs(&found).is_none(), "{found:#?}");
    }

    #[test]
    fn what_start_forgets_is_no_other_fault(
        forgotten in prop::sample::select(&FORGOTTEN),
        memory in memories(),
        count in sizes(),
        readers in readers(),
    ) {
        let found = play(&|| forgotten.file(memory, count, false), &readers);
        let torn = others(&found, &[(203, Role::Show)]);
        prop_assert!(torn.is_empty(), "{forgotten:?} {torn:#?}");
        let found = play(&|| forgotten.file(memory, count, true), &readers);
        let bad = others(&found, &[]);
        prop_assert!(bad.is_empty() && differs(&found).is_none(), "{forgotten:?} {found:#?}");
    }

    /// Readers that go back, and two readers at once, get other records for the same positions, because start() ignores
    /// *pos.
    #[test]
    fn a_queue_that_is_read_in_any_way(
        kind in prop::sample::select(&QUEUES),
        memory in memories(),
        count in sizes(),
        header: bool,
        readers in readers(),
    ) {
        let gone = Rc::new(Cell::new(0));
        let found = play(&|| queue(kind, memory, count, &gone, header), &readers);
        let known = [104, 202, 601].map(|id| (id, Role::Start));
        let others = others(&found, &[&known[..], &[(203, Role::Show)]].concat());
        prop_assert!(others.is_empty(), "{kind:?} {others:#?}");
    }

    #[test]
    fn a_queue_that_is_read_on_is_clean(
        kind in prop::sample::select(&QUEUES),
        memory in memories(),
        count in sizes(),
        header: bool,
        previews: bool,
        opens in prop::collection::vec((prop_oneof![3 => 20..200_usize, 1 => Just(131_072)], 1..6_usize), 1..12),
    ) {
        let gone = Rc::new(Cell::new(0));
        let mut world = World { previews, ..World::default() };
        for (want, reads) in opens {
            let file = queue(kind, memory, count, &gone, header);
            let mut fd = Fd::open(&mut world, 1, file, Wrapper::SeqOpen);
            fd.drain(&mut world, want, reads);
            fd.release(&mut world, Wrapper::SeqRelease);
        }
        let found = findings(&world.events);
        let bad = others(&found, &[]);
        prop_assert!(bad.is_empty(), "{kind:?} {bad:#?}");
    }
}
