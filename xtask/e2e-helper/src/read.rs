//! Readers, and what they note: one line of JSON for each open, written when it is closed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::slice;
use std::str::FromStr;
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Error, Result, bail};
use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, pipe, splice};
use serde_json::{Value, json};

use crate::pass;

/// Something done with an open file.
pub(crate) enum Op {
    /// Bytes.
    Read(usize),
    /// Blocks of that many bytes, to the end or until that many were read.
    ReadAll(usize, u64),
    /// Bytes, offset.
    Pread(usize, u64),
    /// From the beginning.
    Seek(u64),
    /// From here.
    SeekBy(i64),
    /// To the end.
    Splice,
    /// These bytes.
    Write(Vec<u8>),
    /// That long.
    Sleep(Duration),
    /// Until it exists.
    Await(PathBuf),
    /// To who is at this socket.
    HandOver(PathBuf),
}

impl FromStr for Op {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut rest = text.chars();
        let kind = rest.next().context("an empty operation")?;
        let rest = rest.as_str();
        let number = |text: &str| text.parse().with_context(|| format!("{text} is not a number"));
        Ok(match kind {
            'r' => Self::Read(number(rest)?),
            'a' => Self::ReadAll(number(rest)?, u64::MAX),
            'p' => {
                let (length, offset) = rest.split_once('@').context("pLENGTH@OFFSET")?;
                Self::Pread(number(length)?, offset.parse()?)
            }
            's' => Self::Seek(rest.parse()?),
            'c' => Self::SeekBy(rest.parse()?),
            'x' => Self::Splice,
            'w' => Self::Write(rest.into()),
            't' => Self::Sleep(Duration::from_millis(rest.parse()?)),
            'e' => Self::Await(rest.into()),
            'u' => Self::HandOver(rest.into()),
            _ => bail!("unknown operation {text}"),
        })
    }
}

/// What is noted of one open.
struct Session {
    ino: u64,
    path: PathBuf,
    /// The file's offset, counted here: to ask the kernel would be a call of its own.
    position: u64,
    calls: Vec<Value>,
    /// By several threads: nobody knows in which order.
    unordered: bool,
}

impl Session {
    fn open(path: &Path, write: bool) -> Result<(Self, File)> {
        let file = OpenOptions::new().read(true).write(write).open(path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        let ino = file.metadata()?.ino();
        Ok((Self::new(ino, path), file))
    }

    fn new(ino: u64, path: &Path) -> Self {
        Self { ino, path: path.to_owned(), position: 0, calls: Vec::new(), unordered: false }
    }

    /// A call that should show as a read of the trace, whatever came of it.
    fn note(&mut self, call: &str, position: u64, want: usize, got: &io::Result<usize>) {
        let ret = ret(got);
        self.calls.push(json!({ "call": call, "pos": position, "want": want, "ret": ret }));
    }

    /// An offset that the file refuses, as before its beginning, leaves it where it is.
    fn seek(&mut self, file: &mut File, to: SeekFrom) {
        if let Ok(position) = file.seek(to) {
            self.position = position;
        }
    }

    fn close(self, log: Option<&Path>) -> Result<()> {
        let Some(log) = log else { return Ok(()) };
        let mut line = json!({
            "tid": tid(),
            "unordered": self.unordered,
            "ino": self.ino,
            "path": self.path.to_string_lossy(),
            "calls": self.calls,
        })
        .to_string();
        line.push('\n');
        // One write of an appending file: lines of several threads do not mix.
        let mut file = OpenOptions::new().create(true).append(true).open(log)?;
        file.write_all(line.as_bytes()).with_context(|| format!("cannot write {}", log.display()))
    }
}

fn tid() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

/// What the kernel returned.
fn ret(got: &io::Result<usize>) -> i64 {
    match got {
        Ok(count) => i64::try_from(*count).unwrap_or(i64::MAX),
        Err(error) => -i64::from(error.raw_os_error().unwrap_or(0)),
    }
}

/// Opens `path` once and does `ops`; what is read goes to stdout.
pub(crate) fn ops(path: &Path, ops: &[Op], log: Option<&Path>) -> Result<()> {
    perform(path, ops, log, &mut io::stdout().lock())
}

fn perform(path: &Path, ops: &[Op], log: Option<&Path>, out: &mut dyn Write) -> Result<()> {
    let writes = ops.iter().any(|op| matches!(op, Op::Write(_)));
    let (mut session, mut file) = Session::open(path, writes)?;
    carry_out(&mut session, &mut file, ops, out)?;
    drop(file);
    session.close(log)
}

/// Does `ops` with a file that somebody else opened; what is read goes to stdout.
pub(crate) fn received(mut file: File, ops: &[Op]) -> Result<()> {
    let mut session = Session::new(file.metadata()?.ino(), Path::new(""));
    carry_out(&mut session, &mut file, ops, &mut io::stdout().lock())
}

fn carry_out(
    session: &mut Session,
    file: &mut File,
    ops: &[Op],
    out: &mut dyn Write,
) -> Result<()> {
    for op in ops {
        match op {
            Op::Read(length) => {
                read(session, file, *length, out)?;
            }
            Op::ReadAll(length, most) => {
                while session.position < *most && read(session, file, *length, out)? > 0 {}
            }
            Op::Pread(length, offset) => {
                let mut buffer = vec![0; *length];
                let got = file.read_at(&mut buffer, *offset);
                session.note("pread", *offset, *length, &got);
                out.write_all(buffer.get(..got.unwrap_or(0)).unwrap_or_default())?;
            }
            Op::Seek(offset) => {
                session.seek(file, SeekFrom::Start(*offset));
            }
            Op::SeekBy(offset) => {
                session.seek(file, SeekFrom::Current(*offset));
            }
            Op::Splice => while spliced(session, file, out)? > 0 {},
            Op::Write(bytes) => file.write_all(bytes).context("write")?,
            Op::Sleep(time) => thread::sleep(*time),
            Op::Await(path) => {
                while !path.exists() {
                    thread::sleep(Duration::from_millis(10));
                }
            }
            Op::HandOver(socket) => pass::hand_over(file, socket)?,
        }
    }
    out.flush().context("cannot write")
}

fn read(
    session: &mut Session,
    file: &mut File,
    length: usize,
    out: &mut dyn Write,
) -> Result<usize> {
    let mut buffer = vec![0; length];
    let got = file.read(&mut buffer);
    session.note("read", session.position, length, &got);
    let count = got.context("read")?;
    session.position += count as u64;
    out.write_all(buffer.get(..count).unwrap_or_default())?;
    Ok(count)
}

fn spliced(session: &mut Session, file: &File, out: &mut dyn Write) -> Result<usize> {
    // A fresh pipe is empty: what a splice puts into it fits and is read without waiting.
    const LENGTH: usize = 65536;
    let (reader, writer) = pipe()?;
    let got = splice(file, None, &writer, None, LENGTH, SpliceFlags::empty());
    let got = got.map_err(io::Error::from);
    session.note("splice", session.position, LENGTH, &got);
    let count = got.context("splice")?;
    session.position += count as u64;
    drop(writer);
    let mut buffer = Vec::new();
    File::from(reader).read_to_end(&mut buffer)?;
    out.write_all(&buffer)?;
    Ok(count)
}

/// `count` threads read `path` at the same time.
pub(crate) fn many(count: usize, path: &Path, op: &Op, log: Option<&Path>) -> Result<()> {
    let start = Barrier::new(count);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..count)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    perform(path, slice::from_ref(op), log, &mut io::sink())
                })
            })
            .collect();
        for reader in readers {
            match reader.join() {
                Ok(result) => result?,
                Err(_) => bail!("a reader panicked"),
            }
        }
        Ok(())
    })
}

/// Opens and reads `path` `count` times, one after the other.
pub(crate) fn cycles(count: usize, path: &Path, bs: usize, log: Option<&Path>) -> Result<()> {
    (0..count).try_for_each(|_| perform(path, &[Op::ReadAll(bs, u64::MAX)], log, &mut io::sink()))
}

/// `count` threads read one open file at the same time: from the offset that they share, or of `blocks`
/// blocks each its own.
pub(crate) fn threads(
    count: usize,
    path: &Path,
    bs: usize,
    blocks: Option<usize>,
    log: Option<&Path>,
) -> Result<()> {
    let (mut session, file) = Session::open(path, false)?;
    let start = Barrier::new(count);
    let calls = Mutex::new(Vec::new());
    let note = |call: &str, position: Option<u64>, got: &io::Result<usize>| {
        let call =
            json!({ "call": call, "tid": tid(), "pos": position, "want": bs, "ret": ret(got) });
        calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    };
    thread::scope(|scope| {
        for thread in 0..count {
            let (file, start, note) = (&file, &start, &note);
            scope.spawn(move || {
                let mut buffer = vec![0; bs];
                start.wait();
                if let Some(blocks) = blocks {
                    for block in (thread..blocks).step_by(count) {
                        let position = (block * bs) as u64;
                        note("pread", Some(position), &file.read_at(&mut buffer, position));
                    }
                    return;
                }
                loop {
                    let mut file: &File = file;
                    let got = file.read(&mut buffer);
                    note("read", None, &got);
                    if !got.is_ok_and(|count| count > 0) {
                        break;
                    }
                }
            });
        }
    });
    drop(file);
    session.unordered = true;
    session.calls = calls.into_inner().unwrap_or_else(PoisonError::into_inner);
    session.close(log)
}

/// Writes to `path` `count` times. What does not fit is refused (ENOSPC), and is a write all the same.
pub(crate) fn writes(count: usize, path: &Path) -> Result<()> {
    let file = OpenOptions::new().write(true).open(path);
    let mut file = file.with_context(|| format!("cannot open {}", path.display()))?;
    for _ in 0..count {
        match file.write(b"word\n") {
            Err(error) if error.raw_os_error() != Some(Errno::NOSPC.raw_os_error()) => {
                return Err(error).context("write");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Opens `path` and reads from it until that fails, and again.
pub(crate) fn insist(path: &Path, bs: usize) -> ! {
    let mut buffer = vec![0; bs];
    loop {
        if let Ok(mut file) = File::open(path) {
            while file.read(&mut buffer).is_ok_and(|count| count > 0) {
                // Half of the time: what is traced should not be a flood.
                thread::sleep(Duration::from_millis(2));
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
}
