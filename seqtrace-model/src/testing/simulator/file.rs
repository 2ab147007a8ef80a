//! Files of the simulator: their start, next, show and stop.

use proptest::prelude::*;

/// The output buffer of a seq_file, which seq_write() and similar functions change.
pub struct Output<'a> {
    pub buffer: &'a mut Vec<(u64, u32)>,
    pub count: &'a mut u64,
    pub size: u64,
    /// Time at which this callback will return, which identifies the call.
    pub call: u64,
    pub written: u32,
}

impl Output<'_> {
    /// Writes as `seq_write()` does: all or nothing, and count == size on overflow (fs/seq_file.c).
    pub fn write(&mut self, bytes: u32) {
        if *self.count + u64::from(bytes) < self.size {
            for _ in 0..bytes {
                self.put();
            }
        } else {
            // Bytes that were there remain.
            let at = usize::try_from(*self.count).expect("a small buffer");
            self.buffer[at..].fill((0, 0));
            *self.count = self.size;
        }
    }

    /// Writes as `seq_printf()` does: as much as fits.
    pub fn print(&mut self, bytes: u32) {
        for _ in 0..bytes {
            if *self.count < self.size {
                self.put();
            }
        }
    }

    fn put_all(&mut self, bytes: u32, prints: bool) {
        if prints {
            self.print(bytes);
        } else {
            self.write(bytes);
        }
    }

    /// Removes the last byte, as some files do to remove a superfluous comma.
    pub fn take_back(&mut self) {
        *self.count -= u64::from(self.written.min(1));
    }

    fn put(&mut self) {
        let at = usize::try_from(*self.count).expect("a small buffer");
        self.buffer[at] = (self.call, self.written);
        self.written += 1;
        *self.count += 1;
    }
}

/// The four callbacks of a file.
pub trait SeqFile {
    fn start(&mut self, pos: &mut i64, m: &mut Output<'_>) -> u64;
    fn next(&mut self, v: u64, pos: &mut i64, m: &mut Output<'_>) -> u64;
    fn show(&mut self, v: u64, m: &mut Output<'_>) -> i32;
    fn stop(&mut self, v: u64, m: &mut Output<'_>);
}

const HEAP: u64 = 0xffff_8880_0000_0000;

/// A list with a choice of bugs and of correct peculiarities that look like bugs.
#[derive(Clone, Debug)]
pub struct List {
    pub records: Vec<(u32, i32)>,
    pub next: Next,
    pub start: Start,
    /// Position of the second record; the distance between positions is the same.
    pub first: i64,
    pub stride: i64,
    pub header: bool,
    pub one_pointer: bool,
    pub start_writes: u32,
    pub next_writes: u32,
    pub stop_writes: u32,
    pub prints: bool,
    pub cursor: usize,
    /// Number of calls after which the file ends in any case, so that a bug cannot make it endless.
    pub fuel: u32,
}

/// Treatment of the position by next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Right,
    StuckAtEnd,
    Stuck,
    Back,
    Fails(usize, i64),
}

/// Treatment of the position by start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Right,
    Early,
    Late,
    Rewinds,
    Fails(usize, i64),
    Moves,
}

impl List {
    /// Creates a list without bugs.
    pub fn innocent(records: Vec<(u32, i32)>) -> Self {
        Self {
            records,
            next: Next::Right,
            start: Start::Right,
            first: 0,
            stride: 1,
            header: false,
            one_pointer: false,
            start_writes: 0,
            next_writes: 0,
            stop_writes: 0,
            prints: true,
            cursor: 0,
            fuel: 1_000_000,
        }
    }

    fn pos(&self, index: usize) -> i64 {
        match i64::try_from(index).expect("a short list") {
            0 => 0,
            index => self.first.wrapping_add(index.wrapping_mul(self.stride)),
        }
    }

    fn at(&mut self, index: usize) -> u64 {
        self.cursor = index;
        if self.fuel == 0 || index >= self.records.len() {
            return 0;
        }
        self.fuel -= 1;
        match index {
            0 if self.header => 1,
            _ if self.one_pointer => HEAP,
            _ => HEAP + 64 * (index as u64 + 1),
        }
    }
}

impl SeqFile for List {
    fn start(&mut self, pos: &mut i64, m: &mut Output<'_>) -> u64 {
        m.print(self.start_writes);
        let exact = (0..=self.records.len()).find(|&index| self.pos(index) == *pos);
        let index = exact.unwrap_or(self.records.len());
        match self.start {
            Start::Early => self.at(index.saturating_sub(1)),
            Start::Late if index > 0 => self.at(index + 1),
            Start::Rewinds => self.at(0),
            Start::Fails(at, errno) if index == at && self.fuel > 0 => {
                self.fuel -= 1;
                errno.cast_unsigned()
            }
            Start::Right | Start::Late | Start::Fails(..) => self.at(index),
            Start::Moves => {
                *pos = self.pos(index + 1);
                self.at(index + 1)
            }
        }
    }

    fn next(&mut self, _v: u64, pos: &mut i64, m: &mut Output<'_>) -> u64 {
        m.print(self.next_writes);
        let index = self.cursor + 1;
        let last = index >= self.records.len();
        match self.next {
            Next::Stuck => {}
            Next::StuckAtEnd if last => {}
            Next::Back if last => *pos = self.pos(index.saturating_sub(2)),
            Next::Fails(at, errno) if index == at && self.fuel > 0 => {
                self.fuel -= 1;
                return errno.cast_unsigned();
            }
            _ => *pos = self.pos(index),
        }
        self.at(index)
    }

    fn show(&mut self, _v: u64, m: &mut Output<'_>) -> i32 {
        let Some(&(bytes, ret)) = self.records.get(self.cursor) else { return 0 };
        if self.prints {
            m.print(bytes);
        } else {
            m.write(bytes);
        }
        ret
    }

    fn stop(&mut self, _v: u64, m: &mut Output<'_>) {
        m.print(self.stop_writes);
    }
}

/// A file whose callbacks return random values.
#[derive(Clone, Debug)]
pub struct Chaos {
    pub seed: u64,
    pub fuel: u32,
}

impl Chaos {
    fn roll(&mut self, sides: u64) -> u64 {
        // xorshift64
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % sides
    }

    fn fetch(&mut self, pos: &mut i64) -> u64 {
        match self.roll(12) {
            0 => {}
            1 => *pos = i64::MAX,
            2 => *pos = i64::MIN,
            3 => *pos = 0,
            4 => *pos = pos.wrapping_sub(1),
            _ => *pos = pos.wrapping_add(1),
        }
        if self.fuel == 0 {
            return 0;
        }
        self.fuel -= 1;
        match self.roll(20) {
            0 => 0,
            1 if self.fuel.is_multiple_of(2) => (-5_i64).cast_unsigned(),
            1 => (-11_i64).cast_unsigned(),
            2 => 1,
            3 => u64::MAX / 2,
            _ => HEAP + self.roll(4),
        }
    }

    fn output(&mut self, m: &mut Output<'_>) {
        match self.roll(40) {
            0 => m.print(3),
            1 => m.write(2),
            2 => m.write(1000),
            _ => {}
        }
    }
}

impl SeqFile for Chaos {
    fn start(&mut self, pos: &mut i64, m: &mut Output<'_>) -> u64 {
        self.output(m);
        self.fetch(pos)
    }

    fn next(&mut self, _v: u64, pos: &mut i64, m: &mut Output<'_>) -> u64 {
        self.output(m);
        self.fetch(pos)
    }

    fn show(&mut self, _v: u64, m: &mut Output<'_>) -> i32 {
        let bytes = match self.roll(12) {
            0 | 1 => 0,
            2 => 100,
            3 => 300,
            _ => 1 + self.roll(20),
        };
        let bytes = u32::try_from(bytes).expect("few");
        if self.fuel > 0 {
            let prints = self.roll(2) == 0;
            m.put_all(bytes, prints);
        }
        if self.roll(30) == 0 {
            m.take_back();
        }
        match self.roll(16) {
            0 => 1,
            1 => -22,
            2 if self.fuel.is_multiple_of(4) && self.fuel > 0 => -11,
            _ => 0,
        }
    }

    fn stop(&mut self, _v: u64, m: &mut Output<'_>) {
        self.output(m);
    }
}

/// Any file.
#[derive(Clone, Debug)]
pub enum AnyFile {
    List(List),
    Chaos(Chaos),
}

impl AnyFile {
    /// Returns the callbacks of the file.
    pub fn callbacks(self) -> Box<dyn SeqFile> {
        match self {
            Self::List(list) => Box::new(list),
            Self::Chaos(chaos) => Box::new(chaos),
        }
    }
}

/// Errors. traverse() returns -EAGAIN itself, to be called again.
fn errno() -> impl Strategy<Value = i64> {
    prop_oneof![Just(-5), Just(-11)]
}

/// Lists with any combination of bugs.
pub fn lists() -> impl Strategy<Value = List> {
    let record = (
        prop_oneof![6 => 1..30_u32, 1 => Just(0), 1 => 60..300_u32],
        prop_oneof![14 => Just(0), 1 => Just(1), 1 => Just(-5), 1 => Just(-11)],
    );
    let next = prop_oneof![
        4 => Just(Next::Right),
        1 => Just(Next::StuckAtEnd),
        1 => Just(Next::Stuck),
        1 => Just(Next::Back),
        1 => (0..8_usize, errno()).prop_map(|(at, errno)| Next::Fails(at, errno)),
    ];
    let start = prop_oneof![
        5 => Just(Start::Right),
        1 => Just(Start::Early),
        1 => Just(Start::Late),
        1 => Just(Start::Rewinds),
        1 => (0..8_usize, errno()).prop_map(|(at, errno)| Start::Fails(at, errno)),
        1 => Just(Start::Moves),
    ];
    let positions = prop_oneof![
        4 => Just((0, 1)),
        1 => Just((0, 3)),
        1 => Just((0, -1)),
        1 => Just((i64::MIN, 1)),
        1 => Just((1 << 40, 1 << 20)),
    ];
    let writes = prop_oneof![8 => Just((0, 0, 0)), 1 => (0..4_u32, 0..3_u32, 0..9_u32)];
    (
        prop::collection::vec(record, 0..12),
        (next, start, positions, writes),
        any::<(bool, bool, bool)>(),
    )
        .prop_map(|(records, (next, start, (first, stride), writes), flags)| List {
            records,
            next,
            start,
            first,
            stride,
            header: flags.0,
            one_pointer: flags.1,
            start_writes: writes.0,
            next_writes: writes.1,
            stop_writes: writes.2,
            prints: flags.2,
            cursor: 0,
            fuel: 400,
        })
}

/// Any file.
pub fn files() -> impl Strategy<Value = AnyFile> {
    prop_oneof![
        3 => lists().prop_map(AnyFile::List),
        2 => (1..u64::MAX).prop_map(|seed| AnyFile::Chaos(Chaos { seed, fuel: 200 })),
    ]
}
