//! Words for values of the model. They are those of JSON (docs/json.md).

use seqtrace_model::escape;
use seqtrace_model::event::{Ptr, PtrKind};
use seqtrace_model::finding::{Evidence, Finding, Value};
use seqtrace_model::session::update::{Fate, Partial, Phase, Session, Symbol};

/// Returns foreign bytes as printable text.
pub(crate) fn text(bytes: &[u8]) -> String {
    escape::text(bytes, false).to_string()
}

pub(crate) const fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Emitted => "emitted",
        Fate::DiscardedOverflow => "discarded_overflow",
        Fate::DiscardedTail => "discarded_tail",
        Fate::Skipped => "skipped",
        Fate::PassedOver => "passed_over",
        Fate::Empty => "empty",
        Fate::Failed => "failed",
        Fate::Unknown => "unknown",
    }
}

pub(crate) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Traverse => "traverse",
        Phase::First => "first",
        Phase::Fill => "fill",
        Phase::Unknown => "unknown",
    }
}

pub(crate) const fn partial(partial: Partial) -> &'static str {
    match partial {
        Partial::Adopted => "adopted",
        Partial::LateAttach => "late_attach",
        Partial::Gap => "gap",
        Partial::Blind => "blind",
        Partial::Disagrees => "disagrees",
        Partial::Overlap => "overlap",
        Partial::StillOpen => "still_open",
        Partial::BpfIterator => "bpf_iterator",
    }
}

/// Returns the name of a function, or its address if it has none.
pub(crate) fn function(symbol: &Symbol) -> String {
    match &symbol.name {
        Some(name) => text(name.as_bytes()),
        None => format!("{:#x}", symbol.address),
    }
}

/// Returns the module of a session's callbacks; `None` for the kernel itself, or if it is unknown.
///
/// The callbacks of one file may be in several: show() is the part that a driver always has of its own.
pub(crate) fn module(session: &Session) -> Option<String> {
    let symbols = match (&session.callbacks, &session.handlers) {
        (Some(callbacks), _) => [&callbacks.show, &callbacks.start],
        (None, Some([read, write])) => [read, write],
        (None, None) => return None,
    };
    symbols
        .into_iter()
        .find_map(|symbol| symbol.module.as_deref())
        .map(|name| text(name.as_bytes()))
}

/// Returns the evidence of a finding in one line: `first pos 2; again bytes 6..8`.
pub(crate) fn evidence(finding: &Finding) -> String {
    let facts: Vec<String> = finding.evidence.iter().map(fact).collect();
    facts.join("; ")
}

fn fact(Evidence { label, value }: &Evidence) -> String {
    match value {
        Value::Position(pos) => format!("{label} pos {pos}"),
        Value::Pointer(ptr) => format!("{label} {}", pointer(*ptr)),
        Value::Range(range) => format!("{label} bytes {}..{}", range.start, range.end),
        Value::Event { time, read: Some(read) } => format!("{label} at {time} in read {read}"),
        Value::Event { time, read: None } => format!("{label} at {time}"),
        Value::Count(count) => format!("{label} {count}"),
        Value::Delta(delta) => format!("{label} {delta:+}"),
        Value::Errno(errno) => format!("{label} errno {errno}"),
        Value::Witnesses(witnesses) => {
            let names: Vec<&str> = witnesses.iter().map(|witness| witness.name()).collect();
            format!("{label} {}", names.join(", "))
        }
    }
}

fn pointer(ptr: Ptr) -> String {
    match ptr.kind() {
        PtrKind::Null => "NULL".to_owned(),
        PtrKind::Token => "TOKEN".to_owned(),
        PtrKind::Err(errno) => format!("ERR_PTR(-{errno})"),
        PtrKind::Record(value) => format!("{value:#x}"),
    }
}
