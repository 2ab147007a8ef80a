//! Rows of a batch to events and to what explains them.

use super::{
    column_types::{ColumnType, DictValue},
    columns::{Column, Columns},
    kind::Kind,
};
use seqtrace_model::{
    event::{Body, Callback, Event, FileKind, OpTable, Open, Role, SeqState, Task},
    symbol::{Symbol, Unnamed},
    trace::Ready,
};

/// A row of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An event, whose functions have no names yet (see [`KnownNames`](super::KnownNames)).
    Event {
        /// The event.
        event: Event,
        /// True if the event opens a session that was not selected: only its open and its release were recorded.
        hidden: bool,
    },
    /// Name of the function at an address, for all rows that follow.
    Function(Symbol),
    /// Name of the `struct seq_operations` at an address, for all rows that follow.
    Table(Symbol),
    /// A target of the command line.
    Target {
        /// The target as the user wrote it.
        word: Vec<u8>,
        /// Its callbacks, and the address of their table if that has a name; `None` if the target has no callbacks.
        callbacks: Option<(Option<u64>, OpTable)>,
        /// Remark about the target, for the user; `None` if there is none.
        note: Option<String>,
    },
    /// All probes are attached.
    Ready(Ready),
    /// The trace ended.
    End {
        /// CLOCK_MONOTONIC, ns since boot.
        time: u64,
        /// Number of missed probe hits.
        missed: u64,
    },
}

/// Reason why a row cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RowError {
    #[error("a row has no kind")]
    NoKind,
    #[error("a row of kind {} has no {column}", kind.name())]
    Missing { kind: Kind, column: &'static str },
    #[error("{column} is out of range in a row of kind {}", kind.name())]
    OutOfRange { kind: Kind, column: &'static str },
    /// A dictionary column of the batch has a name that this version does not know.
    #[error("column {column} has the unknown value `{}`", value.escape_debug())]
    UnknownValue { column: &'static str, value: String },
}

impl Columns {
    /// Reads a row, which the batch must have.
    #[inline]
    pub(super) fn item(&self, row: usize) -> Result<Item, RowError> {
        let kind = self.kind.get(row).ok_or(RowError::NoKind)?;
        Row { columns: self, index: row, kind }.item()
    }
}

/// A row of known kind.
#[derive(Clone, Copy)]
struct Row<'a> {
    columns: &'a Columns,
    index: usize,
    kind: Kind,
}

impl Row<'_> {
    /// Returns the value in a column, if there is one.
    #[inline]
    fn get<T: ColumnType>(self, column: &Column<T>) -> Option<T> {
        column.get(self.index)
    }

    /// Returns the value in a column that rows of this kind must have.
    #[inline]
    fn need<T: ColumnType>(self, column: &Column<T>) -> Result<T, RowError> {
        self.get(column).ok_or(RowError::Missing { kind: self.kind, column: column.name })
    }

    /// Returns the value in a column whose type is wider than that of the event's field.
    #[inline]
    fn narrow<T: ColumnType, N: TryFrom<T>>(self, column: &Column<T>) -> Result<N, RowError> {
        N::try_from(self.need(column)?)
            .map_err(|_| RowError::OutOfRange { kind: self.kind, column: column.name })
    }

    #[inline]
    fn item(self) -> Result<Item, RowError> {
        let c = self.columns;
        let body = match self.kind {
            Kind::Callback => self.callback()?,
            Kind::Open => Body::Open(Box::new(self.open()?)),
            Kind::ReadEnter => self.read_enter()?,
            Kind::ReadExit => self.read_exit()?,
            Kind::LseekEnter => self.lseek_enter()?,
            Kind::LseekExit => self.lseek_exit()?,
            Kind::PassBegin => self.pass_begin()?,
            Kind::Preview => {
                Body::Preview { key: self.need(&c.session)?, bytes: self.need(&c.bytes)? }
            }
            Kind::Release => self.release()?,
            Kind::OpenFailed => self.open_failed()?,
            Kind::Write => self.write()?,
            Kind::PlainRead => self.plain_read()?,
            Kind::Gap => Body::Gap { lost: self.need(&c.lost)? },
            Kind::Blind => self.blind()?,
            Kind::TableAttached => Body::TableAttached { table: self.table()? },
            Kind::Function => return Ok(Item::Function(self.symbol()?)),
            Kind::Table => return Ok(Item::Table(self.symbol()?)),
            Kind::Target => return self.target(),
            Kind::Ready => return self.ready(),
            Kind::End => return self.end(),
        };
        let event = Event { time: self.need(&c.time)?, cpu: self.need(&c.cpu)?, body };
        let hidden = self.kind == Kind::Open && self.get(&c.shown) == Some(false);
        Ok(Item::Event { event, hidden })
    }

    #[inline]
    fn callback(self) -> Result<Body, RowError> {
        let c = self.columns;
        let role = self.need(&c.role)?;
        Ok(Body::Callback(Callback {
            key: self.need(&c.session)?,
            role,
            ret: match role {
                Role::Start | Role::Next => self.need(&c.pointer)?,
                Role::Show | Role::Stop => self.need(&c.ret)?.cast_unsigned(),
            },
            index: self.need(&c.index)?,
            count: self.narrow(&c.count)?,
            full: self.need(&c.full)?,
            private: self.get(&c.private),
        }))
    }

    fn open(self) -> Result<Open, RowError> {
        let c = self.columns;
        let kind = match (self.get(&c.m), self.get(&c.read_handler)) {
            (None, Some(read)) => FileKind::Plain { read, write: self.need(&c.write_handler)? },
            _ => FileKind::Seq {
                m: self.need(&c.m)?,
                op: self.need(&c.op)?,
                table: self.table()?,
                private: self.need(&c.private)?,
                size: self.need(&c.size)?,
                inner: self.get(&c.inner).unwrap_or(0),
            },
        };
        let mut open = Open {
            key: self.need(&c.session)?,
            ret: self.narrow(&c.ret)?,
            task: self.task()?,
            file: self.need(&c.file)?,
            kind,
            adopted: self.need(&c.adopted)?,
            own: self.need(&c.own)?,
            components: self.need(&c.names)?,
            path_cut: self.need(&c.path_cut)?,
            path: Vec::new(),
            functions: kind.functions(&mut Unnamed),
            ino: self.need(&c.ino)?,
            dev: self.need(&c.dev)?,
            magic: self.need(&c.magic)?,
            mode: self.need(&c.mode)?,
            via: self.get(&c.wrapper),
        };
        open.path = self.get(&c.path).unwrap_or_else(|| open.joined());
        Ok(open)
    }

    fn read_enter(self) -> Result<Body, RowError> {
        let c = self.columns;
        Ok(Body::ReadEnter {
            key: self.need(&c.session)?,
            task: self.task()?,
            pos: self.need(&c.pos)?,
            want: self.need(&c.want)?,
            state: self.state()?,
            via: self.get(&c.via),
        })
    }

    fn read_exit(self) -> Result<Body, RowError> {
        let c = self.columns;
        Ok(Body::ReadExit {
            key: self.need(&c.session)?,
            tid: self.need(&c.tid)?,
            ret: self.need(&c.ret)?,
            state: self.state()?,
        })
    }

    fn lseek_enter(self) -> Result<Body, RowError> {
        let c = self.columns;
        Ok(Body::LseekEnter {
            key: self.need(&c.session)?,
            tid: self.need(&c.tid)?,
            offset: self.need(&c.offset)?,
            whence: self.need(&c.whence)?,
            state: self.state()?,
        })
    }

    fn lseek_exit(self) -> Result<Body, RowError> {
        let c = self.columns;
        Ok(Body::LseekExit {
            key: self.need(&c.session)?,
            tid: self.need(&c.tid)?,
            ret: self.need(&c.ret)?,
            state: self.state()?,
        })
    }

    fn pass_begin(self) -> Result<Body, RowError> {
        let c = self.columns;
        Ok(Body::PassBegin {
            key: self.need(&c.session)?,
            tid: self.need(&c.tid)?,
            index: self.need(&c.index)?,
            size: self.narrow(&c.size)?,
            count: self.narrow(&c.count)?,
            from: self.narrow(&c.from)?,
        })
    }

    fn release(self) -> Result<Body, RowError> {
        let c = self.columns;
        Ok(Body::Release {
            key: self.need(&c.session)?,
            tid: self.need(&c.tid)?,
            wrapper: self.need(&c.wrapper)?,
            private: self.need(&c.private)?,
            // The first recordings do not have this column.
            removed: self.get(&c.removed).unwrap_or(false),
        })
    }

    fn open_failed(self) -> Result<Body, RowError> {
        let c = self.columns;
        Ok(Body::OpenFailed {
            key: self.need(&c.session)?,
            tid: self.need(&c.tid)?,
            ret: self.narrow(&c.ret)?,
        })
    }

    fn write(self) -> Result<Body, RowError> {
        let c = self.columns;
        Ok(Body::Write {
            key: self.need(&c.session)?,
            task: self.task()?,
            pos: self.need(&c.pos)?,
            want: self.need(&c.want)?,
            ret: self.need(&c.ret)?,
        })
    }

    fn plain_read(self) -> Result<Body, RowError> {
        let c = self.columns;
        Ok(Body::PlainRead {
            key: self.need(&c.session)?,
            task: self.task()?,
            pos: self.need(&c.pos)?,
            want: self.need(&c.want)?,
            ret: self.need(&c.ret)?,
        })
    }

    fn blind(self) -> Result<Body, RowError> {
        let c = self.columns;
        Ok(Body::Blind {
            function: Symbol::unnamed(self.need(&c.address)?),
            role: self.need(&c.role)?,
            reason: self.need(&c.reason)?,
        })
    }

    fn symbol(self) -> Result<Symbol, RowError> {
        let c = self.columns;
        Ok(Symbol {
            address: self.need(&c.address)?,
            name: self.get(&c.name).map(Into::into),
            module: self.get(&c.module).map(Into::into),
            offset: self.get(&c.offset).and_then(|offset| u64::try_from(offset).ok()),
        })
    }

    fn target(self) -> Result<Item, RowError> {
        let c = self.columns;
        let callbacks = match self.get(&c.start) {
            Some(_) => Some((self.get(&c.op), self.table()?)),
            None => None,
        };
        Ok(Item::Target { word: self.need(&c.word)?, callbacks, note: self.get(&c.note) })
    }

    fn ready(self) -> Result<Item, RowError> {
        let c = self.columns;
        Ok(Item::Ready(Ready { begin: self.need(&c.time)?, probes: self.need(&c.probes)? }))
    }

    fn end(self) -> Result<Item, RowError> {
        let c = self.columns;
        Ok(Item::End { time: self.need(&c.time)?, missed: self.need(&c.missed)? })
    }

    fn task(self) -> Result<Task, RowError> {
        let c = self.columns;
        Ok(Task {
            pid: self.need(&c.pid)?,
            tid: self.need(&c.tid)?,
            uid: self.need(&c.uid)?,
            comm: self.need(&c.comm)?,
        })
    }

    fn state(self) -> Result<SeqState, RowError> {
        let c = self.columns;
        Ok(SeqState {
            size: self.need(&c.size)?,
            from: self.need(&c.from)?,
            count: self.need(&c.count)?,
            index: self.need(&c.index)?,
            read_pos: self.need(&c.read_pos)?,
        })
    }

    fn table(self) -> Result<OpTable, RowError> {
        let c = self.columns;
        Ok(OpTable {
            start: self.need(&c.start)?,
            next: self.need(&c.next)?,
            show: self.need(&c.show)?,
            stop: self.need(&c.stop)?,
        })
    }
}
