//! The state of `struct seq_file` as the model computes it, and its comparison with an observed state.

use crate::event::SeqState;

/// The fields of `struct seq_file` as the core leaves them between two callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CoreState {
    /// `m->index`: position of the iterator.
    pub(super) index: i64,
    /// `m->count`: number of bytes in the buffer that are not delivered yet.
    pub(super) count: u64,
    /// `m->size`: size of the buffer, bytes; 0: there is no buffer.
    pub(super) size: u64,
    /// `m->read_pos`: file offset of the next byte to deliver.
    pub(super) read_pos: i64,
}

impl CoreState {
    /// Returns the file offset behind the last byte in the buffer. Deliveries do not change it.
    pub(super) fn end(&self) -> i64 {
        add(self.read_pos, self.count)
    }

    /// Checks that an observed state equals this one.
    pub(super) fn check(&self, seen: &SeqState) -> Result<(), ModelMismatch> {
        let fits =
            (self.index, self.count, self.read_pos) == (seen.index, seen.count, seen.read_pos);
        if fits { Ok(()) } else { Err(self.mismatch(seen)) }
    }

    /// Checks an observed state after deliveries that no event reports: only position and end of the buffer must agree.
    pub(super) fn check_end(&self, seen: &SeqState) -> Result<(), ModelMismatch> {
        let fits = (self.index, self.end()) == (seen.index, add(seen.read_pos, seen.count));
        if fits { Ok(()) } else { Err(self.mismatch(seen)) }
    }

    fn mismatch(&self, seen: &SeqState) -> ModelMismatch {
        let describe = |index, count, read_pos| {
            format!("position {index}, {count} bytes left over at file offset {read_pos}")
        };
        ModelMismatch::new(
            describe(self.index, self.count, self.read_pos),
            describe(seen.index, seen.count, seen.read_pos),
        )
    }

    /// Resets the state as the core does after a failed traversal ("with extreme prejudice", `seq_read_iter()`).
    pub(super) fn reset(&mut self) {
        self.read_pos = 0;
        self.rewind();
    }

    /// Resets position and buffer, as the core does at the beginning of a read at offset 0.
    pub(super) fn rewind(&mut self) {
        self.index = 0;
        self.count = 0;
    }

    /// Copies `bytes` to a reader at file offset `pos`. The end of the buffer stays at its file offset.
    pub(super) fn deliver(&mut self, pos: i64, bytes: u64) {
        let end = self.end();
        self.read_pos = add(pos, bytes);
        self.count = distance(self.read_pos, end);
    }
}

/// An observation that the core's loop cannot produce from the state that the model has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ModelMismatch {
    pub(super) expected: String,
    pub(super) observed: String,
}

impl ModelMismatch {
    pub(super) fn new(expected: impl Into<String>, observed: impl Into<String>) -> Self {
        Self { expected: expected.into(), observed: observed.into() }
    }
}

/// Returns the file offset `bytes` behind `offset`, saturating.
pub(super) fn add(offset: i64, bytes: u64) -> i64 {
    offset.saturating_add_unsigned(bytes)
}

/// Returns the number of bytes from file offset `from` to file offset `to`; 0 if `to` comes first.
pub(super) fn distance(from: i64, to: i64) -> u64 {
    if to > from { to.abs_diff(from) } else { 0 }
}
