//! Checks one file after the other: the reading processes carry out the plans of an inquiry, and the trace
//! records what the kernel does.

use std::{
    io, mem,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    denylist,
    inquiry::{self, Answer, Bounds, Lab},
    plan::{Act, Plan},
    process::{Ended, Process},
    reader::Request,
    seen::{Collector, Seen},
    verdict::{NOT_A_SEQ_FILE, PlanReport, Report, Verdict},
};
use crate::{
    event::{Functions, Open},
    run::Trace,
    session::update::Callbacks,
};

/// Limits of a check.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Largest number of bytes that are read from a file.
    pub(crate) bytes: u64,
    /// Time limit for a file. A file whose bytes differ gets an extension that is not included.
    pub(crate) time: Duration,
    /// Time after which a read counts as blocked.
    pub(crate) step: Duration,
    /// True if files that reading changes are read, too.
    pub(crate) force: bool,
}

/// Two reading processes and the trace that follows them.
pub(crate) struct FileChecker {
    pub(crate) trace: Trace<Collector>,
    readers: [Process; 2],
    /// Process that does nothing. Its files are read instead of those in /proc/self: a reader's own files would show
    /// the read.
    idle: Process,
    limits: Limits,
}

/// Number of records above which each step is a request of its own, so that the ring is emptied in between.
const HEAVY: usize = 2048;

/// State of the check of one file.
struct Reading<'a> {
    checker: &'a mut FileChecker,
    /// Path that is opened. Under /proc/self it differs from the path that the user named.
    path: &'a Path,
    /// True if the events of a single step may fill the ring.
    heavy: bool,
    deadline: Instant,
    /// Number of events that were lost before this file.
    lost: u64,
    /// The reason why the probes did not fire; `None` if they did, as far as they were examined.
    silence: Option<String>,
    /// True if a reader was killed. A lock that the reader held may stay held, so nothing more is read.
    killed: bool,
}

impl FileChecker {
    /// Creates a checker around `trace`, which follows the readers and whose sink is `seen`.
    ///
    /// # Errors
    /// The idle process cannot be started.
    pub(crate) fn new(
        trace: Trace<Collector>,
        readers: [Process; 2],
        limits: Limits,
    ) -> io::Result<Self> {
        Ok(Self { trace, readers, idle: Process::start(2)?, limits })
    }

    pub(crate) async fn end(self) -> Trace<Collector> {
        for reader in self.readers.into_iter().chain([self.idle]) {
            reader.end().await;
        }
        self.trace
    }

    /// Checks one file, opened as `real`, the path that its sessions have. The report names the file `path`.
    ///
    /// # Errors
    /// The readers or the trace fail. Errors of the file are in the report.
    pub(crate) async fn check_file(&mut self, path: &Path, real: &Path) -> anyhow::Result<Report> {
        let lost = self.trace.source.lost()?;
        let mut report = Report::new(path.as_os_str().as_bytes().to_vec());
        let read_as = read_as(real, self.idle.id());
        let deadline = Instant::now() + self.limits.time;
        if self.readers.iter_mut().any(Process::is_gone) {
            // The cause is an earlier file, not this one.
            self.replace_readers().await?;
        }
        match self.inspect(&read_as) {
            Ok(callbacks) => report.callbacks = callbacks,
            Err(why) => {
                // If the probes are silent, no file is recognised as a seq file.
                report.verdict = match self.trace.heartbeat()? {
                    Some(silence) => silent(&silence),
                    None => Verdict::Refused(why),
                };
                return Ok(report);
            }
        }
        let bounds = Bounds { bytes: self.limits.bytes, force: self.limits.force };
        let mut reading = Reading {
            checker: self,
            path: &read_as,
            heavy: false,
            deadline,
            lost,
            silence: None,
            killed: false,
        };
        let mut report = Box::pin(inquiry::inquire(&mut reading, bounds, report)).await?;
        if let Some(silence) = &reading.silence {
            // What the probes did not report looks like a fault of the file. Bytes that differ need no probes.
            if !report.plans.iter().any(PlanReport::failed) {
                report.found.clear();
                report.verdict = silent(silence);
            }
        }
        Ok(report)
    }

    /// Returns the callbacks of a file, as far as they are known.
    ///
    /// # Errors
    /// The file is not read at all, for this reason.
    fn inspect(&mut self, read_as: &Path) -> Result<Option<Callbacks>, String> {
        if let Some(why) = denylist::reason(read_as).filter(|_| !self.limits.force) {
            return Err(format!("{why}: not opened without --force"));
        }
        let inspected = self.trace.source.inspect_file(read_as);
        self.trace.fetch();
        self.trace.sink.take();
        let callbacks = |open: Open| match open.functions {
            Functions::Callbacks(callbacks) => Some(callbacks),
            _ => None,
        };
        match inspected {
            Ok(open) => open.and_then(callbacks).map(Some).ok_or_else(|| NOT_A_SEQ_FILE.to_owned()),
            // The traced open of a reader reveals if a failed open leaks.
            Err(error) => match self.trace.source.failed_open() {
                Some(open) => Ok(callbacks(open)),
                None => Err(format!("cannot be opened: {error}")),
            },
        }
    }

    /// Starts new readers. Kills the old readers, one of which hangs or has ended; that closes their descriptors.
    async fn replace_readers(&mut self) -> anyhow::Result<()> {
        for number in [0, 1] {
            let fresh = Process::start(number)?;
            let pid = fresh.id().ok_or_else(|| io::Error::other("the reading process ended"))?;
            self.trace.source.allow_pid(pid)?;
            if let Some(reader) = self.readers.get_mut(number) {
                let old = mem::replace(reader, fresh);
                self.trace.pump_while(old.end()).await;
            }
        }
        Ok(())
    }
}

impl Lab for Reading<'_> {
    async fn carry(&mut self, plan: &Plan) -> anyhow::Result<Answer> {
        let mut calls = Vec::new();
        if self.killed {
            return Ok(Answer { calls, ended: Ended::Died, seen: Seen::default() });
        }
        let mut ended = Ended::Done;
        let together = |a: &Act, b: &Act| a.process == b.process && !self.heavy;
        for acts in plan.acts.chunk_by(together) {
            let process = acts.first().map_or(0, |act| act.process);
            let steps = acts.iter().map(|act| act.step.clone()).collect();
            let request = Request { path: self.path.as_os_str().as_bytes().to_vec(), steps };
            let FileChecker { trace, readers, limits, .. } = &mut *self.checker;
            let Some(reader) = readers.get_mut(process) else { continue };
            let returned = trace.sink.returned();
            let returned = || returned.get();
            let asked = reader.ask(&request, limits.step, self.deadline, returned, &mut calls);
            ended = trace.pump_while(asked).await?;
            if ended != Ended::Done {
                self.killed = ended == Ended::Died;
                self.checker.replace_readers().await?;
                break;
            }
        }
        let seen = self.checker.trace.sink.take();
        self.heavy |= seen.sessions.iter().any(|session| session.record_ends.len() > HEAVY);
        Ok(Answer { calls, ended, seen })
    }

    async fn idle(&mut self, time: Duration) -> anyhow::Result<()> {
        self.checker.trace.pump_while(tokio::time::sleep(time)).await;
        Ok(())
    }

    fn is_over(&self) -> Option<&'static str> {
        if self.killed {
            Some("a reader was killed before")
        } else if Instant::now() >= self.deadline {
            Some("no time was left")
        } else {
            None
        }
    }

    fn extend(&mut self) {
        self.deadline += self.checker.limits.time / 2;
    }

    fn lost(&mut self) -> anyhow::Result<u64> {
        self.silence = self.checker.trace.heartbeat()?.or_else(|| self.silence.take());
        Ok(self.checker.trace.source.lost()? - self.lost)
    }
}

fn silent(silence: &str) -> Verdict {
    Verdict::Inconclusive(format!("the probes did not fire: {silence}"))
}

/// Returns the path with /proc/self or /proc/thread-self replaced by the directory of the process `idle`, which does
/// nothing. A reader's own stack or system call would differ between two ways of reading.
fn read_as(path: &Path, idle: Option<u32>) -> PathBuf {
    let Some(idle) = idle else { return path.to_path_buf() };
    let folder = PathBuf::from(format!("/proc/{idle}"));
    if let Ok(rest) = path.strip_prefix("/proc/self") {
        folder.join(rest)
    } else if let Ok(rest) = path.strip_prefix("/proc/thread-self") {
        folder.join("task").join(idle.to_string()).join(rest)
    } else {
        path.to_path_buf()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_does_not_read_its_own_files() {
        let of = |path: &str| read_as(Path::new(path), Some(42)).display().to_string();
        assert_eq!(of("/proc/self/maps"), "/proc/42/maps");
        assert_eq!(of("/proc/thread-self/stat"), "/proc/42/task/42/stat");
        assert_eq!(of("/proc/selfish"), "/proc/selfish");
        assert_eq!(of("/proc/net/tcp"), "/proc/net/tcp");
    }
}
