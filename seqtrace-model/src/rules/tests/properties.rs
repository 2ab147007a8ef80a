//! Correct files have no findings, in whichever way they are read; a bug that a reader can see is
//! found.

use proptest::prelude::*;

use super::correct::{Bug, Model, Pointers, models};
use super::verdicts::{broken, findings};
use crate::event::Wrapper;
use crate::rules::Severity;
use crate::testing::machine::{Fd, File, World};

/// An action of a program on one of its descriptors.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Read(usize),
    Pread(i64, usize),
    Lseek(i64),
    Drain(usize),
}

pub(super) fn acts() -> impl Strategy<Value = Vec<(bool, Act)>> {
    let want = || prop_oneof![1 => Just(0_usize), 6 => 1..80_usize, 2 => 80..5000_usize, 1 => Just(131_072)];
    let offset = || prop_oneof![3 => 0..200_i64, 2 => 0..12_000_i64, 2 => (0..300_i64).prop_map(|nr| 27 * nr)];
    let act = prop_oneof![
        6 => want().prop_map(Act::Read),
        3 => (offset(), want()).prop_map(|(pos, want)| Act::Pread(pos, want)),
        2 => offset().prop_map(Act::Lseek),
        1 => (20..5000_usize).prop_map(Act::Drain),
    ];
    prop::collection::vec((any::<bool>(), act), 1..20)
}

/// Opens a file twice and performs these actions on the descriptors. `open` is called with the number of the open.
pub(super) fn play(open: impl Fn(u64) -> File, acts: &[(bool, Act)], previews: bool) -> World {
    let mut world = World { previews, ..World::default() };
    let mut fds = [0, 1].map(|nr| Fd::open(&mut world, 1, open(nr), Wrapper::SeqOpen));
    for (which, act) in acts {
        let fd = &mut fds[usize::from(*which)];
        match *act {
            Act::Read(want) => drop(fd.read(&mut world, want)),
            Act::Pread(pos, want) => drop(fd.pread(&mut world, pos, want)),
            Act::Lseek(offset) => drop(fd.lseek(&mut world, offset)),
            Act::Drain(want) => drop(fd.drain(&mut world, want, 60)),
        }
    }
    for fd in fds {
        fd.release(&mut world, Wrapper::SeqRelease);
    }
    world
}

fn cases(count: u32) -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = count;
    }
    config
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn correct_files_are_never_accused(model in models(), acts in acts(), previews: bool) {
        let world = play(|nr| model.file(nr), &acts, previews);
        let found = findings(&world.events);
        let untrue: Vec<_> =
            found.iter().filter(|finding| finding.severity > Severity::Info).collect();
        prop_assert!(untrue.is_empty(), "{untrue:#?}");
        // There is no SQ9xx finding either: the ranges of the ledger are those that the reader got.
        prop_assert!(found.iter().all(|finding| !finding.id.is_quality()), "{found:#?}");
    }

    #[test]
    fn bugs_that_a_reader_sees_are_found(
        model in models(),
        bug in prop_oneof![
            Just(Bug::StuckAtEnd),
            Just(Bug::Stuck),
            Just(Bug::Early),
            Just(Bug::Late),
            Just(Bug::Rewinds),
        ],
        wants in prop::collection::vec(prop_oneof![1..100_usize, 4000..9000_usize], 1..6),
        image: bool,
        start in prop_oneof![Just(0), 0..3000_i64],
        previews: bool,
    ) {
        let pointers = if image { Pointers::Image } else { Pointers::Number };
        let model = Model {
            bug, pointers, same_bytes: false, linked_twice: false, header: false, ..model
        };
        let content = model.content();
        let mut world = World { previews, ..World::default() };
        let mut fd = Fd::open(&mut world, 1, model.file(0), Wrapper::SeqOpen);
        let from = usize::try_from(start).unwrap().min(content.len());
        fd.f_pos = i64::try_from(from).unwrap();
        let mut got = Vec::new();
        let mut ended = false;
        for want in wants.iter().cycle().take(400) {
            let bytes = fd.read(&mut world, *want).unwrap();
            ended = bytes.is_empty();
            got.extend(bytes);
            if ended || got.len() > 4 * content.len() + 20_000 {
                break;
            }
        }
        fd.release(&mut world, Wrapper::SeqRelease);
        let found = broken(&world.events);
        if ended && got != content[from..] {
            prop_assert!(!found.is_empty(), "got {} B of {}: {bug:?}", got.len(), content.len());
        }
        if got == content[from..] {
            prop_assert!(!found.contains_key("SQ201"), "{found:?}");
            // The reader misses nothing of a record without output, but the record was lost.
            let silent = model.skipped != 0 || model.records.contains(&0);
            prop_assert!(silent || !found.contains_key("SQ202"), "{found:?}");
        }
    }
}

/// An array may have one object at two consecutive positions. While no other record has shown that the text differs
/// from record to record, a second emit of it proves nothing.
#[test]
fn an_object_at_two_consecutive_positions_is_no_double_emit() {
    let model = Model {
        records: vec![27; 3],
        skipped: 0,
        pointers: Pointers::Image,
        first: 1,
        stride: 1,
        header: false,
        same_bytes: true,
        linked_twice: true,
        bug: Bug::None,
    };
    let reads = [(true, Act::Read(28)), (false, Act::Read(28))];
    let world = play(|nr| model.file(nr), &reads, true);
    assert_eq!(findings(&world.events), []);
}
