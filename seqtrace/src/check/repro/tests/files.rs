//! Files with a bug each, and correct ones.

use super::sim::{Callbacks, Out};
use crate::check::call::Syscall;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Right,
    /// Correct, with numbers that change with each system call.
    Ticking,
    /// Correct, with numbers that change with each rendering.
    Counting,
    /// next() leaves `*pos` alone at the end.
    EofStuck,
    /// start() resumes one record early.
    Early,
    /// start() begins from record 0.
    Reset,
    /// start() prints a header in each pass.
    StartPrints,
    /// start() prints, and the numbers change with each system call.
    StartPrintsTicking,
    /// start() sets `*pos` back at the end; the numbers change with each rendering.
    Counter,
    /// `Counter` with more than a page of records.
    OnePage,
    /// start() returns a stored cursor.
    Cursor,
    /// next() returns NULL for each record.
    Alone,
    /// Each resumed record has other garbage.
    Stale,
    /// All readers share a cursor.
    Shared,
    /// The last record is returned for ever.
    Endless,
    /// Reading removes the records.
    Consumed,
    /// lseek() returns another offset than the one it set.
    Astray,
    /// `EofStuck`, with numbers that change with each system call.
    EofStuckTicking,
    /// `EofStuck`, without lseek(2).
    EofStuckNoLseek,
    /// readv(2) gets another byte.
    Readv,
    /// splice(2) gets another byte.
    Splice,
    /// show() fails at a record.
    Fails,
}

pub(super) struct File {
    pub(super) kind: Kind,
    pub(super) records: Vec<Vec<u8>>,
    shared: i64,
    count: u64,
    ticks: u64,
}

impl File {
    pub(super) fn new(kind: Kind, records: Vec<Vec<u8>>) -> Self {
        Self { kind, records, shared: 0, count: 7, ticks: 0 }
    }

    /// Returns a number of records of 27 bytes.
    pub(super) fn of(kind: Kind, count: usize) -> Self {
        let record = |number| format!("rec {number:05} abcdefghijklmnop\n").into_bytes();
        Self::new(kind, (0..count).map(record).collect())
    }

    fn at(&self, pos: i64) -> Option<i64> {
        (0..self.len()).contains(&pos).then_some(pos)
    }

    fn len(&self) -> i64 {
        i64::try_from(self.records.len()).unwrap()
    }
}

impl Callbacks for File {
    fn start(&mut self, private: &mut i64, pos: &mut i64, out: &mut Out) -> Option<i64> {
        match self.kind {
            Kind::Early if *pos > 0 => self.at(*pos - 1),
            Kind::Reset => self.at(*pos).and(self.at(0)),
            Kind::StartPrints | Kind::StartPrintsTicking => {
                let record = self.at(*pos)?;
                out.put(b"# a table\n");
                Some(record)
            }
            Kind::Counter | Kind::OnePage => {
                if *pos == 0 {
                    return self.at(0);
                }
                *pos = 0;
                None
            }
            Kind::Cursor => self.at(*private),
            Kind::Shared => {
                if *pos == 0 {
                    self.shared = 0;
                }
                self.at(self.shared)
            }
            Kind::Endless => Some((*pos).min(self.len() - 1)),
            Kind::Consumed => (!self.records.is_empty()).then_some(0),
            Kind::Stale => {
                *private = i64::from(*pos > 0);
                self.at(*pos)
            }
            _ => self.at(*pos),
        }
    }

    fn next(&mut self, private: &mut i64, v: i64, pos: &mut i64) -> Option<i64> {
        match self.kind {
            Kind::EofStuck | Kind::EofStuckNoLseek | Kind::EofStuckTicking
                if *pos + 1 >= self.len() =>
            {
                return None;
            }
            Kind::Alone => {
                *pos += 1;
                return None;
            }
            Kind::Cursor => *private = v + 1,
            Kind::Shared => {
                *pos += 1;
                self.shared += 1;
                return self.at(self.shared);
            }
            Kind::Consumed => {
                self.records.remove(0);
                *pos += 1;
                return (!self.records.is_empty()).then_some(0);
            }
            Kind::Endless => {
                *pos += 1;
                return Some((*pos).min(self.len() - 1));
            }
            Kind::Stale => *private = 0,
            _ => {}
        }
        *pos += 1;
        self.at(v + 1)
    }

    fn show(&mut self, private: &mut i64, v: i64, out: &mut Out) -> Result<(), i64> {
        let record = self.records[usize::try_from(v).unwrap()].clone();
        match self.kind {
            Kind::Ticking | Kind::StartPrintsTicking | Kind::EofStuckTicking => {
                out.put(format!("at {} ", self.ticks).as_bytes());
            }
            Kind::Counting | Kind::Counter => {
                self.count += 1;
                out.put(format!("{}\n", self.count).as_bytes());
                if self.kind == Kind::Counter {
                    return Ok(());
                }
            }
            Kind::Stale if *private > 0 => {
                self.count = self.count.wrapping_mul(6_364_136_223_846_793_005) + 1;
                out.put(format!("{:08x}{}", self.count >> 33, "\n").as_bytes());
                return Ok(());
            }
            Kind::Fails if v == self.len() / 2 => return Err(5),
            _ => {}
        }
        out.put(&record);
        Ok(())
    }

    fn open(&mut self, _private: &mut i64) {
        self.shared = 0;
    }

    fn tick(&mut self) {
        self.ticks += 97;
    }

    fn garbles(&self, syscall: Syscall) -> bool {
        match self.kind {
            Kind::Readv => syscall == Syscall::Readv,
            Kind::Splice => syscall == Syscall::Splice,
            _ => false,
        }
    }

    fn lseeks(&self) -> bool {
        self.kind != Kind::EofStuckNoLseek
    }

    fn astray(&self, to: u64) -> u64 {
        if self.kind == Kind::Astray && to > 0 { to - 1 } else { to }
    }
}
