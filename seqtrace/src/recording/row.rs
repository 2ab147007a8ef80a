//! Events to rows, and back.

use super::{cells::Word, columns::Row};
use seqtrace_model::event::{
    Body, Callback, Event, FileKind, OpTable, Open, Role, SeqState, Task, Via, Wrapper,
};
use seqtrace_model::symbol::{Symbol, Unnamed};

/// What a row is: one kind for each [`Body`], and those that explain events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// [`Body::Open`]
    Open,
    /// [`Body::ReadEnter`]
    ReadEnter,
    /// [`Body::ReadExit`]
    ReadExit,
    /// [`Body::LseekEnter`]
    LseekEnter,
    /// [`Body::LseekExit`]
    LseekExit,
    /// [`Body::PassBegin`]
    PassBegin,
    /// [`Body::Callback`]
    Callback,
    /// [`Body::Preview`]
    Preview,
    /// [`Body::Release`]
    Release,
    /// [`Body::OpenFailed`]
    OpenFailed,
    /// [`Body::Write`]
    Write,
    /// [`Body::PlainRead`]
    PlainRead,
    /// [`Body::Gap`]
    Gap,
    /// [`Body::Blind`]
    Blind,
    /// [`Body::TableAttached`]
    TableAttached,
    /// The function at an address has this name from here on.
    Function,
    /// The `struct seq_operations` at an address has this name from here on.
    Table,
    /// A target of the command line was looked at.
    Target,
    /// Everything is attached; the time is the zero of relative times.
    Ready,
    /// The trace ended.
    End,
}

impl Word for Kind {
    const ALL: &'static [Self] = &[
        Self::Open,
        Self::ReadEnter,
        Self::ReadExit,
        Self::LseekEnter,
        Self::LseekExit,
        Self::PassBegin,
        Self::Callback,
        Self::Preview,
        Self::Release,
        Self::OpenFailed,
        Self::Write,
        Self::PlainRead,
        Self::Gap,
        Self::Blind,
        Self::TableAttached,
        Self::Function,
        Self::Table,
        Self::Target,
        Self::Ready,
        Self::End,
    ];

    fn name(self) -> &'static str {
        Self::name(self)
    }
}

impl Kind {
    /// Its name in the recording.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::ReadEnter => "read_enter",
            Self::ReadExit => "read_exit",
            Self::LseekEnter => "lseek_enter",
            Self::LseekExit => "lseek_exit",
            Self::PassBegin => "pass_begin",
            Self::Callback => "callback",
            Self::Preview => "preview",
            Self::Release => "release",
            Self::OpenFailed => "open_failed",
            Self::Write => "write",
            Self::PlainRead => "plain_read",
            Self::Gap => "gap",
            Self::Blind => "blind",
            Self::TableAttached => "table_attached",
            Self::Function => "function",
            Self::Table => "table",
            Self::Target => "target",
            Self::Ready => "ready",
            Self::End => "end",
        }
    }
}

impl Word for Role {
    const ALL: &'static [Self] = &[Self::Start, Self::Next, Self::Show, Self::Stop];

    fn name(self) -> &'static str {
        Self::name(self)
    }
}

impl Word for Via {
    const ALL: &'static [Self] = Self::ALL;

    fn name(self) -> &'static str {
        Self::name(self)
    }
}

impl Word for Wrapper {
    const ALL: &'static [Self] = &[
        Self::SingleOpen,
        Self::SingleOpenSize,
        Self::SeqOpenPrivate,
        Self::SeqOpenPrivateRaw,
        Self::SeqOpen,
        Self::SeqRelease,
        Self::SingleRelease,
        Self::SeqReleasePrivate,
        Self::ProcRegOpen,
        Self::ProcRegRelease,
    ];

    fn name(self) -> &'static str {
        Self::name(self)
    }
}

/// Why a row makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// A column that this kind of row needs is null.
    #[error("a row of kind {kind} has no {column}")]
    Missing {
        /// The kind's name.
        kind: &'static str,
        /// The column's name.
        column: &'static str,
    },
    /// A value is out of its range.
    #[error("{column} is out of range in a row of kind {kind}")]
    Range {
        /// The kind's name.
        kind: &'static str,
        /// The column's name.
        column: &'static str,
    },
    /// The kind itself is null.
    #[error("a row has no kind")]
    Kindless,
}

/// The value of a column that a row must have.
macro_rules! need {
    ($kind:expr, $row:ident.$column:ident) => {
        $row.$column.ok_or(RowError::Missing { kind: $kind.name(), column: stringify!($column) })?
    };
}

/// The same for one that is wider in the file than in the event.
macro_rules! narrow {
    ($kind:expr, $row:ident.$column:ident) => {
        u32::try_from(need!($kind, $row.$column))
            .map_err(|_| RowError::Range { kind: $kind.name(), column: stringify!($column) })?
    };
}

pub(super) use need;

impl Row {
    /// An event's row; of an open, without what was found out about it.
    pub(super) fn of(event: &Event) -> Self {
        let Event { time, cpu, body } = event;
        let row = Self { time: Some(*time), cpu: Some(*cpu), ..Self::default() };
        match body {
            Body::Open(open) => row.open(open),
            Body::PassBegin { key, tid, index, size, count, from } => Self {
                kind: Some(Kind::PassBegin),
                session: Some(*key),
                tid: Some(*tid),
                index: Some(*index),
                size: Some((*size).into()),
                count: Some((*count).into()),
                from: Some((*from).into()),
                ..row
            },
            Body::Callback(Callback { key, role, ret, index, count, full, private }) => {
                let points = matches!(role, Role::Start | Role::Next);
                Self {
                    kind: Some(Kind::Callback),
                    session: Some(*key),
                    role: Some(*role),
                    pointer: points.then_some(*ret),
                    ret: (!points).then_some(ret.cast_signed()),
                    index: Some(*index),
                    count: Some((*count).into()),
                    full: Some(*full),
                    private: *private,
                    ..row
                }
            }
            Body::Preview { key, bytes } => Self {
                kind: Some(Kind::Preview),
                session: Some(*key),
                bytes: Some(bytes.clone()),
                ..row
            },
            Body::Release { key, tid, wrapper, private, removed } => Self {
                kind: Some(Kind::Release),
                session: Some(*key),
                tid: Some(*tid),
                wrapper: Some(*wrapper),
                private: Some(*private),
                removed: Some(*removed),
                ..row
            },
            Body::OpenFailed { key, tid, ret } => Self {
                kind: Some(Kind::OpenFailed),
                session: Some(*key),
                tid: Some(*tid),
                ret: Some((*ret).into()),
                ..row
            },
            Body::Gap { lost } => Self { kind: Some(Kind::Gap), lost: Some(*lost), ..row },
            Body::Blind { function, role, reason } => Self {
                kind: Some(Kind::Blind),
                address: Some(function.address),
                role: Some(*role),
                reason: Some(reason.clone()),
                ..row
            },
            Body::TableAttached { table } => {
                Self { kind: Some(Kind::TableAttached), ..row }.table(table)
            }
            Body::ReadEnter { .. }
            | Body::ReadExit { .. }
            | Body::LseekEnter { .. }
            | Body::LseekExit { .. }
            | Body::Write { .. }
            | Body::PlainRead { .. } => row.io(body),
        }
    }

    /// What user space asked for.
    fn io(self, body: &Body) -> Self {
        match body {
            Body::ReadEnter { key, task, pos, want, state, via } => Self {
                kind: Some(Kind::ReadEnter),
                session: Some(*key),
                pos: Some(*pos),
                want: Some(*want),
                via: *via,
                ..self.task(task).state(*state)
            },
            Body::ReadExit { key, tid, ret, state } => Self {
                kind: Some(Kind::ReadExit),
                session: Some(*key),
                tid: Some(*tid),
                ret: Some(*ret),
                ..self.state(*state)
            },
            Body::LseekEnter { key, tid, offset, whence, state } => Self {
                kind: Some(Kind::LseekEnter),
                session: Some(*key),
                tid: Some(*tid),
                offset: Some(*offset),
                whence: Some(*whence),
                ..self.state(*state)
            },
            Body::LseekExit { key, tid, ret, state } => Self {
                kind: Some(Kind::LseekExit),
                session: Some(*key),
                tid: Some(*tid),
                ret: Some(*ret),
                ..self.state(*state)
            },
            Body::Write { key, task, pos, want, ret } => {
                self.call(Kind::Write, *key, task, (*pos, *want, *ret))
            }
            Body::PlainRead { key, task, pos, want, ret } => {
                self.call(Kind::PlainRead, *key, task, (*pos, *want, *ret))
            }
            // The others have rows of their own.
            _ => self,
        }
    }

    fn call(self, kind: Kind, key: u32, task: &Task, (pos, want, ret): (i64, u64, i64)) -> Self {
        Self {
            kind: Some(kind),
            session: Some(key),
            pos: Some(pos),
            want: Some(want),
            ret: Some(ret),
            ..self.task(task)
        }
    }

    fn open(self, open: &Open) -> Self {
        let Open {
            key,
            ret,
            task,
            file,
            kind,
            adopted,
            own,
            components,
            path_cut,
            path: _,
            functions: _,
            ino,
            dev,
            magic,
            mode,
            via,
        } = open;
        let row = Self {
            kind: Some(Kind::Open),
            session: Some(*key),
            ret: Some((*ret).into()),
            file: Some(*file),
            adopted: Some(*adopted),
            own: Some(*own),
            names: Some(components.clone()),
            path_cut: Some(*path_cut),
            ino: Some(*ino),
            dev: Some(*dev),
            magic: Some(*magic),
            mode: Some(*mode),
            wrapper: *via,
            ..self.task(task)
        };
        match kind {
            FileKind::Seq { m, op, table, private, size, inner } => Self {
                m: Some(*m),
                op: Some(*op),
                private: Some(*private),
                size: Some(*size),
                inner: (*inner != 0).then_some(*inner),
                ..row.table(table)
            },
            FileKind::Plain { read, write } => {
                Self { read_handler: Some(*read), write_handler: Some(*write), ..row }
            }
        }
    }

    fn task(self, task: &Task) -> Self {
        let Task { pid, tid, uid, comm } = task;
        Self { pid: Some(*pid), tid: Some(*tid), uid: Some(*uid), comm: Some(comm.clone()), ..self }
    }

    fn state(self, state: SeqState) -> Self {
        let SeqState { size, from, count, index, read_pos } = state;
        Self {
            size: Some(size),
            from: Some(from),
            count: Some(count),
            index: Some(index),
            read_pos: Some(read_pos),
            ..self
        }
    }

    fn table(self, table: &OpTable) -> Self {
        let OpTable { start, next, show, stop } = table;
        Self {
            start: Some(*start),
            next: Some(*next),
            show: Some(*show),
            stop: Some(*stop),
            ..self
        }
    }

    /// The event, of a row of this kind; `None` if the kind is not an event's.
    pub(super) fn event(self, kind: Kind) -> Result<Option<Event>, RowError> {
        let row = self;
        let time = need!(kind, row.time);
        let Some(cpu) = row.cpu else {
            return match kind {
                Kind::Function | Kind::Table | Kind::Target | Kind::Ready | Kind::End => Ok(None),
                _ => Err(RowError::Missing { kind: kind.name(), column: "cpu" }),
            };
        };
        Ok(row.body(kind)?.map(|body| Event { time, cpu, body }))
    }

    fn body(self, kind: Kind) -> Result<Option<Body>, RowError> {
        let row = self;
        Ok(Some(match kind {
            Kind::Open => Body::Open(Box::new(row.into_open()?)),
            Kind::PassBegin => Body::PassBegin {
                key: need!(kind, row.session),
                tid: need!(kind, row.tid),
                index: need!(kind, row.index),
                size: narrow!(kind, row.size),
                count: narrow!(kind, row.count),
                from: narrow!(kind, row.from),
            },
            Kind::Callback => {
                let role = need!(kind, row.role);
                Body::Callback(Callback {
                    key: need!(kind, row.session),
                    role,
                    ret: match role {
                        Role::Start | Role::Next => need!(kind, row.pointer),
                        Role::Show | Role::Stop => need!(kind, row.ret).cast_unsigned(),
                    },
                    index: need!(kind, row.index),
                    count: narrow!(kind, row.count),
                    full: need!(kind, row.full),
                    private: row.private,
                })
            }
            Kind::Preview => {
                Body::Preview { key: need!(kind, row.session), bytes: need!(kind, row.bytes) }
            }
            Kind::Release => Body::Release {
                key: need!(kind, row.session),
                tid: need!(kind, row.tid),
                wrapper: need!(kind, row.wrapper),
                private: need!(kind, row.private),
                // Not in the first recordings.
                removed: row.removed.unwrap_or(false),
            },
            Kind::OpenFailed => Body::OpenFailed {
                key: need!(kind, row.session),
                tid: need!(kind, row.tid),
                ret: row.errno(kind)?,
            },
            Kind::Gap => Body::Gap { lost: need!(kind, row.lost) },
            Kind::Blind => Body::Blind {
                function: Symbol::unnamed(need!(kind, row.address)),
                role: need!(kind, row.role),
                reason: need!(kind, row.reason),
            },
            Kind::TableAttached => Body::TableAttached { table: row.get_table(kind)? },
            Kind::ReadEnter
            | Kind::ReadExit
            | Kind::LseekEnter
            | Kind::LseekExit
            | Kind::Write
            | Kind::PlainRead => return row.into_io(kind),
            Kind::Function | Kind::Table | Kind::Target | Kind::Ready | Kind::End => {
                return Ok(None);
            }
        }))
    }

    fn into_io(self, kind: Kind) -> Result<Option<Body>, RowError> {
        let row = self;
        let key = need!(kind, row.session);
        let tid = need!(kind, row.tid);
        Ok(Some(match kind {
            Kind::ReadEnter => Body::ReadEnter {
                key,
                pos: need!(kind, row.pos),
                want: need!(kind, row.want),
                state: row.get_state(kind)?,
                via: row.via,
                task: row.into_task(kind)?,
            },
            Kind::ReadExit => {
                Body::ReadExit { key, tid, ret: need!(kind, row.ret), state: row.get_state(kind)? }
            }
            Kind::LseekEnter => Body::LseekEnter {
                key,
                tid,
                offset: need!(kind, row.offset),
                whence: need!(kind, row.whence),
                state: row.get_state(kind)?,
            },
            Kind::LseekExit => {
                Body::LseekExit { key, tid, ret: need!(kind, row.ret), state: row.get_state(kind)? }
            }
            Kind::Write | Kind::PlainRead => {
                let (pos, want) = (need!(kind, row.pos), need!(kind, row.want));
                let ret = need!(kind, row.ret);
                let task = row.into_task(kind)?;
                match kind {
                    Kind::Write => Body::Write { key, task, pos, want, ret },
                    _ => Body::PlainRead { key, task, pos, want, ret },
                }
            }
            _ => return Ok(None),
        }))
    }

    fn into_open(self) -> Result<Open, RowError> {
        let (row, kind) = (self, Kind::Open);
        let file_kind = match (row.m, row.read_handler) {
            (None, Some(read)) => FileKind::Plain { read, write: need!(kind, row.write_handler) },
            _ => FileKind::Seq {
                m: need!(kind, row.m),
                op: need!(kind, row.op),
                table: row.get_table(kind)?,
                private: need!(kind, row.private),
                size: need!(kind, row.size),
                inner: row.inner.unwrap_or(0),
            },
        };
        let mut open = Open {
            key: need!(kind, row.session),
            ret: row.errno(kind)?,
            file: need!(kind, row.file),
            kind: file_kind,
            adopted: need!(kind, row.adopted),
            own: need!(kind, row.own),
            path_cut: need!(kind, row.path_cut),
            ino: need!(kind, row.ino),
            dev: need!(kind, row.dev),
            magic: need!(kind, row.magic),
            mode: need!(kind, row.mode),
            via: row.wrapper,
            components: need!(kind, row.names),
            path: Vec::new(),
            functions: file_kind.functions(&mut Unnamed),
            task: Task {
                pid: need!(kind, row.pid),
                tid: need!(kind, row.tid),
                uid: need!(kind, row.uid),
                comm: need!(kind, row.comm),
            },
        };
        open.path = row.path.unwrap_or_else(|| open.joined());
        Ok(open)
    }

    /// What an open returned: 0 or a negative errno.
    fn errno(&self, kind: Kind) -> Result<i32, RowError> {
        let row = self;
        i32::try_from(need!(kind, row.ret))
            .map_err(|_| RowError::Range { kind: kind.name(), column: "ret" })
    }

    fn into_task(self, kind: Kind) -> Result<Task, RowError> {
        let row = self;
        Ok(Task {
            pid: need!(kind, row.pid),
            tid: need!(kind, row.tid),
            uid: need!(kind, row.uid),
            comm: need!(kind, row.comm),
        })
    }

    fn get_state(&self, kind: Kind) -> Result<SeqState, RowError> {
        let row = self;
        Ok(SeqState {
            size: need!(kind, row.size),
            from: need!(kind, row.from),
            count: need!(kind, row.count),
            index: need!(kind, row.index),
            read_pos: need!(kind, row.read_pos),
        })
    }

    /// The addresses of a table.
    pub(super) fn get_table(&self, kind: Kind) -> Result<OpTable, RowError> {
        let row = self;
        Ok(OpTable {
            start: need!(kind, row.start),
            next: need!(kind, row.next),
            show: need!(kind, row.show),
            stop: need!(kind, row.stop),
        })
    }
}
