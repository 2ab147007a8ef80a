//! How a session comes to be: the wrapper that opened it, the names of its functions.

use crate::event::{FileKind, Open, Task, Wrapper};
use crate::session::update::{Callbacks, Session, SessionId, Symbol};

/// What the model cannot know by itself: names. Live they come from kallsyms and mountinfo,
/// offline from the recording.
pub trait Resolve {
    /// The function at this address.
    fn function(&mut self, address: u64) -> Symbol;
    /// The `struct seq_operations` at this address, if it has a name: those that single_open makes
    /// are on the heap.
    fn table(&mut self, address: u64) -> Option<Symbol>;
    /// The path of a file, from the names between its filesystem's root and itself.
    fn path(&mut self, names: &[Vec<u8>], dev: u32, magic: u32, opener: &Task) -> Vec<u8>;
}

/// What is known of a session when it is opened.
pub(super) fn session(id: SessionId, open: Open, resolver: &mut impl Resolve) -> Session {
    let path = if open.path_cut {
        open.names.iter().flat_map(|name| [b"/", name.as_slice()]).flatten().copied().collect()
    } else {
        resolver.path(&open.names, open.dev, open.magic, &open.task)
    };
    let callbacks = callbacks(&open.kind, resolver);
    let handlers = match open.kind {
        FileKind::Plain { read, write } => {
            Some([resolver.function(read), resolver.function(write)])
        }
        FileKind::Seq { .. } => None,
    };
    let single = callbacks
        .as_ref()
        .is_some_and(|callbacks| callbacks.start.name.as_deref() == Some("single_start"));
    let opened_by = match (open.kind, open.via) {
        (FileKind::Plain { .. }, _) => Wrapper::ProcRegOpen,
        (_, Some(wrapper)) => wrapper,
        // Nothing else has this start (fs/seq_file.c): an adopted one, or a stack that was not understood.
        _ if single => Wrapper::SingleOpen,
        _ => Wrapper::SeqOpen,
    };
    Session {
        id,
        path,
        path_cut: open.path_cut,
        opener: open.task,
        opened_by,
        adopted: open.adopted,
        kind: open.kind,
        callbacks,
        handlers,
        file: open.file,
        ino: open.ino,
        dev: open.dev,
    }
}

/// The callbacks of a file by name; `None` for a plain file and where `m->op` is NULL.
pub fn callbacks(kind: &FileKind, resolver: &mut impl Resolve) -> Option<Callbacks> {
    let &FileKind::Seq { op, table, inner, .. } = kind else { return None };
    (op != 0).then(|| Callbacks {
        table: resolver.table(op),
        start: resolver.function(table.start),
        next: resolver.function(table.next),
        show: show(inner, table.show, resolver),
        stop: resolver.function(table.stop),
    })
}

/// The show that renders: behind kernfs' wrapper, if something of that address has a name.
fn show(inner: u64, outer: u64, resolver: &mut impl Resolve) -> Symbol {
    if inner != 0 {
        let found = resolver.function(inner);
        if found.name.is_some() {
            return found;
        }
    }
    resolver.function(outer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::OpTable;

    /// Knows functions below 100.
    struct Few;

    impl Resolve for Few {
        fn function(&mut self, address: u64) -> Symbol {
            let name = (address < 100).then(|| format!("f{address}").into());
            Symbol { name, ..Symbol::unnamed(address) }
        }

        fn table(&mut self, _address: u64) -> Option<Symbol> {
            None
        }

        fn path(&mut self, _: &[Vec<u8>], _: u32, _: u32, _: &Task) -> Vec<u8> {
            Vec::new()
        }
    }

    #[test]
    fn a_wrapper_gives_way_to_what_it_calls() {
        let table = OpTable { start: 1, next: 2, show: 3, stop: 4 };
        for (inner, expected) in [(0, "f3"), (7, "f7"), (500, "f3")] {
            let kind = FileKind::Seq { m: 1, op: 2, table, private: 0, size: 0, inner };
            let found = callbacks(&kind, &mut Few).unwrap();
            assert_eq!(found.show.name.as_deref(), Some(expected), "{inner}");
        }
    }
}
