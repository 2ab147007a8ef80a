//! Tries a command that may show the bug: its runs confirm it.

use super::{
    Repro, doubles,
    facts::Facts,
    measure::Measure,
    output::{Printed, Whole},
    quote, right,
    script::{Fault, Part, READS, Script},
    wrong::{Wrong, describe_runs},
};
use crate::check::{
    call::Call,
    oracle::End,
    plan::{LARGE, Step},
    verdict::errno_name,
};

/// A command to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trial {
    pub(super) script: Script,
    pub(super) facts: Facts,
}

/// One run of a trial, between two whole reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) before: Whole,
    pub(crate) calls: Vec<Call>,
    pub(crate) after: Whole,
}

/// Number of wrong runs that confirm a command.
pub(crate) const RUNS: usize = 2;

impl Trial {
    /// Returns the steps of the 0-based run `run`: even runs make the calls of the dd of busybox, odd runs those of
    /// coreutils. If the list is empty, the whole reads around the run suffice.
    pub(crate) fn steps(&self, run: usize) -> Vec<Step> {
        self.script.acts(&self.facts, run % 2 == 1).into_iter().map(|act| act.step).collect()
    }

    /// Returns true if the output of run `run` is wrong, so that the trial should be repeated.
    pub(crate) fn is_suspicious(&self, run: usize, calls: &[Call], whole: &Whole) -> bool {
        self.measures().any(|measure| self.is_wrong(measure, run, calls, whole))
    }

    /// Returns true if, by at least one measure, all of these runs are wrong and the file did not change.
    pub(crate) fn holds(&self, runs: &[Run]) -> bool {
        self.measures().any(|measure| {
            let mut runs_by_number = runs.iter().enumerate();
            is_unchanged(runs, measure)
                && runs_by_number
                    .all(|(number, run)| self.is_wrong(measure, number, &run.calls, &run.before))
        })
    }

    fn is_wrong(&self, measure: Measure, run: usize, calls: &[Call], whole: &Whole) -> bool {
        let wrong = |printed| Wrong::of(measure, &self.script, &self.facts, &printed, whole);
        matches!(self.script, Script::Whole(_))
            || self.printed(run, calls).and_then(wrong).is_some()
    }

    /// Returns the command if all of these runs are wrong in the same way and the file did not change; otherwise
    /// `None`.
    pub(crate) fn confirm(&self, runs: &[Run], path: &[u8]) -> Option<Repro> {
        let file = quote(path)?;
        if runs.len() < RUNS {
            return None;
        }
        let mut trial = self.clone();
        trial.facts.cat_is_uniform &=
            runs.iter().all(|run| run.before.end_lasts && run.after.end_lasts);
        let mut measures = self.measures().filter(|measure| is_unchanged(runs, *measure));
        measures.find_map(|measure| match &trial.script {
            Script::Whole(fault) => trial.whole_read(fault, runs, &file),
            _ => trial.filtered(measure, runs, &file),
        })
    }

    fn measures(&self) -> impl Iterator<Item = Measure> + use<> {
        Measure::of(&self.script, &self.facts).iter().copied()
    }

    fn printed(&self, run: usize, calls: &[Call]) -> Option<Printed> {
        Printed::of(&self.script.acts(&self.facts, run % 2 == 1), calls)
    }

    /// Returns the command with the filter of `measure`.
    fn filtered(&self, measure: Measure, runs: &[Run], file: &str) -> Option<Repro> {
        let printed = runs.iter().enumerate();
        let mut printed: Vec<Printed> =
            printed.map(|(run, one)| self.printed(run, &one.calls)).collect::<Option<_>>()?;
        let wrong = |script: &Script, printed: &[Printed]| -> Option<Vec<Wrong>> {
            let both = printed.iter().zip(runs);
            both.map(|(printed, run)| Wrong::of(measure, script, &self.facts, printed, &run.before))
                .collect()
        };
        let mut script = self.script.clone();
        let mut wrongs = wrong(&script, &printed)?;
        let needed = || self.needed_reads(&printed, &wrongs);
        if let Some(count) = (measure == Measure::Text).then(needed).flatten() {
            printed = printed.iter().map(|printed| printed.cut(&script, count)).collect();
            script = script.cut(count);
            wrongs = wrong(&script, &printed)?;
        } else if !printed.iter().all(|printed| printed.ended) {
            return None;
        }
        if !self.is_full(&script) {
            return None;
        }
        let shows = describe_runs(measure, &script, &wrongs)?;
        let command = script.text(file, &self.facts) + measure.text();
        let correct = right::command(&script, measure, file, &self.facts);
        Some(Repro { command, shows, correct: Some(correct) })
    }

    /// Returns the number of reads of the last tool, or of both descriptors, after which all runs show the fault; `None` if
    /// the tool has to read to the end.
    fn needed_reads(&self, printed: &[Printed], wrongs: &[Wrong]) -> Option<u64> {
        let (block_bytes, begin) = match &self.script {
            Script::Turns { block_bytes, .. } => (*block_bytes, 0),
            Script::Parts(parts) => match parts.last()? {
                last if last.is_rest => return None,
                last => (last.block_bytes, *self.begins(parts).last()?),
            },
            _ => return None,
        };
        if !self.facts.is_full(block_bytes, begin) {
            return None;
        }
        let mut most = 0;
        for (printed, wrong) in printed.iter().zip(wrongs) {
            // One more read, to show how the output goes on.
            let reads = printed.read_at(&self.script, wrong.common())? + 2;
            most = most.max(reads);
        }
        // A limit that cuts off at most one read makes the command longer for nothing.
        let is_short = |one: &Printed| one.ended && one.counted(&self.script) <= most + 1;
        let to_end = matches!(&self.script, Script::Parts(parts) if parts.last()?.count.is_none());
        (!to_end || !printed.iter().all(is_short)).then_some(most)
    }

    /// Returns the file offset at which each of the tools in `parts` begins to read.
    fn begins(&self, parts: &[Part]) -> Vec<u64> {
        let mut at = Some(0);
        let mut begin = |part: &Part| {
            let segment = Part { is_printed: true, ..*part }.advance(&self.facts, &mut at);
            segment.map_or(self.facts.len, |segment| segment.begin)
        };
        parts.iter().map(&mut begin).collect()
    }

    /// Returns true if each counted read gets all requested bytes from a correct file. If not, the command `correct`
    /// would print more.
    fn is_full(&self, script: &Script) -> bool {
        let facts = &self.facts;
        match script {
            Script::Parts(parts) => {
                // The number of bytes of one large read is known from the whole read.
                let is_known = |part: &Part| {
                    matches!((part.block_bytes, part.count), (LARGE, Some(1)) | (_, None))
                };
                let mut parts = parts.iter().zip(self.begins(parts));
                parts.all(|(part, begin)| is_known(part) || facts.is_full(part.block_bytes, begin))
            }
            Script::Turns { block_bytes, .. } => facts.is_full(*block_bytes, 0),
            Script::Python(ops) => ops.iter().all(|op| op.is_full(facts)),
            _ => true,
        }
    }

    /// Returns the command that shows a fault of the whole read itself; `None` if there is none.
    fn whole_read(&self, fault: &Fault, runs: &[Run], file: &str) -> Option<Repro> {
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
                (source, "prints nothing, although show() does".to_owned())
            }
            (Fault::Double(pair), end) => return doubles::command(pair, bytes, *end, &source),
            (Fault::Endless, End::Cut) => {
                let reads = self.facts.read_count.clamp(1, READS);
                let command = format!("dd if={file} bs=128k count={reads} | wc -c");
                (command, format!("{reads} reads do not reach an end"))
            }
            _ => return None,
        };
        Some(Repro { command, shows, correct: None })
    }
}

/// Returns true if the reads of the whole file before and after all runs are equal by `measure`; false if there are no
/// runs.
fn is_unchanged(runs: &[Run], measure: Measure) -> bool {
    let Some(first) = runs.first() else { return false };
    let mut wholes = runs.iter().flat_map(|run| [&run.before, &run.after]);
    wholes.all(|whole| measure.same(&first.before, whole))
}
