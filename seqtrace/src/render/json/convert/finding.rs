//! What the rules found.

use super::session::function;
use crate::render::json::object::{At, Blame, Cause, Evidence, Finding, FindingCount, Who};
use crate::render::json::text::{BootTime, ErrorName, Pointer, RuleName};
use crate::rules;

pub(super) fn finding<'a>(at: At, who: Who<'a>, finding: &'a rules::Finding) -> Finding<'a> {
    let rules::Finding {
        id,
        name,
        severity: how,
        // In `at`.
        session: _,
        read: _,
        blame: blamed,
        message,
        evidence: seen,
        cause,
        times,
    } = finding;
    Finding {
        at,
        who,
        id: RuleName(*id),
        name,
        severity: (*how).into(),
        blame: blamed.as_ref().map(blame),
        message,
        cause: cause.as_ref().map(|cause| {
            let rules::Cause { id, blame: blamed } = cause;
            Cause { id: RuleName(*id), blame: blamed.as_ref().map(blame) }
        }),
        times: *times,
        evidence: seen.iter().map(evidence).collect(),
    }
}

fn blame(blame: &rules::Blame) -> Blame<'_> {
    let rules::Blame { role: callback, function: named } = blame;
    Blame { role: (*callback).into(), function: function(named) }
}

pub(super) fn counts(counts: &[rules::FindingCount]) -> Vec<FindingCount> {
    counts
        .iter()
        .map(|count| {
            let rules::FindingCount { id, name, severity: worst, sessions, times } = *count;
            FindingCount { id: RuleName(id), name, severity: worst.into(), sessions, times }
        })
        .collect()
}

fn evidence(evidence: &rules::Evidence) -> Evidence {
    let rules::Evidence { label, value } = evidence;
    let mut object = Evidence { label, ..Evidence::default() };
    match value {
        rules::Value::Position(pos) => object.pos = Some(*pos),
        rules::Value::Pointer(ptr) => object.ptr = Some(Pointer(*ptr)),
        rules::Value::Range(bytes) => object.range = Some((*bytes).into()),
        rules::Value::Event { time, read } => {
            (object.time, object.read) = (Some(BootTime(*time)), *read);
        }
        rules::Value::Count(count) => object.count = Some(*count),
        rules::Value::Delta(delta) => object.delta = Some(*delta),
        rules::Value::Errno(errno) => object.errno = ErrorName::of(-i64::from(*errno)),
        rules::Value::Witnesses(agree) => {
            object.witnesses = Some(agree.iter().map(|witness| witness.name()).collect());
        }
    }
    object
}
