//! Values from the bytes of an input. Similar inputs give similar values, so that coverage guides the fuzzer; the random
//! generators of the tests would not keep this.

use seqtrace_model::symbol::{Symbol, Unnamed};

use crate::event::{
    Callback, Event, EventKind, FileKind, Key, OpTable, Open, Role, SeqState, Task, Via, Wrapper,
};
use crate::recording::testing::WRAPPERS;

/// The bytes that are not used yet. After them come zeros.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl Bytes<'_> {
    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Takes a number of any size: its length, its sign and its bytes.
    pub(super) fn number(&mut self) -> u64 {
        let head = self.byte();
        let value = (0..head % 9).fold(0, |value, _| value << 8 | u64::from(self.byte()));
        if head & 0x80 == 0 { value } else { value.wrapping_neg() }
    }

    fn signed(&mut self) -> i64 {
        self.number().cast_signed()
    }

    #[expect(clippy::cast_possible_truncation, reason = "any number will do")]
    fn narrow(&mut self) -> u32 {
        self.number() as u32
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    fn select<T: Copy>(&mut self, values: &[T]) -> T {
        values[usize::from(self.byte()) % values.len()]
    }

    /// Takes a number of a few values, so that events meet their sessions and tasks.
    fn few(&mut self) -> u32 {
        1 + u32::from(self.byte() % 5)
    }

    fn text(&mut self, limit: u8) -> Vec<u8> {
        (0..self.byte() % limit).map(|_| self.byte()).collect()
    }

    fn task(&mut self) -> Task {
        Task { pid: self.few(), tid: self.few(), uid: self.few(), comm: self.text(16) }
    }

    fn state(&mut self) -> SeqState {
        SeqState {
            size: self.number(),
            from: self.number(),
            count: self.number(),
            index: self.signed(),
            read_pos: self.signed(),
        }
    }

    fn table(&mut self) -> OpTable {
        let mut function = || u64::from(self.byte() % 8);
        OpTable { start: function(), next: function(), show: function(), stop: function() }
    }

    fn wrapper(&mut self) -> Wrapper {
        self.select(WRAPPERS)
    }

    fn open(&mut self, key: Key) -> Open {
        let flags = self.byte();
        let kind = if flags & 7 == 7 {
            FileKind::Plain { read: self.number(), write: self.number() }
        } else {
            FileKind::Seq {
                m: u64::from(self.byte()),
                op: u64::from(self.byte() % 5),
                table: self.table(),
                private: self.number(),
                size: self.number(),
                inner: u64::from(self.byte() % 3),
            }
        };
        let mut open = Open {
            ret: if flags & 0x38 == 0x38 { -12 } else { 0 },
            task: self.task(),
            file: u64::from(self.byte()),
            adopted: flags & 0x40 != 0,
            own: flags & 0xc0 == 0xc0,
            components: (0..self.byte() % 4).map(|_| self.text(20)).collect(),
            path_cut: self.byte() & 7 == 7,
            functions: kind.functions(&mut Unnamed),
            ino: self.number(),
            dev: self.narrow(),
            magic: self.narrow(),
            mode: self.narrow(),
            via: if self.flag() { Some(self.wrapper()) } else { None },
            ..Open::new(key, kind)
        };
        open.path = open.joined();
        open
    }

    /// Takes an event of any kind, with its time.
    pub(super) fn event(&mut self) -> Event {
        let kind = self.byte();
        let (time, cpu, key) = (self.number(), u16::from(self.byte() % 4), self.few());
        Event { time, cpu, body: self.body(kind, key) }
    }

    fn body(&mut self, kind: u8, key: Key) -> EventKind {
        let role = match kind & 0xc0 {
            0 => Role::Start,
            0x40 => Role::Next,
            0x80 => Role::Show,
            _ => Role::Stop,
        };
        match kind & 0x0f {
            0 => EventKind::Open(Box::new(self.open(key))),
            1 => {
                let (task, pos, want, state) =
                    (self.task(), self.signed(), self.number(), self.state());
                let via = self.select(&[None, Some(Via::SeqRead), Some(Via::BpfSeqRead)]);
                EventKind::ReadEnter { key, task, pos, want, state, via }
            }
            2 => {
                let (tid, ret, state) = (self.few(), self.signed(), self.state());
                EventKind::ReadExit { key, tid, ret, state }
            }
            3 => {
                let (tid, offset, whence) = (self.few(), self.signed(), self.few() - 1);
                EventKind::LseekEnter { key, tid, offset, whence, state: self.state() }
            }
            4 => {
                let (tid, ret, state) = (self.few(), self.signed(), self.state());
                EventKind::LseekExit { key, tid, ret, state }
            }
            5 => {
                let (tid, index, size) = (self.few(), self.signed(), self.narrow());
                let (count, from) = (self.narrow(), self.narrow());
                EventKind::PassBegin { key, tid, index, size, count, from }
            }
            6 => EventKind::Preview { key, bytes: self.text(40) },
            7 => {
                let (tid, wrapper, private) = (self.few(), self.wrapper(), self.number());
                EventKind::Release { key, tid, wrapper, private, removed: self.flag() }
            }
            8 => EventKind::OpenFailed { key, tid: self.few(), ret: -(i32::from(self.byte())) },
            9 | 10 => {
                let (task, pos) = (self.task(), self.signed());
                let (want, ret) = (self.number(), self.signed());
                if kind & 0x0f == 9 {
                    EventKind::Write { key, task, pos, want, ret }
                } else {
                    EventKind::PlainRead { key, task, pos, want, ret }
                }
            }
            11 => EventKind::Gap { lost: self.number() },
            12 => {
                let function = Symbol::unnamed(u64::from(self.byte() % 8));
                let reason = String::from_utf8_lossy(&self.text(20)).into_owned();
                EventKind::Blind { function, role, reason }
            }
            13 => EventKind::TableAttached { table: self.table() },
            _ => {
                let (ret, index, count) = (self.number(), self.signed(), self.narrow());
                let full = self.flag();
                let private = if role == Role::Start { Some(self.number()) } else { None };
                EventKind::Callback(Callback { key, role, ret, index, count, full, private })
            }
        }
    }
}
