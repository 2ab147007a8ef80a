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
            Step::Read { slot, want } => self.read(slot, Syscall::Read, None, &[want]).map(drop),
            Step::Sizes { slot, ref wants } => {
                for want in wants {
                    if !self.read(slot, Syscall::Read, None, &[*want])? {
                        break;
                    }
                }
                Ok(())
            }
            Step::Until { slot, block_bytes, to } => {
                self.until(slot, Syscall::Read, block_bytes, to)
            }
            Step::Splice { slot, block_bytes, to } => {
                self.until(slot, Syscall::Splice, block_bytes, to)
            }
            Step::Vectored { slot, ref wants } => {
                self.read(slot, Syscall::Readv, None, wants).map(drop)
            }
            Step::Pread { slot, at, want } => {
                self.read(slot, Syscall::Pread, Some(at), &[want]).map(drop)
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
        let opened = OpenOptions::new().read(true).custom_flags(FLAGS).open(path).map(|file| {
            self.open.insert(slot, Descriptor { file, at: 0 });
            0
        });
        self.record(slot, Syscall::Open, 0, 0, opened, 0)
    }

    /// Repeats a call up to offset `to`, an error or the end of the file. The last call requests less if it would read
    /// past `to`.
    fn until(&mut self, slot: Slot, syscall: Syscall, block: u64, to: u64) -> io::Result<()> {
        while let Some(descriptor) = self.open.get(&slot)
            && let left @ 1.. = to.saturating_sub(descriptor.at)
            && self.read(slot, syscall, None, &[block.min(left)])?
        {}
        Ok(())
    }

    /// Makes one call that reads, at `at` or else at the file offset. `wants`: numbers of bytes to request, several for
    /// readv(2) only. Returns false at the end of the file, after an error, and if the descriptor is not open.
    fn read(
        &mut self,
        slot: Slot,
        syscall: Syscall,
        at: Option<u64>,
        wants: &[u64],
    ) -> io::Result<bool> {
        let want = wants.iter().sum();
        let Self { open, buffer, pipe, .. } = self;
        let Some(Descriptor { file, at: offset }) = open.get_mut(&slot) else { return Ok(false) };
        let begin = at.unwrap_or(*offset);
        let buffer = front(buffer, want);
        let result = match syscall {
            Syscall::Pread => file.read_at(buffer, begin),
            Syscall::Readv => file.read_vectored(&mut slices(buffer, wants)),
            Syscall::Splice => splice_through(pipe, file, buffer)?,
            Syscall::Open | Syscall::Lseek | Syscall::Read => file.read(buffer),
        };
        let got = *result.as_ref().unwrap_or(&0);
        if at.is_none() {
            *offset += got as u64;
        }
        self.record(slot, syscall, begin, want, result.map(|got| got as u64), got)?;
        Ok(got > 0)
    }

    fn seek(&mut self, slot: Slot, from: SeekFrom, to: u64) -> io::Result<()> {
        let Some(descriptor) = self.open.get_mut(&slot) else { return Ok(()) };
        let result = descriptor.file.seek(from);
        descriptor.at = *result.as_ref().unwrap_or(&descriptor.at);
        self.record(slot, Syscall::Lseek, to, 0, result, 0)
    }

    /// Adds a message about a call that read `len` bytes, which are at the front of the buffer.
    fn record(
        &mut self,
        slot: Slot,
        syscall: Syscall,
        at: u64,
        want: u64,
        result: io::Result<u64>,
        len: usize,
    ) -> io::Result<()> {
        let ret = match result {
            Ok(value) => i64::try_from(value).unwrap_or(i64::MAX),
            Err(error) => -i64::from(error.raw_os_error().unwrap_or(nix::libc::EIO)),
        };
        let call = Call { process: 0, slot, syscall, at, want, ret, bytes: Vec::new() };
        let Self { buffer, out, .. } = self;
        Message::encode(Some(&call), buffer.get(..len).unwrap_or_default(), out);
        if self.out.len() >= FLUSH_SIZE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(&self.out)?;
        self.out.clear();
        stdout.flush()
    }
}

fn front(buffer: &mut [u8], want: u64) -> &mut [u8] {
    let len = usize::try_from(want).unwrap_or(usize::MAX).min(buffer.len());
    buffer.get_mut(..len).unwrap_or_default()
}

/// Cuts the buffer into slices of these sizes, in bytes.
fn slices<'a>(mut rest: &'a mut [u8], sizes: &[u64]) -> Vec<IoSliceMut<'a>> {
    let mut slices = Vec::with_capacity(sizes.len());
    for size in sizes {
        let size = usize::try_from(*size).unwrap_or(0).min(rest.len());
        let (slice, after) = rest.split_at_mut(size);
        slices.push(IoSliceMut::new(slice));
        rest = after;
    }
    slices
}

/// Calls splice(2) into the pipe once and empties the pipe into the buffer.
///
/// # Errors
/// The pipe cannot be read. The inner result is that of splice(2).
fn splice_through(
    (from, into): &(OwnedFd, OwnedFd),
    file: &File,
    buffer: &mut [u8],
) -> io::Result<io::Result<usize>> {
    match splice(file, None, into, None, buffer.len(), SpliceFFlags::SPLICE_F_NONBLOCK) {
        Ok(got) => {
            let mut filled = 0;
            while let rest @ [_, ..] = buffer.get_mut(filled..got).unwrap_or_default() {
                match nix::unistd::read(from, rest)? {
                    0 => break,
                    more => filled += more,
                }
            }
            Ok(Ok(filled))
        }
        Err(errno) => Ok(Err(errno.into())),
    }
}
