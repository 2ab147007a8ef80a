//! Ring records into events. Pure: bytes in, events out.
//!
//! Bytes that make no sense never panic and never vanish: they are an error that the caller counts.

use std::collections::HashMap;

use seqtrace_common::slots::{PendingBatch, Slot};
use seqtrace_common::wire::{self, Head, Kind, Pair, open_flag, via};
use thiserror::Error;
use zerocopy::FromBytes;

use seqtrace_model::symbol::Unnamed;

use crate::event::{
    Body, Callback, Event, FileKind, Key, OpTable, Open, Role, SeqState, Task, Via, Wrapper,
};

/// Why a record could not be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// Shorter than its kind needs.
    #[error("a record of {len} bytes is too short for {what}")]
    Short {
        /// What it should have held.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
    },
    /// A kind, or a variant of one, that this version does not know.
    #[error("unknown {what} {value} in a record")]
    Unknown {
        /// What kind of number it is.
        what: &'static str,
        /// The number.
        value: u8,
    },
}

/// Decodes the records of one ring and finds the gaps in them.
#[derive(Debug, Default)]
pub struct Decoder {
    /// By CPU: the loss counter of its last event.
    lost: Vec<u32>,
    /// By session: the last callback that was told while it waited, if none came since.
    told: HashMap<Key, u64>,
    end: Option<u64>,
}

impl Decoder {
    /// A decoder at the beginning of a trace, nothing lost yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// When a record's event happened, ns since boot; `None` if it is too short to say.
    pub fn time(record: &[u8]) -> Option<u64> {
        Head::read_from_prefix(record).ok().map(|(head, _)| head.time)
    }

    /// What happens later is not decoded any more: the trace has ended then (ns since boot).
    pub fn end_at(&mut self, end: u64) {
        self.end = Some(end);
    }

    /// Decodes one record. If its CPU has lost events since its last record, the gap comes first.
    ///
    /// # Errors
    /// A record that is too short or of an unknown kind. A gap it reports is told even then.
    pub fn decode(&mut self, record: &[u8], mut out: impl FnMut(Event)) -> Result<(), DecodeError> {
        let (head, _) = take::<Head>(record, "an event")?;
        let Head { time, cpu, .. } = head;
        let over = self.end.is_some_and(|end| time > end);
        if head.kind == Kind::Batch as u8 {
            let (batch, pairs) = take::<wire::Batch>(record, "some records")?;
            if !over {
                self.gap(&head, batch.time, &mut out);
            }
            return self.batch(&batch, pairs, out);
        }
        if over {
            return Ok(());
        }
        self.gap(&head, time, &mut out);
        let body = body(&head, record)?;
        match body {
            Body::Callback(Callback { key, role: Role::Next, .. }) if self.was_told(key, time) => {
                return Ok(());
            }
            // Nothing of it comes any more; what is remembered of others is asked for each callback.
            Body::Release { key, .. } | Body::OpenFailed { key, .. } => {
                self.told.remove(&key);
            }
            _ => {}
        }
        out(Event { time, cpu, body });
        Ok(())
    }

    /// What is missing before an event, if anything is.
    fn gap(&mut self, head: &Head, time: u64, out: &mut impl FnMut(Event)) {
        let lost = self.counter(head.cpu);
        let gap = head.lost.wrapping_sub(*lost);
        *lost = head.lost;
        if gap != 0 {
            out(Event { time, cpu: head.cpu, body: Body::Gap { lost: u64::from(gap) } });
        }
    }

    /// Pairs of a next and its show.
    fn batch(
        &mut self,
        batch: &wire::Batch,
        mut pairs: &[u8],
        mut out: impl FnMut(Event),
    ) -> Result<(), DecodeError> {
        let key = batch.session;
        for _ in 0..batch.pairs {
            let (pair, rest) = take::<Pair>(pairs, "a record")?;
            pairs = rest;
            let [next, show] = [pair.next_after, pair.show_after]
                .map(|after| batch.time.saturating_add(u64::from(after)));
            if self.is_told(key, next) {
                out(Event { time: next, cpu: batch.cpu, body: next_of(key, &pair) });
            }
            if self.is_told(key, show) {
                out(Event { time: show, cpu: batch.cpu, body: show_of(key, &pair) });
            }
        }
        Ok(())
    }

    /// Decodes what waits in the programs' memory to be told with others, because a show takes long or the trace
    /// ends. It is told now, and not again later.
    pub fn waiting(&mut self, slot: &Slot, mut out: impl FnMut(Event)) {
        let PendingBatch { time, cpu, pair, .. } = &slot.batch;
        let key = slot.state.key;
        let (pairs, pending_next) = (slot.batch.pairs, slot.batch.pending_next);
        let cpu = u16::try_from(*cpu).unwrap_or(u16::MAX);
        let mut last = None;
        for (number, pair) in (1..).zip(pair) {
            let [next, show] = [pair.next_after, pair.show_after]
                .map(|after| time.saturating_add(u64::from(after)));
            if (number <= pairs || number == pending_next) && self.is_told(key, next) {
                out(Event { time: next, cpu, body: next_of(key, pair) });
                last = Some(next);
            }
            if number <= pairs && self.is_told(key, show) {
                out(Event { time: show, cpu, body: show_of(key, pair) });
                last = Some(show);
            }
        }
        self.told.extend(last.map(|last| (key, last)));
    }

    /// Whether a callback of a session is to be told: not twice, and not after the end.
    fn is_told(&mut self, key: Key, time: u64) -> bool {
        self.end.is_none_or(|end| time <= end) && !self.was_told(key, time)
    }

    /// Whether a callback was told while it waited. Those of a session come one after the other.
    fn was_told(&mut self, key: Key, time: u64) -> bool {
        if self.told.is_empty() {
            return false;
        }
        let told = self.told.get(&key).is_some_and(|&last| time <= last);
        if !told {
            self.told.remove(&key);
        }
        told
    }

    /// The gaps behind the last events: `totals` are the loss counters by CPU at the end, `time`
    /// the end's (ns since boot).
    pub fn finish(&mut self, totals: &[u64], time: u64, mut out: impl FnMut(Event)) {
        for (cpu, &total) in (0u16..).zip(totals) {
            let lost = self.counter(cpu);
            // The counter on the wire is the lower half.
            #[expect(clippy::cast_possible_truncation, reason = "the wire carries the lower half")]
            let gap = (total as u32).wrapping_sub(*lost);
            if gap != 0 {
                *lost = lost.wrapping_add(gap);
                out(Event { time, cpu, body: Body::Gap { lost: u64::from(gap) } });
            }
        }
    }

    fn counter(&mut self, cpu: u16) -> &mut u32 {
        let cpu = usize::from(cpu);
        if cpu >= self.lost.len() {
            self.lost.resize(cpu + 1, 0);
        }
        &mut self.lost[cpu]
    }
}

fn take<'a, T: FromBytes>(
    record: &'a [u8],
    what: &'static str,
) -> Result<(T, &'a [u8]), DecodeError> {
    T::read_from_prefix(record).map_err(|_| DecodeError::Short { what, len: record.len() })
}

fn body(head: &Head, record: &[u8]) -> Result<Body, DecodeError> {
    let kind =
        Kind::from_u8(head.kind).ok_or(DecodeError::Unknown { what: "kind", value: head.kind })?;
    Ok(match kind {
        Kind::Open => Body::Open(Box::new(open(record)?)),
        Kind::ReadEnter => read_enter(head, record)?,
        Kind::ReadExit => {
            let (read, _) = take::<wire::ReadExit>(record, "the return of a read")?;
            Body::ReadExit {
                key: read.session,
                tid: read.tid,
                ret: read.ret,
                state: state(&read.state),
            }
        }
        Kind::LseekEnter => {
            let (seek, _) = take::<wire::LseekEnter>(record, "the entry of an lseek")?;
            Body::LseekEnter {
                key: seek.session,
                tid: seek.tid,
                offset: seek.offset,
                whence: seek.whence,
                state: state(&seek.state),
            }
        }
        Kind::LseekExit => {
            let (seek, _) = take::<wire::LseekExit>(record, "the return of an lseek")?;
            Body::LseekExit {
                key: seek.session,
                tid: seek.tid,
                ret: seek.ret,
                state: state(&seek.state),
            }
        }
        Kind::PassBegin => pass_begin(record)?,
        Kind::Start => started(head, record)?,
        Kind::Batch => return Err(DecodeError::Unknown { what: "use of kind", value: head.kind }),
        Kind::Next => callback(head, record, Role::Next)?,
        Kind::Show => callback(head, record, Role::Show)?,
        Kind::Stop => callback(head, record, Role::Stop)?,
        Kind::Release => release(head, record)?,
        Kind::OpenFailed => {
            let (open, _) = take::<wire::OpenFailed>(record, "a failed open")?;
            Body::OpenFailed { key: open.session, tid: open.tid, ret: open.ret }
        }
        Kind::Write => {
            let (key, task, pos, want, ret) = io(record)?;
            Body::Write { key, task, pos, want, ret }
        }
        Kind::PlainRead => {
            let (key, task, pos, want, ret) = io(record)?;
            Body::PlainRead { key, task, pos, want, ret }
        }
        Kind::Preview => {
            let (preview, rest) = take::<wire::Preview>(record, "a preview")?;
            let bytes = prefix(rest, preview.len, "a preview's bytes")?.to_vec();
            Body::Preview { key: preview.session, bytes }
        }
    })
}

fn read_enter(head: &Head, record: &[u8]) -> Result<Body, DecodeError> {
    let (read, _) = take::<wire::ReadEnter>(record, "the entry of a read")?;
    Ok(Body::ReadEnter {
        key: read.session,
        task: task(&read.task),
        pos: read.pos,
        want: read.want,
        state: state(&read.state),
        via: match head.flags {
            wire::FLAG_VIA_SEQ_READ => Some(Via::SeqRead),
            wire::FLAG_VIA_OTHER => Some(Via::ReadIter),
            wire::FLAG_VIA_BPF => Some(Via::BpfSeqRead),
            _ => None,
        },
    })
}

fn pass_begin(record: &[u8]) -> Result<Body, DecodeError> {
    let (pass, _) = take::<wire::PassBegin>(record, "the begin of a pass")?;
    Ok(Body::PassBegin {
        key: pass.session,
        tid: pass.tid,
        index: pass.index,
        size: pass.size,
        count: pass.count,
        from: pass.from,
    })
}

fn started(head: &Head, record: &[u8]) -> Result<Body, DecodeError> {
    let (start, _) = take::<wire::Started>(record, "start")?;
    Ok(Body::Callback(Callback {
        key: start.session,
        role: Role::Start,
        ret: start.ret,
        index: start.index,
        count: start.count,
        full: head.flags & wire::FLAG_FULL != 0,
        private: Some(start.private),
    }))
}

fn release(head: &Head, record: &[u8]) -> Result<Body, DecodeError> {
    let (release, _) = take::<wire::Release>(record, "a release")?;
    Ok(Body::Release {
        key: release.session,
        tid: release.tid,
        wrapper: wrapper(head.flags & !wire::FLAG_REMOVED)?,
        private: release.private,
        removed: head.flags & wire::FLAG_REMOVED != 0,
    })
}

/// The next of a pair.
fn next_of(key: Key, pair: &Pair) -> Body {
    Body::Callback(Callback {
        key,
        role: Role::Next,
        ret: pair.next,
        index: pair.index,
        count: pair.next_count,
        full: pair.next_flags & wire::FLAG_FULL != 0,
        private: None,
    })
}

/// The show of a pair.
fn show_of(key: Key, pair: &Pair) -> Body {
    Body::Callback(Callback {
        key,
        role: Role::Show,
        ret: i64::from(pair.ret).cast_unsigned(),
        index: pair.index,
        count: pair.count,
        full: pair.flags & wire::FLAG_FULL != 0,
        private: None,
    })
}

fn callback(head: &Head, record: &[u8], role: Role) -> Result<Body, DecodeError> {
    let (callback, _) = take::<wire::Callback>(record, role.name())?;
    Ok(Body::Callback(Callback {
        key: callback.session,
        role,
        ret: callback.ret,
        index: callback.index,
        count: callback.count,
        full: head.flags & wire::FLAG_FULL != 0,
        private: None,
    }))
}

fn io(record: &[u8]) -> Result<(Key, Task, i64, u64, i64), DecodeError> {
    let (io, _) = take::<wire::Io>(record, "a read or write")?;
    Ok((io.session, task(&io.task), io.pos, io.want, io.ret))
}

fn open(record: &[u8]) -> Result<Open, DecodeError> {
    let (open, rest) = take::<wire::Open>(record, "an open")?;
    let flags = open.head.flags;
    let path = prefix(rest, open.path_len, "an open's path")?;
    // Leaf first, each name ended by a NUL.
    let mut components: Vec<Vec<u8>> =
        path.split(|&byte| byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect();
    components.reverse();
    let kind = if flags & open_flag::PLAIN == 0 {
        FileKind::Seq {
            m: open.m,
            op: open.op,
            table: OpTable { start: open.start, next: open.next, show: open.show, stop: open.stop },
            private: open.private,
            size: open.size,
            inner: open.inner,
        }
    } else {
        FileKind::Plain { read: open.start, write: open.stop }
    };
    let mut opened = Open {
        key: open.session,
        ret: open.ret,
        task: task(&open.task),
        file: open.file,
        kind,
        adopted: flags & open_flag::ADOPTED != 0,
        own: flags & open_flag::OWN != 0,
        components,
        path_cut: flags & open_flag::PATH_CUT != 0,
        path: Vec::new(),
        functions: kind.functions(&mut Unnamed),
        ino: open.ino,
        dev: open.dev,
        magic: open.magic,
        mode: open.mode,
        via: if open.via == 0 { None } else { Some(wrapper(narrow(open.via))?) },
    };
    opened.path = opened.joined();
    Ok(opened)
}

fn prefix<'a>(bytes: &'a [u8], len: u32, what: &'static str) -> Result<&'a [u8], DecodeError> {
    usize::try_from(len)
        .ok()
        .and_then(|len| bytes.get(..len))
        .ok_or(DecodeError::Short { what, len: bytes.len() })
}

fn task(task: &wire::Task) -> Task {
    Task {
        pid: task.pid,
        tid: task.tid,
        uid: task.uid,
        comm: task.comm.iter().copied().take_while(|&byte| byte != 0).collect(),
    }
}

fn state(state: &wire::SeqState) -> SeqState {
    SeqState {
        size: state.size,
        from: state.from,
        count: state.count,
        index: state.index,
        read_pos: state.read_pos,
    }
}

/// A number that must fit in a byte; 255, which means nothing, if it does not.
fn narrow(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

fn wrapper(value: u8) -> Result<Wrapper, DecodeError> {
    Ok(match value {
        via::SINGLE_OPEN => Wrapper::SingleOpen,
        via::SINGLE_OPEN_SIZE => Wrapper::SingleOpenSize,
        via::SEQ_OPEN_PRIVATE => Wrapper::SeqOpenPrivate,
        via::SEQ_OPEN_PRIVATE_RAW => Wrapper::SeqOpenPrivateRaw,
        via::SEQ_RELEASE => Wrapper::SeqRelease,
        via::SINGLE_RELEASE => Wrapper::SingleRelease,
        via::SEQ_RELEASE_PRIVATE => Wrapper::SeqReleasePrivate,
        via::PROC_REG_RELEASE => Wrapper::ProcRegRelease,
        value => return Err(DecodeError::Unknown { what: "wrapper", value }),
    })
}

#[cfg(test)]
mod tests;
