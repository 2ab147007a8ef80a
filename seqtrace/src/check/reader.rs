//! The reading process: carries out one request after the other.
//!
//! A request is a line of JSON on standard input; messages about the calls go to standard output. The process
//! has one buffer all its life and opens only the files that it is asked to read, so that its files in /proc
//! do not change.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, BufRead, IoSliceMut, Read, Seek, SeekFrom, Write},
    os::{
        fd::OwnedFd,
        unix::{
            ffi::OsStringExt,
            fs::{FileExt, OpenOptionsExt},
        },
    },
};

use nix::fcntl::{SpliceFFlags, splice};
use serde::{Deserialize, Serialize};

use super::{
    call::{Call, Message, Syscall},
    plan::{Slot, Step},
};

/// A request to a reading process: a file and the steps to carry out on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Path of the file; any bytes.
    pub(crate) path: Vec<u8>,
    pub(crate) steps: Vec<Step>,
}

/// Size of the largest read in bytes.
const BUFFER: usize = 1 << 20;
/// Size of buffered messages, in bytes, above which they are flushed; the end of a request flushes, too. A flush for
/// each read would wake the other process in some ways of reading and not in others, and files like /proc/loadavg
/// expose that.
const FLUSH_SIZE: usize = 16 << 10;

/// Serves requests until standard input ends.
///
/// # Errors
/// Standard input or output fails.
pub(crate) fn serve() -> io::Result<()> {
    // If the parent dies, end too, even in the middle of a read.
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
    let mut reader = Reader {
        open: HashMap::new(),
        buffer: vec![0; BUFFER],
        out: Vec::with_capacity(2 * FLUSH_SIZE),
        pipe: nix::unistd::pipe()?,
    };
    let mut line = String::new();
    let mut stdin = io::stdin().lock();
    loop {
        line.clear();
        if stdin.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let request: Request = serde_json::from_str(&line)?;
        let path = OsString::from_vec(request.path);
        for step in &request.steps {
            reader.step(&path, step)?;
        }
        Message::encode(None, &[], &mut reader.out);
        reader.flush()?;
    }
}

struct Descriptor {
    file: File,
    /// File offset after the last read or seek.
    at: u64,
}

struct Reader {
    open: HashMap<Slot, Descriptor>,
    buffer: Vec<u8>,
    out: Vec<u8>,
    /// Pipe into which splice(2) moves the bytes.
    pipe: (OwnedFd, OwnedFd),
}

impl Reader {
    fn step(&mut self, path: &OsString, step: &Step) -> io::Result<()> {
        match *step {
            Step::Open { slot } => self.open(path, slot),
            Step::Close { slot } => {
                self.open.remove(&slot);
                Ok(())
            }
            Step::Read { slot, want } => self.read(slot, want).map(|_| ()),
            Step::Sizes { slot, ref wants } => {
                for want in wants {
                    if !self.read(slot, *want)? {
                        break;
                    }
                }
                Ok(())
            }
            Step::Until { slot, block_bytes, to } => {
                while let Some(want) = self.left(slot, to) {
                    if !self.read(slot, block_bytes.min(want))? {
                        break;
                    }
                }
                Ok(())
            }
            Step::Splice { slot, block_bytes, to } => {
                while let Some(want) = self.left(slot, to) {
                    if !self.splice(slot, block_bytes.min(want))? {
                        break;
                    }
                }
                Ok(())
            }
            Step::Vectored { slot, ref wants } => self.vectored(slot, wants),
            Step::Pread { slot, at, want } => {
                let Self { open, buffer, .. } = self;
                let Some(descriptor) = open.get(&slot) else { return Ok(()) };
                let result = descriptor.file.read_at(front(buffer, want), at);
                self.record_read(slot, Syscall::Pread, at, want, &result)
            }
            Step::Seek { slot, to } => self.seek(slot, SeekFrom::Start(to), to),
            Step::Skip { slot, by } => {
                let to = self.open.get(&slot).map_or(0, |open| open.at.saturating_add_signed(by));
                self.seek(slot, SeekFrom::Current(by), to)
            }
        }
    }

    fn open(&mut self, path: &OsString, slot: Slot) -> io::Result<()> {
        const FLAGS: i32 = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
        let opened = OpenOptions::new().read(true).custom_flags(FLAGS).open(path);
        let ret = match &opened {
            Ok(_) => 0,
            Err(error) => errno(error),
        };
        if let Ok(file) = opened {
            self.open.insert(slot, Descriptor { file, at: 0 });
        }
        self.record(&head(slot, Syscall::Open, 0, 0, ret), 0)
    }

    /// Returns the number of bytes from the offset of a descriptor up to `to`; `None` if the descriptor has reached
    /// `to` or is not open.
    fn left(&self, slot: Slot, to: u64) -> Option<u64> {
        let left = to.saturating_sub(self.open.get(&slot)?.at);
        (left > 0).then_some(left)
    }

    /// Calls read(2) once. Returns false at the end of the file and after an error.
    fn read(&mut self, slot: Slot, want: u64) -> io::Result<bool> {
        let Self { open, buffer, .. } = self;
        let Some(descriptor) = open.get_mut(&slot) else { return Ok(false) };
        let at = descriptor.at;
        let result = descriptor.file.read(front(buffer, want));
        descriptor.at += u64::try_from(*result.as_ref().unwrap_or(&0)).unwrap_or(0);
        self.record_read(slot, Syscall::Read, at, want, &result)?;
        Ok(result.is_ok_and(|got| got > 0))
    }

    fn vectored(&mut self, slot: Slot, wants: &[u64]) -> io::Result<()> {
        let want: u64 = wants.iter().sum();
        let Self { open, buffer, .. } = self;
        let Some(descriptor) = open.get_mut(&slot) else { return Ok(()) };
        let at = descriptor.at;
        let mut slices = Vec::with_capacity(wants.len());
        let mut rest = front(buffer, want);
        for want in wants {
            let size = usize::try_from(*want).unwrap_or(0).min(rest.len());
            let (slice, after) = rest.split_at_mut(size);
            slices.push(IoSliceMut::new(slice));
            rest = after;
        }
        let result = descriptor.file.read_vectored(&mut slices);
        descriptor.at += u64::try_from(*result.as_ref().unwrap_or(&0)).unwrap_or(0);
        self.record_read(slot, Syscall::Readv, at, want, &result)
    }

    /// Calls splice(2) into the pipe once and empties the pipe. Returns false at the end of the file and after an
    /// error.
    fn splice(&mut self, slot: Slot, want: u64) -> io::Result<bool> {
        let Self { open, buffer, pipe: (from, into), .. } = self;
        let Some(descriptor) = open.get_mut(&slot) else { return Ok(false) };
        let at = descriptor.at;
        let len = usize::try_from(want).unwrap_or(BUFFER).min(BUFFER);
        let flags = SpliceFFlags::SPLICE_F_NONBLOCK;
        let result = splice(&descriptor.file, None, &*into, None, len, flags);
        let result = match result {
            Ok(got) => {
                let mut filled = 0;
                while filled < got {
                    let rest = buffer.get_mut(filled..got).unwrap_or_default();
                    match nix::unistd::read(&*from, rest)? {
                        0 => break,
                        more => filled += more,
                    }
                }
                Ok(filled)
            }
            Err(errno) => Err(io::Error::from(errno)),
        };
        descriptor.at += u64::try_from(*result.as_ref().unwrap_or(&0)).unwrap_or(0);
        self.record_read(slot, Syscall::Splice, at, want, &result)?;
        Ok(result.is_ok_and(|got| got > 0))
    }

    fn seek(&mut self, slot: Slot, from: SeekFrom, to: u64) -> io::Result<()> {
        let Some(descriptor) = self.open.get_mut(&slot) else { return Ok(()) };
        let ret = match descriptor.file.seek(from) {
            Ok(at) => {
                descriptor.at = at;
                i64::try_from(at).unwrap_or(i64::MAX)
            }
            Err(error) => errno(&error),
        };
        self.record(&head(slot, Syscall::Lseek, to, 0, ret), 0)
    }

    fn record_read(
        &mut self,
        slot: Slot,
        syscall: Syscall,
        at: u64,
        want: u64,
        result: &io::Result<usize>,
    ) -> io::Result<()> {
        let (ret, len) = match result {
            Ok(got) => (i64::try_from(*got).unwrap_or(i64::MAX), *got),
            Err(error) => (errno(error), 0),
        };
        self.record(&head(slot, syscall, at, want, ret), len)
    }

    fn record(&mut self, call: &Call, len: usize) -> io::Result<()> {
        let Self { buffer, out, .. } = self;
        Message::encode(Some(call), buffer.get(..len).unwrap_or_default(), out);
        if self.out.len() >= FLUSH_SIZE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            let mut stdout = io::stdout().lock();
            stdout.write_all(&self.out)?;
            stdout.flush()?;
            self.out.clear();
        }
        Ok(())
    }
}

fn head(slot: Slot, syscall: Syscall, at: u64, want: u64, ret: i64) -> Call {
    Call { process: 0, slot, syscall, at, want, ret, bytes: Vec::new() }
}

fn front(buffer: &mut [u8], want: u64) -> &mut [u8] {
    let len = usize::try_from(want).unwrap_or(usize::MAX).min(buffer.len());
    buffer.get_mut(..len).unwrap_or_default()
}

fn errno(error: &io::Error) -> i64 {
    -i64::from(error.raw_os_error().unwrap_or(nix::libc::EIO))
}
