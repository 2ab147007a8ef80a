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

    /// Does a request; calls are appended as they come. If it does not end with [`Ended::Done`], the
    /// process is of no use any more.
    ///
    /// # Errors
    /// The process says what makes no sense.
    pub async fn ask(
        &mut self,
        request: &Request,
        step: Duration,
        deadline: Instant,
        calls: &mut Vec<Call>,
    ) -> io::Result<Ended> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        match self.stdin.write_all(&line).await {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Ended::Died),
            written => written?,
        }
        let mut chunk = vec![0; 64 << 10];
        loop {
            if self.understand(calls)? {
                return Ok(Ended::Done);
            }
            let patience = Instant::now() + step;
            let got = match timeout_at(patience.min(deadline), self.stdout.read(&mut chunk)).await {
                Ok(got) => got?,
                Err(_) if deadline <= patience => return Ok(Ended::OutOfTime),
                Err(_) => return Ok(Ended::Blocked),
            };
            if got == 0 {
                return Ok(Ended::Died);
            }
            self.input.extend_from_slice(chunk.get(..got).unwrap_or_default());
            // Others are to get their turn, between two chunks at the latest.
            tokio::task::yield_now().await;
        }
    }

    /// Takes the calls that have come. True behind the last one of the request.
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

    /// How a request to this shell line ends.
    fn ended(line: &str) -> Ended {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut sh = Command::new("sh");
            sh.args(["-c", line]);
            let mut process = Process::of(0, sh).unwrap();
            let request = Request { path: b"/proc/foo".to_vec(), steps: Vec::new() };
            let step = Duration::from_millis(300);
            let deadline = Instant::now() + Duration::from_mins(1);
            let ended = process.ask(&request, step, deadline, &mut Vec::new()).await.unwrap();
            process.end().await;
            ended
        })
    }

    #[test]
    fn a_reader_that_is_killed_is_no_error_of_ours() {
        assert_eq!(ended("read request; kill -9 $$"), Ended::Died);
        assert_eq!(ended("exec sleep 60"), Ended::Blocked);
    }
}
