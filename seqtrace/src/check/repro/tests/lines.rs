//! Single commands: their text, their output from calls, and runs that do not confirm them.

use super::{
    super::{
        Repro,
        doubles::{self, Pair},
        facts::Facts,
        list::trials,
        measure::Measure,
        ops::sendfile,
        output::Whole,
        quote, right,
        script::{Fault, Part, Script, TrialStep},
        trial::{RUNS, Run, Trial},
    },
    examined,
    files::{File, Kind},
    found, searched_until,
    sim::Sim,
};
use crate::{
    check::{
        call::{Call, Syscall},
        oracle::End,
        plan::{LARGE, Step},
    },
    session::update::Range,
};

fn facts() -> Facts {
    Facts {
        len: 6,
        complete: true,
        record: 2,
        longest: 2,
        first: 2,
        middle: 4,
        first_read_end: 6,
        read_count: 1,
        cat_is_uniform: true,
    }
}

fn call(syscall: Syscall, slot: u8, at: u64, bytes: &[u8]) -> Call {
    let ret = i64::try_from(bytes.len()).unwrap();
    Call { process: 0, slot, syscall, at, want: 2, ret, bytes: bytes.to_vec() }
}

fn open(slot: u8) -> Call {
    call(Syscall::Open, slot, 0, b"")
}

fn read(slot: u8, at: u64, bytes: &[u8]) -> Call {
    call(Syscall::Read, slot, at, bytes)
}

fn lseek(slot: u8, at: u64) -> Call {
    Call { ret: i64::try_from(at).unwrap(), ..call(Syscall::Lseek, slot, at, b"") }
}

fn whole(bytes: &[u8]) -> Whole {
    Whole { bytes: bytes.to_vec(), end: End::Eof, end_lasts: true }
}

fn runs(wholes: [&[u8]; 3], calls: [Vec<Call>; RUNS]) -> Vec<Run> {
    let around = [(0, 1), (1, 2)];
    let runs = calls.into_iter().zip(around);
    runs.map(|(calls, (before, after))| Run {
        before: whole(wholes[before]),
        calls,
        after: whole(wholes[after]),
    })
    .collect()
}

const FILE: &[u8] = b"0\n1\n2\n";

fn trial(script: Script) -> Trial {
    Trial { script, facts: facts() }
}

fn blocks() -> Trial {
    trial(Script::Parts(vec![Part::dd(2, 0, None)]))
}

/// Runs of [`blocks`] that read these records, without and with the lseek of coreutils.
fn read_as(records: [&[&[u8]]; RUNS]) -> [Vec<Call>; RUNS] {
    let calls = |number: usize| {
        let mut calls = vec![open(0)];
        if number == 1 {
            calls.push(lseek(0, 0));
        }
        let reads = records[number].iter().zip(0..);
        calls.extend(reads.map(|(record, index)| read(0, 2 * index, record)));
        calls
    };
    [calls(0), calls(1)]
}

const WRONG: &[&[u8]] = &[b"0\n", b"0\n", b"1\n", b"2\n", b""];

#[test]
fn wrong_twice_between_whole_reads_that_agree() {
    let confirm = |wholes, records| blocks().confirm(&runs(wholes, read_as(records)), b"/f");
    let repro = confirm([FILE; 3], [WRONG; 2]).unwrap();
    assert_eq!(repro.command, "dd if=/f bs=2 count=3");
    assert_eq!(repro.shows, "at byte 2: \"0\\n\" instead of \"1\\n\"");
    assert_eq!(repro.correct.as_deref(), Some("cat /f | head -c 6"));
    // One run does not confirm a command, and none does while the file changes.
    assert_eq!(confirm([FILE; 3], [WRONG, &[b"0\n", b"1\n", b"2\n", b""]]), None);
    for changed in 0..3 {
        let mut wholes = [FILE; 3];
        wholes[changed] = b"";
        assert_eq!(confirm(wholes, [WRONG; 2]), None, "{changed}");
    }
    // Nor do two runs that are wrong in different ways.
    assert_eq!(confirm([FILE; 3], [WRONG, &[b"0\n", b""]]), None);
    let garbage: &[&[u8]] = &[b"0\n", b"x\n", b"1\n", b"2\n", b""];
    let shows = confirm([FILE; 3], [WRONG, garbage]).unwrap().shows;
    assert!(shows.ends_with("; other bytes each time"), "{shows}");
}

#[test]
fn what_was_not_done_shows_nothing() {
    let mut short = read_as([WRONG; 2]);
    // The reading process was stopped in the middle.
    short[1].truncate(3);
    assert_eq!(blocks().confirm(&runs([FILE; 3], short), b"/f"), None);
    assert_eq!(blocks().confirm(&runs([FILE; 3], read_as([WRONG; 2]))[..1], b"/f"), None);
    assert_eq!(blocks().confirm(&runs([FILE; 3], read_as([WRONG; 2])), b"/a\nb"), None);
    // If dd cannot seek, it reads instead: these are not its calls.
    let trial = trial(Script::Parts(vec![Part::dd(2, 1, None)]));
    let seek = Call { ret: -29, ..lseek(0, 2) };
    let calls = |asks: Option<Call>| {
        [
            vec![open(0)],
            asks.into_iter().collect(),
            vec![seek.clone(), read(0, 0, b"0\n"), read(0, 2, b"")],
        ]
        .concat()
    };
    let calls = [calls(None), calls(Some(lseek(0, 0)))];
    assert_eq!(trial.confirm(&runs([FILE; 3], calls), b"/f"), None);
}

#[test]
fn an_end_that_does_not_last_is_nothing_for_cat() {
    let mut runs = runs([FILE; 3], read_as([WRONG; 2]));
    runs[1].after.end_lasts = false;
    let correct = blocks().confirm(&runs, b"/f").unwrap().correct;
    assert_eq!(correct.as_deref(), Some("dd if=/f bs=128k | head -c 6"));
}

#[test]
fn two_descriptors_are_compared_with_two_descriptors() {
    let trial = trial(Script::Turns { block_bytes: 2, turns: 2 });
    let calls = |whole: &[u8], asks: bool| {
        let mut calls = vec![open(2), open(3)];
        for slot in [2, 3] {
            calls.extend([read(slot, 0, whole), read(slot, 6, b"")]);
        }
        calls.extend([open(0), open(1)]);
        for (slot, at, bytes) in [(0, 0, b"0\n"), (1, 0, b"0\n"), (0, 2, b"1\n"), (1, 2, b"2\n")] {
            calls.extend(asks.then(|| lseek(slot, at)));
            calls.push(read(slot, at, bytes));
        }
        calls
    };
    let confirm = |whole| {
        let calls = [calls(whole, false), calls(whole, true)];
        trial.confirm(&runs([FILE; 3], calls), b"/f")
    };
    assert_eq!(
        confirm(FILE).unwrap().command,
        "(exec 3</f 4</f; for i in 0 1; do dd bs=2 count=1 <&3; dd bs=2 count=1 <&4; done)"
    );
    // A file that prints how often it is open is correct.
    assert_eq!(confirm(b"0\n1\n3\n"), None);
}

#[test]
fn texts() {
    let text = |script: Script| script.text("/f", &facts());
    let correct = |script: &Script| right::command(script, Measure::Text, "/f", &facts());
    let parts = Script::Parts(vec![Part::dd(2, 0, Some(1)).hidden(), Part::dd(2, 1, Some(1))]);
    assert_eq!(correct(&parts), "cat /f | tail -c +5 | head -c 2");
    assert_eq!(text(parts), "{ dd bs=2 count=1 >/dev/null; dd bs=2 skip=1 count=1; } </f");
    let large = Part::dd(LARGE, 0, None);
    let twice = Script::Parts(vec![large, large]);
    assert_eq!(correct(&twice), "cat /f");
    assert_eq!(text(twice), "{ dd bs=128k; dd bs=128k; } </f");
    let between = Script::Between { first: 2 };
    assert_eq!(correct(&between), "cat /f");
    assert_eq!(text(between), "(exec 3</f; dd bs=2 count=1 <&3; cat /f >/dev/null; cat <&3)");
    let read = TrialStep::read(Step::Read { slot: 0, want: 2 }, true);
    let two = Script::Python(vec![read.clone(), TrialStep::seek(0), read]);
    assert_eq!(correct(&two), "{ cat /f | head -c 2; cat /f | head -c 2; }");
    assert_eq!(
        text(two),
        "python3 -c 'from os import *; write(1, read(0, 2)); lseek(0, 0, 0); write(1, read(0, 2))' </f"
    );
    let readv = Step::Vectored { slot: 0, wants: vec![1, 26] };
    assert_eq!(
        text(Script::Python(vec![TrialStep::read(readv, true)])),
        "python3 -c 'from os import *; b = [bytearray(n) for n in (1, 26,)]; n = readv(0, b); \
         write(1, b\"\".join(b)[:n])' </f"
    );
    assert_eq!(
        text(Script::Python(vec![sendfile(&facts())])),
        "python3 -c 'from os import *; all(sendfile(1, 0, None, 65536) for i in range(4096))' </f"
    );
}

#[test]
fn the_whole_read_itself() {
    let line = |fault: Fault, bytes: &[u8], end| {
        let trial = trial(Script::Whole(fault));
        let whole = Whole { bytes: bytes.to_vec(), end, end_lasts: true };
        let run = Run { before: whole.clone(), calls: Vec::new(), after: whole };
        trial.confirm(&[run.clone(), run], b"/f").map(|repro| repro.command)
    };
    assert_eq!(line(Fault::Fails, b"a\n", End::Error(5)).as_deref(), Some("cat /f"));
    assert_eq!(line(Fault::Fails, b"a\n", End::Eof), None);
    assert_eq!(line(Fault::Silent, b"a\n", End::Eof).as_deref(), Some("cat /f | wc -c"));
    assert_eq!(line(Fault::Empty, b"", End::Eof).as_deref(), Some("cat /f"));
    assert_eq!(line(Fault::Empty, b"a\n", End::Eof), None);
    let endless = line(Fault::Endless, b"a\n", End::Cut);
    assert_eq!(endless.as_deref(), Some("dd if=/f bs=128k count=1 | wc -c"));
    assert_eq!(line(Fault::Endless, b"a\n", End::Eof), None);
}

#[test]
fn a_line_is_twice_because_a_record_is() {
    let pair = |first, again, len| Pair {
        first: Range { start: first, end: first + len },
        again: Range { start: again, end: again + len },
    };
    let command = |pair: Pair, bytes: &[u8]| {
        doubles::command(&pair, bytes, End::Eof, "cat /f").map(|repro: Repro| repro.command)
    };
    assert_eq!(command(pair(2, 4, 2), b"a\nb\nb\n").as_deref(), Some("cat /f | uniq -d"));
    assert_eq!(command(pair(0, 4, 2), b"a\nb\na\n").as_deref(), Some("cat /f | sort | uniq -d"));
    // Lines that occur twice after it are not of this record.
    let bounded = command(pair(0, 4, 2), b"a\nb\na\n#\n#\n");
    assert_eq!(bounded.as_deref(), Some("cat /f | head -c 6 | sort | uniq -d"));
    // Lines that occur twice before it hide the record, so there is no command.
    assert_eq!(command(pair(4, 8, 2), b"#\n#\na\nb\na\n"), None);
    assert_eq!(command(pair(0, 4, 2), b"a\nb\nc\n"), None);
    assert_eq!(command(pair(0, 2, 1), b"a,a\n"), None);
    assert_eq!(command(pair(0, 40, 2), b"a\nb\na\n"), None);
}

#[test]
fn a_search_ends_with_a_read_that_does_not() {
    let mut sim = Sim::new(File::of(Kind::Early, 300));
    let (report, shape) = examined(&mut sim, 1 << 16);
    let mut carried = 0;
    let found = searched_until(&report, &shape, |steps| {
        carried += 1;
        Some(sim.run(steps)).filter(|_| carried < 2)
    });
    assert_eq!((found, carried), (None, 2));
}

#[test]
fn what_no_reader_sees_is_not_searched_for() {
    let mut sim = Sim::new(File::of(Kind::Right, 30));
    let (mut report, shape) = examined(&mut sim, 1 << 16);
    report.found.push(found(401));
    assert_eq!(trials(&report, &shape), []);
    report.found.push(found(104));
    assert!(!trials(&report, &shape).is_empty());
}

#[test]
fn words_of_the_shell() {
    assert_eq!(quote(b"/proc/net/tcp").as_deref(), Some("/proc/net/tcp"));
    assert_eq!(quote(b"/proc/it's").as_deref(), Some("'/proc/it'\\''s'"));
    assert_eq!(quote(b"/proc/$(x)").as_deref(), Some("'/proc/$(x)'"));
    assert_eq!(quote(b"/proc/a\nb"), None);
    assert_eq!(quote(b"/proc/\xff"), None);
}
