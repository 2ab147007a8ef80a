//! Hand-made sessions and updates for tests of renderers.

#[cfg(test)]
mod oddities;
#[cfg(test)]
mod story;

#[cfg(test)]
pub(super) use story::{BEGIN, NULL, Story, error, record};

use crate::event::{FileKind, OpTable, Task, Wrapper};
use crate::session::update::{Callbacks, Session, SessionId, Symbol};

pub(super) fn symbol(name: &str, module: Option<&str>) -> Symbol {
    Symbol {
        address: 0xffff_ffff_c000_0000 + name.len() as u64,
        name: Some(name.into()),
        module: module.map(Into::into),
        offset: module.map(|_| 0x10 * name.len() as u64),
    }
}

pub(super) fn callbacks(prefix: &str, module: Option<&str>) -> Callbacks {
    let named = |name: &str| symbol(&format!("{prefix}_{name}"), module);
    Callbacks {
        table: Some(named("ops")),
        start: named("start"),
        next: named("next"),
        show: named("show"),
        stop: named("stop"),
    }
}

pub(super) fn cat() -> Task {
    Task { pid: 4123, tid: 4123, uid: 1000, comm: b"cat".to_vec() }
}

/// Returns a session of this file, which `cat` has opened.
pub fn session(id: u32, path: &[u8]) -> Session {
    Session {
        id: SessionId(id),
        path: path.to_vec(),
        path_cut: false,
        opener: cat(),
        opened_by: Wrapper::SeqOpen,
        adopted: false,
        kind: FileKind::Seq {
            m: 0xffff_8881_0000_1000,
            op: 0xffff_ffff_c000_2000,
            table: OpTable { start: 1, next: 2, show: 3, stop: id.into() },
            private: 0,
            size: 0,
            inner: 0,
        },
        callbacks: Some(callbacks("eof", Some("seqbugs"))),
        handlers: None,
        file: 0xffff_8881_0000_2000,
        ino: 42,
        dev: 8 << 20 | 1,
    }
}
