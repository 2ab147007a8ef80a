//! A reading process, seen from the one that asks.

use std::{io, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{Instant, timeout_at},
};

use super::{
    call::{Call, Message},
    reader::Request,
};

/// The name of the hidden subcommand.
pub const SUBCOMMAND: &str = "read-for-check";

/// A reading process.
#[derive(Debug)]
pub struct Process {
    number: usize,
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    input: Vec<u8>,
}

/// How often is looked whether calls have returned: the reader tells of them much later.
const GLANCE: Duration = Duration::from_millis(20);

/// How long a call may take. When one returned is not heard from the reader, which would disturb what it
/// reads, but seen from outside.
#[derive(Clone, Copy, Debug)]
struct ReadDeadline {
    limit: Duration,
    /// When the last one returned, as far as known.
    since: Instant,
    /// How many have returned.
    returned: u64,
}

impl ReadDeadline {
    /// Something came from the reader: it was not in a call then.
    fn hears(&mut self, now: Instant) {
        self.since = now;
    }

    /// So many calls have returned by now. True if the next one takes too long.
    fn is_over(&mut self, now: Instant, returned: u64) -> bool {
        if self.returned != returned {
            (self.since, self.returned) = (now, returned);
        }
        now.duration_since(self.since) >= self.limit
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All was done.
    Done,
    /// A call did not return in time.
    Blocked,
    /// There is no time left for this file.
    OutOfTime,
    /// The process was killed. An oops does that to whoever is in the kernel for it.
    Died,
}

impl Process {
    /// Starts one. `number` is what its calls are marked with.
    ///
    /// # Errors
    /// This program cannot be started once more.
    pub fn start(number: usize) -> io::Result<Self> {
        let mut this = Command::new("/proc/self/exe");
        this.arg(SUBCOMMAND);
        Self::of(number, this)
    }

    fn of(number: usize, mut command: Command) -> io::Result<Self> {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = pipes.ok_or_else(|| io::Error::other("no pipes"))?;
        Ok(Self { number, child, stdin, stdout, input: Vec::new() })
    }

    /// Its process id, while it lives.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Does a request; calls are appended as they come. None of them may take longer than `step`:
    /// `returned` tells how many have returned so far, from whatever number on. If it does not end with
    /// [`Ended::Done`], the process is of no use any more.
    ///
    /// # Errors
    /// The process says what makes no sense.
    pub async fn ask(
        &mut self,
        request: &Request,
        step: Duration,
        deadline: Instant,
        returned: impl Fn() -> u64,
        calls: &mut Vec<Call>,
    ) -> io::Result<Ended> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        match self.stdin.write_all(&line).await {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Ended::Died),
            written => written?,
        }
        let mut chunk = vec![0; 64 << 10];
        let mut patience =
            ReadDeadline { limit: step, since: Instant::now(), returned: returned() };
        loop {
            if self.understand(calls)? {
                return Ok(Ended::Done);
            }
            let glance = (Instant::now() + GLANCE.min(step)).min(deadline);
            let Ok(got) = timeout_at(glance, self.stdout.read(&mut chunk)).await else {
                let now = Instant::now();
                if patience.is_over(now, returned()) {
                    return Ok(Ended::Blocked);
                } else if now >= deadline {
                    return Ok(Ended::OutOfTime);
                }
                continue;
            };
            let got = got?;
            patience.hears(Instant::now());
            if got == 0 {
                return Ok(Ended::Died);
            }
            self.input.extend_from_slice(chunk.get(..got).unwrap_or_default());
            // Others are to get their turn, between two chunks at the latest.
            tokio::task::yield_now().await;
        }
    }

    /// Takes the calls that have come. True after the last one of the request.
    fn understand(&mut self, calls: &mut Vec<Call>) -> io::Result<bool> {
        let mut taken = 0;
        let mut done = false;
        while !done
            && let Some((message, len)) =
                Message::decode(self.number, self.input.get(taken..).unwrap_or_default())
                    .map_err(io::Error::other)?
        {
            taken += len;
            match message {
                Message::Call(call) => calls.push(call),
                Message::Done => done = true,
            }
        }
        self.input.drain(..taken);
        Ok(done)
    }

    /// True if it has ended, of whatever.
    pub fn is_gone(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it, whatever it is doing; waits for that, but not for ever.
    pub async fn end(mut self) {
        let _gone = self.child.start_kill();
        let _late = tokio::time::timeout(Duration::from_secs(1), self.child.wait()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a request to this shell line ends, while calls return for so long, and when.
    fn ended(line: &str, returning: Duration) -> (Ended, Duration) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut sh = Command::new("sh");
            sh.args(["-c", line]);
            let mut process = Process::of(0, sh).unwrap();
            let request = Request { path: b"/proc/foo".to_vec(), steps: Vec::new() };
            let step = Duration::from_millis(300);
            let deadline = Instant::now() + Duration::from_mins(1);
            let begin = Instant::now();
            let returned = || u64::try_from(begin.elapsed().min(returning).as_millis()).unwrap();
            let calls = &mut Vec::new();
            let ended = process.ask(&request, step, deadline, returned, calls).await.unwrap();
            let after = begin.elapsed();
            process.end().await;
            (ended, after)
        })
    }

    #[test]
    fn a_reader_that_is_killed_is_no_error_of_ours() {
        let (ended, _) = ended("read request; kill -9 $$", Duration::ZERO);
        assert_eq!(ended, Ended::Died);
    }

    #[test]
    fn the_limit_is_that_of_one_call() {
        let (hangs, after) = ended("exec sleep 60", Duration::ZERO);
        assert_eq!(hangs, Ended::Blocked);
        assert!(after >= Duration::from_millis(300), "{after:?}");
        // Many that are quick may take longer together.
        let (hangs, after) = ended("exec sleep 60", Duration::from_secs(1));
        assert_eq!(hangs, Ended::Blocked);
        assert!(after >= Duration::from_millis(1200), "{after:?}");
    }
}
