//! Compares the bytes of a plan with those of a whole read.

use nix::libc::{EAGAIN, EINVAL, ESPIPE};

use super::call::{Call, Syscall};

/// The way in which a whole read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A read returned 0.
    Eof,
    /// A read failed with this errno, positive.
    Error(i32),
    /// The limit was reached before the end of the file.
    Cut,
}

/// Result of a whole read: its bytes, and the way in which it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: End,
}

/// Largest number of bytes of a line that are printed before a difference.
const PRINTED_BEFORE: usize = 32;
/// Largest number of bytes that are printed for each side of a difference.
const PRINTED: usize = 56;

/// A difference from the reference. Each `errno` is positive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DifferenceKind {
    /// Bytes differ. `expected`: the line of the reference at this offset, from the beginning of the line if that is
    /// near; `got`: the line that was read, from the same offset.
    Bytes { expected: Vec<u8>, got: Vec<u8> },
    /// A read returned bytes past the end of the reference. `got`: the first of them.
    Beyond { got: Vec<u8> },
    /// The file ended where the reference has more bytes. `expected`: the bytes of the reference at this offset.
    EndsEarly { expected: Vec<u8> },
    /// A call failed with `errno`, and the reference has no error there.
    Fails { errno: i32 },
    /// A read succeeded where a read of the reference failed with `errno`.
    Succeeds { errno: i32 },
    /// lseek() returned another offset than requested. `to`: the offset or negative errno that it returned.
    Astray { to: i64 },
}

/// The first difference of a plan from the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// 0-based index of the call.
    pub(crate) call: usize,
    /// File offset of the first byte that differs.
    pub(crate) at: u64,
    pub(crate) what: DifferenceKind,
}

/// Result of the comparison of a plan's calls with the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every byte is that of the reference.
    Agrees,
    Differs(Difference),
    /// The file does not support this call: it failed with ESPIPE or EINVAL, here as a positive errno.
    Unsupported {
        syscall: Syscall,
        errno: i32,
    },
    /// A read failed with EAGAIN: it would have blocked.
    WouldBlock,
}

/// Returns the number of bytes that the calls read.
pub(crate) fn bytes(calls: &[Call]) -> u64 {
    calls.iter().map(|call| call.bytes.len() as u64).sum()
}

impl Reference {
    /// Creates the reference from the calls of a whole read.
    ///
    /// # Errors
    /// The file could not be opened: the positive errno.
    pub(crate) fn of(calls: &[Call]) -> Result<Self, i32> {
        let mut reference = Self { bytes: Vec::new(), end: End::Cut };
        for call in calls {
            match (call.syscall, call.errno()) {
                (Syscall::Open, Some(errno)) => return Err(errno),
                (Syscall::Open, None) => {}
                (_, Some(errno)) => reference.end = End::Error(errno),
                (_, None) if call.ret == 0 && call.want > 0 => reference.end = End::Eof,
                (_, None) => reference.bytes.extend_from_slice(&call.bytes),
            }
        }
        Ok(reference)
    }

    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Compares the results of calls with the reference.
    pub(crate) fn compare(&self, calls: &[Call]) -> Outcome {
        let mut outcome = Outcome::Agrees;
        for (number, call) in calls.iter().enumerate() {
            let errno = call.errno();
            if let (Syscall::Lseek | Syscall::Pread, Some(errno @ ESPIPE))
            | (Syscall::Splice, Some(errno @ EINVAL)) = (call.syscall, errno)
            {
                outcome = Outcome::Unsupported { syscall: call.syscall, errno };
                continue;
            }
            if errno == Some(EAGAIN) && self.end != End::Error(EAGAIN) {
                return Outcome::WouldBlock;
            }
            if let Some((at, what)) = self.differs(call, errno) {
                return Outcome::Differs(Difference { call: number, at, what });
            }
        }
        outcome
    }

    /// Returns the beginning of the line that contains the offset `at`, up to the offset; empty if it is longer than
    /// [`PRINTED_BEFORE`].
    fn line_before(&self, at: usize) -> &[u8] {
        let before = self.bytes.get(..at).unwrap_or_default();
        let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        if line.len() <= PRINTED_BEFORE { line } else { &[] }
    }

    fn differs(&self, call: &Call, errno: Option<i32>) -> Option<(u64, DifferenceKind)> {
        let at = call.at;
        let here = usize::try_from(at).unwrap_or(usize::MAX);
        let rest = self.bytes.get(here..).unwrap_or_default();
        if let Some(errno) = errno {
            // A seek renders all records up to its offset, and fails where show() fails (traverse(), fs/seq_file.c).
            let same = self.end == End::Error(errno)
                && (rest.is_empty() || call.syscall == Syscall::Lseek);
            return (!same).then_some((at, DifferenceKind::Fails { errno }));
        }
        match call.syscall {
            Syscall::Open => None,
            Syscall::Lseek => {
                let astray = u64::try_from(call.ret) != Ok(at);
                astray.then_some((at, DifferenceKind::Astray { to: call.ret }))
            }
            _ if call.want == 0 => None,
            Syscall::Read | Syscall::Pread | Syscall::Readv | Syscall::Splice => {
                self.bytes_differ(at, &call.bytes)
            }
        }
    }

    /// Compares the result of a read that requested at least one byte at offset `at` and did not fail. Returns the
    /// offset of the first difference, and the difference.
    pub(crate) fn bytes_differ(&self, at: u64, got: &[u8]) -> Option<(u64, DifferenceKind)> {
        let here = usize::try_from(at).unwrap_or(usize::MAX);
        let rest = self.bytes.get(here..).unwrap_or_default();
        let same = rest.iter().zip(got).take_while(|(a, b)| a == b).count();
        let (expected, more) = (rest.get(same..)?, got.get(same..)?);
        let what = match (expected, more) {
            ([_, ..], [_, ..]) => {
                let before = self.line_before(here + same);
                let line = |rest: &[u8]| line(&[before, rest].concat());
                DifferenceKind::Bytes { expected: line(expected), got: line(more) }
            }
            ([_, ..], []) if got.is_empty() => {
                DifferenceKind::EndsEarly { expected: head(expected) }
            }
            ([], [_, ..]) if self.end != End::Cut => DifferenceKind::Beyond { got: head(more) },
            ([], []) if got.is_empty() && at == self.len() => match self.end {
                End::Error(errno) => DifferenceKind::Succeeds { errno },
                End::Eof | End::Cut => return None,
            },
            _ => return None,
        };
        Some((at + same as u64, what))
    }
}

/// Returns the first line of `bytes` with its newline, cut to [`PRINTED`] bytes.
fn line(bytes: &[u8]) -> Vec<u8> {
    head(bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default())
}

fn head(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().take(PRINTED).copied().collect()
}

#[cfg(test)]
mod tests {
    use nix::libc::EIO;

    use super::*;

    fn read(at: u64, want: u64, bytes: &[u8]) -> Call {
        let ret = i64::try_from(bytes.len()).unwrap();
        Call { process: 0, slot: 0, syscall: Syscall::Read, at, want, ret, bytes: bytes.to_vec() }
    }

    fn fails(syscall: Syscall, at: u64, errno: i32) -> Call {
        Call { syscall, ret: -i64::from(errno), ..read(at, 10, b"") }
    }

    fn reference(text: &[u8], end: End) -> Reference {
        Reference { bytes: text.to_vec(), end }
    }

    fn difference(reference: &Reference, call: Call) -> Option<(u64, DifferenceKind)> {
        match reference.compare(&[call]) {
            Outcome::Agrees => None,
            Outcome::Differs(Difference { call: 0, at, what }) => Some((at, what)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_reference_is_what_was_read() {
        let calls = [read(0, 9, b"abc"), read(3, 9, b"de"), read(5, 9, b"")];
        assert_eq!(Reference::of(&calls), Ok(reference(b"abcde", End::Eof)));
        assert_eq!(Reference::of(&calls[..2]), Ok(reference(b"abcde", End::Cut)));
        let failed = [read(0, 9, b"abc"), fails(Syscall::Read, 3, EIO)];
        assert_eq!(Reference::of(&failed), Ok(reference(b"abc", End::Error(EIO))));
        assert_eq!(Reference::of(&[fails(Syscall::Open, 0, EIO)]), Err(EIO));
        assert_eq!(Reference::of(&[read(0, 9, b"")]), Ok(reference(b"", End::Eof)));
    }

    #[test]
    fn the_same_bytes_agree() {
        let whole = reference(b"one\ntwo\n", End::Eof);
        for call in [
            read(0, 100, b"one\ntwo\n"),
            read(2, 2, b"e\n"),
            read(8, 10, b""),
            read(100, 10, b""),
            // A read may return fewer bytes than requested.
            read(0, 100, b"one\n"),
            read(3, 0, b""),
        ] {
            assert_eq!(difference(&whole, call), None);
        }
    }

    #[test]
    fn the_first_byte_that_differs_is_reported() {
        let whole = reference(b"one\ntwo\nthree\n", End::Eof);
        let other = DifferenceKind::Bytes { expected: b"two\n".to_vec(), got: b"one\n".to_vec() };
        assert_eq!(difference(&whole, read(0, 100, b"one\none\n")), Some((4, other)));
        // The whole line is shown, although one byte was read.
        let other = DifferenceKind::Bytes { expected: b"two\n".to_vec(), got: b"twx".to_vec() };
        assert_eq!(difference(&whole, read(6, 1, b"x")), Some((6, other)));
        let early = DifferenceKind::EndsEarly { expected: b"three\n".to_vec() };
        assert_eq!(difference(&whole, read(8, 100, b"")), Some((8, early)));
        let beyond = DifferenceKind::Beyond { got: b"three\n".to_vec() };
        assert_eq!(difference(&whole, read(14, 100, b"three\n")), Some((14, beyond.clone())));
        assert_eq!(difference(&whole, read(20, 100, b"three\n")), Some((20, beyond)));
        let both = difference(&whole, read(13, 100, b"\nmore"));
        assert_eq!(both, Some((14, DifferenceKind::Beyond { got: b"more".to_vec() })));
    }

    #[test]
    fn what_was_not_read_is_not_judged() {
        let cut = reference(b"0\n1\n", End::Cut);
        assert_eq!(difference(&cut, read(4, 10, b"2\n")), None);
        assert_eq!(difference(&cut, read(2, 10, b"1\n2\n")), None);
        assert_eq!(difference(&cut, read(4, 10, b"")), None);
        assert!(difference(&cut, read(2, 10, b"2\n")).is_some());
    }

    #[test]
    fn errors_are_expected_where_the_reference_has_one() {
        let whole = reference(b"abc", End::Error(EIO));
        assert_eq!(difference(&whole, fails(Syscall::Read, 3, EIO)), None);
        assert_eq!(difference(&whole, fails(Syscall::Lseek, 2, EIO)), None);
        let early = Some((1, DifferenceKind::Fails { errno: EIO }));
        assert_eq!(difference(&whole, fails(Syscall::Read, 1, EIO)), early);
        let quiet = Some((3, DifferenceKind::Succeeds { errno: EIO }));
        assert_eq!(difference(&whole, read(3, 10, b"")), quiet);
        let whole = reference(b"abc", End::Eof);
        let late = Some((3, DifferenceKind::Fails { errno: EIO }));
        assert_eq!(difference(&whole, fails(Syscall::Read, 3, EIO)), late);
    }

    #[test]
    fn a_file_need_not_know_every_call() {
        let whole = reference(b"abc", End::Eof);
        let calls = [fails(Syscall::Lseek, 2, ESPIPE), read(0, 2, b"ab")];
        let unsupported = Outcome::Unsupported { syscall: Syscall::Lseek, errno: ESPIPE };
        assert_eq!(whole.compare(&calls), unsupported);
        let unsupported = Outcome::Unsupported { syscall: Syscall::Splice, errno: EINVAL };
        assert_eq!(whole.compare(&[fails(Syscall::Splice, 0, EINVAL)]), unsupported);
        assert_eq!(whole.compare(&[fails(Syscall::Read, 0, EAGAIN)]), Outcome::WouldBlock);
        // The bytes that the plan reads are compared all the same.
        let calls = [fails(Syscall::Lseek, 2, ESPIPE), read(0, 2, b"xy")];
        assert!(matches!(whole.compare(&calls), Outcome::Differs(_)));
    }
}
