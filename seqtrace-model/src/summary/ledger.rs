use crate::event::{Ptr, Role};
use crate::session::update::{Fate, Range, Update, UpdateKind};

/// The ledger of a session: which record the reader got at which file offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Path of the file. Not escaped.
    pub path: Vec<u8>,
    /// Entries in the order of rendering.
    pub entries: Vec<LedgerEntry>,
}

/// The bytes of one call of show() or stop().
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// File offsets of the bytes.
    pub range: Range,
    /// Position of the record. `None`: it is unknown.
    pub pos: Option<i64>,
    /// Pointer to the record. `None`: it is unknown.
    pub record: Option<Ptr>,
    /// 1-based number of the pass in the session.
    pub pass: u32,
    /// 1-based number of the read in the session. `None`: in an lseek, or unknown.
    pub read: Option<u32>,
    /// True if stop() wrote the bytes, though it should not write any.
    pub stop: bool,
    /// True if a traversal passed over the record: no reader got the bytes.
    pub passed_over: bool,
}

impl LedgerEntry {
    /// Returns the entry of a callback whose bytes were emitted or passed over, `None` for other updates.
    pub(super) fn of(update: &Update) -> Option<Self> {
        let UpdateKind::Callback(callback) = &update.what else { return None };
        let stop = callback.role == Role::Stop;
        let passed_over = match callback.fate {
            Some(Fate::PassedOver) => true,
            Some(Fate::Emitted) => false,
            // Only a show() has a fate.
            _ if stop => false,
            _ => return None,
        };
        Some(Self {
            range: callback.range?,
            pos: callback.pos_in,
            record: callback.v,
            pass: callback.pass,
            read: update.read,
            stop,
            passed_over,
        })
    }
}
