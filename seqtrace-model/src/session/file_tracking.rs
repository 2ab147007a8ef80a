//! The model's copy of a session's seq_file, and whether it is valid.

use crate::event::SeqState;
use crate::session::core_state::CoreState;
use crate::session::untracked::Roles;
use crate::session::update::Partial;

#[derive(Debug)]
pub(super) struct FileTracking {
    /// Computed state of the seq_file. Valid only if `synced`.
    pub(super) m: CoreState,
    /// True if `m` equals the actual state of the seq_file.
    pub(super) synced: bool,
    /// Reason why `synced` is false.
    pub(super) desync_reason: Partial,
    /// Callbacks that no probe can see.
    pub(super) blind: Roles,
    /// Reason why the model never applies to this session: its reads run another loop than the core's. `None`: the
    /// model applies.
    pub(super) unmodelled: Option<Partial>,
    /// True if an overlapped call without callbacks may have emptied the buffer: its order among the others is
    /// unknown.
    pub(super) order_ambiguous: bool,
    /// Number of bytes that the core kept for the reader so far, minus the number of bytes delivered.
    pub(super) undelivered_bytes: i64,
}

impl FileTracking {
    /// Creates the state of a file after its open. `size` is the size of its buffer in bytes, `adopted` is true if the
    /// file was open before seqtrace attached.
    pub(super) fn new(size: u64, adopted: bool) -> Self {
        Self {
            m: CoreState { index: 0, count: 0, size, read_pos: 0 },
            synced: !adopted,
            desync_reason: Partial::Adopted,
            blind: Roles::default(),
            unmodelled: None,
            order_ambiguous: false,
            undelivered_bytes: 0,
        }
    }

    /// Marks the state as unknown until a read or lseek is entered while no other call is in flight.
    pub(super) fn lose_track(&mut self, why: Partial) {
        let blind = (!self.blind.is_empty()).then_some(Partial::Blind);
        self.desync_reason = self.unmodelled.or(blind).unwrap_or(why);
        if self.synced {
            // No later event shows whether these bytes are delivered.
            self.undelivered_bytes =
                self.undelivered_bytes.saturating_sub_unsigned(self.m.count).max(0);
        }
        self.synced = false;
    }

    /// Replaces the computed state by an observed one, which must have been read while no other call was in flight.
    pub(super) fn sync(&mut self, state: &SeqState) {
        if !self.blind.is_empty() || self.unmodelled.is_some() {
            return;
        }
        self.m = CoreState {
            index: state.index,
            count: state.count,
            size: state.size,
            read_pos: state.read_pos,
        };
        if !self.synced {
            self.keep(state.count);
        }
        self.synced = true;
        self.order_ambiguous = false;
    }

    /// Counts bytes that the core keeps for the reader.
    pub(super) fn keep(&mut self, bytes: u64) {
        self.undelivered_bytes = self.undelivered_bytes.saturating_add_unsigned(bytes);
    }

    /// Counts bytes that a reader got.
    pub(super) fn delivered(&mut self, bytes: u64) {
        if self.synced {
            self.undelivered_bytes = self.undelivered_bytes.saturating_sub_unsigned(bytes);
        }
    }
}
