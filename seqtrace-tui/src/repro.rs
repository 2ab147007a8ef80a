//! A command that makes the same system calls as a session.

use seqtrace_model::session::update::UpdateKind;
use seqtrace_view::{ItemKind, Session, Window};

use crate::app::Host;

/// Greatest number of calls of a command.
const MAX_CALLS: usize = 64;
/// Greatest number of bytes that a call requests. Larger requests get no more from a seq_file that fits into memory.
const MAX_WANT: u64 = 1 << 30;

/// Returns a command that makes the reads and lseeks of a session up to a row, and prints what they return.
///
/// # Errors
/// The reason why there is no such command.
pub(crate) fn command(
    session: &Session,
    row: u32,
    window: &mut Window,
    host: &dyn Host,
) -> Result<String, &'static str> {
    if session.facts.adopted || session.facts.path_cut || session.rows.first() > 0 {
        return Err("no reproducer: the beginning of the session is unknown");
    }
    let path = host
        .quote(&session.facts.path)
        .ok_or("no reproducer: the path cannot be printed safely")?;
    let mut calls = Vec::new();
    // File offset of the descriptor, if the calls so far were correct.
    let mut offset = 0;
    for item in
        session.items.iter().filter(|item| item.kind != ItemKind::Single && item.first <= row)
    {
        if calls.len() == MAX_CALLS {
            return Err("no reproducer: the session has too many reads before this row");
        }
        let begin = session.rows.get(item.first, window).map(|update| update.what.clone());
        match begin {
            Some(UpdateKind::ReadBegin { pos, want, .. }) => {
                let want = want.min(MAX_WANT);
                if pos == offset {
                    calls.push(format!("write(1, read(0, {want}))"));
                    offset = read_end(session, item.range().end, window).unwrap_or(offset);
                } else {
                    calls.push(format!("write(1, pread(0, {want}, {pos}))"));
                }
            }
            Some(UpdateKind::LseekBegin { offset: to, whence }) => {
                calls.push(format!("lseek(0, {to}, {whence})"));
                offset = lseek_end(session, item.range().end, window).unwrap_or(offset);
            }
            _ => {}
        }
    }
    if calls.is_empty() {
        return Err("no reproducer: the session has no read or lseek before this row");
    }
    Ok(format!("python3 -c 'from os import *; {}' <{path}", calls.join("; ")))
}

/// Returns the file offset behind the read whose rows end before `end`.
fn read_end(session: &Session, end: u32, window: &mut Window) -> Option<i64> {
    last_rows(end).find_map(|row| match &session.rows.get(row, window)?.what {
        UpdateKind::ReadEnd(read) => Some(read.range.end),
        _ => None,
    })
}

/// Returns the file offset that the lseek whose rows end before `end` returned.
fn lseek_end(session: &Session, end: u32, window: &mut Window) -> Option<i64> {
    last_rows(end).find_map(|row| match &session.rows.get(row, window)?.what {
        UpdateKind::LseekEnd { ret, .. } if *ret >= 0 => Some(*ret),
        _ => None,
    })
}

/// Returns the last rows before `end`, the last one first: the end of a call, and findings behind it.
pub(crate) fn last_rows(end: u32) -> impl Iterator<Item = u32> {
    (end.saturating_sub(32)..end).rev()
}
