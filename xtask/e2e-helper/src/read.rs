//! Reads files and logs the reads. A log has one line of JSON for each open, written when the file is closed.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSliceMut, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use rustix::fs::sendfile;
use rustix::io::{Errno, preadv};
use rustix::pipe::{SpliceFlags, pipe, splice};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde_json::{Value, json};

use crate::{pass, ways};

/// A file, and operations on it.
#[derive(Args)]
pub(crate) struct Reader {
    file: PathBuf,
    /// r100 read, p100@50 pread, s50 lseek to 50, c-5 lseek by -5, x splice to the end, a100 read to the end in blocks,
    /// a100@500 until 500 bytes were read, v100 readv and q100@50 preadv with two buffers, d100 read from a duplicate,
    /// f sendfile to the end, i100 and i100@50 io_uring, k100@50 io_submit, m fail if it can be mapped, wTEXT write, t500 sleep ms, e/PATH wait until PATH exists, u/PATH send the open
    /// file to `receive` at the unix socket PATH and wait until that process has ended
    ops: Vec<String>,
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
        in_threads(count, |_| self.run_silently()).map(drop)
    }

    fn run_to(&self, out: &mut dyn Write) -> Result<()> {
        let writes = self.ops.iter().any(|op| op.starts_with('w'));
        let (mut open, mut file) = OpenLog::open(&self.file, writes)?;
        run(&mut open, &mut file, &self.ops, out)?;
        drop(file);
        open.close(self.log.as_deref())
    }
}

/// Calls `run` in `count` threads at the same time, with the number of the thread.
fn in_threads<T: Send>(count: usize, run: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let start = Barrier::new(count);
    let thread = |number| {
        start.wait();
        run(number)
    };
    thread::scope(|scope| {
        let thread = &thread;
        let threads: Vec<_> =
            (0..count).map(|number| scope.spawn(move || thread(number))).collect();
        let join = |thread: ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| Err(anyhow!("a reader panicked")))
        };
        threads.into_iter().map(join).collect()
    })
}

/// Log entry of one open.
struct OpenLog {
    ino: u64,
    path: PathBuf,
    /// The file offset in bytes, computed from the reads: querying it would need another system call.
    position: u64,
    calls: Vec<Value>,
    /// True if several threads make calls, so that their order and the file offset are not known.
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

    /// Adds a call that must be a read in the trace, even if it failed. `position`: `None` is the file offset.
    fn add(&mut self, call: &str, position: Option<u64>, want: usize, got: &io::Result<usize>) {
        let position = position.or((!self.unordered).then_some(self.position));
        let call =
            json!({ "call": call, "tid": tid(), "pos": position, "want": want, "ret": ret(got) });
        self.calls.push(call);
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
pub(crate) fn received(mut file: File, ops: &[String]) -> Result<()> {
    let mut open = OpenLog::new(file.metadata()?.ino(), Path::new(""));
    run(&mut open, &mut file, ops, &mut io::stdout().lock())
}

/// Runs operations, which [`Reader::ops`] describes.
fn run(open: &mut OpenLog, file: &mut File, ops: &[String], out: &mut dyn Write) -> Result<()> {
    for op in ops {
        let (kind, rest) = op.split_at_checked(1).context("an empty operation")?;
        let number = |text: &str| text.parse().with_context(|| format!("{text} is not a number"));
        match kind {
            "r" => {
                read(open, file, number(rest)?, out)?;
            }
            "a" => {
                let (length, most) = rest.split_once('@').unzip();
                let length = number(length.unwrap_or(rest))?;
                let most = most.map_or(Ok(u64::MAX), str::parse)?;
                while open.position < most && read(open, file, length, out)? > 0 {}
            }
            "p" => {
                let (length, offset) = rest.split_once('@').context("pLENGTH@OFFSET")?;
                let (length, offset) = (number(length)?, offset.parse()?);
                let mut buffer = vec![0; length];
                let got = file.read_at(&mut buffer, offset);
                open.add("pread", Some(offset), length, &got);
                out.write_all(buffer.get(..got.unwrap_or(0)).unwrap_or_default())?;
            }
            "s" => open.seek(file, SeekFrom::Start(rest.parse()?)),
            "c" => open.seek(file, SeekFrom::Current(rest.parse()?)),
            "x" => while spliced(open, file, out)? > 0 {},
            "m" => ways::not_mapped(file)?,
            "v" | "q" | "d" | "f" | "i" | "k" => otherwise(file, kind, rest, out)?,
            "w" => file.write_all(rest.as_bytes()).context("write")?,
            "t" => thread::sleep(Duration::from_millis(rest.parse()?)),
            "e" => {
                while !Path::new(rest).exists() {
                    thread::sleep(Duration::from_millis(10));
                }
            }
            "u" => pass::send(file, Path::new(rest))?,
            _ => bail!("unknown operation {op}"),
        }
    }
    out.flush().context("cannot write")
}

/// Reads in a way that is not logged: the kernel may split it into several reads, or have another thread make it.
fn otherwise(file: &mut File, kind: &str, rest: &str, out: &mut dyn Write) -> Result<()> {
    if kind == "f" {
        return sent(file, out);
    }
    let (length, offset) = rest.split_once('@').unzip();
    let offset: Option<u64> = offset.map(str::parse).transpose().context("an offset")?;
    let mut buffer = vec![0; length.unwrap_or(rest).parse().context("a length")?];
    let half = buffer.len() / 2;
    let (first, second) = buffer.split_at_mut(half);
    let mut halves = [IoSliceMut::new(first), IoSliceMut::new(second)];
    let count = match kind {
        "v" => file.read_vectored(&mut halves)?,
        "q" => preadv(file, &mut halves, offset.context("qLENGTH@OFFSET")?)?,
        "d" => file.try_clone()?.read(&mut buffer)?,
        "i" => ways::io_uring(file, &mut buffer, offset)?,
        _ => ways::aio(file, &mut buffer, offset.context("kLENGTH@OFFSET")?)?,
    };
    out.write_all(buffer.get(..count).unwrap_or_default())?;
    Ok(())
}

/// Copies the rest of the file by sendfile(2).
fn sent(file: &File, out: &mut dyn Write) -> Result<()> {
    const LENGTH: usize = 65536;
    loop {
        // A new pipe is empty: see `spliced`.
        let (reader, writer) = pipe()?;
        let count = sendfile(&writer, file, None, LENGTH).context("sendfile")?;
        drop(writer);
        let mut buffer = Vec::new();
        File::from(reader).read_to_end(&mut buffer)?;
        out.write_all(&buffer)?;
        if count == 0 {
            return Ok(());
        }
    }
}

fn read(open: &mut OpenLog, file: &mut File, length: usize, out: &mut dyn Write) -> Result<usize> {
    let mut buffer = vec![0; length];
    let got = file.read(&mut buffer);
    open.add("read", None, length, &got);
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
    open.add("splice", None, LENGTH, &got);
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
    open.unordered = true;
    let calls = in_threads(count, |thread| {
        let ops: Vec<String> = match blocks {
            Some(blocks) => {
                let blocks = (thread..blocks).step_by(count);
                blocks.map(|block| format!("p{bs}@{}", block * bs)).collect()
            }
            None => vec![format!("a{bs}")],
        };
        let mut part = OpenLog { unordered: true, ..OpenLog::new(open.ino, path) };
        run(&mut part, &mut file.try_clone()?, &ops, &mut io::sink())?;
        Ok(part.calls)
    })?;
    drop(file);
    open.calls = calls.concat();
    open.close(log)
}

/// Opens `path` `count` times at once, reads a byte from each of them, and closes them.
pub(crate) fn hold(count: usize, path: &Path) -> Result<()> {
    let limit = Some(count as u64 + 100);
    setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit })
        .context("cannot raise the limit of open files")?;
    let mut files = (0..count).map(|_| File::open(path)).collect::<io::Result<Vec<_>>>()?;
    for file in &mut files {
        file.read_exact(&mut [0])?;
    }
    Ok(())
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
