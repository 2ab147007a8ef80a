//! Events in, findings out.

use std::collections::BTreeMap;

use crate::event::Event;
use crate::rules::{Finding, RuleEngine, Severity};
use crate::session::Tracker;
use crate::session::update::{Update, UpdateKind};

/// Returns the updates of tracker and rule engine, in order.
pub(super) fn updates(events: &[Event]) -> Vec<Update> {
    let (mut tracker, mut engine) = (Tracker::new(), RuleEngine::new());
    let mut all = Vec::new();
    let mut last = 0;
    for event in events {
        last = event.time;
        tracker.feed(event, &mut |update| {
            engine.feed(update, &mut |update| all.push(update.clone()));
        });
    }
    tracker.finish(last + 1, &mut |update| {
        engine.feed(update, &mut |update| all.push(update.clone()));
    });
    all
}

/// Returns the findings, in order.
pub(super) fn findings(events: &[Event]) -> Vec<Finding> {
    let mut found = Vec::new();
    for update in updates(events) {
        match update.what {
            UpdateKind::Finding(finding) => found.push(*finding),
            UpdateKind::Disagreement { expected, observed } => {
                panic!("the machine is wrong at {}: {expected}, {observed}", update.time)
            }
            _ => {}
        }
    }
    found
}

/// Returns the findings that are more severe than their root causes in the same session.
pub(super) fn milder_roots(found: &[Finding]) -> Vec<String> {
    let worst = |session, id| {
        let of = found.iter().filter(|one| one.session == session && one.id == id);
        of.map(|one| one.severity).max()
    };
    let milder = |one: &&Finding| {
        let root = one.cause.as_ref().and_then(|cause| worst(one.session, cause.id));
        root.is_some_and(|root| root < one.severity)
    };
    found.iter().filter(milder).map(|one| format!("{one:?}")).collect()
}

/// Returns the ids of warnings and errors, each with its highest severity, sorted.
pub(super) fn broken(events: &[Event]) -> BTreeMap<String, Severity> {
    let mut worst = BTreeMap::new();
    for finding in findings(events) {
        if finding.severity > Severity::Info {
            let severity = worst.entry(finding.id.to_string()).or_insert(finding.severity);
            *severity = finding.severity.max(*severity);
        }
    }
    worst
}

/// Returns the ids alone: `SQ102 SQ201`.
pub(super) fn ids(events: &[Event]) -> String {
    broken(events).into_keys().collect::<Vec<_>>().join(" ")
}
