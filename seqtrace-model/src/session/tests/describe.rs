//! Text form of updates, as on the right side of a script.

use crate::event::{Ptr, PtrKind, Role, Wrapper};
use crate::session::update::{CallbackUpdate, Fate, Phase, ReadEnd, Update, UpdateKind};

fn name(ptr: Option<Ptr>) -> String {
    match ptr.map(Ptr::kind) {
        None => "?".to_owned(),
        Some(PtrKind::Null) => "NULL".to_owned(),
        Some(PtrKind::Token) => "TOKEN".to_owned(),
        Some(PtrKind::Err(errno)) => format!("ERR{errno}"),
        Some(PtrKind::Record(value)) => {
            u8::try_from(value & 0xff).map_or('?', char::from).to_string()
        }
    }
}

/// Returns an update in the words of the scripts.
pub(super) fn describe(update: &Update) -> String {
    let read = update.read.map_or_else(|| "r?".to_owned(), |read| format!("r{read}"));
    match &update.what {
        UpdateKind::Open => {
            let session = update.session.as_ref().expect("an open has a session");
            let adopted = if session.adopted { " adopted" } else { "" };
            format!("s{} open {}{adopted}", session.id.0, session.opened_by.name())
        }
        UpdateKind::OpenFailed { ret } => format!("open failed {ret}"),
        UpdateKind::OpenLeaked { ret } => format!("open leaked {ret}"),
        UpdateKind::ReadBegin { pos, want, traverse_from, rewind, .. } => {
            let traverse =
                traverse_from.map_or_else(String::new, |from| format!(" traverse from {from}"));
            let rewind = if *rewind { " rewind" } else { "" };
            format!("{read} read {pos} want {want}{traverse}{rewind}")
        }
        UpdateKind::Callback(callback) => callback_words(callback),
        UpdateKind::Preview { bytes } => format!("preview {}", String::from_utf8_lossy(bytes)),
        UpdateKind::Grow { from, to, restart, traverse } => {
            let traverse = if *traverse { " traverse" } else { "" };
            format!("grow {from}>{to} restart {restart}{traverse}")
        }
        UpdateKind::ReadEnd(end) => format!("{read} {}", read_end_words(end)),
        UpdateKind::LseekBegin { offset, whence } => {
            let whence = ["set", "cur"].get(*whence as usize).unwrap_or(&"end");
            format!("lseek {whence} {offset}")
        }
        UpdateKind::LseekEnd { ret, passed_over, leftover, .. } => {
            format!("lseek = {ret} passed {passed_over} left {leftover}")
        }
        UpdateKind::Write { pos, want, ret } => format!("write {want} = {ret} to {pos}"),
        UpdateKind::PlainRead { pos, want, ret } => format!("{read} plain {want} = {ret} to {pos}"),
        UpdateKind::Close { by, undelivered, partial, totals, .. } => {
            let by = by.map_or("unseen", Wrapper::name);
            let dropped = if *undelivered > 0 {
                format!(" undelivered {undelivered}")
            } else {
                String::new()
            };
            let partial = if partial.is_empty() { String::new() } else { format!(" {partial:?}") };
            format!("close {by} {} B{dropped}{partial}", totals.bytes)
        }
        UpdateKind::Gap { lost, sessions } => {
            let sessions: Vec<_> = sessions.iter().map(|id| format!("s{}", id.0)).collect();
            format!("gap {lost} {}", sessions.join(" ")).trim_end().to_owned()
        }
        UpdateKind::Finding(finding) => format!("{} {}", finding.id, finding.message),
        UpdateKind::Blind { role, reason, .. } => format!("blind {}: {reason}", role.name()),
        UpdateKind::ReaderDied { role, pos } => {
            format!("DIED in {} at {pos}", role.map_or("?", Role::name))
        }
        UpdateKind::Disagreement { expected, observed } => {
            format!("DISAGREES expected {expected}, observed {observed}")
        }
    }
}

fn callback_words(callback: &CallbackUpdate) -> String {
    let phase = match callback.phase {
        Phase::Traverse => "traverse",
        Phase::First => "first",
        Phase::Fill => "fill",
        Phase::Unknown => "?",
    };
    let mut words = vec![callback.role.name().to_owned(), phase.to_owned()];
    let pos = callback.pos_in.map_or_else(|| "?".to_owned(), |pos| pos.to_string());
    let moved = callback.pos_in.is_some_and(|pos| pos != callback.pos_out);
    if callback.role == Role::Next || moved {
        words.push(format!("{pos}>{}", callback.pos_out));
    } else {
        words.push(pos);
    }
    if callback.role != Role::Start {
        words.push(name(callback.v));
    }
    if matches!(callback.role, Role::Start | Role::Next) {
        words.push(format!("-> {}", name(callback.ret_ptr)));
    }
    words.extend(callback.bytes.map(|bytes| format!("+{bytes}")));
    words.extend(callback.fate.map(|fate| {
        match fate {
            Fate::Emitted => "emitted",
            Fate::DiscardedOverflow => "overflow",
            Fate::DiscardedTail => "tail",
            Fate::Skipped => "skipped",
            Fate::PassedOver => "passed",
            Fate::Empty => "empty",
            Fate::Failed => "failed",
            Fate::Unknown => "unknown",
        }
        .to_owned()
    }));
    words.extend(callback.range.map(|range| format!("{}..{}", range.start, range.end)));
    if callback.fixed_up {
        words.push("fixed up".to_owned());
    }
    words.join(" ")
}

fn read_end_words(end: &ReadEnd) -> String {
    let mut words = vec![format!("= {}", end.ret)];
    if end.range.start != end.range.end {
        words.push(format!("at {}..{}", end.range.start, end.range.end));
    }
    if end.from_leftover > 0 {
        words.push(format!("from leftover {}", end.from_leftover));
    }
    words.push(format!("left {}", end.leftover));
    let totals = end.totals;
    for (word, count) in [
        ("emitted", totals.emitted),
        ("discarded", totals.discarded),
        ("passed", totals.passed_over),
        ("restarts", totals.restarts),
    ] {
        if count > 0 {
            words.push(format!("{word} {count}"));
        }
    }
    if end.eof {
        words.push("eof".to_owned());
    }
    words.extend(end.partial.map(|partial| format!("{partial:?}")));
    words.join(" ")
}
