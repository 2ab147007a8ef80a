//! Names of pointers that are equal in two traces although the addresses differ.

use std::collections::HashMap;

use seqtrace_model::event::{Ptr, PtrKind};

/// A pointer without its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// NULL, the end of the file.
    Null,
    /// `SEQ_START_TOKEN`, for which show renders a header.
    Token,
    /// `ERR_PTR(-errno)`. Holds the positive errno.
    Err(i32),
    /// A record, by the position at which its session saw the pointer first. A record that is inserted before others does
    /// not change their names, unless it changes their positions.
    At {
        /// Position at which the session saw the pointer first.
        pos: i64,
        /// Number of the pointer among those that were first seen at this position, from 1.
        number: u32,
    },
    /// A record, if pointers are not compared.
    Any,
}

/// The pointers of a session. The default hasher is keyed, because a recording can have any pointers.
#[derive(Debug, Default)]
pub(crate) struct Pointers {
    records: HashMap<u64, Record>,
    /// Number of pointers that were first seen at a position.
    at: HashMap<i64, u32>,
}

impl Pointers {
    /// Returns the name of a pointer that is seen at a position.
    pub(crate) fn name(&mut self, ptr: Ptr, pos: i64) -> Record {
        let address = match ptr.kind() {
            PtrKind::Null => return Record::Null,
            PtrKind::Token => return Record::Token,
            PtrKind::Err(errno) => return Record::Err(errno),
            PtrKind::Record(address) => address,
        };
        *self.records.entry(address).or_insert_with(|| {
            let number = self.at.entry(pos).or_default();
            *number = number.saturating_add(1);
            Record::At { pos, number: *number }
        })
    }
}

impl Record {
    /// Returns the pointer without its identity.
    pub(crate) fn anonymous(self) -> Self {
        match self {
            Self::At { .. } => Self::Any,
            other => other,
        }
    }
}
