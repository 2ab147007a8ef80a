//! Traces of simulated readers.

use seqtrace_model::session::update::Update;
use seqtrace_model::testing::updates::of_seqbug;
use seqtrace_model::trace::Sink as _;

use crate::map::FileMap;
use crate::plot::PositionPlot;
use crate::{Trace, Window};

/// Makes a trace of updates.
pub(crate) fn trace(updates: &[Update]) -> Trace {
    let mut trace = Trace::default();
    for update in updates {
        trace.update(update);
    }
    trace
}

/// Traces reads of `want` bytes of a file of module/seqbugs, up to its end or 200 reads.
pub(crate) fn buggy(name: &str, want: usize) -> Trace {
    trace(&of_seqbug(name, want))
}

/// Returns the file map of the first session.
pub(crate) fn map_of(trace: &Trace) -> FileMap {
    let (mut map, rows) = (FileMap::default(), &trace.sessions[0].rows);
    rows.visit(0..rows.end(), &mut Window::default(), |row, update| map.add(row, update));
    map
}

/// Returns the position plot of the first session.
pub(crate) fn plot_of(trace: &Trace) -> PositionPlot {
    let (mut plot, rows) = (PositionPlot::default(), &trace.sessions[0].rows);
    rows.visit(0..rows.end(), &mut Window::default(), |row, update| plot.add(row, update));
    plot
}
