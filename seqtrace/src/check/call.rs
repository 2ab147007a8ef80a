//! System calls of a reading process, and the messages that carry their results.
//!
//! A message consists of a head of fixed size and the bytes that were read. Sender and receiver are the same program, so
//! the format has no version.

use std::collections::BTreeMap;

use zerocopy::{FromZeros, Immutable, IntoBytes, KnownLayout, TryFromBytes, TryReadError};

#[derive(Clone, Copy, Debug, PartialEq, Eq, FromZeros, IntoBytes, Immutable, KnownLayout)]
#[repr(u8)]
pub(crate) enum Syscall {
    Open,
    Read,
    Pread,
    Readv,
    Lseek,
    Splice,
}

impl Syscall {
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

/// Groups calls by process and slot.
pub(super) fn by_descriptor(calls: &[Call]) -> impl Iterator<Item = Vec<&Call>> {
    let mut descriptors: BTreeMap<_, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        descriptors.entry((call.process, call.slot)).or_default().push(call);
    }
    descriptors.into_values()
}

/// Head of a message.
#[derive(FromZeros, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Head {
    syscall: Syscall,
    slot: u8,
    /// True in the message that ends a request, in which all else is 0.
    is_done: bool,
    _unused: u8,
    /// Number of bytes behind the head.
    len: u32,
    at: u64,
    want: u64,
    ret: i64,
}

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
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let head = match head {
            None => Head { is_done: true, ..Head::new_zeroed() },
            Some(&Call { slot, syscall, at, want, ret, .. }) => {
                Head { syscall, slot, len, at, want, ret, ..Head::new_zeroed() }
            }
        };
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(bytes);
    }

    /// Returns the message at the front of `input` and its length; `None` if `input` ends within it.
    ///
    /// # Errors
    /// The bytes are not a message.
    pub(crate) fn decode(process: usize, input: &[u8]) -> Result<Option<(Self, usize)>, Garbled> {
        let (head, rest) = match Head::try_read_from_prefix(input) {
            Ok(read) => read,
            Err(TryReadError::Size(_)) => return Ok(None),
            Err(_) => return Err(Garbled),
        };
        if head.is_done {
            return Ok(Some((Self::Done, size_of::<Head>())));
        }
        let len = usize::try_from(head.len).ok().filter(|len| *len <= MOST).ok_or(Garbled)?;
        let Some(bytes) = rest.get(..len) else { return Ok(None) };
        let Head { syscall, slot, at, want, ret, .. } = head;
        let call = Call { process, slot, syscall, at, want, ret, bytes: bytes.to_vec() };
        Ok(Some((Self::Call(call), size_of::<Head>() + len)))
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
