//! Ring records into events. Pure: bytes in, events out.
//!
//! Bytes that make no sense never panic and never vanish: they are an error that the caller counts.

use seqtrace_common::wire::{self, Head, Kind, open_flag, via};
use thiserror::Error;
use zerocopy::FromBytes;

use crate::event::{Body, Event, FileKind, Key, OpTable, Open, Role, SeqState, Task, Via, Wrapper};

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

    /// Decodes one record. If its CPU has lost events since its last record, the gap comes first.
    ///
    /// # Errors
    /// A record that is too short or of an unknown kind. A gap it reports is told even then.
    pub fn decode(&mut self, record: &[u8], mut out: impl FnMut(Event)) -> Result<(), DecodeError> {
        let (head, _) = take::<Head>(record, "an event")?;
        let lost = self.counter(head.cpu);
        let gap = head.lost.wrapping_sub(*lost);
        *lost = head.lost;
        if gap != 0 {
            let body = Body::Gap { lost: u64::from(gap) };
            out(Event { time: head.time, cpu: head.cpu, body });
        }
        out(Event { time: head.time, cpu: head.cpu, body: body(&head, record)? });
        Ok(())
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
        Kind::ReadEnter => {
            let (read, _) = take::<wire::ReadEnter>(record, "the entry of a read")?;
            Body::ReadEnter {
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
            }
        }
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
        Kind::PassBegin => {
            let (pass, _) = take::<wire::PassBegin>(record, "the begin of a pass")?;
            Body::PassBegin {
                key: pass.session,
                tid: pass.tid,
                index: pass.index,
                size: pass.size,
                count: pass.count,
                from: pass.from,
            }
        }
        Kind::Start => {
            let (start, _) = take::<wire::Started>(record, "start")?;
            Body::Callback {
                key: start.session,
                role: Role::Start,
                ret: start.ret,
                index: start.index,
                count: start.count,
                full: head.flags & wire::FLAG_FULL != 0,
                private: Some(start.private),
            }
        }
        Kind::Next => callback(head, record, Role::Next)?,
        Kind::Show => callback(head, record, Role::Show)?,
        Kind::Stop => callback(head, record, Role::Stop)?,
        Kind::Release => {
            let (release, _) = take::<wire::Release>(record, "a release")?;
            Body::Release {
                key: release.session,
                tid: release.tid,
                wrapper: wrapper(head.flags & !wire::FLAG_REMOVED)?,
                private: release.private,
                removed: head.flags & wire::FLAG_REMOVED != 0,
            }
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

fn callback(head: &Head, record: &[u8], role: Role) -> Result<Body, DecodeError> {
    let (callback, _) = take::<wire::Callback>(record, role.name())?;
    Ok(Body::Callback {
        key: callback.session,
        role,
        ret: callback.ret,
        index: callback.index,
        count: callback.count,
        full: head.flags & wire::FLAG_FULL != 0,
        private: None,
    })
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
    let mut names: Vec<Vec<u8>> =
        path.split(|&byte| byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect();
    names.reverse();
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
    Ok(Open {
        key: open.session,
        ret: open.ret,
        task: task(&open.task),
        file: open.file,
        kind,
        adopted: flags & open_flag::ADOPTED != 0,
        own: flags & open_flag::OWN != 0,
        names,
        path_cut: flags & open_flag::PATH_CUT != 0,
        ino: open.ino,
        dev: open.dev,
        magic: open.magic,
        mode: open.mode,
        via: if open.via == 0 { None } else { Some(wrapper(narrow(open.via))?) },
    })
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
mod tests {
    use zerocopy::IntoBytes;

    use super::*;

    fn callback_record(cpu: u16, lost: u32) -> wire::Callback {
        wire::Callback {
            head: Head { time: 5, lost, cpu, kind: Kind::Next as u8, flags: 0 },
            session: 7,
            count: 3,
            ret: 0,
            index: 4,
        }
    }

    fn decode_all(decoder: &mut Decoder, record: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        decoder.decode(record, |event| events.push(event)).unwrap();
        events
    }

    #[test]
    fn a_callback_is_decoded() {
        let events = decode_all(&mut Decoder::new(), callback_record(0, 0).as_bytes());
        assert_eq!(
            events,
            [Event {
                time: 5,
                cpu: 0,
                body: Body::Callback {
                    key: 7,
                    role: Role::Next,
                    ret: 0,
                    index: 4,
                    count: 3,
                    full: false,
                    private: None
                }
            }]
        );
    }

    #[test]
    fn a_gap_stands_before_the_event_that_reveals_it_and_counts_by_cpu() {
        let mut decoder = Decoder::new();
        decode_all(&mut decoder, callback_record(1, 0).as_bytes());
        let events = decode_all(&mut decoder, callback_record(1, 37).as_bytes());
        assert_eq!(events[0].body, Body::Gap { lost: 37 });
        assert_eq!(events.len(), 2);
        // The other CPU has lost nothing, this one nothing more.
        assert_eq!(decode_all(&mut decoder, callback_record(0, 0).as_bytes()).len(), 1);
        assert_eq!(decode_all(&mut decoder, callback_record(1, 37).as_bytes()).len(), 1);
        // What was lost at the very end is found from the counters.
        let mut tail = Vec::new();
        decoder.finish(&[0, 40], 9, |event| tail.push(event));
        assert_eq!(tail, [Event { time: 9, cpu: 1, body: Body::Gap { lost: 3 } }]);
    }

    #[test]
    fn a_loss_counter_may_wrap() {
        let mut decoder = Decoder::new();
        decode_all(&mut decoder, callback_record(0, u32::MAX).as_bytes());
        let events = decode_all(&mut decoder, callback_record(0, 1).as_bytes());
        assert_eq!(events[0].body, Body::Gap { lost: 2 });
    }

    #[test]
    fn names_come_out_root_first() {
        let open = wire::Open {
            head: Head { time: 0, lost: 0, cpu: 0, kind: Kind::Open as u8, flags: 0 },
            session: 1,
            ret: 0,
            task: wire::Task {
                pid: 1,
                tid: 1,
                uid: 0,
                pad: 0,
                comm: *b"cat\0\0\0\0\0\0\0\0\0\0\0\0\0",
            },
            file: 0,
            m: 1,
            op: 2,
            start: 3,
            stop: 4,
            next: 5,
            show: 6,
            private: 0,
            ino: 0,
            dev: 0,
            mode: 0,
            magic: 0,
            path_len: 8,
            size: 0,
            inner: 0,
            via: u32::from(via::SINGLE_OPEN),
            pad: 0,
        };
        let mut record = open.as_bytes().to_vec();
        record.extend_from_slice(b"tcp\0net\0rubbish");
        let events = decode_all(&mut Decoder::new(), &record);
        let Body::Open(open) = &events[0].body else { panic!("{events:?}") };
        assert_eq!(open.names, [b"net".to_vec(), b"tcp".to_vec()]);
        assert_eq!(open.task.comm, b"cat");
        assert_eq!(open.via, Some(Wrapper::SingleOpen));
    }

    #[test]
    fn every_prefix_of_a_record_and_every_kind_is_an_error_not_a_panic() {
        let mut decoder = Decoder::new();
        for kind in 0..=u8::MAX {
            for len in 0..200 {
                let mut record = vec![0xff_u8; len];
                if let Some(byte) = record.get_mut(14) {
                    *byte = kind;
                }
                let _ = decoder.decode(&record, |_| {});
            }
        }
        let error = Decoder::new().decode(&[0; 10], |_| {}).unwrap_err();
        assert_eq!(error, DecodeError::Short { what: "an event", len: 10 });
    }
}
