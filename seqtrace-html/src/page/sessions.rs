//! The table of sessions, and the pictures of those with findings.

use askama::Template as _;
use seqtrace_model::finding::Severity;
use seqtrace_render::texts;
use seqtrace_view::{Session, Trace};

use super::{printable, since};
use crate::svg;

/// Greatest number of sessions in the table. Those with findings come first.
const ROWS: usize = 500;
/// Greatest number of sessions with pictures.
const PICTURES: usize = 12;
/// Number of sessions with pictures if none has a finding.
const EXAMPLES: usize = 3;
/// Size of all pictures beyond which no more are added, bytes.
const PICTURE_BYTES: usize = 3 << 20;

/// A session as a row of the table.
pub(super) struct Row {
    pub(super) number: u32,
    pub(super) path: String,
    pub(super) comm: String,
    pub(super) pid: u32,
    pub(super) reads: u64,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) restarts: u64,
    /// Time from the open to the close, ns; to the end of the trace if it was not closed.
    pub(super) open_ns: u64,
    pub(super) open: String,
    pub(super) begin: String,
    /// Class of the worst finding; empty: none.
    pub(super) class: &'static str,
    pub(super) pictured: bool,
    /// Words about what was not seen.
    pub(super) state: &'static str,
}

/// The pictures of a session as SVG.
pub(super) struct Pictures {
    pub(super) number: u32,
    pub(super) path: String,
    pub(super) map: String,
    pub(super) plot: String,
}

/// Returns the indices of the sessions, those with the worst findings first.
fn order(trace: &Trace) -> Vec<usize> {
    let mut order: Vec<usize> = (0..trace.sessions.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(trace.sessions[index].worst));
    order
}

/// Returns the indices of the sessions with pictures, and the number of sessions with findings that have none.
fn pictured(trace: &Trace) -> (Vec<usize>, usize) {
    let order = order(trace);
    let worst = order.iter().filter(|index| trace.sessions[**index].worst.is_some()).count();
    let most = if worst == 0 { EXAMPLES } else { PICTURES.min(worst) };
    let shown: Vec<usize> = order.into_iter().take(most).collect();
    let left_out = worst.saturating_sub(shown.len());
    (shown, left_out)
}

/// Returns the pictures, and the number of sessions with findings that have none.
pub(super) fn pictures(trace: &Trace) -> Result<(Vec<Pictures>, usize), askama::Error> {
    let (shown, mut left_out) = pictured(trace);
    let (mut all, mut bytes) = (Vec::new(), 0);
    for index in shown {
        let session = &trace.sessions[index];
        let (map, plot) = svg::pictures(session);
        let (map, plot) = (map.render()?, plot.render()?);
        bytes += map.len() + plot.len();
        if bytes > PICTURE_BYTES && !all.is_empty() {
            left_out += 1;
            continue;
        }
        let (number, path) = (session.facts.id.0, printable(&session.facts.path));
        all.push(Pictures { number, path, map, plot });
    }
    Ok((all, left_out))
}

/// Returns the rows of the table, and the number of sessions that have none.
pub(super) fn rows(trace: &Trace) -> (Vec<Row>, usize) {
    let (pictured, _) = pictured(trace);
    let mut shown: Vec<usize> = order(trace).into_iter().take(ROWS).collect();
    shown.sort_unstable();
    let left_out = trace.sessions.len() - shown.len();
    let rows = shown.into_iter();
    (
        rows.map(|index| row(trace, &trace.sessions[index], pictured.contains(&index))).collect(),
        left_out,
    )
}

fn row(trace: &Trace, session: &Session, pictured: bool) -> Row {
    let open_ns = session.closed.unwrap_or(trace.last).saturating_sub(session.begin);
    Row {
        number: session.facts.id.0,
        path: printable(&session.facts.path),
        comm: printable(&session.facts.opener.comm),
        pid: session.facts.opener.pid,
        reads: session.totals.reads,
        records: session.totals.emitted,
        bytes: session.totals.bytes,
        restarts: session.totals.restarts,
        open_ns,
        open: texts::duration(open_ns),
        begin: since(trace, session.begin),
        class: session.worst.map_or("", Severity::name),
        pictured,
        state: match (session.closed.is_some(), session.partial) {
            (false, _) => "open",
            (true, true) => "partial",
            (true, false) => "",
        },
    }
}
