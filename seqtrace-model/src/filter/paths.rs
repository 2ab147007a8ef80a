//! The names that one file has, whoever looks at it.
//!
//! `/proc/self` and `/proc/thread-self` are the reader's own directory, `/proc/net` and
//! `/proc/mounts` are links into it (proc_net_init() and proc_root_init(), fs/proc). The reader of
//! `/proc/net/tcp` and the one of `/proc/123/net/tcp` may look at the same file.

use crate::session::update::Session;

/// Where debugfs shows tracefs once more (tracing_init_dentry(), kernel/trace/trace.c), and where it is
/// at home.
const TRACEFS: (&[u8], &[u8]) = (b"/sys/kernel/debug/tracing/", b"/sys/kernel/tracing/");

/// The session's path, and the other ways to write it. `/proc/self/…` and `/proc/thread-self/…` stand
/// for any process: who names them does not mean the tracer itself.
pub(super) fn forms(session: &Session) -> Vec<Vec<u8>> {
    let mut forms = shared(&session.path);
    if let Some(own) = Own::of(session) {
        own.forms(&mut forms);
    }
    forms
}

/// Ways to write a path that do not depend on who opened the file, the path first.
pub(super) fn shared(path: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![path.to_vec()];
    for (here, there) in [(TRACEFS.0, TRACEFS.1), (TRACEFS.1, TRACEFS.0)] {
        forms.extend(path.strip_prefix(here).map(|file| [there, file].concat()));
    }
    forms
}

/// Whether the ways to write a path depend on who opened the file.
pub(super) fn is_per_reader(path: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(b"/proc/") else { return false };
    let first = split(rest).0;
    matches!(first, b"self" | b"thread-self") || is_linked(rest) || number(first).is_some()
}

/// A file in a process's directory.
struct Own<'a> {
    pid: u32,
    /// In `task/<tid>/`.
    tid: Option<u32>,
    /// What follows.
    file: &'a [u8],
}

impl<'a> Own<'a> {
    fn of(session: &'a Session) -> Option<Self> {
        let rest = session.path.strip_prefix(b"/proc/")?;
        let opener = &session.opener;
        let (first, file) = split(rest);
        match first {
            b"self" => Some(Self { pid: opener.pid, tid: None, file }),
            b"thread-self" => Some(Self { pid: opener.pid, tid: Some(opener.tid), file }),
            _ if is_linked(rest) => Some(Self { pid: opener.pid, tid: None, file: rest }),
            digits => {
                let pid = number(digits)?;
                let task = file.strip_prefix(b"task/").map(split);
                match task.and_then(|(tid, file)| Some((number(tid)?, file))) {
                    Some((tid, file)) => Some(Self { pid, tid: Some(tid), file }),
                    None => Some(Self { pid, tid: None, file }),
                }
            }
        }
    }

    fn forms(&self, forms: &mut Vec<Vec<u8>>) {
        let Self { pid, tid, file } = self;
        if file.is_empty() {
            return;
        }
        let mut add = |directory: &str| forms.push([directory.as_bytes(), file].concat());
        add("/proc/thread-self/");
        match tid {
            None => {
                add("/proc/self/");
                add(&format!("/proc/{pid}/"));
            }
            Some(tid) => add(&format!("/proc/{pid}/task/{tid}/")),
        }
        if is_linked(file) {
            add("/proc/");
        }
    }
}

/// Has a link to it in /proc.
fn is_linked(file: &[u8]) -> bool {
    file == b"mounts" || split(file).0 == b"net"
}

/// The first component and the rest.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let length = path.iter().position(|byte| *byte == b'/').unwrap_or(path.len());
    let (first, rest) = path.split_at(length);
    (first, rest.strip_prefix(b"/").unwrap_or(rest))
}

fn number(digits: &[u8]) -> Option<u32> {
    // parse() would also take a sign.
    digits.first().filter(|first| first.is_ascii_digit())?;
    str::from_utf8(digits).ok()?.parse().ok()
}
