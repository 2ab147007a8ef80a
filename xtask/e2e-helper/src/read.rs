//! Reads files and logs the reads. A log has one line of JSON for each open, written when the file is closed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Error, Result, anyhow, bail};
use clap::Args;
use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, pipe, splice};
use serde_json::{Value, json};

use crate::pass;

/// A file, and operations on it.
#[derive(Args)]
pub(crate) struct Reader {
    file: PathBuf,
    /// r100 read, p100@50 pread, s50 lseek to 50, c-5 lseek by -5, x splice to the end, a100 read to the end in blocks,
    /// a100@500 until 500 bytes were read, wTEXT write, t500 sleep ms, e/PATH wait until PATH exists, u/PATH send the open
    /// file to `receive` at the unix socket PATH and wait until that process has ended
    ops: Vec<FileOp>,
    /// Append a line for each open, with its reads, for `json-check --log`
    #[arg(long)]
    log: Option<PathBuf>,
}

impl Reader {
    /// Opens the file and runs the operations. Prints the bytes that they read.
    pub(crate) fn run(&self) -> Result<()> {
        self.run_to(&mut io::stdout().lock())
    }

    pub(crate) fn run_silently(&self) -> Result<()> {
        self.run_to(&mut io::sink())
    }

    /// Opens the file and runs the operations in `count` threads at the same time.
    pub(crate) fn run_in_threads(&self, count: usize) -> Result<()> {
        let start = Barrier::new(count);
        thread::scope(|scope| {
            let reader = || {
                start.wait();
                self.run_silently()
            };
            let readers: Vec<_> = (0..count).map(|_| scope.spawn(reader)).collect();
            readers.into_iter().try_for_each(|reader| {
                reader.join().unwrap_or_else(|_| Err(anyhow!("a reader panicked")))
            })
        })
    }

    fn run_to(&self, out: &mut dyn Write) -> Result<()> {
        let writes = self.ops.iter().any(|op| matches!(op, FileOp::Write(_)));
        let (mut open, mut file) = OpenLog::open(&self.file, writes)?;
        run(&mut open, &mut file, &self.ops, out)?;
        drop(file);
        open.close(self.log.as_deref())
    }
}

/// Operation on an open file.
#[derive(Clone)]
pub(crate) enum FileOp {
    /// Calls read() once with this number of bytes.
    Read(usize),
    /// Reads blocks of `.0` bytes to the end of the file, or until `.1` bytes were read.
    ReadAll(usize, u64),
    /// Calls pread() once with `.0` bytes at the offset `.1`.
    Pread(usize, u64),
    /// Calls lseek() with SEEK_SET.
    Seek(u64),
    /// Calls lseek() with SEEK_CUR.
    SeekBy(i64),
    /// Splices to the end of the file.
    Splice,
    Write(Vec<u8>),
    Sleep(Duration),
    /// Waits until the path exists.
    Await(PathBuf),
    /// Sends the open file to the process that listens at this unix socket, and waits until that process has ended.
    Send(PathBuf),
}

impl FromStr for FileOp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut rest = text.chars();
        let kind = rest.next().context("an empty operation")?;
        let rest = rest.as_str();
        let number = |text: &str| text.parse().with_context(|| format!("{text} is not a number"));
        Ok(match kind {
            'r' => Self::Read(number(rest)?),
            'a' => {
                let (length, most) = rest.split_once('@').unzip();
                Self::ReadAll(
                    number(length.unwrap_or(rest))?,
                    most.map_or(Ok(u64::MAX), str::parse)?,
                )
            }
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
            'u' => Self::Send(rest.into()),
            _ => bail!("unknown operation {text}"),
        })
    }
}

/// Log entry of one open.
struct OpenLog {
    ino: u64,
    path: PathBuf,
    /// The file offset in bytes, computed from the reads: querying it would need another system call.
    position: u64,
    calls: Vec<Value>,
    /// True if several threads made the calls, so that their order is not known.
    unordered: bool,
}

impl OpenLog {
    fn open(path: &Path, write: bool) -> Result<(Self, File)> {
        let file = OpenOptions::new().read(true).write(write).open(path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        let ino = file.metadata()?.ino();
        Ok((Self::new(ino, path), file))
    }

    fn new(ino: u64, path: &Path) -> Self {
        Self { ino, path: path.to_owned(), position: 0, calls: Vec::new(), unordered: false }
    }

    /// Adds a call that must be a read in the trace, even if it failed.
    fn add(&mut self, call: &str, position: u64, want: usize, got: &io::Result<usize>) {
        let ret = ret(got);
        self.calls.push(json!({ "call": call, "pos": position, "want": want, "ret": ret }));
    }

    /// Calls lseek(). An error is ignored: the file then stays at its offset.
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
        // One write() with O_APPEND, so that lines of several threads do not mix.
        let mut file = OpenOptions::new().create(true).append(true).open(log)?;
        file.write_all(line.as_bytes()).with_context(|| format!("cannot write {}", log.display()))
    }
}

fn tid() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

/// Returns the result as the kernel returns it: a count, or a negative error number.
fn ret(got: &io::Result<usize>) -> i64 {
    match got {
        Ok(count) => i64::try_from(*count).unwrap_or(i64::MAX),
        Err(error) => -i64::from(error.raw_os_error().unwrap_or(0)),
    }
}

/// Runs operations on a file that another process opened. Prints the bytes that they read.
pub(crate) fn received(mut file: File, ops: &[FileOp]) -> Result<()> {
    let mut open = OpenLog::new(file.metadata()?.ino(), Path::new(""));
    run(&mut open, &mut file, ops, &mut io::stdout().lock())
}

fn run(open: &mut OpenLog, file: &mut File, ops: &[FileOp], out: &mut dyn Write) -> Result<()> {
    for op in ops {
        match op {
            FileOp::Read(length) => {
                read(open, file, *length, out)?;
            }
            FileOp::ReadAll(length, most) => {
                while open.position < *most && read(open, file, *length, out)? > 0 {}
            }
            FileOp::Pread(length, offset) => {
                let mut buffer = vec![0; *length];
                let got = file.read_at(&mut buffer, *offset);
                open.add("pread", *offset, *length, &got);
                out.write_all(buffer.get(..got.unwrap_or(0)).unwrap_or_default())?;
            }
            FileOp::Seek(offset) => open.seek(file, SeekFrom::Start(*offset)),
            FileOp::SeekBy(offset) => open.seek(file, SeekFrom::Current(*offset)),
            FileOp::Splice => while spliced(open, file, out)? > 0 {},
            FileOp::Write(bytes) => file.write_all(bytes).context("write")?,
            FileOp::Sleep(time) => thread::sleep(*time),
            FileOp::Await(path) => {
                while !path.exists() {
                    thread::sleep(Duration::from_millis(10));
                }
            }
            FileOp::Send(socket) => pass::send(file, socket)?,
        }
    }
    out.flush().context("cannot write")
}

fn read(open: &mut OpenLog, file: &mut File, length: usize, out: &mut dyn Write) -> Result<usize> {
    let mut buffer = vec![0; length];
    let got = file.read(&mut buffer);
    open.add("read", open.position, length, &got);
    let count = got.context("read")?;
    open.position += count as u64;
    out.write_all(buffer.get(..count).unwrap_or_default())?;
    Ok(count)
}

fn spliced(open: &mut OpenLog, file: &File, out: &mut dyn Write) -> Result<usize> {
    // A new pipe is empty: the bytes of one splice fit into it and can be read without waiting.
    const LENGTH: usize = 65536;
    let (reader, writer) = pipe()?;
    let got = splice(file, None, &writer, None, LENGTH, SpliceFlags::empty());
    let got = got.map_err(io::Error::from);
    open.add("splice", open.position, LENGTH, &got);
    let count = got.context("splice")?;
    open.position += count as u64;
    drop(writer);
    let mut buffer = Vec::new();
    File::from(reader).read_to_end(&mut buffer)?;
    out.write_all(&buffer)?;
    Ok(count)
}

/// Reads one open file in `count` threads at the same time: from the common offset to the end, or, if `blocks` is a number,
/// that many blocks by their offsets, distributed over the threads.
pub(crate) fn threads(
    count: usize,
    path: &Path,
    bs: usize,
    blocks: Option<usize>,
    log: Option<&Path>,
) -> Result<()> {
    let (mut open, file) = OpenLog::open(path, false)?;
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
    open.unordered = true;
    open.calls = calls.into_inner().unwrap_or_else(PoisonError::into_inner);
    open.close(log)
}

/// Writes to `path` `count` times. ENOSPC is not an error.
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

/// Opens and reads `path` repeatedly, until this process is killed.
pub(crate) fn insist(path: &Path, bs: usize) -> ! {
    let mut buffer = vec![0; bs];
    loop {
        if let Ok(mut file) = File::open(path) {
            while file.read(&mut buffer).is_ok_and(|count| count > 0) {
                // Pauses between reads, so that the trace does not grow too fast.
                thread::sleep(Duration::from_millis(2));
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
}
