//! Empties the ring into a backlog of chunks.
//!
//! The ring is memory of the kernel, small and allocated for the whole trace. Rendering an event, above all as JSON,
//! takes longer than emitting it. So a thread does nothing but copy records from the ring to memory that is allocated
//! only as long as it is needed.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use aya::maps::{MapData, RingBuf};
use seqtrace_common::wire;
use tokio::sync::{Notify, futures::Notified};

/// Maximum size of the backlog, in bytes. At this size records stay in the ring; when the ring is full, the programs
/// count the events that they drop.
const BACKLOG_BYTES: usize = 128 << 20;
/// Size at which a chunk is full, in bytes. The last record may exceed it.
const CHUNK_BYTES: usize = 256 << 10;
/// Size of the longest record, an open with its path, in bytes.
const MAX_RECORD_BYTES: usize = size_of::<wire::Open>() + wire::PATH_BYTES + 256;
/// Maximum number of empty chunks that are retained for reuse.
const SPARE_CHUNKS: usize = 8;
/// Interval at which the ring is emptied on an idle system. An event should be visible within 50 ms.
const IDLE_INTERVAL: Duration = Duration::from_millis(20);
/// Interval at which the ring is emptied if the previous copy had at least [`CHUNK_BYTES`] bytes.
const BUSY_INTERVAL: Duration = Duration::from_millis(2);

/// Consecutive records of the ring.
#[derive(Debug)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    /// End of each record, as an index of `bytes`.
    ends: Vec<usize>,
}

impl Chunk {
    /// Allocates a chunk in its final size: repeated growth could leave it twice as large.
    fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(CHUNK_BYTES + MAX_RECORD_BYTES),
            ends: Vec::with_capacity(CHUNK_BYTES / size_of::<wire::Callback>()),
        }
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).filter_map(|(begin, &end)| self.bytes.get(begin..end))
    }

    fn push(&mut self, record: &[u8]) {
        self.bytes.extend_from_slice(record);
        self.ends.push(self.bytes.len());
    }
}

/// The ring and the records that were copied from it.
struct Backlog {
    ring: RingBuf<MapData>,
    /// Chunks in the order of the ring.
    chunks: VecDeque<Chunk>,
    /// Total size of the records in `chunks`, in bytes.
    bytes: usize,
    /// Empty chunks for reuse.
    spare: Vec<Chunk>,
}

impl Backlog {
    /// Copies the records that are in the ring, as far as the limit allows. Returns the number of bytes copied.
    fn fill(&mut self) -> usize {
        let mut copied = 0;
        // Limited for one call, because the kernel may emit as fast as this loop copies.
        while copied < BACKLOG_BYTES / 8 && self.bytes < BACKLOG_BYTES {
            // Fills the last chunk first: a chunk occupies the same memory, however few bytes it has.
            let last = self.chunks.pop_back_if(|chunk| chunk.bytes.len() < CHUNK_BYTES);
            let mut chunk = last.or_else(|| self.spare.pop()).unwrap_or_else(Chunk::new);
            let before = chunk.bytes.len();
            while chunk.bytes.len() < CHUNK_BYTES
                && let Some(record) = self.ring.next()
            {
                chunk.push(&record);
            }
            let len = chunk.bytes.len();
            if len == 0 {
                self.spare.push(chunk);
                break;
            }
            copied += len - before;
            self.bytes += len - before;
            self.chunks.push_back(chunk);
            if len == before {
                break;
            }
        }
        copied
    }
}

/// State that the reader shares with its thread.
struct Shared {
    backlog: Mutex<Backlog>,
    /// Notified by the thread when it has copied records.
    filled: Notify,
    /// True if the thread is to end.
    closed: AtomicBool,
}

impl Shared {
    fn backlog(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads records from the ring, in order.
pub(super) struct RingReader {
    shared: Arc<Shared>,
    /// `None` until [`RingReader::start`] is called.
    thread: Option<JoinHandle<()>>,
}

impl RingReader {
    /// Creates a reader without a thread: until [`RingReader::start`] only [`RingReader::take`] empties the ring.
    pub(super) fn new(ring: RingBuf<MapData>) -> Self {
        let backlog = Backlog { ring, chunks: VecDeque::new(), bytes: 0, spare: Vec::new() };
        let shared = Shared {
            backlog: Mutex::new(backlog),
            filled: Notify::new(),
            closed: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared), thread: None }
    }

    /// Starts the thread that empties the ring, unless it runs already. It inherits the capabilities of the calling
    /// thread. `fault`: fixed poll interval, for fault-injection tests.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(&mut self, fault: Option<Duration>) -> io::Result<()> {
        if self.thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let thread = thread::Builder::new().name("seqtrace-ring".to_owned());
            self.thread = Some(thread.spawn(move || poll_ring(&shared, fault))?);
        }
        Ok(())
    }

    /// Removes and returns the oldest chunk of the backlog; copies one from the ring if the backlog is empty. Calls
    /// return all records that were in the ring before the first call, then `None`.
    pub(super) fn take(&self) -> Option<Chunk> {
        let mut backlog = self.shared.backlog();
        if backlog.chunks.is_empty() {
            backlog.fill();
        }
        let chunk = backlog.chunks.pop_front()?;
        backlog.bytes -= chunk.bytes.len();
        Some(chunk)
    }

    /// Returns an empty chunk to the backlog for reuse.
    pub(super) fn recycle(&self, mut chunk: Chunk) {
        let mut backlog = self.shared.backlog();
        if backlog.spare.len() < SPARE_CHUNKS {
            chunk.bytes.clear();
            chunk.ends.clear();
            backlog.spare.push(chunk);
        }
    }

    /// Completes when the thread has copied records.
    pub(super) fn filled(&self) -> Notified<'_> {
        self.shared.filled.notified()
    }
}

impl Drop for RingReader {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _panicked = thread.join();
        }
    }
}

/// Empties the ring until the reader is dropped.
fn poll_ring(shared: &Shared, fault: Option<Duration>) {
    let mut interval = IDLE_INTERVAL;
    while !shared.closed.load(Ordering::Relaxed) {
        thread::park_timeout(fault.unwrap_or(interval));
        let copied = shared.backlog().fill();
        interval = if copied >= CHUNK_BYTES { BUSY_INTERVAL } else { IDLE_INTERVAL };
        if copied > 0 {
            shared.filled.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were() {
        let mut chunk = Chunk::new();
        let records: [&[u8]; 4] = [b"one", b"", b"three", b"4"];
        for record in records {
            chunk.push(record);
        }
        assert_eq!(chunk.records().collect::<Vec<_>>(), records);
    }
}
