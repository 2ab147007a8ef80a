//! Words that the text formats share: everything but callbacks and the calls around them.

use super::digits;
use super::line::{Blamed, Count, Line, SymbolLocation};
use super::style::Color;
use crate::errno::Errno;
use crate::event::{FileKind, Role, Task, Wrapper};
use crate::rules::{Blame, Cause, Finding, Id, Severity};
use crate::session::update::{
    Callbacks, Partial, Session, SessionId, Symbol, Totals, Update, UpdateKind,
};

/// Greatest number of sessions that a line names. Further ones are counted.
const MAX_NAMED: usize = 8;

/// Writes the word for an update, and what [`common`] writes.
pub(super) fn call(line: &mut Line<'_>, word: &str, update: &Update) {
    line.color(Color::Strong, word).put(" ");
    common(line, update);
}

/// Writes an update that all text formats write alike, and nothing for others.
pub(super) fn common(line: &mut Line<'_>, update: &Update) {
    match &update.what {
        UpdateKind::Write { pos, want, ret } => write(line, *want, *ret, *pos),
        UpdateKind::PlainRead { pos, want, ret } => plain_read(line, *want, *ret, *pos),
        UpdateKind::Close {
            by,
            totals,
            lifetime,
            undelivered,
            partial,
            removed,
            // For the rules only.
            private: _,
            // Their own lines show them.
            findings: _,
        } => {
            close(line, *by, totals, partial);
            if *undelivered > 0 {
                line.put(format_args!("  {undelivered} B never fetched"));
            }
            if let Some(lifetime) = lifetime {
                line.put("  open ").duration(*lifetime);
            }
            if *removed == Some(true) {
                line.color(Color::Warn, "  the file was removed while open");
            }
            reasons(line, partial);
        }
        UpdateKind::Gap { lost, sessions } => gap(line, *lost, update.cpu, sessions),
        UpdateKind::Blind { function, role, reason } => blind(line, function, *role, reason),
        UpdateKind::Disagreement { expected, observed } => disagreement(line, expected, observed),
        UpdateKind::ReaderDied { role, pos } => reader_died(line, *role, *pos),
        _ => {}
    }
}

/// Writes ` [module]`; nothing for the kernel itself.
pub(super) fn module(line: &mut Line<'_>, symbol: &Symbol) {
    if let Some(module) = &symbol.module {
        line.put(" [").bytes(module.as_bytes()).put("]");
    }
}

/// Writes the name and module: `eof_ops [seqbugs]`.
pub(super) fn symbol(line: &mut Line<'_>, symbol: &Symbol) {
    let name = line.symbol(symbol);
    line.put(SymbolLocation { name, with_offset: false });
}

/// Writes the path, with a mark if its beginning is missing. On a terminal it fills at most `limit` columns.
pub(super) fn path(line: &mut Line<'_>, session: &Session, limit: usize) {
    if session.path_cut {
        let more = line.style.glyphs.more;
        line.put(more);
    }
    match line.style.event_columns {
        None => line.bytes(&session.path),
        Some(_) => line.bytes_within(&session.path, limit),
    };
}

/// Writes the name of a task. On a terminal it fills at most `limit` columns.
pub(super) fn comm(line: &mut Line<'_>, task: &Task, limit: usize) {
    match line.style.event_columns {
        None => line.bytes(&task.comm),
        Some(_) => line.bytes_within(&task.comm, limit),
    };
}

/// Writes `cat/4123`, or `cat/4123:4124` with the number of the thread. On a terminal it fills at most `limit` columns,
/// as long as the numbers do.
pub(super) fn task(line: &mut Line<'_>, task: &Task, limit: usize) {
    let thread = (task.tid != task.pid).then_some(task.tid);
    let of_thread = thread.map_or(0, |tid| 1 + digits::count(tid.into()));
    comm(line, task, limit.saturating_sub(1 + digits::count(task.pid.into()) + of_thread));
    line.piece(b"/").decimal(task.pid.into());
    if let Some(tid) = thread {
        line.piece(b":").decimal(tid.into());
    }
}

/// Writes `  by cat/4123`.
pub(super) fn opener(line: &mut Line<'_>, update: &Update) {
    if let Some(opener) = &update.task {
        let columns = line.style.event_columns.unwrap_or(usize::MAX);
        task(line.put("  by "), opener, columns);
    }
}

/// Writes the result of an open.
pub(super) fn opened(line: &mut Line<'_>, update: &Update, session: &Session) {
    match update.what {
        UpdateKind::OpenFailed { ret } => failed(line, ret.into()),
        UpdateKind::OpenLeaked { ret } => leaked(line, session, ret),
        _ => identity(line, session),
    }
}

/// Writes the function that opened the session, and its callbacks: `seq_open  eof_ops [seqbugs]`.
fn identity(line: &mut Line<'_>, session: &Session) {
    line.put(session.opened_by.name());
    match (&session.kind, &session.callbacks) {
        (FileKind::Plain { .. }, _) => {
            line.put("  plain file, not a seq_file: no callbacks");
            for (word, handler) in
                ["  read ", "  write "].into_iter().zip(session.handlers.iter().flatten())
            {
                if handler.address != 0 {
                    line.put(word);
                    symbol(line, handler);
                }
            }
        }
        (FileKind::Seq { .. }, None) => {
            line.put("  no callbacks: m->op is NULL");
        }
        (FileKind::Seq { inner, .. }, Some(callbacks)) => {
            line.put("  ");
            if let Some(table) = &callbacks.table {
                symbol(line, table);
                // All files of kernfs have one table. Their show() identifies them.
                if *inner != 0 && callbacks.show.address == *inner {
                    line.put("  show ");
                    symbol(line, &callbacks.show);
                }
            } else {
                // The table of single_open() is on the heap. Its show() identifies the file.
                line.put("show ");
                symbol(line, &callbacks.show);
            }
        }
    }
    if session.adopted {
        line.color(Color::Warn, "  was open already");
    }
}

/// Writes `start a_start  next a_next  show a_show  stop a_stop  [module]`.
pub(super) fn callbacks(line: &mut Line<'_>, callbacks: &Callbacks) {
    let Callbacks { table: _, start, next, show, stop } = callbacks;
    let all = [(Role::Start, start), (Role::Next, next), (Role::Show, show), (Role::Stop, stop)];
    let shared = all.iter().all(|(_, function)| function.module == start.module);
    for (index, (role, function)) in all.into_iter().enumerate() {
        let name = line.symbol(function);
        line.put(if index == 0 { "" } else { "  " })
            .color(Color::Dim, role.name())
            .put(" ")
            .put(name);
        if !shared {
            module(line, function);
        }
    }
    if shared {
        line.put(" ");
        module(line, start);
    }
}

/// Writes the error of a call: `= ENOMEM`.
pub(super) fn failed(line: &mut Line<'_>, ret: i64) {
    line.put("= ").color(Color::Error, Errno(ret.unsigned_abs()));
}

/// Writes `= EINVAL  after seq_open() had succeeded`.
fn leaked(line: &mut Line<'_>, session: &Session, ret: i32) {
    failed(line, ret.into());
    line.color(Color::Warn, format_args!("  after {}() had succeeded", session.opened_by.name()));
}

/// Writes `2 B of 6  off 8 after`.
fn write(line: &mut Line<'_>, want: u64, ret: i64, pos: i64) {
    match u64::try_from(ret) {
        Err(_) => {
            line.put(format_args!("{want} B  "));
            failed(line, ret);
        }
        Ok(taken) => {
            line.put(format_args!("{taken} B"));
            if taken != want {
                line.put(format_args!(" of {want}"));
            }
            line.put(format_args!("  off {pos} after"));
        }
    }
}

/// Writes `want 131072  = 12 B  off 12 after`.
fn plain_read(line: &mut Line<'_>, want: u64, ret: i64, pos: i64) {
    line.put(format_args!("want {want}  "));
    if ret < 0 {
        failed(line, ret);
    } else {
        line.put(format_args!("= {ret} B  off {pos} after"));
    }
}

pub(super) fn whence(whence: u32) -> &'static str {
    match whence {
        0 => "SEEK_SET",
        1 => "SEEK_CUR",
        2 => "SEEK_END",
        3 => "SEEK_DATA",
        4 => "SEEK_HOLE",
        _ => "unknown whence",
    }
}

/// Writes `3 records emitted, 0 discarded, 1 passed over, 1 restart`.
pub(super) fn outcome(line: &mut Line<'_>, totals: &Totals) {
    line.put(format_args!(
        "{} emitted, {} discarded",
        Count(totals.emitted, "record"),
        totals.discarded
    ));
    if totals.passed_over > 0 {
        line.put(format_args!(", {} passed over", totals.passed_over));
    }
    if totals.restarts > 0 {
        line.put(format_args!(", {}", Count(totals.restarts, "restart")));
    }
}

/// Writes `  1 passed over  14 B in the buffer`.
pub(super) fn lseek_rest(line: &mut Line<'_>, passed_over: u64, leftover: u64) {
    if passed_over > 0 {
        line.put(format_args!("  {passed_over} passed over"));
    }
    if leftover > 0 {
        line.put(format_args!("  {leftover} B in the buffer"));
    }
}

/// Writes `  5 B from the buffer  13 B left over`.
pub(super) fn read_rest(line: &mut Line<'_>, from_leftover: u64, leftover: u64) {
    if from_leftover > 0 {
        line.put(format_args!("  {from_leftover} B from the buffer"));
    }
    if leftover > 0 {
        line.put(format_args!("  {leftover} B left over"));
    }
}

/// Writes `seq_release  3 reads  6 B  3 records emitted, 0 discarded  1 write  6 B written`.
fn close(line: &mut Line<'_>, by: Option<Wrapper>, totals: &Totals, partial: &[Partial]) {
    match by {
        Some(by) => line.put(by.name()),
        None if partial.contains(&Partial::StillOpen) => {
            line.color(Color::Warn, "still open when tracing ended")
        }
        None => line.color(Color::Warn, "no release was seen"),
    };
    line.put(format_args!("  {}  {} B  ", Count(totals.reads, "read"), totals.bytes));
    outcome(line, totals);
    if totals.writes > 0 {
        line.put(format_args!("  {}  {} B written", Count(totals.writes, "write"), totals.written));
    }
}

/// Writes `  partial: events lost, still open`.
pub(super) fn reasons(line: &mut Line<'_>, partial: &[Partial]) {
    for (index, reason) in partial.iter().enumerate() {
        line.color(Color::Warn, if index == 0 { "  partial: " } else { ", " });
        line.color(Color::Warn, because(*reason));
    }
}

/// Writes `  partial: events lost`.
pub(super) fn partial(line: &mut Line<'_>, reason: Partial) {
    line.color(Color::Warn, format_args!("  partial: {}", because(reason)));
}

fn because(reason: Partial) -> &'static str {
    match reason {
        Partial::Adopted => "was open already",
        Partial::LateAttach => "callbacks attached late",
        Partial::Gap => "events lost",
        Partial::Blind => "a callback is not traced",
        Partial::Disagrees => "not what the core does",
        Partial::Overlap => "two used it at once",
        Partial::StillOpen => "still open",
        Partial::BpfIterator => "a BPF iterator",
    }
}

/// Writes `── gap: 37 events lost on CPU 1; s7 s8 incomplete ──`, or for an unknown number of events
/// `── gap: probes were silent; s7 s8 incomplete ──`.
fn gap(line: &mut Line<'_>, lost: u64, cpu: u16, sessions: &[SessionId]) {
    let rule = line.style.glyphs.rule;
    line.color(Color::Warn, format_args!("{rule} gap: "));
    if lost == 0 {
        line.color(Color::Warn, "probes were silent");
    } else {
        line.color(Color::Warn, format_args!("{} lost on CPU {cpu}", Count(lost, "event")));
    }
    if let Some((first, rest)) = sessions.split_first() {
        line.color(Color::Warn, format_args!("; s{}", first.0));
        for id in rest.iter().take(MAX_NAMED - 1) {
            line.color(Color::Warn, format_args!(" s{}", id.0));
        }
        if let Some(more) = sessions.len().checked_sub(MAX_NAMED).filter(|more| *more > 0) {
            line.color(Color::Warn, format_args!(" and {more} more"));
        }
        line.color(Color::Warn, " incomplete");
    }
    line.color(Color::Warn, format_args!(" {rule}"));
}

/// Writes the mark and id of a finding: `✗✗ SQ102`.
pub(super) fn mark(line: &mut Line<'_>, severity: Severity, id: Id) {
    let mark = line.style.mark(severity);
    line.color(severity.into(), format_args!("{mark} {id}"));
}

/// Writes `✗✗ SQ201 double emit: pos 2 (ffff8881042a3008) passed over as bytes 4..6, emitted again as 6..8`.
pub(super) fn finding(line: &mut Line<'_>, finding: &Finding) {
    mark(line, finding.severity, finding.id);
    line.put(" ").color(Color::Strong, finding.name).put(": ").bytes(finding.message.as_bytes());
}

/// Writes `cause SQ102 eof_next [seqbugs+0x250] at seqbugs/eof.c:123   seqtrace explain SQ201`.
pub(super) fn explanation(line: &mut Line<'_>, finding: &Finding) {
    if let Some(Cause { id, blame }) = &finding.cause {
        line.put("cause ").put(id);
        if let Some(blame) = blame {
            line.put(" ");
            blamed(line, blame);
        }
        line.put("   ");
    } else if let Some(blame) = &finding.blame {
        line.put("in ");
        blamed(line, blame);
        line.put("   ");
    }
    line.color(Color::Dim, format_args!("seqtrace explain {}", finding.id));
}

fn blamed(line: &mut Line<'_>, blame: &Blame) {
    line.put(Blamed { blame, ascii: line.style.ascii });
}

/// Writes `show t_show is not traced: notrace function`.
fn blind(line: &mut Line<'_>, function: &Symbol, role: Role, reason: &str) {
    line.color(Color::Warn, format_args!("{} ", role.name()));
    symbol(line, function);
    line.color(Color::Warn, " is not traced: ").bytes(reason.as_bytes());
}

/// Writes `the reader died inside show() at position 5`.
pub(super) fn reader_died(line: &mut Line<'_>, role: Option<Role>, pos: i64) {
    let callback = role.map_or("show() or stop", Role::name);
    line.color(Color::Error, format_args!("the reader died inside {callback}() at position {pos}"));
}

/// Writes `events were missed: expected show, next or stop, saw start`.
fn disagreement(line: &mut Line<'_>, expected: &str, observed: &str) {
    line.color(Color::Warn, "events were missed: expected ")
        .bytes(expected.as_bytes())
        .color(Color::Warn, ", saw ")
        .bytes(observed.as_bytes());
}
