//! Carries out the trials in order, up to the first command that is confirmed.

use std::vec::IntoIter;

use super::{
    Repro,
    list::trials,
    output::Whole,
    trial::{RUNS, Run, Trial},
};
use crate::check::{
    call::Call,
    oracle::End,
    plan::{LARGE, PAGE, Shape, Step},
    verdict::Report,
};

/// State of a search through the trials of a report. The caller carries out the steps that [`steps`](Self::steps)
/// returns and passes the calls to [`answer`](Self::answer), until there are no more steps.
#[derive(Debug)]
pub(crate) struct Search {
    path: Vec<u8>,
    /// Steps of a whole read, and of a read at its end.
    whole_steps: Vec<Step>,
    trials: IntoIter<Trial>,
    current: Option<Trial>,
    /// Result of the last whole read.
    whole: Option<Whole>,
    /// Calls of the current trial, until the whole read after them.
    tried: Option<Vec<Call>>,
    runs: Vec<Run>,
    found: Option<Repro>,
}

impl Search {
    /// Begins a search for a file with findings.
    pub(crate) fn new(report: &Report, shape: &Shape) -> Self {
        let mut search = Self {
            path: report.path.clone(),
            whole_steps: whole_steps(report, shape),
            trials: trials(report, shape).into_iter(),
            current: None,
            whole: None,
            tried: None,
            runs: Vec::new(),
            found: None,
        };
        search.next();
        search
    }

    /// Returns the next steps for one process, which open and close their own descriptors; `None` if the search is over.
    pub(crate) fn steps(&self) -> Option<Vec<Step>> {
        let current = self.current.as_ref()?;
        let whole = self.whole.is_none() || self.tried.is_some();
        Some(if whole { self.whole_steps.clone() } else { current.steps(self.runs.len()) })
    }

    /// Processes the calls of the last steps. `done`: true if all steps were carried out; if false, the search is over.
    pub(crate) fn answer(&mut self, calls: Vec<Call>, done: bool) {
        let Some(current) = self.current.as_ref().filter(|_| done) else {
            self.current = None;
            return;
        };
        let Some(before) = self.whole.as_ref().filter(|_| self.tried.is_none()) else {
            self.take_whole(&calls);
            return;
        };
        if current.is_suspicious(self.runs.len(), &calls, before) {
            self.tried = Some(calls);
        } else {
            self.next();
        }
    }

    /// Returns the command that was confirmed; `None` if there is none.
    pub(crate) fn found(self) -> Option<Repro> {
        self.found
    }

    fn take_whole(&mut self, calls: &[Call]) {
        let Some(after) = Whole::of(calls) else {
            self.current = None;
            return;
        };
        let before = self.whole.replace(after.clone());
        let (Some(before), Some(calls)) = (before, self.tried.take()) else {
            self.skip_empty();
            return;
        };
        self.runs.push(Run { before, calls, after });
        if self.runs.len() >= RUNS {
            let current = self.current.take();
            self.found = current.and_then(|trial| trial.confirm(&self.runs, &self.path));
            if self.found.is_none() {
                self.next();
            }
        } else if self.current.as_ref().is_some_and(|trial| trial.holds(&self.runs)) {
            self.skip_empty();
        } else {
            self.next();
        }
    }

    fn next(&mut self) {
        self.current = self.trials.next();
        self.runs.clear();
        self.skip_empty();
    }

    /// Marks a trial without steps as carried out: it needs only whole reads.
    fn skip_empty(&mut self) {
        let is_empty = |trial: &Trial| trial.steps(0).is_empty();
        if self.whole.is_some() && self.current.as_ref().is_some_and(is_empty) {
            self.tried = Some(Vec::new());
        }
    }
}

fn whole_steps(report: &Report, shape: &Shape) -> Vec<Step> {
    let slot = 0;
    let to = match report.end {
        // One more read, which fails.
        Some(End::Error(_)) => shape.len + PAGE,
        _ => shape.to_the_end(),
    };
    let mut steps = vec![Step::Open { slot }, Step::Until { slot, block_bytes: LARGE, to }];
    if shape.complete {
        steps.push(Step::Read { slot, want: PAGE });
    }
    steps.push(Step::Close { slot });
    steps
}
