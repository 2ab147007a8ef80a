//! System calls of a reading process, and the messages that carry their results.
//!
//! A message consists of a head of fixed size, little endian, and the bytes that were read. Sender and receiver are the
//! same program, so the format has no version.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syscall {
    Open,
    Read,
    Pread,
    Readv,
    Lseek,
    Splice,
}

impl Syscall {
    const ALL: [Self; 6] =
        [Self::Open, Self::Read, Self::Pread, Self::Readv, Self::Lseek, Self::Splice];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::Pread => "pread",
            Self::Readv => "readv",
            Self::Lseek => "lseek",
            Self::Splice => "splice",
        }
    }
}

/// A system call and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Number of the process, 0 or 1.
    pub(crate) process: usize,
    /// Number of the descriptor in the plan.
    pub(crate) slot: u8,
    pub(crate) syscall: Syscall,
    /// File offset of the read; for lseek the requested offset.
    pub(crate) at: u64,
    /// Number of bytes requested; 0 for open and lseek.
    pub(crate) want: u64,
    /// Number of bytes read, the new offset for lseek, or a negative errno.
    pub(crate) ret: i64,
    /// Bytes that were read.
    pub(crate) bytes: Vec<u8>,
}

impl Call {
    /// Returns the positive errno of a failed call; `None` if the call succeeded.
    pub(super) fn errno(&self) -> Option<i32> {
        (self.ret < 0).then(|| i32::try_from(self.ret.saturating_neg()).unwrap_or(i32::MAX))
    }
}

/// Returns the process and the slot of each descriptor that `calls` use, without duplicates.
pub(super) fn descriptors(calls: &[Call]) -> Vec<(usize, u8)> {
    let mut all: Vec<_> = calls.iter().map(|call| (call.process, call.slot)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Size of the head of a message, in bytes.
const HEAD: usize = 32;
/// First byte of the message that ends a request; other messages have the system call there.
const DONE: u8 = 0xff;
/// Largest number of bytes that a single call reads.
const MOST: usize = 1 << 24;

/// A message of a reading process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A system call returned.
    Call(Call),
    /// All steps of the request are done.
    Done,
}

/// Error of [`Message::decode`]: the bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reading process sent bytes that are no message")]
pub(crate) struct Garbled;

impl Message {
    /// Appends a message to `out`: the call `head` with `bytes` instead of `head.bytes`, or [`Message::Done`] if `head`
    /// is `None`.
    pub(super) fn encode(head: Option<&Call>, bytes: &[u8], out: &mut Vec<u8>) {
        let mut record = [0; HEAD];
        match head {
            None => record[0] = DONE,
            Some(call) => {
                let syscall = Syscall::ALL.iter().position(|syscall| *syscall == call.syscall);
                record[0] = u8::try_from(syscall.unwrap_or(0)).unwrap_or(0);
                record[1] = call.slot;
                let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                record[4..8].copy_from_slice(&len.to_le_bytes());
                record[8..16].copy_from_slice(&call.at.to_le_bytes());
                record[16..24].copy_from_slice(&call.want.to_le_bytes());
                record[24..32].copy_from_slice(&call.ret.to_le_bytes());
            }
        }
        out.extend_from_slice(&record);
        out.extend_from_slice(bytes);
    }

    /// Returns the message at the front of `input` and its length; `None` if `input` ends within it.
    ///
    /// # Errors
    /// The bytes are not a message.
    pub(crate) fn decode(process: usize, input: &[u8]) -> Result<Option<(Self, usize)>, Garbled> {
        let Some((head, rest)) = input.split_first_chunk::<HEAD>() else { return Ok(None) };
        let number = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(head.get(at..at + 8).unwrap_or(&[0; 8]));
            u64::from_le_bytes(bytes)
        };
        let len = usize::try_from(number(0) >> 32).map_err(|_| Garbled)?;
        if head[0] == DONE {
            return Ok(Some((Self::Done, HEAD)));
        }
        let syscall = *Syscall::ALL.get(usize::from(head[0])).ok_or(Garbled)?;
        if len > MOST {
            return Err(Garbled);
        }
        let Some(bytes) = rest.get(..len) else { return Ok(None) };
        let call = Call {
            process,
            slot: head[1],
            syscall,
            at: number(8),
            want: number(16),
            ret: number(24).cast_signed(),
            bytes: bytes.to_vec(),
        };
        Ok(Some((Self::Call(call), HEAD + len)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(syscall: Syscall, bytes: &[u8], ret: i64) -> Call {
        let bytes = bytes.to_vec();
        Call { process: 1, slot: 3, syscall, at: 1 << 40, want: 4096, ret, bytes }
    }

    #[test]
    fn messages_survive_a_round_trip() {
        let calls = [
            call(Syscall::Read, b"abc", 3),
            call(Syscall::Pread, b"", -29),
            call(Syscall::Splice, b"\xff\xff", 2),
            call(Syscall::Lseek, b"", 1 << 40),
        ];
        let mut bytes = Vec::new();
        for call in &calls {
            Message::encode(Some(call), &call.bytes, &mut bytes);
        }
        Message::encode(None, b"", &mut bytes);
        // A pipe delivers in pieces.
        let mut input = Vec::new();
        let mut got = Vec::new();
        for piece in bytes.chunks(5) {
            input.extend_from_slice(piece);
            while let Some((message, len)) = Message::decode(1, &input).unwrap() {
                got.push(message);
                input.drain(..len);
            }
        }
        let mut wanted: Vec<Message> = calls.into_iter().map(Message::Call).collect();
        wanted.push(Message::Done);
        assert_eq!(got, wanted);
        assert!(input.is_empty());
    }

    #[test]
    fn garbage_is_an_error() {
        assert_eq!(Message::decode(0, &[77; 64]), Err(Garbled));
        let mut long = vec![0; 64];
        long[4..8].fill(0xee);
        assert_eq!(Message::decode(0, &long), Err(Garbled));
    }
}
