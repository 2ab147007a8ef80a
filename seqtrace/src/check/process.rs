//! Control of a reading process.

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

/// Name of the hidden subcommand that runs a reader.
pub(crate) const SUBCOMMAND: &str = "read-for-check";

/// A reading process and its pipes.
#[derive(Debug)]
pub(crate) struct Process {
    number: usize,
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    input: Vec<u8>,
}

/// Interval at which the counter of returned calls in the trace is polled: the reader itself reports calls much later.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The way in which a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All steps were carried out.
    Done,
    /// A call did not return in time.
    Blocked,
    /// The time limit of the file has passed.
    OutOfTime,
    /// The process was killed, as an oops does to the process in whose context it happens.
    Died,
}

impl Process {
    /// Starts a reading process; its calls carry `number`.
    ///
    /// # Errors
    /// This program cannot be started again.
    pub(crate) fn start(number: usize) -> io::Result<Self> {
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

    /// Returns the process id; `None` after it was reaped.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends a request and appends the calls to `calls` as their results arrive. No call may take longer than
    /// `step`. `returned` counts the calls that have returned; only its changes matter. Unless the request ends
    /// with [`Ended::Done`], the process cannot be used again.
    ///
    /// # Errors
    /// The process sends bytes that are not a message.
    pub(crate) async fn ask(
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
        // Latest time at which a call is known to have returned, and the number of calls that had returned by then. The
        // trace counts them; a message of the reader for each call would disturb what it reads.
        let (mut since, mut counted) = (Instant::now(), returned());
        loop {
            if self.decode_calls(calls)? {
                return Ok(Ended::Done);
            }
            let poll = (Instant::now() + POLL_INTERVAL.min(step)).min(deadline);
            let Ok(got) = timeout_at(poll, self.stdout.read(&mut chunk)).await else {
                let (now, count) = (Instant::now(), returned());
                if count != counted {
                    (since, counted) = (now, count);
                }
                if now.duration_since(since) >= step {
                    return Ok(Ended::Blocked);
                } else if now >= deadline {
                    return Ok(Ended::OutOfTime);
                }
                continue;
            };
            let got = got?;
            // A message proves that the reader was not in a call.
            since = Instant::now();
            if got == 0 {
                return Ok(Ended::Died);
            }
            self.input.extend_from_slice(chunk.get(..got).unwrap_or_default());
            // Lets the task that empties the ring run between two chunks.
            tokio::task::yield_now().await;
        }
    }

    /// Decodes the messages that have arrived. Returns true after the last one of the request.
    fn decode_calls(&mut self, calls: &mut Vec<Call>) -> io::Result<bool> {
        let mut decoded = 0;
        let mut done = false;
        while !done
            && let Some((message, len)) =
                Message::decode(self.number, self.input.get(decoded..).unwrap_or_default())
                    .map_err(io::Error::other)?
        {
            decoded += len;
            match message {
                Message::Call(call) => calls.push(call),
                Message::Done => done = true,
            }
        }
        self.input.drain(..decoded);
        Ok(done)
    }

    /// Returns true if the process has ended, for whatever reason.
    pub(crate) fn is_gone(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills the process and waits at most a second for its end: a process in an uninterruptible sleep does not end.
    pub(crate) async fn end(mut self) {
        let _gone = self.child.start_kill();
        let _late = tokio::time::timeout(Duration::from_secs(1), self.child.wait()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a request to this shell line, while calls return for the time `returning`. Returns how it ends, and after
    /// which time.
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
        // Many quick calls may take longer together.
        let (hangs, after) = ended("exec sleep 60", Duration::from_secs(1));
        assert_eq!(hangs, Ended::Blocked);
        assert!(after >= Duration::from_millis(1200), "{after:?}");
    }
}
