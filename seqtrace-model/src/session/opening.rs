//! Derives the facts about a session from its open.

use crate::event::{FileKind, Functions, Open, Wrapper};
use crate::session::update::{Session, SessionId};

/// Returns the facts about a session that follow from its open.
pub(super) fn session(id: SessionId, open: &Open) -> Session {
    let (callbacks, handlers) = match &open.functions {
        Functions::None => (None, None),
        Functions::Callbacks(callbacks) => (Some(callbacks.clone()), None),
        Functions::Handlers(handlers) => (None, Some(handlers.clone())),
    };
    let single = callbacks
        .as_ref()
        .is_some_and(|callbacks| callbacks.start.name.as_deref() == Some("single_start"));
    let opened_by = match (open.kind, open.via) {
        (FileKind::Plain { .. }, _) => Wrapper::ProcRegOpen,
        (_, Some(wrapper)) => wrapper,
        // An adopted session, or an open whose stack was not understood: only single_open() uses this start()
        // (fs/seq_file.c).
        _ if single => Wrapper::SingleOpen,
        _ => Wrapper::SeqOpen,
    };
    Session {
        id,
        path: open.path.clone(),
        path_cut: open.path_cut,
        opener: open.task.clone(),
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
