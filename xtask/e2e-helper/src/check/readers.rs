//! Compares the sessions of a trace with the opens that readers logged.

use std::collections::BTreeMap;

use serde_json::Value;

use super::session::{Read, Session};
use super::{Problems, int, string};

/// Matches each logged open with a different session that has the same reads. `lossy`: true if the trace has lost
/// events.
pub(super) fn compare(
    sessions: &BTreeMap<String, Session>,
    opens: &[Value],
    lossy: bool,
    problems: &mut Problems,
) {
    let mut free: Vec<&Session> = sessions.values().collect();
    free.sort_by_key(|session| session.name.trim_start_matches('s').parse::<u64>().unwrap_or(0));
    for open in opens {
        let is_match = |session: &&Session| session.is_of(open) && agrees(session, open);
        if let Some(found) = free.iter().position(is_match) {
            free.remove(found);
            continue;
        }
        let near = free.iter().find(|session| session.is_of(open));
        if lossy && near.is_none_or(|session| session.partial) {
            continue;
        }
        let path = string(open, "path");
        let text = if let Some(session) = near {
            format!(
                "{} ({path}): the reads of thread {} differ (offset, requested, returned)\n  \
                 reader: {}\n  trace:  {}",
                session.name,
                session.tid,
                list(&calls(open)),
                list(&session.reads)
            )
        } else {
            let (tid, ino) = (int(open, "tid"), int(open, "ino"));
            format!("{path}: thread {tid:?} read it (inode {ino:?}); no such session")
        };
        problems.add(path, text);
    }
}

/// Returns the reads that a reader logged for an open.
fn calls(open: &Value) -> Vec<Read> {
    let calls = open.get("calls").and_then(Value::as_array);
    let read = |call| Read {
        tid: int(call, "tid").or_else(|| int(open, "tid")).unwrap_or(0),
        pos: int(call, "pos"),
        want: int(call, "want"),
        ret: int(call, "ret").unwrap_or(0),
        spliced: string(call, "call") == "splice",
    };
    calls.into_iter().flatten().map(read).collect()
}

/// Returns true if the session has the reads that the reader logged.
fn agrees(session: &Session, open: &Value) -> bool {
    let logged = calls(open);
    if logged.iter().any(|read| read.spliced) {
        // The kernel decides into how many reads it splits a splice.
        let sum = |reads: &[Read]| -> i64 { reads.iter().map(|read| read.ret.max(0)).sum() };
        return sum(&logged) == sum(&session.reads);
    }
    let is_same = |logged: &Read, read: &Read| {
        // For a plain file, the offset in the trace is the offset after the call; readers do not know a shared offset.
        logged.tid == read.tid
            && logged.want == read.want
            && logged.ret == read.ret
            && (session.plain || logged.pos.is_none() || logged.pos == read.pos)
    };
    if logged.len() != session.reads.len() {
        return false;
    }
    if open.get("unordered") == Some(&Value::Bool(true)) {
        // Several threads read, and the log has their reads in any order.
        let mut free: Vec<&Read> = session.reads.iter().collect();
        return logged.iter().all(|logged| {
            let found = free.iter().position(|read| is_same(logged, read));
            found.map(|found| free.remove(found)).is_some()
        });
    }
    logged.iter().zip(&session.reads).all(|(logged, read)| is_same(logged, read))
}

/// Formats the first reads as `(offset, requested, returned)`.
fn list(reads: &[Read]) -> String {
    const SHOWN: usize = 12;
    let number = |value: Option<i64>| value.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let mut text: Vec<String> = reads
        .iter()
        .take(SHOWN)
        .map(|read| format!("({}, {}, {})", number(read.pos), number(read.want), read.ret))
        .collect();
    if reads.len() > SHOWN {
        text.push(format!("… {} in total", reads.len()));
    }
    text.join(" ")
}
