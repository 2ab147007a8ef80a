//! Readers, and what they note: one line of JSON for each open, written when it is closed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Error, Result, bail};
use rustix::pipe::{SpliceFlags, pipe, splice};
use serde_json::{Value, json};

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
}

impl Session {
    fn open(path: &Path, write: bool) -> Result<(Self, File)> {
        let file = OpenOptions::new().read(true).write(write).open(path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        let ino = file.metadata()?.ino();
        Ok((Self { ino, path: path.to_owned(), position: 0, calls: Vec::new() }, file))
    }

    /// A call that should show as a read of the trace, whatever came of it.
    fn note(&mut self, call: &str, position: u64, want: usize, got: &io::Result<usize>) {
        let ret = match got {
            Ok(count) => i64::try_from(*count).unwrap_or(i64::MAX),
            Err(error) => -i64::from(error.raw_os_error().unwrap_or(0)),
        };
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
            "tid": rustix::thread::gettid().as_raw_nonzero().get(),
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

/// Opens `path` once and does `ops`; what is read goes to stdout.
pub(crate) fn ops(path: &Path, ops: &[Op], log: Option<&Path>) -> Result<()> {
    perform(path, ops, log, &mut io::stdout().lock())
}

fn perform(path: &Path, ops: &[Op], log: Option<&Path>, out: &mut dyn Write) -> Result<()> {
    let writes = ops.iter().any(|op| matches!(op, Op::Write(_)));
    let (mut session, mut file) = Session::open(path, writes)?;
    for op in ops {
        match op {
            Op::Read(length) => {
                read(&mut session, &mut file, *length, out)?;
            }
            Op::ReadAll(length, most) => {
                while session.position < *most && read(&mut session, &mut file, *length, out)? > 0 {
                }
            }
            Op::Pread(length, offset) => {
                let mut buffer = vec![0; *length];
                let got = file.read_at(&mut buffer, *offset);
                session.note("pread", *offset, *length, &got);
                out.write_all(buffer.get(..got.unwrap_or(0)).unwrap_or_default())?;
            }
            Op::Seek(offset) => {
                session.seek(&mut file, SeekFrom::Start(*offset));
            }
            Op::SeekBy(offset) => {
                session.seek(&mut file, SeekFrom::Current(*offset));
            }
            Op::Splice => while spliced(&mut session, &file, out)? > 0 {},
            Op::Write(bytes) => file.write_all(bytes).context("write")?,
            Op::Sleep(time) => thread::sleep(*time),
            Op::Await(path) => {
                while !path.exists() {
                    thread::sleep(Duration::from_millis(10));
                }
            }
        }
    }
    out.flush()?;
    drop(file);
    session.close(log)
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
pub(crate) fn many(count: usize, path: &Path, bs: usize, log: Option<&Path>) -> Result<()> {
    let start = Barrier::new(count);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..count)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    perform(path, &[Op::ReadAll(bs, u64::MAX)], log, &mut io::sink())
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
