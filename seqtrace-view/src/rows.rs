//! All updates of a session, compressed in blocks.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use seqtrace_model::session::update::{Session, Update};

use crate::packed::{Packed, Rest};

/// Number of rows of a block. A greater number saves memory, a smaller one saves the time to read a single row.
const BLOCK_ROWS: usize = 512;
/// Effort of zstd. Higher levels save a tenth of the memory and cost twice the time.
const LEVEL: i32 = 1;

/// The updates of a session, numbered from 0.
#[derive(Debug)]
pub struct Rows {
    session: Arc<Session>,
    blocks: VecDeque<Block>,
    /// Rows behind the last block.
    pending: Vec<Packed>,
    /// Number of rows in blocks, dropped ones included.
    blocked: u32,
    /// Time of the last row of the last block, ns since boot.
    blocked_time: u64,
    /// [`Rest::end`] at the end of the last block.
    blocked_rest: u32,
    /// Time of the last row, ns since boot.
    time: u64,
    rest: Rest,
}

#[derive(Debug)]
struct Block {
    /// Number of the first row.
    first: u32,
    /// Time before the first row, to which the row's time is relative; ns since boot.
    time: u64,
    /// [`Rest::end`] before the first row.
    rest: u32,
    /// Rows in the postcard format, compressed by zstd.
    bytes: Box<[u8]>,
    /// Size of the rows before compression, bytes.
    size: usize,
}

/// Decoded rows of the block that was read last. A caller that reads neighbouring rows keeps one.
#[derive(Debug, Default)]
pub struct Window {
    session: Option<Arc<Session>>,
    first: u32,
    updates: Vec<Update>,
}

impl Rows {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self {
            session,
            blocks: VecDeque::new(),
            pending: Vec::new(),
            blocked: 0,
            blocked_time: 0,
            blocked_rest: 0,
            time: 0,
            rest: Rest::default(),
        }
    }

    /// Returns the number of the row behind the last one.
    pub fn end(&self) -> u32 {
        self.blocked + u32::try_from(self.pending.len()).unwrap_or(u32::MAX)
    }

    /// Returns the number of the first row that is kept. Earlier ones were dropped to bound the memory.
    pub fn first(&self) -> u32 {
        self.blocks.front().map_or(self.blocked, |block| block.first)
    }

    /// Adds a row. Returns the number of bytes that a block took, if one is complete.
    pub(crate) fn push(&mut self, update: &Update) -> Option<usize> {
        let after = update.time.wrapping_sub(self.time).cast_signed();
        self.time = update.time;
        let packed = self.rest.pack(update, after);
        self.pending.push(packed);
        (self.pending.len() >= BLOCK_ROWS).then(|| self.compress())
    }

    /// Compresses the rows behind the last block. Returns the number of bytes that they take now.
    pub(crate) fn compress(&mut self) -> usize {
        let encoded = postcard::to_stdvec(&self.pending).expect("memory is the only limit");
        let bytes = zstd::bulk::compress(&encoded, LEVEL).expect("memory is the only limit");
        let bytes = bytes.into_boxed_slice();
        let taken = bytes.len() + size_of::<Block>();
        let (first, time, size) = (self.blocked, self.blocked_time, encoded.len());
        let rest = self.blocked_rest;
        self.blocks.push_back(Block { first, time, rest, bytes, size });
        (self.blocked, self.blocked_time) = (self.end(), self.time);
        self.blocked_rest = self.rest.end();
        // A closed session needs no buffer any more.
        self.pending = Vec::new();
        taken
    }

    /// Returns the number of bytes that all blocks take.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.bytes.len() + size_of::<Block>()).sum()
    }

    /// Drops the oldest block. Returns its number of rows and of bytes.
    pub(crate) fn drop_block(&mut self) -> Option<(u32, usize)> {
        let block = self.blocks.pop_front()?;
        self.rest.drop_before(self.blocks.front().map_or(self.blocked_rest, |block| block.rest));
        Some((self.first() - block.first, block.bytes.len() + size_of::<Block>()))
    }

    /// Returns a row; `None` if there is none of that number, or if it was dropped.
    pub fn get<'a>(&self, row: u32, window: &'a mut Window) -> Option<&'a Update> {
        if row < self.first() || row >= self.end() {
            return None;
        }
        let same = window.session.as_ref().is_some_and(|held| Arc::ptr_eq(held, &self.session));
        let held = window.first..window.first + u32::try_from(window.updates.len()).ok()?;
        if !same || !held.contains(&row) {
            *window = self.window(row);
        }
        window.updates.get((row - window.first) as usize)
    }

    /// Returns the number of the first row after a time, ns since boot; [`end`](Self::end) if there is none.
    pub fn after(&self, time: u64, window: &mut Window) -> u32 {
        if self.time <= time {
            return self.end();
        }
        // The time of a block is that of the row before it.
        let blocks = self.blocks.partition_point(|block| block.time <= time);
        let pending = self.blocked_time <= time;
        let first = if pending {
            self.blocked
        } else {
            self.blocks.get(blocks.saturating_sub(1)).map_or(self.blocked, |block| block.first)
        };
        let end = self.end();
        (first..end)
            .find(|row| self.get(*row, window).is_some_and(|update| update.time > time))
            .unwrap_or(end)
    }

    /// Calls a function for each row of a range that is kept.
    pub fn visit(
        &self,
        range: Range<u32>,
        window: &mut Window,
        mut seen: impl FnMut(u32, &Update),
    ) {
        for row in range.start.max(self.first())..range.end.min(self.end()) {
            if let Some(update) = self.get(row, window) {
                seen(row, update);
            }
        }
    }

    /// Decodes the block with a row that exists, or the rows behind the last block.
    fn window(&self, row: u32) -> Window {
        let (first, time, packed) = if row >= self.blocked {
            (self.blocked, self.blocked_time, self.pending.clone())
        } else {
            let after = self.blocks.partition_point(|block| block.first <= row);
            let block = &self.blocks[after - 1];
            (block.first, block.time, block.decode())
        };
        let updates = packed.into_iter().scan(time, |time, packed| {
            *time = time.wrapping_add_signed(packed.after);
            Some(self.rest.unpack(packed, *time, &self.session))
        });
        Window { session: Some(Arc::clone(&self.session)), first, updates: updates.collect() }
    }
}

impl Block {
    fn decode(&self) -> Vec<Packed> {
        let encoded = zstd::bulk::decompress(&self.bytes, self.size).expect("zstd wrote it");
        postcard::from_bytes(&encoded).expect("postcard wrote it")
    }
}
