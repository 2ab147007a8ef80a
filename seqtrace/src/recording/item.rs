//! What the rows of a recording say.

use super::{
    columns::Row,
    row::{Kind, RowError, need},
};
use seqtrace_model::trace::Ready;

use crate::{
    event::{Event, OpTable},
    session::update::Symbol,
};

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Something happened.
    Event {
        /// What.
        event: Event,
        /// The session that it opens was not selected: only its open and its release are here.
        hidden: bool,
    },
    /// The function at an address has this name from here on.
    Function(Symbol),
    /// The `struct seq_operations` at an address has this name from here on.
    Table(Symbol),
    /// A target of the command line was looked at.
    Target {
        /// As the user wrote it.
        word: Vec<u8>,
        /// Its callbacks, if it has any, and the address of their table if that has a name.
        callbacks: Option<(Option<u64>, OpTable)>,
        /// What is special with it.
        note: Option<String>,
    },
    /// Everything is attached.
    Ready(Ready),
    /// The trace ended.
    End {
        /// CLOCK_MONOTONIC, ns since boot.
        time: u64,
        /// Probe hits that were missed.
        missed: u64,
    },
}

impl Item {
    pub(super) fn of(row: Row) -> Result<Self, RowError> {
        let kind = row.kind.ok_or(RowError::Kindless)?;
        Ok(match kind {
            Kind::Function => Self::Function(symbol(kind, row)?),
            Kind::Table => Self::Table(symbol(kind, row)?),
            Kind::Target => {
                let callbacks = match row.start {
                    Some(_) => Some((row.op, row.get_table(kind)?)),
                    None => None,
                };
                Self::Target { callbacks, word: need!(kind, row.word), note: row.note }
            }
            Kind::Ready => {
                Self::Ready(Ready { begin: need!(kind, row.time), probes: need!(kind, row.probes) })
            }
            Kind::End => Self::End { time: need!(kind, row.time), missed: need!(kind, row.missed) },
            _ => {
                let hidden = row.shown == Some(false);
                let missing = RowError::Missing { kind: kind.name(), column: "cpu" };
                Self::Event { event: row.event(kind)?.ok_or(missing)?, hidden }
            }
        })
    }

    /// The row of a name.
    pub(super) fn name_row(kind: Kind, time: u64, symbol: &Symbol) -> Row {
        let Symbol { address, name, module, offset } = symbol;
        Row {
            time: Some(time),
            kind: Some(kind),
            address: Some(*address),
            name: name.as_deref().map(str::to_owned),
            module: module.as_deref().map(str::to_owned),
            offset: offset.and_then(|offset| i64::try_from(offset).ok()),
            ..Row::default()
        }
    }
}

fn symbol(kind: Kind, row: Row) -> Result<Symbol, RowError> {
    Ok(Symbol {
        address: need!(kind, row.address),
        name: row.name.map(Into::into),
        module: row.module.map(Into::into),
        offset: row.offset.and_then(|offset| u64::try_from(offset).ok()),
    })
}
