//! Carries out the trials in order, up to the first command that is confirmed.

use std::mem;

use super::{
    Repro,
    list::trials,
    output::Whole,
    trial::{RUNS, Run},
};
use crate::check::{
    call::Call,
    oracle::End,
    plan::{LARGE, PAGE, Shape, Step, opened},
    verdict::Report,
};

/// Searches for a command that is confirmed; `None` if there is none. `carry` carries out steps for one process, which
/// open and close their own descriptors, and returns the calls; `None` if not all steps were carried out: then the
/// search is over.
///
/// # Errors
/// `carry` fails.
pub(crate) async fn search(
    report: &Report,
    shape: &Shape,
    mut carry: impl AsyncFnMut(Vec<Step>) -> anyhow::Result<Option<Vec<Call>>>,
) -> anyhow::Result<Option<Repro>> {
    let whole_steps = whole_steps(report, shape);
    // Result of the last whole read.
    let mut whole: Option<Whole> = None;
    for trial in trials(report, shape) {
        let mut runs = Vec::new();
        while runs.len() < RUNS && (runs.is_empty() || trial.holds(&runs)) {
            if whole.is_none() {
                let calls = carry(whole_steps.clone()).await?;
                whole = calls.and_then(|calls| Whole::of(&calls));
            }
            let Some(before) = &mut whole else { return Ok(None) };
            let steps = trial.steps(runs.len());
            // Without steps the whole reads are enough.
            let calls = if steps.is_empty() { Some(Vec::new()) } else { carry(steps).await? };
            let Some(calls) = calls else { return Ok(None) };
            if !trial.is_suspicious(runs.len(), &calls, before) {
                break;
            }
            let after = carry(whole_steps.clone()).await?.and_then(|calls| Whole::of(&calls));
            let Some(after) = after else { return Ok(None) };
            runs.push(Run { before: mem::replace(before, after.clone()), calls, after });
        }
        if let Some(repro) = trial.confirm(&runs, &report.path) {
            return Ok(Some(repro));
        }
    }
    Ok(None)
}

fn whole_steps(report: &Report, shape: &Shape) -> Vec<Step> {
    let slot = 0;
    let to = match report.end {
        // One more read, which fails.
        Some(End::Error(_)) => shape.len + PAGE,
        _ => shape.to_the_end(),
    };
    let mut steps = vec![Step::Until { slot, block_bytes: LARGE, to }];
    if shape.complete {
        steps.push(Step::Read { slot, want: PAGE });
    }
    opened(steps)
}
