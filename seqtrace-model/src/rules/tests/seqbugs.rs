//! Every file of module/seqbugs, read in every way, against the findings that its table expects.

use super::verdicts::{broken, findings, ids};
use crate::event::{Role, Wrapper};
use crate::rules::{Finding, Severity};
use crate::testing::files::{Memory, Shared, seqbug};
use crate::testing::machine::{Fd, World};

const WHOLE: usize = 131_072;

/// Files of the table that [`seqbug`] does not have: those that leak are in release.rs; the others are only recognised
/// by `check`, or other tests have similar files.
const NOT_HERE: &[&str] = &[
    "single_leak",
    "private_leak",
    "never_released",
    "stale",
    "alloc_rewind",
    "section_forgotten",
    "start_output",
    "end_back",
    "page_back",
    "cursor_kept",
    "next_ends",
    "counting_show",
    "counting_start",
    "open_fails",
    "lseek_rounds",
    "graph_filter",
    "leftover_line",
    "counter_stuck",
    "cursor_not_reset",
    "start_goes_on",
    "volatile_cursor",
    "ok_section",
    "ok_start_header",
    "ok_end_key",
    "ok_cursor",
    "ok_grows",
    "ok_time",
    "ok_counts_opens",
    "ok_counts_reads",
    "ok_refcount",
    "ok_consumed",
    "ok_open_fails",
    "ok_lseek",
];

/// name, BUG or OK, findings
fn table() -> Vec<(String, bool, String)> {
    let text = include_str!("../../../../module/seqbugs/table.h");
    text.lines()
        .filter_map(|line| line.strip_prefix("SEQBUG("))
        .map(|line| {
            let mut fields = line.splitn(3, ", ");
            let (name, kind) = (fields.next().unwrap(), fields.next().unwrap());
            let found = fields.next().unwrap().split('"').nth(1).unwrap();
            let mut ids: Vec<_> = found.split(',').filter(|id| *id != "-").collect();
            ids.sort_unstable();
            (name.to_owned(), kind == "BUG", ids.join(" "))
        })
        .collect()
}

/// Reads a file as `check` does, as far as one process can: as a whole, by pages, in tiny reads, at record boundaries,
/// at the end, and through two descriptors at once.
fn read_every_way(world: &mut World, open: &dyn Fn() -> crate::testing::machine::File) {
    let wrapper = Wrapper::SeqOpen;
    let close = |world: &mut World, fd: Fd| fd.release(world, Wrapper::SeqRelease);
    for want in [WHOLE, WHOLE, 4096, 27, 7] {
        let mut fd = Fd::open(world, 1, open(), wrapper);
        fd.drain(world, want, 400);
        close(world, fd);
    }
    for offset in [1, 26, 27, 28, 54, 4050, 8100] {
        let mut fd = Fd::open(world, 1, open(), wrapper);
        let _ = fd.pread(world, offset, 100);
        fd.lseek(world, offset);
        let _ = fd.read(world, 30);
        let _ = fd.read(world, 30);
        fd.lseek(world, 0);
        let _ = fd.read(world, 60);
        close(world, fd);
    }
    // At the end of the file.
    let mut fd = Fd::open(world, 1, open(), wrapper);
    let whole = fd.drain(world, WHOLE, 400);
    let end = i64::try_from(whole.len()).unwrap();
    let mut at_end = Fd::open(world, 1, open(), wrapper);
    let _ = at_end.pread(world, end, WHOLE);
    close(world, at_end);
    close(world, fd);
}

fn interleave(world: &mut World, open: &dyn Fn() -> crate::testing::machine::File) {
    let mut one = Fd::open(world, 1, open(), Wrapper::SeqOpen);
    let mut two = Fd::open(world, 1, open(), Wrapper::SeqOpen);
    for _ in 0..10 {
        let _ = one.read(world, 27);
        let _ = two.read(world, 27);
    }
    one.release(world, Wrapper::SeqRelease);
    two.release(world, Wrapper::SeqRelease);
}

fn played(name: &str, memory: Memory, previews: bool) -> World {
    let mut world = World { previews, ..World::default() };
    let shared = Shared::default();
    let open = || seqbug(name, memory, &shared).unwrap();
    read_every_way(&mut world, &open);
    interleave(&mut world, &open);
    world
}

#[test]
fn what_the_table_expects_is_found_and_nothing_else() {
    let shared = Shared::default();
    let mut wrong = Vec::new();
    for (name, _, expected) in table() {
        if seqbug(&name, Memory::Image, &shared).is_none() {
            assert!(NOT_HERE.contains(&name.as_str()), "{name}");
            continue;
        }
        for memory in [Memory::Image, Memory::Heap] {
            let world = played(&name, memory, true);
            let found = ids(&world.events);
            let all = expected.split(' ').all(|id| found.contains(id));
            let more = found.split(' ').filter(|id| !expected.contains(id));
            // A reader that the table does not consider may see further consequences of the root cause.
            let follow = ["SQ201", "SQ202"];
            let untrue = more.filter(|id| expected.is_empty() || !follow.contains(id)).count();
            if !all || (untrue > 0 && found != expected) {
                wrong.push(format!("{name} {memory:?}: expected {expected}, found {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Returns the callback whose change repairs a file.
fn culprit(name: &str) -> Option<Role> {
    Some(match name {
        "eof_stuck" | "eof_stuck_long" | "stuck" | "first_stuck" | "header_stuck" | "back"
        | "ipc_holes" | "next_fails" => Role::Next,
        "early" | "late" | "rewind" | "header_forgotten" | "header_again" | "ordinal"
        | "uaf_sim" | "shared_cursor" | "no_eof" => Role::Start,
        "side_effects" | "show_fails" | "skip_all" | "overflow_negative" => Role::Show,
        "stop_output" => Role::Stop,
        _ => return None,
    })
}

#[test]
fn what_has_no_cause_names_the_culprit() {
    let shared = Shared::default();
    let mut wrong = Vec::new();
    for (name, _, _) in table() {
        let (Some(role), Some(_)) = (culprit(&name), seqbug(&name, Memory::Image, &shared)) else {
            continue;
        };
        for (memory, previews) in [
            (Memory::Image, true),
            (Memory::Heap, true),
            (Memory::Image, false),
            (Memory::Heap, false),
        ] {
            let found = findings(&played(&name, memory, previews).events);
            let bad = found.iter().filter(|finding| finding.severity > Severity::Info);
            for finding in bad {
                let blamed = match &finding.cause {
                    Some(cause) => cause.blame.as_ref(),
                    None => finding.blame.as_ref(),
                };
                let blamed = blamed.map(|blame| blame.role);
                if blamed != Some(role) {
                    let Finding { id, message, cause, .. } = finding;
                    wrong.push(format!(
                        "{name} {memory:?} {previews}: {id} {blamed:?} {cause:?} {message}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn without_the_text_less_is_found_and_nothing_more() {
    let shared = Shared::default();
    let mut wrong = Vec::new();
    for (name, bug, expected) in table() {
        if seqbug(&name, Memory::Image, &shared).is_none() {
            continue;
        }
        for memory in [Memory::Image, Memory::Heap] {
            let world = played(&name, memory, false);
            let found = broken(&world.events);
            let follow = ["SQ201", "SQ202"];
            let known = |id: &str| expected.contains(id) || (bug && follow.contains(&id));
            let more: Vec<_> = found.keys().filter(|id| !known(id)).collect();
            // Only record bytes distinguish these from their look-alikes.
            let silent = ["ipc_holes", "side_effects"].contains(&name.as_str());
            if !more.is_empty() || (bug && found.is_empty() && !silent) {
                wrong.push(format!("{name} {memory:?}: expected {expected}, found {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_finding_is_reported_once_a_session_and_counted() {
    let world = played("stuck", Memory::Image, true);
    let mut seen = std::collections::BTreeSet::new();
    for finding in findings(&world.events) {
        assert!(
            seen.insert((finding.session, finding.id, finding.severity)),
            "{finding:?} is reported twice"
        );
    }
}
