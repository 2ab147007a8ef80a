//! Which trial comes next, and when a line is found.

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

/// Goes through the trials of a report. It asks for steps and is given the calls that came of them, until
/// it asks for nothing more.
#[derive(Debug)]
pub(crate) struct Search {
    path: Vec<u8>,
    /// The steps of a whole read, and of a read after its end.
    whole_steps: Vec<Step>,
    trials: IntoIter<Trial>,
    current: Option<Trial>,
    /// The whole read that was made last.
    whole: Option<Whole>,
    /// Calls of the current trial that wait for the whole read after them.
    tried: Option<Vec<Call>>,
    runs: Vec<Run>,
    found: Option<Repro>,
}

impl Search {
    /// Of a file with findings.
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

    /// What one process is to do next: each time with descriptors of its own, which are closed at the end.
    /// `None` if the search is over.
    pub(crate) fn steps(&self) -> Option<Vec<Step>> {
        let current = self.current.as_ref()?;
        let whole = self.whole.is_none() || self.tried.is_some();
        Some(if whole { self.whole_steps.clone() } else { current.steps(self.runs.len()) })
    }

    /// Takes the calls of these steps. `done` is false if they were not carried out to their end: nothing
    /// more is tried then.
    pub(crate) fn answer(&mut self, calls: Vec<Call>, done: bool) {
        let Some(current) = self.current.as_ref().filter(|_| done) else {
            self.current = None;
            return;
        };
        let Some(before) = self.whole.as_ref().filter(|_| self.tried.is_none()) else {
            self.take_whole(&calls);
            return;
        };
        if current.suspects(self.runs.len(), &calls, before) {
            self.tried = Some(calls);
        } else {
            self.next();
        }
    }

    /// The line, if there is one.
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
        } else if self.current.as_ref().is_some_and(|trial| trial.stands(&self.runs)) {
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

    /// A trial without steps waits for whole reads only.
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
        // The read that fails is one more.
        Some(End::Error(_)) => shape.len + PAGE,
        _ => shape.to_the_end(),
    };
    let mut steps = vec![Step::Open { slot }, Step::Until { slot, block: LARGE, to }];
    if shape.complete {
        steps.push(Step::Read { slot, want: PAGE });
    }
    steps.push(Step::Close { slot });
    steps
}
