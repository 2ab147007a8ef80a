//! Rows of a batch to events and to what explains them.

use super::{
    column_types::ColumnType,
    columns::{Column, Columns},
    dictionary::{DictValue, Kind},
    reader::ReadError,
};
use seqtrace_model::{
    event::{Callback, Event, EventKind, FileKind, Key, OpTable, Open, Role, SeqState, Task},
    symbol::{SourceLine, Symbol, Unnamed},
    trace::Ready,
};

/// A row of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An event, whose functions have no names yet (see [`KnownNames`](super::KnownNames)).
    Event {
        /// The event as the model takes it.
        event: Event,
        /// True if the event opens a session that was not selected: only its open and its release were recorded.
        hidden: bool,
    },
    /// Name of the function at an address, for all rows that follow.
    Function(Symbol),
    /// Name of the `struct seq_operations` at an address, for all rows that follow.
    Table(Symbol),
    /// Line at which a function is defined, for all rows that follow.
    Source {
        /// Address of the function.
        address: u64,
        /// Name of the function.
        name: String,
        /// Line of the definition.
        source: SourceLine,
    },
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
    /// The trace ended; the last row.
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
    #[error("column {column} has a value that is too long")]
    TooLong { column: &'static str },
    /// A dictionary column of the batch has a name that this version does not know.
    #[error("column {column} has the unknown value `{}`", value.escape_debug())]
    UnknownValue { column: &'static str, value: String },
}

impl Columns {
    /// Reads a row; returns `None` after the last one.
    #[inline]
    pub(super) fn item(&self, row: usize) -> Option<Result<Item, ReadError>> {
        if row >= self.rows {
            return None;
        }
        let Some(kind) = self.kind.get(row) else { return Some(Err(RowError::NoKind.into())) };
        Some(Row { columns: self, index: row, kind }.item())
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
        self.get(column).ok_or_else(|| self.missing(column.name))
    }

    #[cold]
    fn missing(self, column: &'static str) -> RowError {
        RowError::Missing { kind: self.kind, column }
    }

    /// Returns the value in a column whose type is wider than that of the event's field.
    #[inline]
    fn narrow<T: ColumnType, N: TryFrom<T>>(self, column: &Column<T>) -> Result<N, RowError> {
        N::try_from(self.need(column)?)
            .map_err(|_| RowError::OutOfRange { kind: self.kind, column: column.name })
    }

    fn item(self) -> Result<Item, ReadError> {
        let c = self.columns;
        let body = match self.kind {
            Kind::Callback => return self.callback(),
            Kind::Open => EventKind::Open(Box::new(self.open()?)),
            Kind::ReadEnter => {
                let (key, task, pos, want) = self.request()?;
                let (state, via) = (self.state()?, self.get(&c.via));
                EventKind::ReadEnter { key, task, pos, want, state, via }
            }
            Kind::ReadExit => {
                let (key, tid) = self.thread()?;
                EventKind::ReadExit { key, tid, ret: self.need(&c.ret)?, state: self.state()? }
            }
            Kind::LseekEnter => {
                let (key, tid) = self.thread()?;
                let (offset, whence) = (self.need(&c.offset)?, self.need(&c.whence)?);
                EventKind::LseekEnter { key, tid, offset, whence, state: self.state()? }
            }
            Kind::LseekExit => {
                let (key, tid) = self.thread()?;
                EventKind::LseekExit { key, tid, ret: self.need(&c.ret)?, state: self.state()? }
            }
            Kind::PassBegin => {
                let ((key, tid), index) = (self.thread()?, self.need(&c.index)?);
                let (size, count) = (self.narrow(&c.size)?, self.narrow(&c.count)?);
                EventKind::PassBegin { key, tid, index, size, count, from: self.narrow(&c.from)? }
            }
            Kind::Preview => {
                EventKind::Preview { key: self.need(&c.session)?, bytes: self.need(&c.bytes)? }
            }
            Kind::Release => {
                let ((key, tid), wrapper) = (self.thread()?, self.need(&c.wrapper)?);
                let private = self.need(&c.private)?;
                // The first recordings do not have this column.
                let removed = self.get(&c.removed).unwrap_or(false);
                EventKind::Release { key, tid, wrapper, private, removed }
            }
            Kind::OpenFailed => {
                let (key, tid) = self.thread()?;
                EventKind::OpenFailed { key, tid, ret: self.narrow(&c.ret)? }
            }
            Kind::Write => {
                let (key, task, pos, want) = self.request()?;
                EventKind::Write { key, task, pos, want, ret: self.need(&c.ret)? }
            }
            Kind::PlainRead => {
                let (key, task, pos, want) = self.request()?;
                EventKind::PlainRead { key, task, pos, want, ret: self.need(&c.ret)? }
            }
            Kind::Gap => EventKind::Gap { lost: self.need(&c.lost)? },
            Kind::Blind => {
                let function = Symbol::unnamed(self.need(&c.address)?);
                let (role, reason) = (self.need(&c.role)?, self.need(&c.reason)?);
                EventKind::Blind { function, role, reason }
            }
            Kind::TableAttached => EventKind::TableAttached { table: self.table()? },
            Kind::Function => return Ok(Item::Function(self.symbol()?)),
            Kind::Table => return Ok(Item::Table(self.symbol()?)),
            Kind::Source => return Ok(self.source()?),
            Kind::Target => return Ok(self.target()?),
            Kind::Ready => {
                let (begin, probes) = (self.need(&c.time)?, self.need(&c.probes)?);
                return Ok(Item::Ready(Ready { begin, probes }));
            }
            Kind::End => {
                let (time, missed) = (self.need(&c.time)?, self.need(&c.missed)?);
                return Ok(Item::End { time, missed });
            }
        };
        let event = Event { time: self.need(&c.time)?, cpu: self.need(&c.cpu)?, body };
        let hidden = self.kind == Kind::Open && self.get(&c.shown) == Some(false);
        Ok(Item::Event { event, hidden })
    }

    #[inline]
    fn callback(self) -> Result<Item, ReadError> {
        let c = self.columns;
        let (time, cpu, key) = (self.need(&c.time)?, self.need(&c.cpu)?, self.need(&c.session)?);
        let role = self.need(&c.role)?;
        let ret = match role {
            Role::Start | Role::Next => self.need(&c.pointer)?,
            Role::Show | Role::Stop => self.need(&c.ret)?.cast_unsigned(),
        };
        let (index, count, full) =
            (self.need(&c.index)?, self.narrow(&c.count)?, self.need(&c.full)?);
        let private = self.get(&c.private);
        let body = EventKind::Callback(Callback { key, role, ret, index, count, full, private });
        Ok(Item::Event { event: Event { time, cpu, body }, hidden: false })
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

    fn symbol(self) -> Result<Symbol, RowError> {
        let c = self.columns;
        Ok(Symbol {
            address: self.need(&c.address)?,
            name: self.get(&c.name).map(Into::into),
            module: self.get(&c.module).map(Into::into),
            offset: self.get(&c.offset).and_then(|offset| u64::try_from(offset).ok()),
        })
    }

    fn source(self) -> Result<Item, RowError> {
        let c = self.columns;
        let file = String::from_utf8_lossy(&self.need(&c.path)?).into();
        let source = SourceLine { file, line: self.need(&c.line)? };
        Ok(Item::Source { address: self.need(&c.address)?, name: self.need(&c.name)?, source })
    }

    fn target(self) -> Result<Item, RowError> {
        let c = self.columns;
        let has_callbacks = self.get(&c.start).is_some();
        let callbacks = has_callbacks.then(|| Ok((self.get(&c.op), self.table()?))).transpose()?;
        Ok(Item::Target { word: self.need(&c.word)?, callbacks, note: self.get(&c.note) })
    }

    /// Returns the session and the thread id.
    fn thread(self) -> Result<(Key, u32), RowError> {
        Ok((self.need(&self.columns.session)?, self.need(&self.columns.tid)?))
    }

    /// Returns the session, the caller, the file offset and the size of a system call's buffer.
    fn request(self) -> Result<(Key, Task, i64, u64), RowError> {
        let c = self.columns;
        Ok((self.need(&c.session)?, self.task()?, self.need(&c.pos)?, self.need(&c.want)?))
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
