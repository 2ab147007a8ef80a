//! The timeline around a finding, as the text formats show it.

use seqtrace_model::trace::Sink as _;
use seqtrace_render::{Format, Options, Screen, renderer};
use seqtrace_view::{Found, Trace, Window};

/// Numbers of rows before and behind a finding that its excerpt has.
const AROUND: [u32; 2] = [12, 3];

/// Returns the lines of the rows around a finding.
pub(crate) fn around(trace: &Trace, found: &Found) -> String {
    let options =
        Options { format: Format::Timeline, preview: 32, quiet: true, ..Options::default() };
    // Fails for the names of columns only, and there are none.
    let Ok(renderer) = renderer(&options) else { return String::new() };
    let mut screen = Screen::new(renderer);
    if let Some(ready) = &trace.ready {
        screen.ready(ready);
    }
    let rows = &trace.sessions[found.session].rows;
    let range = found.row.saturating_sub(AROUND[0])..found.row.saturating_add(AROUND[1] + 1);
    rows.visit(range, &mut Window::default(), |_, update| {
        screen.update(update);
    });
    String::from_utf8_lossy(&screen.output.data).into_owned()
}
