//! Events, and the rows that explain them, to columns.

use arrow_array::builder::ArrayBuilder;

use super::{
    columns::{Builders, pad},
    dictionary::Kind,
    limits,
};
use seqtrace_model::{
    event::{Callback, Event, EventKind, FileKind, OpTable, Open, Role, SeqState, Task},
    symbol::{Callbacks, SourceLine, Symbol},
    trace::{Ready, TargetInfo},
};

/// Puts values into columns of the row under construction. With `?=` the value is an option; `None` is null.
macro_rules! put {
    ($builders:ident: $($column:ident ?= $value:expr),+) => {
        $(if let Some(value) = $value {
            put!($builders: $column = value);
        })+
    };
    ($builders:ident: $($column:ident = $value:expr),+ $(,)?) => {
        {
            $(
                pad!($builders.$column, $builders.rows);
                $builders.$column.append_value($value);
            )+
        }
    };
}

impl Builders {
    /// Adds an event. `shown` is true if the session that the event opens was selected; `None` for other events.
    pub(super) fn event(&mut self, event: &Event, shown: Option<bool>) {
        let Event { time, cpu, body } = event;
        put!(self: time = *time, cpu = *cpu);
        match body {
            EventKind::Callback(callback) => self.callback(callback),
            EventKind::Open(open) => self.open(open, shown),
            EventKind::PassBegin { key, tid, index, size, count, from } => {
                put!(self: kind = Kind::PassBegin, session = *key, tid = *tid, index = *index);
                put!(self: size = (*size).into(), count = (*count).into(), from = (*from).into());
            }
            EventKind::Preview { key, bytes } => {
                put!(self: kind = Kind::Preview, session = *key, bytes = bytes);
            }
            EventKind::Release { key, tid, wrapper, private, removed } => {
                put!(self: kind = Kind::Release, session = *key, tid = *tid, wrapper = *wrapper);
                put!(self: private = *private, removed = *removed);
            }
            EventKind::OpenFailed { key, tid, ret } => {
                put!(self: kind = Kind::OpenFailed, session = *key, tid = *tid);
                put!(self: ret = (*ret).into());
            }
            EventKind::Gap { lost } => put!(self: kind = Kind::Gap, lost = *lost),
            EventKind::Blind { function, role, reason } => {
                put!(self: kind = Kind::Blind, address = function.address, role = *role);
                put!(self: reason = reason);
            }
            EventKind::TableAttached { table } => {
                put!(self: kind = Kind::TableAttached);
                self.put_table(table);
            }
            EventKind::ReadEnter { key, task, pos, want, state, via } => {
                put!(self: kind = Kind::ReadEnter, session = *key, pos = *pos, want = *want);
                put!(self: via ?= *via);
                self.put_task(task);
                self.put_state(state);
            }
            EventKind::ReadExit { key, tid, ret, state } => {
                put!(self: kind = Kind::ReadExit, session = *key, tid = *tid, ret = *ret);
                self.put_state(state);
            }
            EventKind::LseekEnter { key, tid, offset, whence, state } => {
                put!(self: kind = Kind::LseekEnter, session = *key, tid = *tid);
                put!(self: offset = *offset, whence = *whence);
                self.put_state(state);
            }
            EventKind::LseekExit { key, tid, ret, state } => {
                put!(self: kind = Kind::LseekExit, session = *key, tid = *tid, ret = *ret);
                self.put_state(state);
            }
            EventKind::Write { key, task, pos, want, ret } => {
                put!(self: kind = Kind::Write, session = *key, pos = *pos, want = *want, ret = *ret);
                self.put_task(task);
            }
            EventKind::PlainRead { key, task, pos, want, ret } => {
                put!(self: kind = Kind::PlainRead, session = *key, pos = *pos, want = *want);
                put!(self: ret = *ret);
                self.put_task(task);
            }
        }
        self.rows += 1;
    }

    fn callback(&mut self, callback: &Callback) {
        let Callback { key, role, ret, index, count, full, private } = callback;
        put!(self: kind = Kind::Callback, session = *key, role = *role, index = *index);
        put!(self: count = (*count).into(), full = *full);
        match role {
            Role::Start | Role::Next => put!(self: pointer = *ret),
            Role::Show | Role::Stop => put!(self: ret = ret.cast_signed()),
        }
        put!(self: private ?= *private);
    }

    fn open(&mut self, open: &Open, shown: Option<bool>) {
        let Open { key, ret, task, file, kind, adopted, own, components, path_cut, path, .. } =
            open;
        let Open { functions: _, ino, dev, magic, mode, via, .. } = open;
        put!(self: kind = Kind::Open, session = *key, ret = (*ret).into(), file = *file);
        put!(self: adopted = *adopted, own = *own, names = components.iter().map(Some), path_cut = *path_cut);
        put!(self: ino = *ino, dev = *dev, magic = *magic, mode = *mode);
        let known = !own && !path_cut && path.len() <= limits::PATH;
        put!(self: wrapper ?= *via, shown ?= shown, path ?= known.then_some(path));
        self.put_task(task);
        match kind {
            FileKind::Seq { m, op, table, private, size, inner } => {
                put!(self: m = *m, op = *op, private = *private, size = *size);
                put!(self: inner ?= Some(*inner).filter(|inner| *inner != 0));
                self.put_table(table);
            }
            FileKind::Plain { read, write } => {
                put!(self: read_handler = *read, write_handler = *write);
            }
        }
    }

    fn put_task(&mut self, task: &Task) {
        let Task { pid, tid, uid, comm } = task;
        put!(self: pid = *pid, tid = *tid, uid = *uid, comm = comm);
    }

    fn put_state(&mut self, state: &SeqState) {
        let SeqState { size, from, count, index, read_pos } = state;
        put!(self: size = *size, from = *from, count = *count, index = *index);
        put!(self: read_pos = *read_pos);
    }

    fn put_table(&mut self, table: &OpTable) {
        let OpTable { start, next, show, stop } = table;
        put!(self: start = *start, next = *next, show = *show, stop = *stop);
    }

    /// Adds the name of a function or of a table, according to `kind`. `time`: ns since boot.
    pub(super) fn name(&mut self, time: u64, kind: Kind, symbol: &Symbol) {
        let Symbol { address, name, module, offset } = symbol;
        put!(self: time = time, kind = kind, address = *address);
        let offset = offset.and_then(|offset| i64::try_from(offset).ok());
        put!(self: name ?= name, module ?= module, offset ?= offset);
        self.rows += 1;
    }

    /// Adds the line at which a function is defined. `time`: ns since boot.
    pub(super) fn source(&mut self, time: u64, address: u64, name: &str, source: &SourceLine) {
        let SourceLine { file, line } = source;
        put!(self: time = time, kind = Kind::Source, address = address, name = name);
        put!(self: path = file.as_bytes(), line = *line);
        self.rows += 1;
    }

    /// Adds a target. `time`: ns since boot.
    pub(super) fn target(&mut self, time: u64, target: &TargetInfo) {
        let TargetInfo { word, callbacks, note } = target;
        put!(self: time = time, kind = Kind::Target, word = word);
        put!(self: note ?= note);
        if let Some(Callbacks { table, start, next, show, stop }) = callbacks {
            put!(self: op ?= table.as_ref().map(|table| table.address));
            let [start, next, show, stop] = [start, next, show, stop].map(|symbol| symbol.address);
            self.put_table(&OpTable { start, next, show, stop });
        }
        self.rows += 1;
    }

    /// Adds the row that marks when all probes were attached.
    pub(super) fn ready(&mut self, ready: &Ready) {
        let Ready { begin, probes } = ready;
        put!(self: time = *begin, kind = Kind::Ready, probes = *probes);
        self.rows += 1;
    }

    /// Adds the last row. `time`: ns since boot; `missed`: number of missed probe hits.
    pub(super) fn end(&mut self, time: u64, missed: u64) {
        put!(self: time = time, kind = Kind::End, missed = missed);
        self.rows += 1;
    }
}
