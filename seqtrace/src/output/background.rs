//! Writes in a thread of its own: a reader that takes nothing, such as a stopped pager, blocks the thread, and neither the
//! signals that end a trace nor its end.

use std::{
    collections::VecDeque,
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::sync::Notify;

use crate::privileges;

/// Number of bytes above which the queue is full.
const LIMIT: usize = 1 << 20;
/// Maximum number of empty buffers that are retained for reuse.
const SPARE_BUFFERS: usize = 4;
/// Time without progress after which output counts as blocked.
const PATIENCE: Duration = Duration::from_secs(1);
/// Interval at which a descriptor that other processes have set to O_NONBLOCK is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// A stream to which the thread writes.
pub(crate) type Stream = Box<dyn Write + Send>;

/// A queue of buffers and the thread that writes them. The first stream has the data; errors of others are ignored.
#[derive(Debug, Clone)]
pub(crate) struct Background(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when a buffer was appended.
    appended: Condvar,
    /// Notified when a buffer was written.
    written: Condvar,
    /// Notified when a buffer was written.
    space: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Buffers to write, each with the index of its stream.
    queue: VecDeque<(usize, Vec<u8>)>,
    /// Number of bytes in the queue and in the buffer that is being written.
    pending: usize,
    /// Empty buffers for reuse.
    spare: Vec<Vec<u8>>,
    /// Number of bytes that were written to the first stream.
    written: u64,
    /// Error of the first stream, which gets no more bytes.
    failed: Option<io::Error>,
}

impl Background {
    /// Starts the thread.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(streams: Vec<Stream>) -> io::Result<Self> {
        let background = Self(Arc::default());
        let shared = Arc::clone(&background.0);
        thread::Builder::new()
            .name("seqtrace-output".to_owned())
            .spawn(move || shared.write_all(streams))?;
        Ok(background)
    }

    /// Appends the bytes to the queue and empties the buffer.
    pub(crate) fn push(&self, stream: usize, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let mut state = self.0.state();
        if stream == 0 && state.failed.is_some() {
            bytes.clear();
            return;
        }
        let empty = state.spare.pop().unwrap_or_default();
        let bytes = mem::replace(bytes, empty);
        state.pending += bytes.len();
        state.queue.push_back((stream, bytes));
        self.0.appended.notify_one();
    }

    /// Returns true if the first stream is open, false if its reader has closed it.
    ///
    /// # Errors
    /// It cannot be written (disk full).
    pub(crate) fn is_open(&self) -> io::Result<bool> {
        match &self.0.state().failed {
            None => Ok(true),
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Some(error) => Err(match error.raw_os_error() {
                Some(errno) => io::Error::from_raw_os_error(errno),
                None => error.kind().into(),
            }),
        }
    }

    /// Returns true if nothing should be appended until bytes were written.
    pub(crate) fn is_full(&self) -> bool {
        self.0.state().pending >= LIMIT
    }

    /// Completes when the queue is not full.
    pub(crate) async fn space(&self) {
        while self.is_full() {
            self.0.space.notified().await;
        }
    }

    /// Returns the number of bytes that were written to the first stream.
    pub(crate) fn written(&self) -> u64 {
        self.0.state().written
    }

    /// Blocks while the queue is full.
    pub(crate) fn wait_for_space(&self, blocked: &dyn Fn()) {
        self.wait(LIMIT, blocked);
    }

    /// Blocks until everything is written. After a second without progress, calls `blocked` once.
    ///
    /// # Errors
    /// As for [`Self::is_open`].
    pub(crate) fn finish(&self, blocked: &dyn Fn()) -> io::Result<bool> {
        self.wait(1, blocked);
        self.is_open()
    }

    /// Blocks until everything is written, or nothing was for a second.
    pub(crate) fn settle(&self) {
        let _written = self.wait_patiently(1);
    }

    fn wait(&self, limit: usize, blocked: &dyn Fn()) {
        if !self.wait_patiently(limit) {
            blocked();
            while !self.wait_patiently(limit) {}
        }
    }

    /// Blocks while at least `limit` bytes are not written. Returns false if none were written for a second.
    fn wait_patiently(&self, limit: usize) -> bool {
        let mut state = self.0.state();
        while state.pending >= limit {
            let waited = self.0.written.wait_timeout(state, PATIENCE);
            let (next, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = next;
            if timeout.timed_out() && state.pending >= limit {
                return false;
            }
        }
        true
    }
}

/// Appends to the first stream. Errors are those of earlier bytes.
impl Write for Background {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_open()? {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.push(0, &mut bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the buffers of the queue until the process ends.
    fn write_all(&self, mut streams: Vec<Stream>) {
        // Nothing of what the thread does needs them.
        let _kept = privileges::drop_all_capabilities();
        let mut state = self.state();
        loop {
            let Some((index, mut bytes)) = state.queue.pop_front() else {
                state = self.appended.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let skip = index == 0 && state.failed.is_some();
            drop(state);
            let stream = streams.get_mut(index).filter(|_| !skip);
            let (written, result) = stream.map_or((0, Ok(())), |stream| write(stream, &bytes));
            state = self.state();
            state.pending -= bytes.len();
            if index == 0 {
                state.written += written as u64;
                state.failed = mem::take(&mut state.failed).or(result.err());
            }
            if state.spare.len() < SPARE_BUFFERS {
                bytes.clear();
                state.spare.push(bytes);
            }
            self.written.notify_all();
            self.space.notify_one();
        }
    }
}

/// Writes all bytes. Returns the number of those that were written.
fn write(stream: &mut Stream, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while let rest @ [_, ..] = bytes.get(written..).unwrap_or_default() {
        match stream.write(rest) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::sleep(RETRY_INTERVAL);
            }
            Err(error) => return (written, Err(error)),
        }
    }
    (written, stream.flush())
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        sync::atomic::{AtomicBool, Ordering},
        time::Instant,
    };

    use super::*;

    fn started() -> (io::PipeReader, Background) {
        let (reader, writer) = io::pipe().unwrap();
        (reader, Background::start(vec![Box::new(writer)]).unwrap())
    }

    #[test]
    fn a_blocked_reader_blocks_only_the_thread() {
        let (mut reader, mut background) = started();
        // More than a pipe holds.
        let begin = Instant::now();
        for _ in 0..20 {
            background.write_all(&vec![b'x'; 65536]).unwrap();
        }
        assert!(begin.elapsed() < Duration::from_secs(1));
        assert!(background.is_full());
        let reported = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !reported.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(10));
                }
                let mut bytes = vec![0; 20 * 65536];
                reader.read_exact(&mut bytes).unwrap();
                assert!(bytes.iter().all(|byte| *byte == b'x'));
            });
            let blocked = || reported.store(true, Ordering::Relaxed);
            assert!(background.finish(&blocked).unwrap());
        });
        assert_eq!(background.written(), 20 * 65536);
        assert!(!background.is_full());
    }

    #[test]
    fn a_closed_pipe_is_reported_with_the_bytes_before_it() {
        let (mut reader, mut background) = started();
        background.write_all(b"read").unwrap();
        reader.read_exact(&mut [0; 4]).unwrap();
        drop(reader);
        background.write_all(b"unread").unwrap();
        assert!(!background.finish(&|| {}).unwrap());
        assert_eq!(background.written(), 4);
        let error = background.write_all(b"more").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn other_errors_are_reported_and_do_not_stop_other_streams() {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let (mut reader, status) = io::pipe().unwrap();
        let background = Background::start(vec![Box::new(full), Box::new(status)]).unwrap();
        background.push(0, &mut b"data".to_vec());
        background.push(1, &mut b"status".to_vec());
        let error = background.finish(&|| {}).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let mut text = [0; 6];
        reader.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"status");
    }

    #[test]
    fn space_is_awaited() {
        let (mut reader, mut background) = started();
        for _ in 0..20 {
            background.write_all(&vec![b'x'; 65536]).unwrap();
        }
        let reading = thread::spawn(move || reader.read_exact(&mut vec![0; 20 * 65536]));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(background.space());
        assert!(!background.is_full());
        reading.join().unwrap().unwrap();
    }
}
