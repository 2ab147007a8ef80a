//! Rows: what two traces are compared by.

use std::sync::Arc;

use seqtrace_model::event::{Role, Wrapper};
use seqtrace_model::finding::{Finding, Id, Severity};
use seqtrace_model::rules::SQ501;
use seqtrace_model::session::update::{
    CallbackUpdate, Callbacks, Fate, Phase, Session, Symbol, Update, UpdateKind,
};

use crate::gather::Ignored;
use crate::pointers::{Pointers, Record};

/// An update of a session without what differs from run to run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Row {
    /// The file was opened, or an open file was first seen.
    Open {
        /// The function that opened it.
        by: Wrapper,
        /// True if the file was open before the trace.
        adopted: bool,
        /// Names of its functions. Can have any characters.
        functions: Arc<str>,
    },
    /// The open failed with an error.
    OpenFailed {
        /// Negative errno of the open.
        ret: i32,
        /// True if `seq_open()` had succeeded before.
        leaked: bool,
    },
    /// A read was entered.
    Read {
        /// File offset in bytes; `None`: that at which the last call ended.
        off: Option<i64>,
        /// Number of requested bytes.
        want: u64,
        /// True if the core traverses the file first.
        traverse: bool,
    },
    /// A read returned to its caller.
    ReadEnd {
        /// Number of bytes or negative errno; `None`: a size that is not compared.
        ret: Option<i64>,
        /// True at the end of the file.
        eof: bool,
    },
    /// A callback of the session returned.
    Callback(CallbackRow),
    /// The buffer was doubled.
    Grow {
        /// Previous size of the buffer, bytes.
        from: u64,
        /// New size of the buffer, bytes.
        to: u64,
        /// True inside a traversal.
        traverse: bool,
    },
    /// An lseek was entered.
    LseekBegin {
        /// The offset argument, bytes.
        offset: i64,
        /// The whence argument: 0 SEEK_SET, 1 SEEK_CUR.
        whence: u32,
    },
    /// An lseek returned to its caller.
    LseekEnd {
        /// File offset or negative errno.
        ret: i64,
    },
    /// A write returned to its caller.
    Write {
        /// Number of bytes passed in.
        want: u64,
        /// Number of bytes accepted, or a negative errno.
        ret: i64,
    },
    /// A read of a plain file returned.
    PlainRead {
        /// File offset in bytes; `None`: that at which the last call ended.
        off: Option<i64>,
        /// Number of requested bytes.
        want: u64,
        /// Number of bytes or negative errno; `None`: a size that is not compared.
        ret: Option<i64>,
    },
    /// The file was released, or the trace ended.
    Close {
        /// The release function; `None`: no release was seen.
        by: Option<Wrapper>,
        /// Number of bytes that no read fetched.
        undelivered: u64,
        /// True if the file was removed while it was open.
        removed: bool,
    },
    /// The recording is cut off while the session is open.
    Cut,
    /// A rule is broken.
    Finding {
        /// Id of the rule.
        id: Id,
        /// Name of the rule.
        name: &'static str,
        /// Severity of the finding.
        severity: Severity,
        /// Name of the function that is probably faulty. Can have any characters.
        blame: Option<Arc<str>>,
    },
    /// A task died inside a callback.
    ReaderDied {
        /// The callback; `None` if it is not known.
        role: Option<Role>,
        /// Position of the iterator.
        pos: i64,
    },
}

/// The return of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallbackRow {
    /// Kind of the callback.
    pub role: Role,
    /// True inside a traversal.
    pub traverse: bool,
    /// Position (`m->index`) on entry; `None` if it is not known.
    pub pos_in: Option<i64>,
    /// Position (`m->index`) on return.
    pub pos_out: i64,
    /// next, show, stop: the record that the core passed; `None` if it is not known.
    pub record: Option<Record>,
    /// start, next: the record that was returned.
    pub returned: Option<Record>,
    /// show: the int that was returned.
    pub ret: Option<i32>,
    /// Number of bytes that were written; `None`: none, or the size is not compared.
    pub bytes: Option<u64>,
    /// show: the core's decision about the rendering.
    pub fate: Option<Fate>,
    /// True if next did not move the position and the core added 1.
    pub fixed_up: bool,
}

/// State of a session on which its rows depend, besides its updates.
#[derive(Debug)]
pub(crate) struct State {
    pointers: Pointers,
    /// File offset at which the last call ended; `None`: it is not known.
    offset: Option<i64>,
}

impl State {
    pub(crate) fn new(session: &Session) -> Self {
        Self { pointers: Pointers::default(), offset: (!session.adopted).then_some(0) }
    }

    /// Returns the row of an update; `None`: the update is not compared.
    pub(crate) fn row(
        &mut self,
        session: &Session,
        update: &Update,
        ignored: Ignored,
    ) -> Option<Row> {
        let size = |ret: i64| (ret < 0 || !ignored.sizes).then_some(ret);
        Some(match &update.what {
            UpdateKind::Open => Row::Open {
                by: session.opened_by,
                adopted: session.adopted,
                functions: functions(session).into(),
            },
            UpdateKind::OpenFailed { ret } => Row::OpenFailed { ret: *ret, leaked: false },
            UpdateKind::OpenLeaked { ret } => Row::OpenFailed { ret: *ret, leaked: true },
            UpdateKind::ReadBegin { pos, want, traverse_from, .. } => {
                let (off, traverse) = (self.jump(*pos), traverse_from.is_some());
                Row::Read { off, want: *want, traverse }
            }
            UpdateKind::ReadEnd(end) => {
                self.offset = Some(end.range.end);
                Row::ReadEnd { ret: size(end.ret), eof: end.eof }
            }
            UpdateKind::Callback(callback) => Row::Callback(self.callback(callback, ignored)),
            UpdateKind::Grow { from, to, restart: _, traverse } => {
                Row::Grow { from: *from, to: *to, traverse: *traverse }
            }
            UpdateKind::LseekBegin { offset, whence } => {
                Row::LseekBegin { offset: *offset, whence: *whence }
            }
            UpdateKind::LseekEnd { ret, .. } => {
                if *ret >= 0 {
                    self.offset = Some(*ret);
                }
                Row::LseekEnd { ret: *ret }
            }
            UpdateKind::Write { pos, want, ret } => {
                self.offset = Some(*pos);
                Row::Write { want: *want, ret: *ret }
            }
            UpdateKind::PlainRead { pos, want, ret } => {
                let off = self.jump(pos.wrapping_sub((*ret).max(0)));
                self.offset = Some(*pos);
                Row::PlainRead { off, want: *want, ret: size(*ret) }
            }
            UpdateKind::Close { by, undelivered, removed, .. } => Row::Close {
                by: *by,
                undelivered: if ignored.sizes { 0 } else { *undelivered },
                removed: *removed == Some(true),
            },
            UpdateKind::Finding(finding) => of_finding(finding)?,
            UpdateKind::ReaderDied { role, pos } => Row::ReaderDied { role: *role, pos: *pos },
            // The first bytes of a record, and reasons why a session is known in part.
            UpdateKind::Preview { .. }
            | UpdateKind::Gap { .. }
            | UpdateKind::Blind { .. }
            | UpdateKind::Disagreement { .. } => return None,
        })
    }

    /// Returns the file offset of a call, unless the last call ended there.
    fn jump(&self, pos: i64) -> Option<i64> {
        (self.offset != Some(pos)).then_some(pos)
    }

    fn callback(&mut self, update: &CallbackUpdate, ignored: Ignored) -> CallbackRow {
        // Not compared: numbers of passes, sums over the buffer, durations, and what follows from other fields.
        let CallbackUpdate { role, phase, pos_in, pos_out, v, ret_ptr, .. } = *update;
        let CallbackUpdate { ret_int, bytes, fate, fixed_up, .. } = *update;
        let record = v.map(|v| self.pointers.name(v, pos_in.unwrap_or(pos_out)));
        // The position at which show() gets the record: seq_read_iter() adds 1 if next did not (fs/seq_file.c).
        let at = pos_out.wrapping_add(fixed_up.into());
        let returned = ret_ptr.map(|ptr| self.pointers.name(ptr, at));
        let shown = |record: Record| if ignored.pointers { record.anonymous() } else { record };
        CallbackRow {
            role,
            traverse: phase == Phase::Traverse,
            pos_in,
            pos_out,
            record: record.map(shown),
            returned: returned.map(shown),
            ret: ret_int,
            bytes: bytes.filter(|_| !ignored.sizes),
            fate,
            fixed_up,
        }
    }
}

/// Returns the row of a finding; `None` for a reason why something was not checked, and for a duration.
pub(crate) fn of_finding(finding: &Finding) -> Option<Row> {
    let Finding { id, name, severity, blame, .. } = finding;
    let blame = blame.as_ref().map(|blame| located(&blame.function).into());
    let is_compared = !id.is_quality() && *id != SQ501;
    is_compared.then_some(Row::Finding { id: *id, name, severity: *severity, blame })
}

/// Returns the names of a session's functions: `eof_ops: eof_start eof_next eof_show eof_stop [seqbugs]`.
fn functions(session: &Session) -> String {
    if let Some([read, write]) = &session.handlers {
        return format!("plain file: {} {}", name(read), name(write));
    }
    let Some(Callbacks { table, start, next, show, stop }) = &session.callbacks else {
        return "no callbacks".to_owned();
    };
    let table = table.as_ref().map(|table| format!("{}: ", name(table))).unwrap_or_default();
    let [start, next, shown] = [start, next, show].map(name);
    // All four are in one module, but for a stop() that a library has. show() identifies the file.
    let module = show.module.as_ref().map(|module| format!(" [{module}]")).unwrap_or_default();
    format!("{table}{start} {next} {shown} {}{module}", name(stop))
}

/// Returns the name of a function and its module.
fn located(symbol: &Symbol) -> String {
    let module = symbol.module.as_ref().map(|module| format!(" [{module}]"));
    format!("{}{}", name(symbol), module.unwrap_or_default())
}

/// Returns the name of a function without what the compiler appends, as in `show.isra.0`; `?` for one without a name.
pub(crate) fn name(symbol: &Symbol) -> &str {
    match &symbol.name {
        Some(name) => name.split_once('.').map_or(&**name, |(stem, _)| stem),
        None if symbol.address == 0 => "-",
        None => "?",
    }
}
