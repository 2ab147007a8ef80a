//! SQ901 to SQ907: reasons why something was not checked. They are not broken rules, but they make a verdict
//! inconclusive.

use crate::finding::{Id, Severity};
use crate::rules::collector::{FindingBuilder, FindingCollector};
use crate::rules::hooks::{Accepted, Closed, Context, Hooks};
use crate::rules::rule::Rule;
use crate::session::update::Partial;

macro_rules! quality {
    ($name:ident, $id:literal, $title:literal, $what:literal, $fix:literal) => {
        #[doc = $what]
        pub(super) static $name: Rule = Rule {
            id: Id($id),
            name: $title,
            least: Severity::Info,
            most: Severity::Info,
            culprit: None,
            what: $what,
            why: "Nothing is judged across it: a record that was not seen can be neither lost nor \
                doubled. The verdict is inconclusive, not clean.",
            contract: "A claim about a file needs all of its callbacks from the beginning of a generation \
                on: an open, a read at offset 0, or a traversal.",
            fix: $fix,
            code: "",
            seen: &[],
        };
    };
}

quality!(
    LOST,
    901,
    "events lost",
    "Events were lost while the session was open.",
    "Trace fewer files, or give a larger --ring-size."
);
quality!(
    MISSED,
    902,
    "probe missed",
    "The kernel could not run a probe, or a map was full.",
    "Trace fewer files at once; `seqtrace doctor` tells whether the probes are optimised."
);
quality!(
    LATE,
    903,
    "attached mid-session",
    "The file was open already, or its callbacks were attached after its first read.",
    "Start seqtrace first, or let it run the reader: seqtrace attach … -- CMD."
);
quality!(
    BLIND,
    904,
    "callback not traceable",
    "One of the file's callbacks cannot be probed.",
    "Use the core backend, which sees the callbacks from the core's side."
);
quality!(
    DISAGREES,
    905,
    "self-check failed",
    "What was seen is not what the core does, or the ranges do not tile what the reader got.",
    "Please report it, with a recording: either events were missed unseen, or this kernel differs."
);
quality!(
    OVERLAP,
    906,
    "descriptor shared",
    "Two threads used the descriptor at once, and which of them was first cannot be told.",
    "Read with one thread."
);
quality!(
    BOUND,
    907,
    "ledger full",
    "The generation had more records than the ledger keeps; older ones were not compared.",
    "Nothing, if the file is endless; else judge it by its parts."
);

#[derive(Debug, Default)]
pub(super) struct State;

impl Hooks for State {
    #[inline]
    fn on_accept(&mut self, cx: &mut Context<'_>, _: &Accepted<'_>) {
        if cx.ledger.entries.is_truncated() {
            bound(cx.ledger.entries.kept(), cx.findings);
        }
    }

    fn on_not_contiguous(&mut self, cx: &mut Context<'_>, expected: i64, observed: i64) {
        self_check(expected, observed, cx.findings);
    }

    fn on_close(&mut self, cx: &mut Context<'_>, closed: &Closed<'_>) {
        if closed.totals.reads > 0 || closed.totals.callbacks > 0 {
            incomplete(closed.partial, cx.findings);
        }
    }
}

/// Reports why a session was not checked completely.
fn incomplete(partial: &[Partial], findings: &mut FindingCollector) {
    for reason in partial {
        let (rule, message) = match reason {
            Partial::Gap => (&LOST, "events were lost; nothing is judged across that"),
            Partial::Adopted => (&LATE, "it was open before seqtrace attached"),
            Partial::LateAttach => (&LATE, "its callbacks were attached after its first read"),
            Partial::Blind => (&BLIND, "one of its callbacks is not seen"),
            Partial::Disagrees => (&DISAGREES, "what was seen is not what the core does"),
            Partial::Overlap => (&OVERLAP, "two used the descriptor at once"),
            // Everything that was seen was checked.
            Partial::StillOpen | Partial::BpfIterator => continue,
        };
        findings.report(rule, Severity::Info, || FindingBuilder::new(message.to_owned()));
    }
}

/// Reports that the ranges of the ledger are not what the reader got.
fn self_check(expected: i64, observed: i64, findings: &mut FindingCollector) {
    findings.report(&DISAGREES, Severity::Info, || {
        FindingBuilder::new(format!(
            "the ledger ends at byte {expected}, the core's buffer at {observed}: not judged any further"
        ))
    });
}

/// Reports that older records were dropped.
fn bound(kept: u64, findings: &mut FindingCollector) {
    findings.report(&BOUND, Severity::Info, || {
        FindingBuilder::new(format!("only the last {kept} records are compared with each other"))
    });
}
