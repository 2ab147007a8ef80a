//! Readers of the simulator: threads and their system calls.

use proptest::prelude::*;

use crate::event::{Event, EventKind, FileKind, OpTable, Open, SeqState, Task, Via, Wrapper};
use crate::testing::resolve;
use crate::testing::simulator::core::{Iter, Seq};
use crate::testing::simulator::file::AnyFile;
use crate::testing::simulator::log::{Log, TICK, TrueRead};

/// An action of a program on its descriptor.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// read() at the file position.
    Read { want: u64, fault: Option<u64> },
    /// pread()
    Pread { pos: i64, want: u64, fault: Option<u64> },
    /// lseek()
    Lseek { offset: i64, whence: u32 },
    /// Sets the position to 0 without an event, as the lseek of kernfs does.
    Rewind,
    /// Lets an allocation fail, after this many that succeed.
    NoMemory(u32),
    /// write()
    Write,
}

/// A file, and the actions on its descriptor.
#[derive(Clone, Debug)]
pub struct Plan {
    pub file: AnyFile,
    pub acts: Vec<Act>,
}

/// Plans of all kinds.
pub fn plans() -> impl Strategy<Value = Plan> {
    (super::file::files(), prop::collection::vec(acts(), 1..14))
        .prop_map(|(file, acts)| Plan { file, acts })
}

/// Actions of all kinds.
pub fn acts() -> impl Strategy<Value = Act> {
    let want = || prop_oneof![1 => Just(0_u64), 6 => 1..40_u64, 4 => 40..200_u64, 3 => Just(4096)];
    let fault = || prop_oneof![12 => Just(None), 1 => (0..60_u64).prop_map(Some)];
    prop_oneof![
        12 => (want(), fault()).prop_map(|(want, fault)| Act::Read { want, fault }),
        4 => (0..200_i64, want(), fault())
            .prop_map(|(pos, want, fault)| Act::Pread { pos, want, fault }),
        2 => (-2..200_i64).prop_map(|offset| Act::Lseek { offset, whence: 0 }),
        3 => (-60..60_i64).prop_map(|offset| Act::Lseek { offset, whence: 1 }),
        1 => Just(Act::Lseek { offset: 0, whence: 2 }),
        1 => Just(Act::Rewind),
        1 => (0..3_u32).prop_map(Act::NoMemory),
        1 => Just(Act::Write),
    ]
}

/// Returns the task of a thread, as the probes see it.
pub fn task(tid: u32) -> Task {
    Task { pid: 1, tid, uid: 0, comm: format!("t{tid}").into_bytes() }
}

/// Returns the open of a simulated session.
pub fn open(key: u32, adopted: bool) -> EventKind {
    let table = OpTable { start: 0x100, next: 0x200, show: 0x300, stop: 0x400 };
    let kind = FileKind::Seq { m: u64::from(key), op: 2, table, private: 0, size: 0, inner: 0 };
    EventKind::Open(Box::new(Open {
        file: u64::from(key) << 8,
        adopted,
        ino: 1,
        dev: 1,
        magic: 0x9fa0,
        mode: 5,
        ..resolve::open(key, task(1), kind, &[b"simulated"])
    }))
}

/// Runs the actions of one thread, between an open and a release.
pub fn run(key: u32, plan: Plan) -> Log {
    alone(Descriptor::open(key, plan.file), plan.acts)
}

/// Runs the actions of one thread with pages of 4096 bytes.
pub fn run_full_size(file: AnyFile, acts: Vec<Act>) -> Log {
    let mut descriptor = Descriptor::open(1, file);
    descriptor.seq.page = 4096;
    alone(descriptor, acts)
}

fn alone(mut descriptor: Descriptor, acts: Vec<Act>) -> Log {
    for act in acts {
        if let Some(call) = descriptor.enter(1, act, false) {
            let (call, _) = descriptor.locked(call);
            descriptor.exit(call);
        }
    }
    descriptor.release()
}

/// Runs several threads that share a descriptor. `dice` determines the order in which threads continue.
pub fn crowd(key: u32, file: AnyFile, acts: Vec<Vec<Act>>, dice: &[u8]) -> Log {
    let mut descriptor = Descriptor::open(key, file);
    let mut threads: Vec<Thread> = (1..)
        .zip(acts)
        .map(|(tid, acts)| Thread { tid, acts: acts.into_iter(), call: None })
        .collect();
    let mut dice = dice.iter().copied().cycle().map(usize::from);
    loop {
        threads.retain(|thread| thread.call.is_some() || thread.acts.len() > 0);
        if threads.is_empty() {
            return descriptor.release();
        }
        let who = dice.next().unwrap_or(0) % threads.len();
        let mut thread = threads.swap_remove(who);
        match thread.call.take() {
            None => thread.step(&mut descriptor),
            Some(call) if call.done.is_some() => descriptor.exit(call),
            Some(call) => {
                let (call, section) = descriptor.locked(call);
                thread.call = Some(call);
                // While this thread holds m->lock, others enter, and those that have dropped it
                // return.
                for other in &mut threads {
                    if dice.next().unwrap_or(0) % 3 > 0 {
                        continue;
                    }
                    let at = dice.next().unwrap_or(0) % section.len().max(1);
                    if let Some(&(time, state)) = section.get(at) {
                        descriptor.meanwhile(other, time, state);
                    }
                }
            }
        }
        threads.push(thread);
    }
}

struct Thread {
    tid: u32,
    acts: std::vec::IntoIter<Act>,
    call: Option<Call>,
}

impl Thread {
    fn step(&mut self, descriptor: &mut Descriptor) {
        if let Some(act) = self.acts.next() {
            self.call = descriptor.enter(self.tid, act, true);
        }
    }
}

/// A system call in progress.
#[derive(Clone, Copy, Debug)]
struct Call {
    tid: u32,
    kind: CallKind,
    /// Result of the call, once it has dropped the lock.
    done: Option<Done>,
}

#[derive(Clone, Copy, Debug)]
enum CallKind {
    Read { id: u32, pos: i64, want: u64, fault: Option<u64>, moves: bool },
    Lseek { offset: i64, whence: u32 },
}

#[derive(Clone, Copy, Debug)]
struct Done {
    ret: i64,
    leftover: u64,
    truth: (u64, bool, crate::session::update::Totals),
}

struct Descriptor {
    seq: Seq,
    f_pos: i64,
    reads: u32,
}

impl Descriptor {
    fn open(key: u32, file: AnyFile) -> Self {
        let mut seq = Seq::new(key, file.callbacks());
        seq.emit(open(key, false));
        Self { seq, f_pos: 0, reads: 0 }
    }

    /// Emits the entry of a system call.
    fn enter(&mut self, tid: u32, act: Act, crowd: bool) -> Option<Call> {
        let (call, body) = self.entry(tid, act, crowd, self.seq.state())?;
        self.seq.emit(body);
        Some(call)
    }

    fn entry(
        &mut self,
        tid: u32,
        act: Act,
        crowd: bool,
        state: SeqState,
    ) -> Option<(Call, EventKind)> {
        let key = self.seq.key;
        let kind = match act {
            Act::Read { want, fault } => {
                self.reads += 1;
                CallKind::Read { id: self.reads, pos: self.f_pos, want, fault, moves: true }
            }
            Act::Pread { pos, want, fault } => {
                self.reads += 1;
                CallKind::Read { id: self.reads, pos, want, fault, moves: false }
            }
            Act::Lseek { offset, whence } => CallKind::Lseek { offset, whence },
            Act::Rewind => {
                self.f_pos = 0;
                return None;
            }
            Act::NoMemory(after) => {
                self.seq.memory = (!crowd).then_some(after);
                return None;
            }
            Act::Write => {
                let body = EventKind::Write { key, task: task(tid), pos: 3, want: 3, ret: 3 };
                self.seq.emit(body);
                return None;
            }
        };
        let body = match kind {
            CallKind::Read { pos, want, .. } => EventKind::ReadEnter {
                key,
                task: task(tid),
                pos,
                want,
                state,
                via: Some(Via::ReadIter),
            },
            CallKind::Lseek { offset, whence } => {
                EventKind::LseekEnter { key, tid, offset, whence, state }
            }
        };
        Some((Call { tid, kind, done: None }, body))
    }

    /// Runs the part of a system call that is under `m->lock`. Also returns the events and states.
    fn locked(&mut self, mut call: Call) -> (Call, Vec<(u64, SeqState)>) {
        let seq = &mut self.seq;
        let ret = match call.kind {
            CallKind::Read { id, pos, want, fault, moves } => {
                seq.enter(call.tid, Some(id));
                let mut ki_pos = pos;
                let ret = seq.read_iter(&mut ki_pos, &mut Iter { room: want, fault });
                if moves {
                    self.f_pos = ki_pos;
                }
                ret
            }
            CallKind::Lseek { offset, whence } => {
                seq.enter(call.tid, None);
                seq.lseek(&mut self.f_pos, offset, whence)
            }
        };
        seq.memory = None;
        seq.totals.reads = 1;
        seq.totals.bytes = u64::try_from(ret).unwrap_or(0);
        let leftover = seq.state().count;
        let truth = (seq.drained, seq.end_seen && leftover == 0, seq.totals);
        call.done = Some(Done { ret, leftover, truth });
        (call, seq.states.clone())
    }

    /// Emits the return of a system call.
    fn exit(&mut self, call: Call) {
        let body = self.exit_body(call, self.seq.state());
        let time = self.seq.emit(body);
        self.note(call, time);
    }

    fn exit_body(&self, call: Call, state: SeqState) -> EventKind {
        let (key, tid) = (self.seq.key, call.tid);
        let ret = call.done.expect("it has returned").ret;
        match call.kind {
            CallKind::Read { .. } => EventKind::ReadExit { key, tid, ret, state },
            CallKind::Lseek { .. } => EventKind::LseekExit { key, tid, ret, state },
        }
    }

    fn note(&mut self, call: Call, time: u64) {
        let Some(Done { leftover, truth: (from_leftover, eof, totals), .. }) = call.done else {
            return;
        };
        match call.kind {
            CallKind::Read { .. } => {
                let truth = TrueRead { leftover, from_leftover, eof, totals };
                self.seq.log.reads.insert(time, truth);
            }
            CallKind::Lseek { .. } => {
                self.seq.log.lseeks.insert(time, leftover);
            }
        }
    }

    /// Lets a thread enter or return just behind the event at `time`, while another one holds the
    /// lock.
    fn meanwhile(&mut self, thread: &mut Thread, time: u64, state: SeqState) {
        let (body, call) = match thread.call.take() {
            Some(call) if call.done.is_some() => (self.exit_body(call, state), Some(call)),
            Some(call) => {
                thread.call = Some(call);
                return;
            }
            None => {
                let Some(act @ (Act::Read { .. } | Act::Pread { .. } | Act::Lseek { .. })) =
                    thread.acts.as_slice().first().copied()
                else {
                    return;
                };
                thread.acts.next();
                let Some((call, body)) = self.entry(thread.tid, act, true, state) else { return };
                thread.call = Some(call);
                (body, None)
            }
        };
        // Behind that event, and behind the events of other threads there.
        let events = &mut self.seq.log.events;
        let mut at = events.partition_point(|event| event.time <= time);
        while events.get(at).is_some_and(|event| event.time < time + TICK) {
            at += 1;
        }
        let time = at.checked_sub(1).map_or(time, |before| events[before].time) + 1;
        events.insert(at, Event { time, cpu: 1, body });
        if let Some(call) = call {
            self.note(call, time);
        }
    }

    fn release(mut self) -> Log {
        let key = self.seq.key;
        self.seq.release();
        self.seq.emit(EventKind::Release {
            key,
            tid: 1,
            wrapper: Wrapper::SeqRelease,
            private: 0,
            removed: false,
        });
        self.seq.log
    }
}
