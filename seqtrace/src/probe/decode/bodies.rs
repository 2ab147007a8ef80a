//! Decodes the body of each kind of record.

use seqtrace_common::wire::{self, Head, Kind, Pair, open_flag, via};
use seqtrace_model::symbol::Unnamed;

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
            let (read, _) = decode_prefix::<wire::ReadExit>(record, "the return of a read")?;
            EventKind::ReadExit {
                key: read.session,
                tid: read.tid,
                ret: read.ret,
                state: state(&read.state),
            }
        }
        Kind::LseekEnter => {
            let (seek, _) = decode_prefix::<wire::LseekEnter>(record, "the entry of an lseek")?;
            EventKind::LseekEnter {
                key: seek.session,
                tid: seek.tid,
                offset: seek.offset,
                whence: seek.whence,
                state: state(&seek.state),
            }
        }
        Kind::LseekExit => {
            let (seek, _) = decode_prefix::<wire::LseekExit>(record, "the return of an lseek")?;
            EventKind::LseekExit {
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
            let (open, _) = decode_prefix::<wire::OpenFailed>(record, "a failed open")?;
            EventKind::OpenFailed { key: open.session, tid: open.tid, ret: open.ret }
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
    let (read, _) = decode_prefix::<wire::ReadEnter>(record, "the entry of a read")?;
    Ok(EventKind::ReadEnter {
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

fn pass_begin(record: &[u8]) -> Result<EventKind, DecodeError> {
    let (pass, _) = decode_prefix::<wire::PassBegin>(record, "the begin of a pass")?;
    Ok(EventKind::PassBegin {
        key: pass.session,
        tid: pass.tid,
        index: pass.index,
        size: pass.size,
        count: pass.count,
        from: pass.from,
    })
}

fn started(head: &Head, record: &[u8]) -> Result<EventKind, DecodeError> {
    let (start, _) = decode_prefix::<wire::Started>(record, "start")?;
    Ok(EventKind::Callback(Callback {
        index: start.index,
        count: start.count,
        full: head.flags & wire::FLAG_FULL != 0,
        private: Some(start.private),
        ..Callback::new(start.session, Role::Start, start.ret)
    }))
}

fn release(head: &Head, record: &[u8]) -> Result<EventKind, DecodeError> {
    let (release, _) = decode_prefix::<wire::Release>(record, "a release")?;
    Ok(EventKind::Release {
        key: release.session,
        tid: release.tid,
        wrapper: wrapper(head.flags & !wire::FLAG_REMOVED)?,
        private: release.private,
        removed: head.flags & wire::FLAG_REMOVED != 0,
    })
}

/// Decodes the next() of a pair.
pub(super) fn next_of(key: Key, pair: &Pair) -> EventKind {
    EventKind::Callback(Callback {
        index: pair.index,
        count: pair.next_count,
        full: pair.next_flags & wire::FLAG_FULL != 0,
        ..Callback::new(key, Role::Next, pair.next)
    })
}

/// Decodes the show() of a pair.
pub(super) fn show_of(key: Key, pair: &Pair) -> EventKind {
    EventKind::Callback(Callback {
        index: pair.index,
        count: pair.count,
        full: pair.flags & wire::FLAG_FULL != 0,
        ..Callback::new(key, Role::Show, i64::from(pair.ret).cast_unsigned())
    })
}

fn callback(head: &Head, record: &[u8], role: Role) -> Result<EventKind, DecodeError> {
    let (callback, _) = decode_prefix::<wire::Callback>(record, role.name())?;
    Ok(EventKind::Callback(Callback {
        index: callback.index,
        count: callback.count,
        full: head.flags & wire::FLAG_FULL != 0,
        ..Callback::new(callback.session, role, callback.ret)
    }))
}

fn io(record: &[u8]) -> Result<(Key, Task, i64, u64, i64), DecodeError> {
    let (io, _) = decode_prefix::<wire::Io>(record, "a read or write")?;
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
