//! SQ103: next moved back.
//!
//! Trigger: next leaves `*pos` at a position at which a record of this generation was accepted already. If a start had
//! set the position back earlier, SQ104 or SQ105 is reported instead; if the core had corrected a position, SQ101 is
//! the cause. Positions are never compared by size: they may jump, be sparse, negative or encoded.

use crate::event::{PtrKind, Role};
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::collector::FindingBuilder;
use crate::rules::hooks::{Context, Hooks, Returned};
use crate::rules::ledger::Ledger;
use crate::rules::ledger::entries::Entry;
use crate::rules::rule::Rule;

pub(super) static RULE: Rule = Rule {
    id: Id(103),
    name: "next moved back",
    least: Severity::Error,
    most: Severity::Error,
    culprit: Some(Role::Next),
    what: "next() set *pos to a position at which a record was emitted already.",
    why: "Two records have one position. A read that resumes there gets the wrong one, and with it \
        everything in between once more; a reader with a small buffer never reaches the end.",
    contract: "A position names one record of the file from one read to the next: start() has nothing \
        else to resume from. Documentation/filesystems/seq_file.rst, \"The iterator interface\".",
    fix: "Take a position that grows with the order in which next() walks: the record's index, or the \
        key by which the list is sorted, not a number that records merely carry. start() looks the record up \
        by the same position.",
    code: "\tnext = foo_after(v);\n\
        \t*pos = next ? next->key : v->key + 1;\t/* sorted by key */",
    seen: &["a list walked in another order than the ids that are its positions"],
};

/// State between the two hooks of a next.
#[derive(Debug, Default)]
pub(super) struct State {
    back: bool,
}

impl Hooks for State {
    #[inline]
    fn before_next(&mut self, cx: &mut Context<'_>, next: &Returned<'_>) {
        // A position that start has set back is not a fault of next.
        if !cx.ledger.set_back
            && let Some(taken) = taken(next, cx.ledger)
        {
            let taken = *taken;
            self.back = true;
            report(next, &taken, cx);
        }
    }

    #[inline]
    fn on_next(&mut self, cx: &mut Context<'_>, _: &Returned<'_>) {
        if std::mem::take(&mut self.back) {
            cx.ledger.out_of_step();
        }
    }
}

/// Returns the record that was accepted at the position to which next moved; `None` if there is none.
#[inline]
fn taken<'a>(next: &Returned<'_>, ledger: &'a Ledger) -> Option<&'a Entry> {
    let stuck = next.callback.pos_in == Some(next.callback.pos_out);
    if stuck || matches!(next.ptr.kind(), PtrKind::Err(_)) {
        return None;
    }
    let (_, taken) = ledger.entries.at(next.callback.pos_out)?;
    // If a next did not change the position, several records have it.
    Some(taken).filter(|taken| taken.has_position)
}

fn report(next: &Returned<'_>, taken: &Entry, cx: &mut Context<'_>) {
    let (callback, returned) = (next.callback, next.ptr);
    // Rule whose violation had moved positions earlier.
    let cause = cx.ledger.corrected.or(cx.ledger.root_cause());
    cx.findings.report(&RULE, Severity::Error, || {
        let (from, to) = (callback.pos_in.unwrap_or_default(), callback.pos_out);
        let range = taken.range();
        FindingBuilder::new(format!(
            "next() moved *pos from {from} back to {to}, the position of a record already emitted as \
             bytes {}..{}; it returned {returned:?}, that one was {:?}",
            range.start, range.end, taken.ptr
        ))
        .blame(Role::Next)
        .with("from", Value::Position(from))
        .with("to", Value::Position(to))
        .with("returned", Value::Pointer(returned))
        .with("taken by", Value::Pointer(taken.ptr))
        .with("emitted", Value::Range(range))
        .because(cause)
    });
    cx.ledger.blame(cx.ledger.corrected.unwrap_or(RULE.id), true);
}
