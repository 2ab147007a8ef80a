//! Comparison of updates with the truth that the simulator knows.

use std::collections::BTreeMap;

use crate::event::{Event, Ptr, Role};
use crate::session::Tracker;
use crate::session::update::{CallbackUpdate, Fate, Partial, Phase, ReadEnd, Update, UpdateKind};
use crate::testing::simulator::log::{Log, TrueCall};

/// Completeness that a check requires of the updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Every value is known.
    All,
    /// Every value is known that does not depend on the order of threads.
    Crowd,
    /// Values may be unknown, but those that are known are true.
    Some,
}

/// Returns the updates that follow from events.
pub(crate) fn updates(events: impl IntoIterator<Item = Event>) -> Vec<Update> {
    let mut tracker = Tracker::new();
    let mut updates = Vec::new();
    let mut last = 0;
    for event in events {
        last = event.time;
        tracker.feed(&event, &mut |update| updates.push(update.clone()));
    }
    tracker.finish(last.saturating_add(1), &mut |update| updates.push(update.clone()));
    updates
}

/// Compares updates with the truth in `log`.
pub(crate) fn check(log: &Log, updates: &[Update], known: Known) {
    let mut callbacks = BTreeMap::new();
    let own = updates.iter().filter(|update| update.session.is_some());
    assert!(own.is_sorted_by_key(|update| update.time), "a session's updates in their order");
    for update in updates {
        match &update.what {
            UpdateKind::Callback(callback) => {
                let truth = &log.calls[&update.time];
                let tid = update.task.as_ref().map(|task| task.tid);
                match known {
                    Known::All => {
                        same_call(update.time, callback, truth);
                        assert_eq!(update.read, truth.read, "read of {callback:?}");
                    }
                    Known::Crowd | Known::Some => {
                        let pass = known == Known::Crowd;
                        true_call(update.time, callback, truth, pass);
                        assert!(tid.is_none_or(|tid| tid == truth.tid), "task of {callback:?}");
                    }
                }
                callbacks.insert(update.time, callback);
            }
            UpdateKind::ReadEnd(end) => {
                let truth = &log.reads[&update.time];
                let silent = end.totals.callbacks == 0;
                if end.partial.is_some() {
                    assert_ne!(known, Known::All, "partial read {end:?}");
                    continue;
                }
                let mut end = (**end).clone();
                if known == Known::Crowd && silent {
                    end.leftover = truth.leftover;
                }
                assert_eq!(
                    (end.leftover, end.from_leftover, end.eof, end.totals),
                    (truth.leftover, truth.from_leftover, truth.eof, truth.totals),
                    "read that ends at {}",
                    update.time
                );
                tiles(&end);
            }
            UpdateKind::LseekEnd { leftover, .. } if known == Known::All => {
                assert_eq!(*leftover, log.lseeks[&update.time], "lseek at {}", update.time);
            }
            UpdateKind::Disagreement { expected, observed } => {
                let where_ = update.time;
                assert_eq!(known, Known::Some, "at {where_}: {expected} but {observed}");
            }
            UpdateKind::Close { undelivered, partial, totals, .. } => {
                let allowed: &[Partial] = match known {
                    Known::All => &[],
                    Known::Crowd => &[Partial::Overlap],
                    Known::Some => continue,
                };
                assert!(partial.iter().all(|why| allowed.contains(why)), "{partial:?}");
                if partial.is_empty() {
                    assert_eq!(*undelivered, log.undelivered, "undelivered");
                    assert_eq!(totals.bytes, log.delivered.len() as u64, "delivered");
                }
            }
            _ => {}
        }
    }
    if known != Known::Some {
        assert_eq!(callbacks.len(), log.calls.len(), "number of callbacks");
    }
    witness(log, &callbacks);
}

/// Checks that the ranges of a read that was seen whole have as many bytes as it returned.
fn tiles(end: &ReadEnd) {
    let bytes = u64::try_from(end.ret).unwrap_or(0);
    assert_eq!(end.range.end - end.range.start, bytes.cast_signed());
    assert_eq!(end.totals.bytes, bytes);
    assert!(end.from_leftover <= bytes);
}

/// Checks that each byte that the reader got is at the file offset that the record's range gives.
fn witness(log: &Log, callbacks: &BTreeMap<u64, &CallbackUpdate>) {
    for byte in &log.delivered {
        let Some(callback) = callbacks.get(&byte.call) else { continue };
        if let Some(fate) = callback.fate {
            let kept = matches!(fate, Fate::Emitted | Fate::Unknown);
            assert!(kept, "{byte:?} was delivered: {callback:?}");
        }
        if let Some(range) = callback.range {
            assert_eq!(range.start + i64::from(byte.nth), byte.offset, "{byte:?} {callback:?}");
        }
    }
}

fn same_call(time: u64, callback: &CallbackUpdate, truth: &TrueCall) {
    let writes = truth.role == Role::Show || truth.bytes > 0;
    let fetches = matches!(truth.role, Role::Start | Role::Next);
    let expected = CallbackUpdate {
        role: truth.role,
        phase: truth.phase,
        pass: truth.pass,
        pos_in: Some(truth.pos_in),
        v: truth.v,
        bytes: writes.then_some(truth.bytes),
        size: Some(truth.size),
        duration: Some(truth.duration),
        fate: truth.fate,
        range: truth.range,
        held: (truth.role == Role::Stop).then_some(truth.held),
        fixed_up: truth.fixed_up,
        // The values of the event.
        ..*callback
    };
    assert_eq!(*callback, expected, "callback at {time}");
    assert_eq!(callback.ret_ptr.is_some(), fetches);
    assert_eq!(callback.ret_int.is_some(), truth.role == Role::Show);
}

fn true_call(time: u64, callback: &CallbackUpdate, truth: &TrueCall, pass: bool) {
    let because = || format!("at {time}: the update has {callback:?}, true is {truth:?}");
    assert_eq!(callback.role, truth.role, "{}", because());
    let phase = callback.phase;
    assert!(phase == Phase::Unknown || phase == truth.phase, "{}", because());
    assert!(!pass || callback.pass == truth.pass, "{}", because());
    let pos_in = callback.pos_in;
    assert!(pos_in.is_none_or(|pos| pos == truth.pos_in), "{}", because());
    let v: Option<Ptr> = callback.v;
    assert!(v.is_none() || v == truth.v, "{}", because());
    assert!(callback.bytes.is_none_or(|bytes| bytes == truth.bytes), "{}", because());
    assert!(callback.size.is_none_or(|size| size == truth.size), "{}", because());
    assert!(callback.duration.is_none_or(|ns| ns == truth.duration), "{}", because());
    assert!(callback.held.is_none_or(|ns| ns == truth.held), "{}", because());
    let fate = callback.fate;
    assert!(fate == Some(Fate::Unknown) || fate == truth.fate, "{}", because());
    let range = callback.range;
    assert!(range.is_none() || range == truth.range, "{}", because());
    assert!(!callback.fixed_up || truth.fixed_up, "{}", because());
}
