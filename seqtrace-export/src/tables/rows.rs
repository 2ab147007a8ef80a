//! Rows of sessions, calls and findings.

use std::io::Write;

use seqtrace_model::event::FileKind;
use seqtrace_model::finding::Finding;
use seqtrace_model::session::update::{ReadEnd, Session, SessionId, Totals, Update, UpdateKind};

use super::schema::{FindingRow, ReadRow, SessionRow};
use super::{Open, Tables, number, own, text};
use crate::names;

/// Largest number of calls in flight in a session, as in the session model: the oldest is forgotten.
const MAX_CALLS: usize = 1024;

impl<W: Write + Send> Tables<W> {
    /// Adds the row of an update, if it has one.
    pub(super) fn session_update(&mut self, session: &Session, update: &Update) {
        let id = session.id;
        match &update.what {
            UpdateKind::Open => {
                self.open.insert(id, Open::new(session));
            }
            UpdateKind::OpenFailed { ret } => {
                let errno = Some((*ret).into());
                let open = Open { errno, ..Open::new(session) };
                let row = SessionRow { opened: number(update.time), ..session_row(session, &open) };
                let wall = self.wall(update.time);
                self.sessions.table.push(SessionRow { wall, ..row });
            }
            UpdateKind::OpenLeaked { ret } => {
                if let Some(open) = self.open.get_mut(&id) {
                    open.errno = Some((*ret).into());
                }
            }
            UpdateKind::ReadBegin { .. } | UpdateKind::LseekBegin { .. } => {
                if let Some(open) = self.open.get_mut(&id) {
                    // The end of an older one was not seen.
                    open.calls.retain(|begin| call_of(begin) != call_of(update));
                    if open.calls.len() >= MAX_CALLS {
                        open.calls.remove(0);
                    }
                    open.calls.push(update.clone());
                }
            }
            UpdateKind::ReadEnd(end) => {
                let row = self.call_row(session, update, "read");
                self.reads.table.push(read_row(row, end));
            }
            UpdateKind::LseekEnd { ret, passed_over, leftover, duration } => {
                let row = ReadRow {
                    ret: Some(*ret),
                    passed_over: number(*passed_over),
                    leftover: number(*leftover),
                    duration: duration.and_then(number),
                    ..self.call_row(session, update, "lseek")
                };
                self.reads.table.push(row);
            }
            UpdateKind::Write { pos, want, ret } | UpdateKind::PlainRead { pos, want, ret } => {
                let is_read = matches!(update.what, UpdateKind::PlainRead { .. });
                let name = if is_read { "plain_read" } else { "write" };
                let row = ReadRow {
                    pos: Some(*pos),
                    want: number(*want),
                    ret: Some(*ret),
                    bytes: Some((*ret).max(0)),
                    ..self.call_row(session, update, name)
                };
                self.reads.table.push(row);
            }
            UpdateKind::Finding(finding) => self.finding(session, update, finding),
            UpdateKind::Close { .. } => self.close(session, update),
            // These have rows of their own, or none: the doubling of a buffer is in the sums of its read, and texts of
            // records are in JSON only.
            UpdateKind::Callback(_)
            | UpdateKind::Preview { .. }
            | UpdateKind::Grow { .. }
            | UpdateKind::Gap { .. }
            | UpdateKind::Blind { .. }
            | UpdateKind::Disagreement { .. }
            | UpdateKind::ReaderDied { .. } => {}
        }
    }

    fn close(&mut self, session: &Session, update: &Update) {
        let UpdateKind::Close {
            by,
            totals,
            lifetime,
            undelivered,
            partial,
            removed,
            private: _,
            findings,
        } = &update.what
        else {
            return;
        };
        let open = self.open.remove(&session.id).unwrap_or_else(|| Open::new(session));
        let Totals {
            reads,
            bytes,
            emitted,
            discarded,
            passed_over,
            callbacks,
            passes,
            restarts,
            writes,
            written,
        } = *totals;
        let opened = lifetime.map(|lifetime| update.time.saturating_sub(lifetime));
        let reasons: Vec<&str> = partial.iter().map(|why| names::partial(*why)).collect();
        let times = findings.iter().map(|count| count.times);
        let row = SessionRow {
            closed_by: by.map(|by| self.words.get(by.name())),
            opened: opened.and_then(number),
            closed: number(update.time),
            wall: opened.and_then(|opened| self.wall(opened)),
            lifetime: lifetime.and_then(number),
            reads: number(reads),
            bytes: number(bytes),
            emitted: number(emitted),
            discarded: number(discarded),
            passed_over: number(passed_over),
            callbacks: number(callbacks),
            passes: number(passes),
            restarts: number(restarts),
            writes: number(writes),
            written: number(written),
            undelivered: number(*undelivered),
            partial: Some(own(reasons.join(" "))),
            removed: *removed,
            findings: number(times.fold(0, u64::saturating_add)),
            severity: findings.first().map(|worst| self.words.get(worst.severity.name())),
            ..session_row(session, &open)
        };
        self.sessions.table.push(row);
    }

    /// Returns the part of a row that all calls have, with the facts that their begin had.
    fn call_row(&mut self, session: &Session, update: &Update, call: &'static str) -> ReadRow {
        let task = update.task.as_deref();
        let mut row = ReadRow {
            session: Some(session.id.0.into()),
            read: update.read.map(i64::from),
            call: Some(self.words.get(call)),
            pid: task.map(|task| task.pid.into()),
            tid: task.map(|task| task.tid.into()),
            comm: task.map(|task| text(&task.comm)),
            cpu: Some(update.cpu.into()),
            time: number(update.time),
            wall: self.wall(update.time),
            ..ReadRow::default()
        };
        let Some(open) = self.open.get_mut(&session.id) else { return row };
        row.path = Some(open.path.clone());
        row.module.clone_from(&open.module);
        let same = |begin: &Update| call_of(begin) == call_of(update);
        let Some(index) = open.calls.iter().position(same) else { return row };
        let begin = open.calls.swap_remove(index);
        row.began = number(begin.time);
        match begin.what {
            UpdateKind::ReadBegin { pos, want, traverse_from, rewind, via, state: _ } => {
                row.pos = Some(pos);
                row.want = number(want);
                row.traverse_from = traverse_from;
                row.rewind = Some(rewind);
                row.via = via.map(|via| self.words.get(via.name()));
            }
            UpdateKind::LseekBegin { offset, whence } => {
                row.pos = Some(offset);
                row.whence = Some(whence.into());
            }
            _ => {}
        }
        row
    }

    fn finding(&mut self, session: &Session, update: &Update, finding: &Finding) {
        let Finding {
            id,
            name,
            severity,
            session: SessionId(number_of_session),
            read,
            blame,
            message,
            evidence: _,
            cause,
            times,
        } = finding;
        let source = blame.as_ref().and_then(|blame| blame.source.as_ref());
        let cause_blame = cause.as_ref().and_then(|cause| cause.blame.as_ref());
        let row = FindingRow {
            session: Some((*number_of_session).into()),
            read: read.map(i64::from),
            time: number(update.time),
            wall: self.wall(update.time),
            rule: Some(own(id.to_string())),
            name: Some(self.words.get(name)),
            severity: Some(self.words.get(severity.name())),
            path: Some(text(&session.path)),
            module: names::module(session).map(own),
            role: blame.as_ref().map(|blame| self.words.get(blame.role.name())),
            function: blame.as_ref().map(|blame| own(names::function(&blame.function))),
            message: Some(own(message.clone())),
            evidence: Some(own(names::evidence(finding))),
            cause: cause.as_ref().map(|cause| own(cause.id.to_string())),
            cause_function: cause_blame.map(|blame| own(names::function(&blame.function))),
            times: number(*times),
            source_file: source.map(|source| own(source.file.to_string())),
            source_line: source.map(|source| source.line.into()),
        };
        self.findings.table.push(row);
    }
}

/// Returns what a begin and its end have in common: the number of a read, or the thread of an lseek.
fn call_of(update: &Update) -> (bool, Option<u32>) {
    match update.what {
        UpdateKind::ReadBegin { .. } | UpdateKind::ReadEnd(_) => (true, update.read),
        _ => (false, update.task.as_ref().map(|task| task.tid)),
    }
}

fn read_row(row: ReadRow, end: &ReadEnd) -> ReadRow {
    let ReadEnd { ret, range, totals, leftover, from_leftover, duration, eof, partial } = end;
    ReadRow {
        duration: duration.and_then(number),
        ret: Some(*ret),
        bytes: number(totals.bytes),
        range_start: Some(range.start),
        range_end: Some(range.end),
        emitted: number(totals.emitted),
        discarded: number(totals.discarded),
        passed_over: number(totals.passed_over),
        callbacks: number(totals.callbacks),
        passes: number(totals.passes),
        restarts: number(totals.restarts),
        leftover: number(*leftover),
        from_leftover: number(*from_leftover),
        eof: Some(*eof),
        partial: partial.map(|why| own(names::partial(why).to_owned())),
        ..row
    }
}

/// Returns the part of a row that follows from the open.
fn session_row(session: &Session, open: &Open) -> SessionRow {
    let Session {
        id,
        path: _,
        path_cut,
        opener,
        opened_by,
        adopted,
        kind,
        callbacks: _,
        handlers: _,
        file: _,
        ino,
        dev,
    } = session;
    let [start, next, show, stop] = match &open.functions {
        Some(functions) => functions.each_ref().map(|name| Some(name.clone())),
        None => [None, None, None, None],
    };
    let kind = if matches!(kind, FileKind::Seq { .. }) { "seq" } else { "plain" };
    SessionRow {
        session: Some(id.0.into()),
        path: Some(open.path.clone()),
        path_cut: Some(*path_cut),
        module: open.module.clone(),
        start,
        next,
        show,
        stop,
        pid: Some(opener.pid.into()),
        tid: Some(opener.tid.into()),
        uid: Some(opener.uid.into()),
        comm: Some(text(&opener.comm)),
        kind: Some(own(kind.to_owned())),
        opened_by: Some(own(opened_by.name().to_owned())),
        adopted: Some(*adopted),
        errno: open.errno,
        dev: Some((*dev).into()),
        ino: number(*ino),
        ..SessionRow::default()
    }
}
