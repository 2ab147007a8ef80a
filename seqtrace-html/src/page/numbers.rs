//! Circumstances, sums and distributions.

use seqtrace_model::session::update::UpdateKind;
use seqtrace_model::summary::{Durations, TraceSummary};
use seqtrace_render::{Count, texts};
use seqtrace_view::Trace;

use super::{printable, since};
use crate::svg;

/// Greatest number of functions with a distribution.
const FUNCTIONS: usize = 40;
/// Greatest number of gaps that are listed.
const GAPS: usize = 50;

/// A name and a value.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// The durations of the calls of a function.
pub(super) struct Calls {
    pub(super) name: String,
    pub(super) count: u64,
    /// Median, 90th and 99th percentile and maximum.
    pub(super) quantiles: [String; 4],
    pub(super) sum: String,
    pub(super) bars: Vec<Bar>,
}

/// A bar of a histogram whose steps are powers of two.
pub(super) struct Bar {
    pub(super) x: usize,
    /// Height, 0 to 30.
    pub(super) height: u64,
    pub(super) y: u64,
    pub(super) title: String,
}

fn fact(name: &'static str, value: impl Into<String>) -> Fact {
    Fact { name, value: value.into() }
}

/// Returns the circumstances of the trace.
pub(super) fn facts(trace: &Trace, summary: &TraceSummary) -> Vec<Fact> {
    let header = &trace.header;
    let words: Vec<String> = header.command.iter().map(|word| printable(word)).collect();
    let totals = &summary.sums.totals;
    let mut facts = vec![
        fact("command", words.join(" ")),
        fact("kernel", format!("{} {}", header.kernel, header.machine)),
        fact("backend", header.backend.clone()),
        fact("seqtrace", header.version.clone()),
        fact("duration", texts::duration(summary.duration())),
        fact("sessions", summary.sums.sessions.to_string()),
        fact("reads", format!("{}, {} bytes", totals.reads, totals.bytes)),
        fact("callbacks", format!("{} in {} passes", totals.callbacks, totals.passes)),
    ];
    if let Some(reason) = &header.backend_reason {
        facts.insert(3, fact("reason for the backend", printable(reason.as_bytes())));
    }
    facts.retain(|fact| !fact.value.trim().is_empty());
    facts
}

/// Returns the number and bytes of renderings by fate.
pub(super) fn renderings(summary: &TraceSummary) -> Vec<Fact> {
    let seen = summary.renderings.0.iter().filter(|rendering| rendering.count > 0);
    let mut all: Vec<Fact> = seen
        .map(|rendering| {
            let value = format!("{}, {} bytes", rendering.count, rendering.bytes);
            fact(svg::word_of(rendering.fate), value)
        })
        .collect();
    all.push(fact("buffer restarts", summary.sums.totals.restarts.to_string()));
    all
}

/// Returns what was lost or not seen; empty: nothing.
pub(super) fn losses(trace: &Trace, summary: &TraceSummary) -> Vec<Fact> {
    let sums = &summary.sums;
    let counts = [
        ("lost events", sums.lost),
        ("missed probe hits", sums.missed),
        ("sessions seen in part", sums.partial),
        ("events that the core cannot produce", summary.disagreements),
        ("rows left out to bound memory", trace.dropped),
    ];
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    let mut all: Vec<Fact> = counts.map(|(name, count)| fact(name, count.to_string())).collect();
    for update in trace.loose.iter().take(GAPS) {
        let value = match &update.what {
            UpdateKind::Gap { lost, sessions } => format!(
                "{} lost on CPU {} at {}; {} incomplete",
                Count(*lost, "event"),
                update.cpu,
                since(trace, update.time),
                Count(sessions.len() as u64, "session")
            ),
            UpdateKind::Blind { function, role, reason } => {
                let function = texts::symbol(function, false);
                format!(
                    "{} {function} is not traced: {}",
                    role.name(),
                    printable(reason.as_bytes())
                )
            }
            _ => continue,
        };
        all.push(fact("gap", value));
    }
    all
}

/// Returns the distributions of calls and passes, those that took the most time first.
pub(super) fn calls(summary: &TraceSummary) -> Vec<Calls> {
    let whole = [
        ("reads", &summary.reads),
        ("lseeks", &summary.lseeks),
        ("passes: locks held", &summary.passes),
    ];
    let whole = whole.into_iter().map(|(name, durations)| (name.to_owned(), durations));
    let functions = summary.slowest_functions().into_iter().take(FUNCTIONS);
    let functions = functions.map(|(role, sum)| {
        (format!("{} {}", role.name(), texts::symbol(&sum.function, false)), &sum.durations)
    });
    let all = functions.chain(whole).filter(|(_, durations)| durations.count() > 0);
    all.map(|(name, durations)| Calls {
        name,
        count: durations.count(),
        quantiles: [0.5, 0.9, 0.99, 1.0].map(|share| texts::duration(durations.quantile(share))),
        sum: texts::duration(durations.sum()),
        bars: bars(durations),
    })
    .collect()
}

/// Returns a bar for each power of two nanoseconds between the shortest and the longest duration.
fn bars(durations: &Durations) -> Vec<Bar> {
    let buckets = durations.octaves();
    let highest = buckets.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    let bars = buckets.iter().enumerate();
    bars.map(|(index, (below, count))| {
        let height = if *count == 0 { 0 } else { (count * 30 / highest).max(1) };
        let title = format!("below {}: {count}", texts::duration(*below));
        Bar { x: index * 9, height, y: 30 - height, title }
    })
    .collect()
}
