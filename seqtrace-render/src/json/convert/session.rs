//! Objects of opens and reads.

use super::Converter;
use crate::event::{FileKind, OpTable, Task, Via};
use crate::json::object::{
    Function, Functions, Kind, Object, Of, Open, Range, Read, ReadTotals, Who,
};
use crate::json::text::{Address, Device, ErrorName, raw, text};
use crate::session::update::{ReadEnd, Session, UpdateKind};

impl<'a> Converter<'a> {
    pub(super) fn open(&self, ret: i32) -> Option<Object<'a>> {
        let session = self.update.session.as_deref()?;
        let Session {
            id: _,
            path: _,
            path_cut,
            opener,
            opened_by,
            adopted,
            kind,
            callbacks,
            handlers,
            file,
            ino,
            dev,
        } = session;
        let handler = |index: usize| {
            let handler = handlers.as_ref().map(|both| &both[index]);
            handler.filter(|one| one.address != 0).map(Function::of)
        };
        let mut open = Open {
            at: self.at(),
            who: who(Some(self.update.task.as_deref().unwrap_or(opener)), Some(session)),
            path_cut: *path_cut,
            ret,
            errno: ErrorName::of(ret.into()),
            opened_by: opened_by.name(),
            adopted: *adopted,
            kind: Kind::Seq,
            m: None,
            op: None,
            private: None,
            size: None,
            functions: Option::of(callbacks).unwrap_or_default(),
            plain_read: handler(0),
            plain_write: handler(1),
            file: Address(*file),
            ino: *ino,
            dev: Device(*dev),
        };
        match *kind {
            FileKind::Seq { m, op, table, private, size, inner: _ } => {
                open.m = Some(Address(m));
                open.op = Some(Address(op));
                open.private = Some(Address(private));
                open.size = Some(size);
                // Without symbols the addresses are still known.
                if callbacks.is_none() && table != OpTable::default() {
                    open.functions = addresses(table);
                }
            }
            FileKind::Plain { .. } => open.kind = Kind::Plain,
        }
        Some(Object::Open(Box::new(open)))
    }

    pub(super) fn read(&self, end: &ReadEnd) -> Read<'a> {
        let ReadEnd { ret, range, totals, leftover, from_leftover, duration, eof, partial } = end;
        let mut read = Read {
            at: self.at(),
            who: self.who(),
            began: self.began(),
            pos: None,
            want: None,
            traverse_from: None,
            rewind: None,
            via: None,
            ret: *ret,
            errno: ErrorName::of(*ret),
            bytes: u64::try_from(*ret).unwrap_or(0),
            range: Range::of(range),
            totals: ReadTotals::new(totals),
            leftover: *leftover,
            from_leftover: *from_leftover,
            duration: *duration,
            eof: *eof,
            partial: Option::of(partial),
        };
        if let Some(UpdateKind::ReadBegin { pos, want, traverse_from, rewind, via, state: _ }) =
            self.call.map(|begin| &begin.what)
        {
            (read.pos, read.want, read.rewind) = (Some(*pos), Some(*want), Some(*rewind));
            (read.traverse_from, read.via) = (*traverse_from, via.map(Via::name));
        }
        read
    }
}

pub(super) fn who<'a>(task: Option<&'a Task>, session: Option<&'a Session>) -> Who<'a> {
    Who {
        uid: task.map(|task| task.uid),
        comm: task.map(|task| text(&task.comm)),
        comm_bytes: task.and_then(|task| raw(&task.comm)),
        path: session.map(|session| text(&session.path)),
        path_bytes: session.and_then(|session| raw(&session.path)),
    }
}

fn addresses(table: OpTable) -> Functions<'static> {
    let OpTable { start, next, show, stop } = table;
    let bare = |address| {
        Some(Function { address: Address(address), name: None, module: None, offset: None })
    };
    Functions {
        table: None,
        start: bare(start),
        next: bare(next),
        show: bare(show),
        stop: bare(stop),
    }
}
