//! The finding that has no cause names the function whose change mends the file.

use std::collections::BTreeMap;

use super::faults::{
    around, begins_again, counter, counts_by_itself, ends_early, grows, keeps_cursor,
    miscounts_header, one_page, prints, reallocated, set_back_at_end, short, walks_again,
};
use super::verdicts::findings;
use crate::event::Wrapper;
use crate::rules::{Finding, Severity};
use crate::testing::files::Memory;
use crate::testing::machine::{Fd, File, World};

const BOTH: [Memory; 2] = [Memory::Image, Memory::Heap];

fn world(previews: bool) -> World {
    World { previews, ..World::default() }
}

/// Reads a file in blocks, at most 400 of them, as often as there are opens.
fn read(world: &mut World, file: File, want: usize) {
    let mut fd = Fd::open(world, 1, file, Wrapper::SeqOpen);
    fd.drain(world, want, 400);
    fd.release(world, Wrapper::SeqRelease);
}

/// Returns the most severe finding of each rule: `SQ104 start error`, `SQ201 error < SQ104`. Information is `SQ305
/// start info`.
fn reported(world: &World) -> String {
    let mut worst: BTreeMap<(bool, String), Finding> = BTreeMap::new();
    for finding in findings(&world.events) {
        let known = worst
            .entry((finding.cause.is_some(), finding.id.to_string()))
            .or_insert_with(|| finding.clone());
        if finding.severity > known.severity {
            *known = finding;
        }
    }
    let line = |finding: &Finding| {
        let (id, severity) = (finding.id, finding.severity.name());
        if let Some(cause) = &finding.cause {
            return format!("{id} {severity} < {}", cause.id);
        }
        let role = finding.blame.as_ref().map_or("-", |blame| blame.role.name());
        format!("{id} {role} {severity}")
    };
    worst.values().map(line).collect::<Vec<_>>().join(", ")
}

/// Reads the files that `open` opens in blocks of these sizes, one after the other.
fn all(open: impl Fn() -> File, wants: &[usize], previews: bool) -> String {
    let mut world = world(previews);
    for want in wants {
        read(&mut world, open(), *want);
    }
    reported(&world)
}

#[test]
fn a_counter_that_begins_again_at_its_end() {
    for previews in [false, true] {
        assert_eq!(all(counter, &[131_072], previews), "SQ105 start warning");
        // Byte by byte the read that drains the buffer calls start() too: the next one begins again.
        let found = all(counter, &[1], previews);
        assert!(found.starts_with("SQ105 start error"), "{found}");
        assert!(!found.contains("SQ103") && !found.contains("SQ106"), "{found}");
        let found = all(counter, &[131_072, 131_072], previews);
        assert_eq!(found, "SQ105 start error");
    }
}

#[test]
fn a_message_names_the_positions() {
    let mut world = world(false);
    read(&mut world, counter(), 131_072);
    let found = findings(&world.events);
    assert_eq!(
        found[0].message,
        "start() returned NULL and set *pos from 1 back to 0 at the end: the next read begins again"
    );
}

#[test]
fn one_page_and_no_more() {
    for memory in BOTH {
        let mut world = world(false);
        read(&mut world, one_page(memory, 300), 131_072);
        assert_eq!(reported(&world), "SQ104 start warning, SQ202 warning < SQ104");
        let found = findings(&world.events);
        let expected = format!(
            "start() gave up at position 151, where next() had handed out {:016x}, and set *pos back to 0",
            memory.rec(151)
        );
        assert_eq!(found[0].message, expected);
        for previews in [false, true] {
            let found = all(|| one_page(memory, 300), &[131_072, 27, 13], previews);
            assert!(found.starts_with("SQ104 start error, SQ105 error < SQ104"), "{found}");
            assert!(!found.contains("SQ103") && !found.contains("SQ101"), "{found}");
            let found = all(|| set_back_at_end(memory, 12), &[131_072, 1, 13], previews);
            assert!(found.starts_with("SQ105 start error"), "{found}");
            assert_eq!(found.matches("SQ103").count(), 0, "{found}");
        }
    }
}

#[test]
fn a_file_that_begins_again_behind_its_end() {
    for memory in BOTH {
        let found = all(|| around(memory, 40), &[4096], true);
        assert!(found.starts_with("SQ105 start error, SQ201 error < SQ105"), "{found}");
    }
}

#[test]
fn what_start_prints() {
    for memory in BOTH {
        let header = |once| move || prints(memory, 300, once);
        assert_eq!(all(header(true), &[131_072, 4096, 100], true), "SQ305 start info");
        let found = all(header(false), &[131_072], true);
        assert_eq!(found, "SQ305 start error");
        let found = all(header(false), &[131_072, 100], true);
        assert!(found.starts_with("SQ305 start error"), "{found}");
        assert!(found.split(", ").skip(1).all(|one| one.contains("< SQ305")), "{found}");
    }
}

#[test]
fn an_end_that_is_none() {
    for memory in BOTH {
        for previews in [false, true] {
            let one = || ends_early(memory, 10, 1);
            assert_eq!(all(one, &[131_072], previews), "SQ106 next warning");
            assert_eq!(all(one, &[131_072, 131_072], previews), "SQ106 next error");
            assert_eq!(
                all(|| ends_early(memory, 300, 37), &[4096, 50], previews),
                "SQ106 next error"
            );
            assert_eq!(all(|| short(memory, 10), &[131_072, 131_072, 1], previews), "");
        }
    }
}

#[test]
fn a_traversal_finds_an_end_that_is_none() {
    let mut world = world(true);
    for _ in 0..2 {
        let mut fd = Fd::open(&mut world, 1, ends_early(Memory::Image, 10, 1), Wrapper::SeqOpen);
        let _ = fd.pread(&mut world, 100, 27);
        fd.release(&mut world, Wrapper::SeqRelease);
    }
    assert!(reported(&world).starts_with("SQ106 next error"), "{}", reported(&world));
}

#[test]
fn a_list_that_grows_at_its_end() {
    // Each read finds one more record: no later one ends at a position at which there was a record earlier.
    let open = || grows(Memory::Heap, 3);
    for wants in [&[4096][..], &[4096, 27, 4096]] {
        let mut world = world(true);
        let mut fds: Vec<_> =
            wants.iter().map(|_| Fd::open(&mut world, 1, open(), Wrapper::SeqOpen)).collect();
        for _ in 0..10 {
            for (fd, want) in fds.iter_mut().zip(wants) {
                let _ = fd.read(&mut world, *want);
            }
        }
        let bad = findings(&world.events);
        let bad: Vec<_> =
            bad.iter().filter(|finding| finding.severity == Severity::Error).collect();
        assert!(bad.is_empty(), "{bad:#?}");
    }
}

#[test]
fn a_stored_cursor() {
    let mut world = world(true);
    for _ in 0..2 {
        let mut fd = Fd::open(&mut world, 1, keeps_cursor(Memory::Image, 300), Wrapper::SeqOpen);
        fd.drain(&mut world, 131_072, 400);
        fd.release(&mut world, Wrapper::SeqRelease);
        let mut fd = Fd::open(&mut world, 1, keeps_cursor(Memory::Image, 300), Wrapper::SeqOpen);
        let _ = fd.read(&mut world, 100);
        fd.lseek(&mut world, 0);
        let _ = fd.read(&mut world, 100);
        fd.release(&mut world, Wrapper::SeqRelease);
    }
    let found = reported(&world);
    assert!(found.starts_with("SQ104 start error"), "{found}");
}

#[test]
fn next_is_not_to_blame_for_where_start_began() {
    for memory in BOTH {
        for previews in [false, true] {
            let found = all(|| begins_again(memory, 300), &[131_072, 27], previews);
            assert!(found.starts_with("SQ104 start error"), "{found}");
            let roots: Vec<_> = found.split(", ").filter(|one| !one.contains('<')).collect();
            assert_eq!(roots, ["SQ104 start error"], "{found}");
        }
    }
}

#[test]
fn records_that_happen_to_lie_near_what_the_file_keeps() {
    // Each open allocates its private memory anew, once directly below the records.
    let near = Memory::Heap.rec(0) - 4096;
    let mut world = world(true);
    let far = near + 0x4000_0000;
    for (private, want) in [(near, 131_072), (far, 131_072), (near, 27), (far, 27), (far, 27)] {
        let file = begins_again(Memory::Heap, 6);
        read(&mut world, File { private: Box::new(move || private), ..file }, want);
    }
    let found = reported(&world);
    assert!(found.starts_with("SQ104 start error, "), "{found}");
}

#[test]
fn a_root_is_no_milder_than_what_it_explains() {
    // The entries of set_graph_function are allocated, and this is the first read that is observed.
    let mut world = world(true);
    read(&mut world, walks_again(Memory::Heap, 6), 81);
    let found = findings(&world.events);
    let steps: Vec<_> =
        found.iter().map(|one| format!("{} {}", one.id, one.severity.name())).collect();
    assert_eq!(steps, ["SQ104 info", "SQ104 error", "SQ201 error"]);
    let (first, proven, double) = (&found[0], &found[1], &found[2]);
    assert_eq!(
        first.message,
        format!("{}; unless each pass allocates its own records", proven.message)
    );
    assert!(proven.message.ends_with("already emitted as bytes 0..27"), "{}", proven.message);
    assert_eq!(double.cause.as_ref().map(|cause| cause.id), Some(proven.id));
    for memory in BOTH {
        for count in [6, 300] {
            for wants in [&[81][..], &[81, 81], &[131_072, 81], &[100, 4096, 81]] {
                let found = all(|| walks_again(memory, count), wants, true);
                assert!(found.starts_with("SQ104 start error"), "{count} {wants:?} {found}");
                let roots: Vec<_> = found.split(", ").filter(|one| !one.contains('<')).collect();
                assert_eq!(roots, ["SQ104 start error"], "{found}");
            }
        }
    }
}

#[test]
fn the_text_tells_where_pointers_do_not() {
    for own in [false, true] {
        let found = all(|| counts_by_itself(300, own), &[131_072, 27, 131_072], true);
        let roots: Vec<_> = found.split(", ").filter(|one| !one.contains('<')).collect();
        let bad: Vec<_> = roots.iter().filter(|one| !one.ends_with("info")).collect();
        assert_eq!(bad, [&"SQ104 start error"], "{own} {found}");
    }
}

#[test]
fn what_the_core_mended_is_one_bug() {
    for memory in BOTH {
        let found = all(|| miscounts_header(memory, 300), &[131_072, 27], true);
        assert!(found.starts_with("SQ101 next error"), "{found}");
        let roots: Vec<_> = found.split(", ").filter(|one| !one.contains('<')).collect();
        assert_eq!(roots, ["SQ101 next error"], "{found}");
    }
}

#[test]
fn an_array_that_is_allocated_anew() {
    for often in [5, 20, 33] {
        let found = all(|| reallocated(200, often), &[131_072, 131_072, 27, 100, 27], true);
        assert_eq!(found, "");
    }
}
