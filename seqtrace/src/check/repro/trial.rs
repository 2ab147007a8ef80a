//! A line that may show it, and what has to be seen before it is printed.

use super::{
    Repro,
    doubles::{self, Pair},
    facts::Facts,
    measure::Measure,
    output::{Printed, Whole},
    quote, right,
    script::{Part, READS, Script, Tool},
    wrong::{Wrong, shows},
};
use crate::check::{
    call::Call,
    oracle::End,
    plan::{LARGE, Step},
    verdict::errno_name,
};

/// A line, and what a reading process has to do to find out whether it shows anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trial {
    pub(super) script: Script,
    pub(super) facts: Facts,
    /// What is wrong with the whole read itself, for [`Script::Whole`].
    pub(super) fault: Option<Fault>,
}

/// What a whole read may have wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It fails where the end should be.
    Fails,
    /// It ends where a callback failed.
    Silent,
    /// It gets nothing, though show() prints.
    Empty,
    /// A record is in it twice.
    Double(Pair),
    /// It has no end.
    Endless,
}

/// One carrying out of a trial, between two whole reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The whole read before it.
    pub(crate) before: Whole,
    /// The trial's calls.
    pub(crate) calls: Vec<Call>,
    /// The whole read after it.
    pub(crate) after: Whole,
}

/// How often a trial is carried out before its line is printed.
pub(crate) const RUNS: usize = 2;

impl Trial {
    pub(super) fn new(script: Script, facts: &Facts) -> Self {
        Self { script, facts: facts.clone(), fault: None }
    }

    pub(super) fn whole(fault: Fault, facts: &Facts) -> Self {
        Self { script: Script::Whole, facts: facts.clone(), fault: Some(fault) }
    }

    /// What the reading process does in run number `run`, counted from 0: the calls that dd of busybox
    /// makes, and those of coreutils, in turn. Empty if nothing but the whole reads around it is needed.
    pub(crate) fn steps(&self, run: usize) -> Vec<Step> {
        self.script.acts(&self.facts, run % 2 == 1).into_iter().map(|act| act.step).collect()
    }

    /// True if the calls of run number `run` are not those of a right file, so that it is worthwhile to
    /// repeat them.
    pub(crate) fn suspects(&self, run: usize, calls: &[Call], whole: &Whole) -> bool {
        let wrong = || {
            let printed = self.printed(run, calls)?;
            let mut measures = self.measures();
            measures.find_map(|measure| self.wrong(measure, &self.script, &printed, whole))
        };
        self.script == Script::Whole || wrong().is_some()
    }

    /// True if these runs were wrong while the file kept still, by one measure at least.
    pub(crate) fn stands(&self, runs: &[Run]) -> bool {
        let is_wrong = |measure, (number, run): (usize, &Run)| {
            let printed = self.printed(number, &run.calls)?;
            self.wrong(measure, &self.script, &printed, &run.before)
        };
        let holds = |measure| {
            keeps_still(runs, measure)
                && runs.iter().enumerate().all(|run| is_wrong(measure, run).is_some())
        };
        match self.fault {
            Some(_) => keeps_still(runs, Measure::Text),
            None => self.measures().any(holds),
        }
    }

    /// The line, if all of these runs were wrong in the same way while the file kept still.
    pub(crate) fn confirm(&self, runs: &[Run], path: &[u8]) -> Option<Repro> {
        let file = quote(path)?;
        if runs.len() < RUNS {
            return None;
        }
        let mut trial = self.clone();
        trial.facts.cat &= runs.iter().all(|run| run.before.lasts && run.after.lasts);
        match &trial.fault {
            Some(fault) if keeps_still(runs, Measure::Text) => trial.around(fault, runs, &file),
            Some(_) => None,
            None => self.measures().find_map(|measure| trial.by(measure, runs, &file)),
        }
    }

    fn measures(&self) -> impl Iterator<Item = Measure> + use<> {
        Measure::of(&self.script, &self.facts).iter().copied()
    }

    fn printed(&self, run: usize, calls: &[Call]) -> Option<Printed> {
        Printed::of(&self.script.acts(&self.facts, run % 2 == 1), calls)
    }

    fn wrong(
        &self,
        measure: Measure,
        script: &Script,
        printed: &Printed,
        whole: &Whole,
    ) -> Option<Wrong> {
        Wrong::of(measure, script, &script.segments(&self.facts), printed, whole)
    }

    /// The line that ends with this filter.
    fn by(&self, measure: Measure, runs: &[Run], file: &str) -> Option<Repro> {
        if !keeps_still(runs, measure) {
            return None;
        }
        let printed = runs.iter().enumerate();
        let mut printed: Vec<Printed> =
            printed.map(|(run, one)| self.printed(run, &one.calls)).collect::<Option<_>>()?;
        let wrong = |script: &Script, printed: &[Printed]| -> Option<Vec<Wrong>> {
            let both = printed.iter().zip(runs);
            both.map(|(printed, run)| self.wrong(measure, script, printed, &run.before)).collect()
        };
        let mut script = self.script.clone();
        let mut wrongs = wrong(&script, &printed)?;
        let enough = || self.enough(&printed, &wrongs);
        if let Some(count) = (measure == Measure::Text).then(enough).flatten() {
            printed = printed.iter().map(|printed| printed.cut(&script, count)).collect();
            script = script.cut(count);
            wrongs = wrong(&script, &printed)?;
        } else if !printed.iter().all(|printed| printed.ended) {
            return None;
        }
        if !self.is_full(&script) {
            return None;
        }
        let shows = shows(measure, &script, &wrongs)?;
        let command = script.text(file, &self.facts) + measure.text();
        let correct = right::command(&script, measure, file, &self.facts);
        Some(Repro { command, shows, correct: Some(correct) })
    }

    /// Reads of the last command, or of both descriptors, that are enough to see it in all runs. `None`
    /// if the command has to read to the end.
    fn enough(&self, printed: &[Printed], wrongs: &[Wrong]) -> Option<u64> {
        let (block, begin) = match &self.script {
            Script::Turns { block, .. } => (*block, 0),
            Script::Parts(parts) => match parts.last()?.tool {
                Tool::Dd { block, .. } => (block, self.begin_of_last(parts)),
                Tool::Rest => return None,
            },
            _ => return None,
        };
        if !self.facts.is_full(block, begin) {
            return None;
        }
        let mut most = 0;
        for (printed, wrong) in printed.iter().zip(wrongs) {
            // One more, to see how it goes on.
            let reads = printed.read_at(&self.script, wrong.common())? + 2;
            most = most.max(reads);
        }
        // Nearly all of it is no less to look at than all.
        let is_short = |one: &Printed| one.ended && one.counted(&self.script) <= most + 1;
        let to_end = matches!(&self.script, Script::Parts(parts) if parts.last()?.is_to_end());
        (!to_end || !printed.iter().all(is_short)).then_some(most)
    }

    /// The file offset at which the last of some commands begins to read.
    fn begin_of_last(&self, parts: &[Part]) -> u64 {
        let Some((last, before)) = parts.split_last() else { return 0 };
        let parts = before.iter().map(|part| part.hidden()).chain([Part { shown: true, ..*last }]);
        let segments = Script::Parts(parts.collect()).segments(&self.facts);
        segments.first().map_or(self.facts.len, |segment| segment.begin)
    }

    /// True if each read that is counted gets all it wants from a right file: only then that file prints
    /// what the other command prints.
    fn is_full(&self, script: &Script) -> bool {
        let facts = &self.facts;
        match script {
            Script::Parts(parts) => (1..=parts.len()).all(|count| {
                let parts = parts.get(..count).unwrap_or_default();
                match parts.last().map(|last| last.tool) {
                    // What it gets is taken from the whole read.
                    Some(Tool::Dd { block: LARGE, count: Some(1), .. }) => true,
                    Some(Tool::Dd { block, count: Some(_), .. }) => {
                        facts.is_full(block, self.begin_of_last(parts))
                    }
                    _ => true,
                }
            }),
            Script::Turns { block, .. } => facts.is_full(*block, 0),
            Script::Python(ops) => ops.iter().all(|op| op.is_full(facts)),
            Script::Between { .. }
            | Script::Endless { .. }
            | Script::Lseek { .. }
            | Script::Whole => true,
        }
    }

    /// A line about the whole read itself.
    fn around(&self, fault: &Fault, runs: &[Run], file: &str) -> Option<Repro> {
        let Whole { bytes, end, .. } = &runs.first()?.before;
        let source = self.facts.source(file);
        let len = bytes.len();
        let (command, shows) = match (fault, end) {
            (Fault::Fails, End::Error(errno)) => {
                (source, format!("fails with {} after {len} bytes", errno_name(*errno)))
            }
            (Fault::Silent, End::Eof) => {
                (format!("{source} | wc -c"), format!("ends after {len} bytes without an error"))
            }
            (Fault::Empty, End::Eof) if bytes.is_empty() => {
                (source, "prints nothing, though show() does".to_owned())
            }
            (Fault::Double(pair), end) => return doubles::line(pair, bytes, *end, &source),
            (Fault::Endless, End::Cut) => {
                let reads = self.facts.read_count.clamp(1, READS);
                let command = format!("dd if={file} bs=128k count={reads} | wc -c");
                (command, format!("{reads} reads do not come to an end"))
            }
            _ => return None,
        };
        Some(Repro { command, shows, correct: None })
    }
}

/// True if all whole reads are the same by this measure.
fn keeps_still(runs: &[Run], measure: Measure) -> bool {
    let Some(first) = runs.first() else { return false };
    let mut wholes = runs.iter().flat_map(|run| [&run.before, &run.after]);
    wholes.all(|whole| measure.same(&first.before, whole))
}
