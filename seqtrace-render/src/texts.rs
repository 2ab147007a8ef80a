//! Short texts for views that lay out their own pages. Foreign bytes in them are escaped.

use crate::rules::{Blame, Value};
use crate::session::update::{Range, Symbol};

use super::line::{self, Blamed, Name, SymbolLocation};
use super::style::Style;

/// Returns a duration with three digits: `0.2µs`, `961µs`, `2.10s`.
pub fn duration(ns: u64) -> String {
    line::text(Style::new(false, false), |line| {
        line.duration(ns);
    })
}

/// Returns the function that a finding blames: `eof_next [seqbugs+0x250] at seqbugs/eof.c:123`.
pub fn blame(blame: &Blame) -> String {
    Blamed { blame, ascii: false }.to_string()
}

/// Returns a function by name, with its module; `with_offset`: also with the offset in the module.
pub fn symbol(symbol: &Symbol, with_offset: bool) -> String {
    SymbolLocation { name: Name { symbol, ascii: false }, with_offset }.to_string()
}

/// Returns a range of file offsets: `4..6`.
pub fn range(range: Range) -> String {
    format!("{}..{}", range.start, range.end)
}

/// Returns the value of a fact that proves a finding. `begin`: zero point of times, ns since boot.
pub fn value(value: &Value, begin: u64) -> String {
    match value {
        Value::Position(position) => position.to_string(),
        Value::Pointer(ptr) => format!("{ptr:?}"),
        Value::Range(offsets) => format!("bytes {}", range(*offsets)),
        Value::Event { time, read } => {
            let after = duration(time.saturating_sub(begin));
            read.map_or_else(|| format!("at {after}"), |read| format!("read {read}, at {after}"))
        }
        Value::Count(count) => count.to_string(),
        Value::Delta(delta) => format!("{delta:+}"),
        Value::Errno(errno) => crate::errno::Errno(u64::from(*errno)).to_string(),
        Value::Witnesses(all) => {
            all.iter().map(|witness| witness.name()).collect::<Vec<_>>().join(", ")
        }
    }
}
