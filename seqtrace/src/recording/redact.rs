//! Removes what identifies a machine and its users from a recording: `record --redact`.

use std::{collections::hash_map::RandomState, hash::BuildHasher};

use seqtrace_model::{
    event::{Event, EventKind},
    trace::{Header, TargetInfo},
};

use super::Head;

/// Replaces each name in a path by a hash. Equal names of one recording stay equal. The key of the hash is random and is
/// not stored, so that names cannot be tried.
#[derive(Debug, Default)]
pub(super) struct Redactor(RandomState);

impl Redactor {
    fn name(&self, name: &[u8]) -> Vec<u8> {
        format!("{:016x}", self.0.hash_one(name)).into_bytes()
    }

    fn path(&self, path: &[u8]) -> Vec<u8> {
        let names = path.split(|byte| *byte == b'/');
        let hash = |name: &[u8]| if name.is_empty() { Vec::new() } else { self.name(name) };
        names.map(hash).collect::<Vec<_>>().join(&b'/')
    }

    /// Returns an event without names of files; `None` if it has nothing else.
    pub(super) fn event(&self, event: &Event) -> Option<Event> {
        let mut event = event.clone();
        match &mut event.body {
            EventKind::Preview { .. } => return None,
            EventKind::Open(open) => {
                open.components = open.components.iter().map(|name| self.name(name)).collect();
                open.path = self.path(&open.path);
            }
            _ => {}
        }
        Some(event)
    }

    pub(super) fn target(&self, target: &TargetInfo) -> TargetInfo {
        // The note may contain another path.
        let TargetInfo { word, callbacks, note: _ } = target;
        TargetInfo { word: self.path(word), callbacks: callbacks.clone(), note: None }
    }
}

impl Head {
    /// Returns the metadata without the command line.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let header = Header { command: Vec::new(), ..self.header.clone() };
        Self { header, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_paths_stay_equal() {
        let redactor = Redactor::default();
        let [a, b] = [b"/proc/net/tcp", b"/proc/net/udp"].map(|path| redactor.path(path));
        assert_eq!(a, redactor.path(b"/proc/net/tcp"));
        assert_ne!(a, b);
        assert_eq!(a[..35], b[..35]);
        assert_eq!(a.len(), 3 * 17);
        assert!(a.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'/'));
        assert_ne!(a, Redactor::default().path(b"/proc/net/tcp"));
    }
}
