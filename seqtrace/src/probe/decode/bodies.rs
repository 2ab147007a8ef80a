//! Decodes the body of each kind of record.

use seqtrace_common::wire::{self, Head, Kind, Pair, open_flag, via};
use seqtrace_model::symbol::Unnamed;
use zerocopy::FromBytes;

use super::{DecodeError, decode_prefix};
use crate::event::{
    Callback, EventKind, FileKind, Key, OpTable, Open, Role, SeqState, Task, Via, Wrapper,
};

/// Decodes a record other than a batch.
pub(super) fn decode_body(head: &Head, record: &[u8]) -> Result<EventKind, DecodeError> {
    let kind =
        Kind::from_u8(head.kind).ok_or(DecodeError::Unknown { what: "kind", value: head.kind })?;
    Ok(match kind {
        Kind::Open => EventKind::Open(Box::new(open(record)?)),
        Kind::ReadEnter => read_enter(head, record)?,
        Kind::ReadExit => {
            let wire::ReadExit { session: key, tid, ret, state, .. } =
                decode(record, "the return of a read")?;
            EventKind::ReadExit { key, tid, ret, state: seq_state(state) }
        }
        Kind::LseekEnter => {
            let wire::LseekEnter { session: key, tid, offset, whence, state, .. } =
                decode(record, "the entry of an lseek")?;
            EventKind::LseekEnter { key, tid, offset, whence, state: seq_state(state) }
        }
        Kind::LseekExit => {
            let wire::LseekExit { session: key, tid, ret, state, .. } =
                decode(record, "the return of an lseek")?;
            EventKind::LseekExit { key, tid, ret, state: seq_state(state) }
        }
        Kind::PassBegin => {
            let wire::PassBegin { session: key, tid, index, size, count, from, .. } =
                decode(record, "the begin of a pass")?;
            EventKind::PassBegin { key, tid, index, size, count, from }
        }
        Kind::Start => {
            let wire::Started { session: key, count, ret, index, private, .. } =
                decode(record, "start")?;
            let start = returned(key, Role::Start, ret, index, count, head.flags);
            EventKind::Callback(Callback { private: Some(private), ..start })
        }
        Kind::Batch => return Err(DecodeError::Unknown { what: "use of kind", value: head.kind }),
        Kind::Next => callback(head, record, Role::Next)?,
        Kind::Show => callback(head, record, Role::Show)?,
        Kind::Stop => callback(head, record, Role::Stop)?,
        Kind::Release => release(head, record)?,
        Kind::OpenFailed => {
            let wire::OpenFailed { session: key, tid, ret, .. } = decode(record, "a failed open")?;
            EventKind::OpenFailed { key, tid, ret }
        }
        Kind::Write => {
            let (key, task, pos, want, ret) = io(record)?;
            EventKind::Write { key, task, pos, want, ret }
        }
        Kind::PlainRead => {
            let (key, task, pos, want, ret) = io(record)?;
            EventKind::PlainRead { key, task, pos, want, ret }
        }
        Kind::Preview => {
            let (preview, rest) = decode_prefix::<wire::Preview>(record, "a preview")?;
            let bytes = prefix(rest, preview.len, "a preview's bytes")?.to_vec();
            EventKind::Preview { key: preview.session, bytes }
        }
    })
}

fn read_enter(head: &Head, record: &[u8]) -> Result<EventKind, DecodeError> {
    let wire::ReadEnter { session: key, task: reader, pos, want, state, .. } =
        decode(record, "the entry of a read")?;
    let via = match head.flags {
        wire::FLAG_VIA_SEQ_READ => Some(Via::SeqRead),
        wire::FLAG_VIA_OTHER => Some(Via::ReadIter),
        wire::FLAG_VIA_BPF => Some(Via::BpfSeqRead),
        _ => None,
    };
    Ok(EventKind::ReadEnter { key, task: task(&reader), pos, want, state: seq_state(state), via })
}

fn release(head: &Head, record: &[u8]) -> Result<EventKind, DecodeError> {
    let wire::Release { session: key, tid, private, .. } = decode(record, "a release")?;
    let wrapper = wrapper(head.flags & !wire::FLAG_REMOVED)?;
    let removed = head.flags & wire::FLAG_REMOVED != 0;
    Ok(EventKind::Release { key, tid, wrapper, private, removed })
}

/// Decodes the next() of a pair.
pub(super) fn next_of(key: Key, pair: &Pair) -> EventKind {
    let Pair { next, index, next_count, next_flags, .. } = *pair;
    EventKind::Callback(returned(key, Role::Next, next, index, next_count, next_flags))
}

/// Decodes the show() of a pair.
pub(super) fn show_of(key: Key, pair: &Pair) -> EventKind {
    let Pair { ret, index, count, flags, .. } = *pair;
    let ret = i64::from(ret).cast_unsigned();
    EventKind::Callback(returned(key, Role::Show, ret, index, count, flags))
}

fn callback(head: &Head, record: &[u8], role: Role) -> Result<EventKind, DecodeError> {
    let wire::Callback { session: key, count, ret, index, .. } = decode(record, role.name())?;
    Ok(EventKind::Callback(returned(key, role, ret, index, count, head.flags)))
}

fn returned(key: Key, role: Role, ret: u64, index: i64, count: u32, flags: u8) -> Callback {
    let full = flags & wire::FLAG_FULL != 0;
    Callback { key, role, ret, index, count, full, private: None }
}

fn io(record: &[u8]) -> Result<(Key, Task, i64, u64, i64), DecodeError> {
    let io: wire::Io = decode(record, "a read or write")?;
    Ok((io.session, task(&io.task), io.pos, io.want, io.ret))
}

fn open(record: &[u8]) -> Result<Open, DecodeError> {
    let (open, rest) = decode_prefix::<wire::Open>(record, "an open")?;
    let flags = open.head.flags;
    let path = prefix(rest, open.path_len, "an open's path")?;
    // On the wire the file's name comes first, and each name ends with a NUL.
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

/// Decodes a record without a part of variable length.
fn decode<T: FromBytes>(record: &[u8], what: &'static str) -> Result<T, DecodeError> {
    decode_prefix(record, what).map(|(value, _)| value)
}

fn prefix<'a>(bytes: &'a [u8], len: u32, what: &'static str) -> Result<&'a [u8], DecodeError> {
    usize::try_from(len)
        .ok()
        .and_then(|len| bytes.get(..len))
        .ok_or(DecodeError::Short { what, len: bytes.len() })
}

fn task(task: &wire::Task) -> Task {
    let wire::Task { pid, tid, uid, comm, .. } = task;
    let comm = comm.iter().copied().take_while(|&byte| byte != 0).collect();
    Task { pid: *pid, tid: *tid, uid: *uid, comm }
}

fn seq_state(state: wire::SeqState) -> SeqState {
    let wire::SeqState { size, from, count, index, read_pos } = state;
    SeqState { size, from, count, index, read_pos }
}

/// Converts a number to a byte; a number that does not fit becomes 255, which is not the number of any wrapper.
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
