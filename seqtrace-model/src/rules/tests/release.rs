//! SQ401 to SQ404, and correct look-alikes.

use super::verdicts::{findings, ids};
use crate::event::{Callback, EventKind, Role, Wrapper};
use crate::finding::Severity;
use crate::testing::files::{Memory, list};
use crate::testing::machine::{Fd, File, World};

const PRIVATE: u64 = 0xffff_8881_5500_0000;

fn cat(open: Wrapper, private: fn() -> u64, release: Wrapper) -> String {
    let mut world = World::default();
    let file = File { private: Box::new(private), ..list(Memory::Image) };
    let mut fd = Fd::open(&mut world, 1, file, open);
    fd.drain(&mut world, 4096, 9);
    fd.release(&mut world, release);
    ids(&world.events)
}

#[test]
fn what_belongs_together() {
    use Wrapper::{
        SeqOpen, SeqOpenPrivate, SeqOpenPrivateRaw, SeqRelease, SeqReleasePrivate, SingleOpen,
        SingleOpenSize, SingleRelease,
    };
    for (open, private, release, expected) in [
        (SingleOpen, 0, SingleRelease, ""),
        (SingleOpenSize, 0, SingleRelease, ""),
        (SingleOpen, 0, SeqRelease, "SQ401"),
        (SingleOpenSize, PRIVATE, SeqRelease, "SQ401"),
        (SeqOpenPrivate, PRIVATE, SeqReleasePrivate, ""),
        (SeqOpenPrivateRaw, PRIVATE, SeqReleasePrivate, ""),
        (SeqOpenPrivate, PRIVATE, SeqRelease, "SQ402"),
        (SeqOpenPrivateRaw, PRIVATE, SeqRelease, "SQ402"),
        // Its release has freed it, and cleared it.
        (SeqOpenPrivate, 0, SeqRelease, ""),
        (SeqOpen, PRIVATE, SeqRelease, ""),
    ] {
        let private = if private == 0 { || 0 } else { || PRIVATE };
        assert_eq!(cat(open, private, release), expected, "{open:?} {release:?}");
    }
}

#[test]
fn an_open_that_fails_after_seq_open() {
    const SEQ_FILE: &str = "the seq_file is leaked";
    for (wrapper, leaked, gap) in [
        (Wrapper::SeqOpen, SEQ_FILE, false),
        (Wrapper::SingleOpen, "the seq_file and its table of callbacks are leaked", false),
        (Wrapper::SeqOpenPrivate, "the seq_file and its private data are leaked", true),
        (Wrapper::SeqOpen, "", false),
    ] {
        let released = leaked.is_empty();
        let mut world = World::default();
        let fd = Fd::open(&mut world, 1, list(Memory::Image), wrapper);
        if gap {
            // The programs would not have found the file, had it been released.
            world.emit(EventKind::Gap { lost: 3 });
        }
        if released {
            fd.release(&mut world, Wrapper::SeqRelease);
        }
        world.emit(EventKind::OpenFailed { key: world.keys, tid: 1, ret: -22 });
        let found = findings(&world.events);
        let reported: Vec<_> = found.iter().map(|finding| finding.message.as_str()).collect();
        let message =
            format!("open() failed with EINVAL after {}() had succeeded: {leaked}", wrapper.name());
        assert_eq!(reported, if released { vec![] } else { vec![message.as_str()] });
        assert!(found.iter().all(|one| one.id.to_string() == "SQ403" && one.blame.is_none()));
    }
}

#[test]
fn a_struct_file_that_is_another_opens_was_never_released() {
    let mut world = World::default();
    let open = |world: &mut World| {
        world.keys += 1;
        Fd::open_at(world, 1, list(Memory::Image), Wrapper::SeqOpen, 0xffff_8881_6600_0000)
    };
    let mut one = open(&mut world);
    one.drain(&mut world, 4096, 9);
    let two = open(&mut world);
    two.release(&mut world, Wrapper::SeqRelease);
    let found = findings(&world.events);
    let reported: Vec<_> =
        found.iter().map(|finding| (finding.session.0, finding.id.to_string())).collect();
    assert_eq!(reported, [(1, "SQ403".to_owned())]);

    // After a gap the release may be what was lost.
    let mut world = World::default();
    let _lost = open(&mut world);
    world.emit(EventKind::Gap { lost: 3 });
    let two = open(&mut world);
    two.release(&mut world, Wrapper::SeqRelease);
    assert_eq!(ids(&world.events), "");

    // A `struct file` that is released and then reused is no violation.
    let mut world = World::default();
    for _ in 0..3 {
        let fd = open(&mut world);
        fd.release(&mut world, Wrapper::SeqRelease);
    }
    assert_eq!(ids(&world.events), "");
}

#[test]
fn a_reader_that_dies_in_a_callback_is_an_error_of_the_file() {
    for (role, count) in [(Role::Start, 0), (Role::Show, 3), (Role::Next, 3), (Role::Stop, 0)] {
        let mut world = World::default();
        let mut fd = Fd::open(&mut world, 1, list(Memory::Image), Wrapper::SeqOpen);
        fd.drain(&mut world, 4096, 9);
        fd.release(&mut world, Wrapper::SeqRelease);
        let release = world.events.pop();
        let callbacks = world.events.iter().enumerate().filter(|(_, event)| {
            matches!(event.body, EventKind::Callback(Callback { role: seen, .. }) if seen == role)
        });
        let dies = callbacks.map(|(index, _)| index).nth(count).unwrap();
        world.events.truncate(dies);
        world.events.extend(release);
        let found = findings(&world.events);
        let reported: Vec<_> = found.iter().map(|one| (one.id.to_string(), one.severity)).collect();
        assert_eq!(reported, [("SQ404".to_owned(), Severity::Error)], "{role:?}");
        assert_eq!(found[0].blame.as_ref().map(|blame| blame.role), Some(role));
        assert!(found[0].message.contains(&format!("inside {}()", role.name())));
    }
}
