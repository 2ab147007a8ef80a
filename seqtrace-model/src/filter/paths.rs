//! Equivalent paths of one file.
//!
//! `/proc/self` and `/proc/thread-self` are the directory of the process that accesses them, `/proc/net` and
//! `/proc/mounts` are links into it (proc_net_init() and proc_root_init(), fs/proc). Readers of `/proc/net/tcp` and of
//! `/proc/123/net/tcp` may read the same file.

use crate::session::update::Session;

/// Path at which debugfs automounts tracefs (tracing_init_dentry(), kernel/trace/trace.c), and the
/// path of tracefs itself.
const TRACEFS: (&[u8], &[u8]) = (b"/sys/kernel/debug/tracing/", b"/sys/kernel/tracing/");

/// Returns the path of a session and its equivalents. `/proc/self/…` and `/proc/thread-self/…` are
/// the directories of any process: as a target they never mean the tracer itself.
pub(super) fn forms(session: &Session) -> Vec<Vec<u8>> {
    let mut forms = shared(&session.path);
    if let Some((pid, tid, file)) = own(session).filter(|(.., file)| !file.is_empty()) {
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
    forms
}

/// Returns a path and those of its equivalents that do not depend on the opener.
pub(super) fn shared(path: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![path.to_vec()];
    for (here, there) in [(TRACEFS.0, TRACEFS.1), (TRACEFS.1, TRACEFS.0)] {
        forms.extend(path.strip_prefix(here).map(|file| [there, file].concat()));
    }
    forms
}

/// Returns true if the equivalents of a path depend on the opener.
pub(super) fn is_per_reader(path: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(b"/proc/") else { return false };
    let first = split(rest).0;
    matches!(first, b"self" | b"thread-self") || is_linked(rest) || number(first).is_some()
}

/// Returns the process id of a file in the directory of a process, the thread id if the file is in `task/<tid>/`, and
/// the path below the directory of the process or thread; `None` for other files.
fn own(session: &Session) -> Option<(u32, Option<u32>, &[u8])> {
    let rest = session.path.strip_prefix(b"/proc/")?;
    let opener = &session.opener;
    let (first, file) = split(rest);
    match first {
        b"self" => Some((opener.pid, None, file)),
        b"thread-self" => Some((opener.pid, Some(opener.tid), file)),
        _ if is_linked(rest) => Some((opener.pid, None, rest)),
        digits => {
            let pid = number(digits)?;
            let task = file.strip_prefix(b"task/").map(split);
            let task = task.and_then(|(tid, file)| Some((pid, Some(number(tid)?), file)));
            task.or(Some((pid, None, file)))
        }
    }
}

/// Returns true if /proc has a link to the file.
fn is_linked(file: &[u8]) -> bool {
    file == b"mounts" || split(file).0 == b"net"
}

/// Splits a path into the first component and the rest.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let length = path.iter().position(|byte| *byte == b'/').unwrap_or(path.len());
    let (first, rest) = path.split_at(length);
    (first, rest.strip_prefix(b"/").unwrap_or(rest))
}

fn number(digits: &[u8]) -> Option<u32> {
    // parse() would accept a sign, too.
    digits.first().filter(|first| first.is_ascii_digit())?;
    str::from_utf8(digits).ok()?.parse().ok()
}
