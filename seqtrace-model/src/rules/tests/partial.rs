//! Only what was seen is checked, and the rest is reported as inconclusive.

use super::verdicts::updates;
use crate::event::{Callback, Event, EventKind, Role, Wrapper};
use crate::rules::{Severity, sq501::LONG};
use crate::session::update::UpdateKind;
use crate::symbol::Symbol;
use crate::testing::files::{Memory, Shared, list, seqbug};
use crate::testing::machine::{Fd, World};

fn reported_ids(events: &[Event]) -> Vec<String> {
    let all = updates(events).into_iter();
    all.filter_map(|update| match update.what {
        UpdateKind::Finding(finding) => Some(finding.id.to_string()),
        _ => None,
    })
    .collect()
}

/// Opens a file with a bug and reads it twice, with `meanwhile` in between.
fn around(name: &str, meanwhile: impl Fn(&mut World)) -> World {
    let mut world = World::default();
    let file = seqbug(name, Memory::Image, &Shared::default()).unwrap();
    let mut fd = Fd::open(&mut world, 1, file, Wrapper::SeqOpen);
    let _ = fd.read(&mut world, 27);
    meanwhile(&mut world);
    fd.drain(&mut world, 27, 400);
    fd.release(&mut world, Wrapper::SeqRelease);
    world
}

#[test]
fn a_gap_ends_what_was_known() {
    let world = around("early", |_| ());
    // A warning, and an error as soon as a record came twice.
    assert_eq!(reported_ids(&world.events), ["SQ104", "SQ104", "SQ201"]);
    let world = around("early", |world| world.emit(EventKind::Gap { lost: 2 }));
    assert_eq!(reported_ids(&world.events), ["SQ901"]);
}

#[test]
fn the_next_generation_is_judged_again() {
    let mut world = World::default();
    let file = seqbug("eof_stuck", Memory::Image, &Shared::default()).unwrap();
    let mut fd = Fd::open(&mut world, 1, file, Wrapper::SeqOpen);
    let _ = fd.read(&mut world, 27);
    world.emit(EventKind::Gap { lost: 2 });
    fd.drain(&mut world, 27, 400);
    assert_eq!(reported_ids(&world.events), ["SQ901"]);
    let _ = fd.pread(&mut world, 5, 1);
    let _ = fd.pread(&mut world, 81, 100);
    fd.release(&mut world, Wrapper::SeqRelease);
    assert_eq!(reported_ids(&world.events), ["SQ102", "SQ201", "SQ901"]);
}

fn adopted(world: &mut World) {
    for event in &mut world.events {
        if let EventKind::Open(open) = &mut event.body {
            open.adopted = true;
        }
    }
}

#[test]
fn what_was_open_already_is_judged_from_the_next_generation_on() {
    let mut world = World::default();
    let file = seqbug("eof_stuck", Memory::Image, &Shared::default()).unwrap();
    let mut fd = Fd::open(&mut world, 1, file, Wrapper::SingleOpen);
    // The file was read before the trace began.
    let mut before = World::default();
    let _ = fd.read(&mut before, 27);
    fd.drain(&mut world, 27, 400);
    adopted(&mut world);
    assert_eq!(reported_ids(&world.events), ["SQ903"]);
    let _ = fd.pread(&mut world, 0, 1000);
    fd.release(&mut world, Wrapper::SeqRelease);
    // The function that opened it is unknown, too.
    assert_eq!(reported_ids(&world.events), ["SQ102", "SQ903"]);
}

#[test]
fn a_callback_that_is_not_seen() {
    let mut world = World::default();
    let blind = |role, address| EventKind::Blind {
        function: Symbol::unnamed(address),
        role,
        reason: "notrace".to_owned(),
    };
    world.emit(blind(Role::Show, 0x300));
    let file = seqbug("early", Memory::Image, &Shared::default()).unwrap();
    let mut fd = Fd::open(&mut world, 1, file, Wrapper::SeqOpen);
    fd.drain(&mut world, 27, 400);
    fd.release(&mut world, Wrapper::SeqRelease);
    world.events.retain(|event| {
        !matches!(event.body, EventKind::Callback(Callback { role: Role::Show, .. }))
    });
    assert_eq!(reported_ids(&world.events), ["SQ904"]);
}

#[test]
fn a_full_ledger_is_reported() {
    let mut world = World::default();
    let mut fd = Fd::open(&mut world, 1, list(Memory::Image), Wrapper::SeqOpen);
    fd.drain(&mut world, 4096, 400);
    let mut engine = crate::rules::RuleEngine::new();
    engine.limit(100);
    let mut tracker = crate::session::Tracker::new();
    let mut reported = Vec::new();
    for event in world.events {
        tracker.feed(&event, &mut |update| {
            engine.feed(update, &mut |update| {
                if let UpdateKind::Finding(finding) = &update.what {
                    reported.push((finding.id.to_string(), finding.severity));
                }
            });
        });
    }
    assert_eq!(reported, [("SQ907".to_owned(), Severity::Info)]);
}

#[test]
fn a_pass_that_takes_long_is_reported() {
    let mut world = World::default();
    let mut fd = Fd::open(&mut world, 1, list(Memory::Image), Wrapper::SeqOpen);
    fd.drain(&mut world, 4096, 9);
    fd.release(&mut world, Wrapper::SeqRelease);
    let stop = |event: &Event| {
        matches!(event.body, EventKind::Callback(Callback { role: Role::Stop, .. }))
    };
    let first = world.events.iter().position(stop).unwrap();
    for (later, expected) in [(LONG / 2, &[][..]), (LONG, &["SQ501".to_owned()][..])] {
        let mut events = world.events.clone();
        for event in &mut events[first..] {
            event.time += later;
        }
        assert_eq!(reported_ids(&events), expected, "{later} ns");
    }
}
