//! What has come out of the ring and waits for its turn.
//!
//! The ring is memory of the kernel's, small and there all the time; what is made of an event, JSON above
//! all, takes longer than the kernel takes to write one. So a thread does nothing but empty the ring, into
//! memory that is there only as long as it is needed.

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

/// Bytes that may wait. When there are more, the ring fills up, and what it has no room for is counted.
const ROOM: usize = 128 << 20;
/// Bytes of a chunk, about.
const CHUNK: usize = 256 << 10;
/// The longest record: an open with its path.
const RECORD: usize = size_of::<wire::Open>() + wire::PATH_BYTES + 256;
/// Chunks that are kept for the next time.
const SPARE: usize = 8;
/// How often the ring is emptied when little happens: a person should see a line within 50 ms.
const IDLE: Duration = Duration::from_millis(20);
/// The same when a lot came last time.
const BUSY: Duration = Duration::from_millis(2);

/// Records of the ring, in order.
#[derive(Debug)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    /// Where each record ends.
    ends: Vec<usize>,
}

impl Chunk {
    /// With room for all that it will take: grown by and by, it would be twice as large.
    fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(CHUNK + RECORD),
            ends: Vec::with_capacity(CHUNK / size_of::<wire::Callback>()),
        }
    }

    /// The records.
    pub(super) fn records(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).filter_map(|(begin, &end)| self.bytes.get(begin..end))
    }

    fn push(&mut self, record: &[u8]) {
        self.bytes.extend_from_slice(record);
        self.ends.push(self.bytes.len());
    }
}

struct Inner {
    ring: RingBuf<MapData>,
    waiting: VecDeque<Chunk>,
    /// Bytes of them all.
    bytes: usize,
    spare: Vec<Chunk>,
}

impl Inner {
    /// Takes what is in the ring, as far as there is room; how many bytes that was.
    fn fill(&mut self) -> usize {
        let mut taken = 0;
        // Not for ever: the kernel may be as fast.
        while taken < ROOM / 8 && self.bytes < ROOM {
            // The last one first: a chunk takes the same memory, however little is in it.
            let last = self.waiting.pop_back_if(|chunk| chunk.bytes.len() < CHUNK);
            let mut chunk = last.or_else(|| self.spare.pop()).unwrap_or_else(Chunk::new);
            let before = chunk.bytes.len();
            while chunk.bytes.len() < CHUNK
                && let Some(record) = self.ring.next()
            {
                chunk.push(&record);
            }
            let len = chunk.bytes.len();
            if len == 0 {
                self.spare.push(chunk);
                break;
            }
            taken += len - before;
            self.bytes += len - before;
            self.waiting.push_back(chunk);
            if len == before {
                break;
            }
        }
        taken
    }
}

struct Shared {
    inner: Mutex<Inner>,
    filled: Notify,
    /// The thread is to end.
    closed: AtomicBool,
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ring and what waits behind it.
pub(super) struct Spool {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Spool {
    /// Around the ring. Until [`Spool::start`] it is emptied by [`Spool::take`] only.
    pub(super) fn new(ring: RingBuf<MapData>) -> Self {
        let inner = Inner { ring, waiting: VecDeque::new(), bytes: 0, spare: Vec::new() };
        let shared = Shared {
            inner: Mutex::new(inner),
            filled: Notify::new(),
            closed: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared), thread: None }
    }

    /// Empties the ring in a thread of its own from here on. The thread may do what this one may do now.
    /// `fault`: so seldom, always.
    ///
    /// # Errors
    /// There can be no thread.
    pub(super) fn start(&mut self, fault: Option<Duration>) -> io::Result<()> {
        if self.thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let thread = thread::Builder::new().name("seqtrace-ring".to_owned());
            self.thread = Some(thread.spawn(move || pump(&shared, fault))?);
        }
        Ok(())
    }

    /// The oldest records, from the ring itself if none wait: all that were in it before this call come
    /// before `None`.
    pub(super) fn take(&self) -> Option<Chunk> {
        let mut inner = self.shared.inner();
        if inner.waiting.is_empty() {
            inner.fill();
        }
        let chunk = inner.waiting.pop_front()?;
        inner.bytes -= chunk.bytes.len();
        Some(chunk)
    }

    /// Gives a chunk back that has been read.
    pub(super) fn recycle(&self, mut chunk: Chunk) {
        let mut inner = self.shared.inner();
        if inner.spare.len() < SPARE {
            chunk.bytes.clear();
            chunk.ends.clear();
            inner.spare.push(chunk);
        }
    }

    /// Completes when the thread has found records.
    pub(super) fn filled(&self) -> Notified<'_> {
        self.shared.filled.notified()
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It panics no more than we do.
            let _ended = thread.join();
        }
    }
}

fn pump(shared: &Shared, fault: Option<Duration>) {
    let mut pause = IDLE;
    while !shared.closed.load(Ordering::Relaxed) {
        thread::park_timeout(fault.unwrap_or(pause));
        let taken = shared.inner().fill();
        pause = if taken >= CHUNK { BUSY } else { IDLE };
        if taken > 0 {
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
