//! Scripts: an event on the left of `|`, the updates that follow from it on the right.
//!
//! ```text
//! open                          | s1 open seq_open
//! read 0 want 100 (0 0 0)       | r1 read 0 want 100
//! begin 0                       |
//! start -> A                    | start first 0 -> A
//! show =2                       | show first 0 A +2 emitted 0..2
//! next -> NULL @1               | next fill 0>1 A -> NULL
//! stop                          | stop fill 1 NULL
//! = 2 (1 0 2)                   | r1 = 2 at 0..2 left 0 emitted 1 eof
//! ```
//!
//! Left: `#2` is another session, `@7` another thread, both in front; `(index count read_pos)` is the seq_file; `@3`
//! and `=27` are index and count on return, by default those of the previous callback; `full` marks a full buffer.
//! Pointers are capital letters. Right: `;` separates updates. Each event is 1 µs after the previous one.

use crate::event::{
    Callback, Event, EventKind, FileKind, Key, OpTable, Open, Ptr, Role, SeqState, Task, Via,
    Wrapper,
};
use crate::session::Tracker;
use crate::session::tests::describe::describe;
use crate::session::update::Update;
use crate::symbol::Symbol;
use crate::testing::resolve::{self, SINGLE_START};

/// Callbacks of the sessions in a script.
pub(crate) const TABLE: OpTable = OpTable { start: 0x100, next: 0x200, show: 0x300, stop: 0x400 };

/// Plays a script and compares the updates with its right side.
pub(crate) fn play(script: &str) {
    let mut tracker = Tracker::new();
    let mut parser = Parser::default();
    let (mut expected, mut observed) = (Vec::new(), Vec::new());
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (left, right) = line.split_once('|').unwrap_or((line, ""));
        let (left, right) = (left.trim(), right.trim());
        let mut updates = Vec::new();
        let mut out = |update: &Update| updates.push(describe(update));
        match left {
            "finish" => tracker.finish(parser.time + 1000, &mut out),
            _ => tracker.feed(&parser.event(left), &mut out),
        }
        let right = right.split(';').map(str::trim).collect::<Vec<_>>().join("; ");
        expected.push(format!("{left:<36}| {right}"));
        observed.push(format!("{left:<36}| {}", updates.join("; ")));
    }
    let (expected, observed) = (expected.join("\n"), observed.join("\n"));
    assert!(expected == observed, "expected\n{expected}\nobserved\n{observed}");
}

#[derive(Default)]
struct Parser {
    time: u64,
    index: i64,
    count: u32,
}

impl Parser {
    fn event(&mut self, line: &str) -> Event {
        self.time += 1000;
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let mut prefix = |sign: char, default: u32| {
            let Some(value) = words.first().and_then(|word| word.strip_prefix(sign)) else {
                return default;
            };
            let value = value.parse().expect("a number");
            words.remove(0);
            value
        };
        let key = prefix('#', 1);
        let tid = prefix('@', 1);
        let body = self.body(key, tid, &words);
        Event { time: self.time, cpu: 0, body }
    }

    #[expect(clippy::too_many_lines, reason = "a table, an event an arm")]
    fn body(&mut self, key: Key, tid: u32, words: &[&str]) -> EventKind {
        let number = |at: usize| words[at].parse::<i64>().expect(words[at]);
        let state = || state(&words.join(" "));
        match words[0] {
            "open" => EventKind::Open(Box::new(open(key, tid, &words[1..]))),
            "read" => EventKind::ReadEnter {
                key,
                task: task(tid),
                pos: number(1),
                want: number(3).unsigned_abs(),
                state: state(),
                via: Via::ALL.iter().copied().find(|via| words.contains(&via.name())),
            },
            "=" => EventKind::ReadExit { key, tid, ret: number(1), state: state() },
            "lseek" if words[1] == "=" => {
                EventKind::LseekExit { key, tid, ret: number(2), state: state() }
            }
            "lseek" => EventKind::LseekEnter {
                key,
                tid,
                offset: number(2),
                whence: match words[1] {
                    "set" => 0,
                    "cur" => 1,
                    _ => 2,
                },
                state: state(),
            },
            "begin" => {
                self.index = number(1);
                self.count = 0;
                let size = words.get(2).map_or(4096, |size| size.parse().expect("a size"));
                EventKind::PassBegin { key, tid, index: self.index, size, count: 0, from: 0 }
            }
            "start" => self.callback(key, Role::Start, pointer(words[2]).0, &words[3..]),
            "next" => self.callback(key, Role::Next, pointer(words[2]).0, &words[3..]),
            "show" => {
                let ret = words.iter().find_map(|word| word.strip_prefix("ret")).unwrap_or("0");
                let ret: i64 = ret.parse().expect("show's return");
                self.callback(key, Role::Show, ret.cast_unsigned(), &words[1..])
            }
            "stop" => self.callback(key, Role::Stop, 0, &words[1..]),
            "preview" => EventKind::Preview { key, bytes: words[1].as_bytes().to_vec() },
            "release" => EventKind::Release {
                key,
                tid,
                wrapper: wrapper(words[1]),
                private: 0,
                removed: false,
            },
            "fail" => {
                EventKind::OpenFailed { key, tid, ret: words[1].parse().expect("a negative errno") }
            }
            "write" => EventKind::Write {
                key,
                task: task(tid),
                pos: number(3),
                want: number(1).unsigned_abs(),
                ret: number(2),
            },
            "plain" => EventKind::PlainRead {
                key,
                task: task(tid),
                pos: number(3),
                want: number(1).unsigned_abs(),
                ret: number(2),
            },
            "gap" => EventKind::Gap { lost: number(1).unsigned_abs() },
            "blind" => {
                let (role, address) = match words[1] {
                    "start" => (Role::Start, TABLE.start),
                    "next" => (Role::Next, TABLE.next),
                    "show" => (Role::Show, TABLE.show),
                    _ => (Role::Stop, TABLE.stop),
                };
                EventKind::Blind {
                    function: Symbol::unnamed(address),
                    role,
                    reason: "notrace".to_owned(),
                }
            }
            "attached" => EventKind::TableAttached { table: TABLE },
            other => panic!("what is {other}?"),
        }
    }

    fn callback(&mut self, key: Key, role: Role, ret: u64, words: &[&str]) -> EventKind {
        for word in words {
            if let Some(index) = word.strip_prefix('@') {
                self.index = index.parse().expect("an index");
            }
            if let Some(count) = word.strip_prefix('=') {
                self.count = count.parse().expect("a count");
            }
        }
        let full = words.contains(&"full");
        let (index, count) = (self.index, self.count);
        // Changes that the core makes between two callbacks are in the script: the next `=` shows a dropped rendering,
        // the next `@` a corrected index.
        EventKind::Callback(Callback { index, count, full, ..Callback::new(key, role, ret) })
    }
}

/// Returns the task of a thread.
pub(crate) fn task(tid: u32) -> Task {
    Task { pid: tid, tid, uid: 0, comm: b"cat".to_vec() }
}

fn state(line: &str) -> SeqState {
    let inner = line.split_once('(').map_or("0 0 0", |(_, rest)| rest.trim_end_matches(')'));
    let numbers: Vec<i64> = inner.split(' ').map(|word| word.parse().expect("a number")).collect();
    SeqState {
        size: 4096,
        from: 0,
        index: numbers[0],
        count: numbers[1].unsigned_abs(),
        read_pos: numbers[2],
    }
}

fn open(key: Key, tid: u32, words: &[&str]) -> Open {
    let mut table = TABLE;
    if words.contains(&"single_start") {
        table.start = SINGLE_START;
    }
    // The seq_file has an address of its own, unless the script gives one: `m1`, `m2`, …
    let m = words.iter().find_map(|word| word.strip_prefix('m')?.parse().ok());
    let m = m.unwrap_or(u64::from(key) << 16);
    let kind = match words {
        ["plain", ..] => FileKind::Plain { read: 1, write: 2 },
        ["bare", ..] => {
            FileKind::Seq { m, op: 0, table: OpTable::default(), private: 0, size: 0, inner: 0 }
        }
        _ => FileKind::Seq { m, op: 2, table, private: 0, size: 0, inner: 0 },
    };
    Open {
        ret: if words.contains(&"failed") { -12 } else { 0 },
        file: u64::from(key) * 0x10,
        adopted: words.contains(&"adopted"),
        own: words.contains(&"own"),
        ino: 1,
        dev: 5,
        magic: 0x9fa0,
        mode: 1,
        via: words.iter().position(|word| *word == "via").map(|at| wrapper(words[at + 1])),
        ..resolve::open(key, task(tid), kind, &[b"foo"])
    }
}

const WRAPPERS: [Wrapper; 10] = [
    Wrapper::SingleOpen,
    Wrapper::SingleOpenSize,
    Wrapper::SeqOpenPrivate,
    Wrapper::SeqOpenPrivateRaw,
    Wrapper::SeqOpen,
    Wrapper::SeqRelease,
    Wrapper::SingleRelease,
    Wrapper::SeqReleasePrivate,
    Wrapper::ProcRegOpen,
    Wrapper::ProcRegRelease,
];

fn wrapper(name: &str) -> Wrapper {
    *WRAPPERS.iter().find(|wrapper| wrapper.name() == name).expect(name)
}

/// `A` to `Z`, `NULL`, `TOKEN`, `ERR12`.
fn pointer(name: &str) -> Ptr {
    match name {
        "NULL" => Ptr::NULL,
        "TOKEN" => Ptr::TOKEN,
        _ => match name.strip_prefix("ERR") {
            Some(errno) => Ptr(errno.parse::<u64>().expect("an errno").wrapping_neg()),
            None => Ptr(0xffff_8880_0000_0000 + u64::from(name.as_bytes()[0])),
        },
    }
}
