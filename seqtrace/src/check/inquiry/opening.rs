//! The first reads, which find out if the file can be read at all, and if it can be read again.

use super::{Inquiry, Known, Lab};
use crate::check::{
    call::{Call, Syscall},
    oracle::{End, Reference},
    plan::{self, Kind, Shape},
    process::Ended,
    seen::{RECORD_ENDS, SeenSession},
    verdict::{self, PlanOutcome, PlanReport, Verdict},
};

const CONSUMED: &str =
    "one read leaves nothing for a second reader: not read further without --force";

impl<L: Lab> Inquiry<'_, L> {
    /// Returns the facts about the file; `None` if it is not read further: the report then has the verdict.
    pub(super) async fn opening(&mut self) -> anyhow::Result<Option<Known>> {
        let Some(first_reads) = self.first_reads().await? else { return Ok(None) };
        let emptied = |now: &[u8]| {
            now.is_empty() && first_reads.iter().any(|first_read| !first_read.is_empty())
        };
        let consumed = first_reads.last().is_some_and(|last| emptied(last));
        if consumed && !self.bounds.force {
            return Ok(self.stop(Verdict::Refused(CONSUMED.to_owned())));
        }
        let Some(mut known) = self.first_whole().await? else { return Ok(None) };
        known.consumed = consumed || emptied(&known.reference.bytes);
        if known.consumed && !self.bounds.force {
            return Ok(self.stop(Verdict::Refused(CONSUMED.to_owned())));
        }
        let again = self.carry(&plan::whole(known.limit)).await?;
        if again.ended != Ended::Done {
            if let Some(first) = self.report.plans.first_mut() {
                first.outcome = unfinished(again.ended);
            }
            return Ok(Some(known));
        }
        match Reference::of(&again.calls) {
            Ok(second) if second == known.reference => known.equal_pairs += 1,
            Ok(second) if second.is_empty() && !known.reference.is_empty() => {
                if !self.bounds.force {
                    return Ok(self.stop(Verdict::Refused(CONSUMED.to_owned())));
                }
                known.different_pairs += 1;
                known.consumed = true;
            }
            Ok(second) => {
                known.different_pairs += 1;
                known.reference = second;
                known.whole = again.seen.sessions;
            }
            Err(_) => {}
        }
        Ok(Some(known))
    }

    /// Sets the verdict on a file that is not read further.
    fn stop<T>(&mut self, verdict: Verdict) -> Option<T> {
        self.report.verdict = match verdict {
            Verdict::Inconclusive(why) => {
                verdict::findings_or(&mut self.report, why, Verdict::Inconclusive)
            }
            other => other,
        };
        None
    }

    /// Reads the beginning of the file twice: the second time it is empty if reading consumes the file.
    async fn first_reads(&mut self) -> anyhow::Result<Option<Vec<Vec<u8>>>> {
        let mut first_reads = Vec::new();
        for _ in 0..2 {
            let answer = self.carry(&plan::first_read()).await?;
            let why = match (answer.ended, Reference::of(&answer.calls)) {
                (Ended::Died, _) => &verdict::killed("whole"),
                (Ended::Blocked, _) => "a read did not return: it waits for something",
                (Ended::OutOfTime, _) => "no time was left to read it: raise --time-limit",
                (Ended::Done, Err(errno)) => {
                    let verdict = verdict::not_opened(&mut self.report, errno);
                    return Ok(self.stop(verdict));
                }
                (Ended::Done, Ok(Reference { end: End::Error(nix::libc::EAGAIN), .. })) => {
                    "a read would wait for something (EAGAIN)"
                }
                (Ended::Done, Ok(first_read)) => {
                    first_reads.push(first_read.bytes);
                    continue;
                }
            };
            return Ok(self.stop(Verdict::Inconclusive(why.to_owned())));
        }
        Ok(Some(first_reads))
    }

    /// Reads the whole file for the first time and derives the shape of the file from that read.
    async fn first_whole(&mut self) -> anyhow::Result<Option<Known>> {
        let answer = self.carry(&plan::whole(self.bounds.bytes)).await?;
        let (reference, outcome) = match first_whole(&answer.calls, answer.ended) {
            Ok(read) => read,
            Err(verdict) => return Ok(self.stop(verdict)),
        };
        let whole = answer.seen.sessions;
        let shape = shape(&answer.calls, &reference, whole.first());
        self.report.bytes = reference.len();
        self.report.records = shape.record_ends.len() as u64;
        self.report.end = Some(reference.end);
        if shape.record_ends.len() >= RECORD_ENDS {
            self.note(format!(
                "only the first {RECORD_ENDS} records are counted, and read one by one"
            ));
        }
        if whole.iter().any(|session| session.skipped > 0) && reference.is_empty() {
            self.note("show() rendered records, and none of them was delivered");
        }
        self.report.plans.push(PlanReport {
            kind: Kind::Whole,
            calls: answer.calls.len() as u64,
            bytes: reference.len(),
            outcome,
        });
        // A read that blocked would block again.
        let limit = if answer.ended == Ended::Done { self.bounds.bytes } else { reference.len() };
        let (equal_pairs, different_pairs, consumed) = (0, 0, false);
        Ok(Some(Known { shape, limit, reference, whole, equal_pairs, different_pairs, consumed }))
    }
}

/// Returns the reference and the outcome of the first whole read. A whole read that was interrupted is a reference up
/// to the point that it reached.
fn first_whole(calls: &[Call], ended: Ended) -> Result<(Reference, PlanOutcome), Verdict> {
    match (Reference::of(calls), ended) {
        (Ok(reference), Ended::Done) => Ok((reference, PlanOutcome::Ok)),
        (_, Ended::Died) => Err(Verdict::Inconclusive(verdict::killed(Kind::Whole.name()))),
        (Ok(reference), _) if !reference.is_empty() => {
            Ok((Reference { end: End::Cut, ..reference }, unfinished(ended)))
        }
        _ => Err(Verdict::Inconclusive("a whole read did not return in time".to_owned())),
    }
}

/// Returns the outcome of a plan by the way in which it ended.
pub(super) fn unfinished(ended: Ended) -> PlanOutcome {
    match ended {
        Ended::Done => PlanOutcome::Ok,
        Ended::Blocked => PlanOutcome::Blocked,
        Ended::OutOfTime => PlanOutcome::NotRun("no time was left to finish it"),
        Ended::Died => PlanOutcome::Killed,
    }
}

/// Returns the shape of a file after a whole read. If the trace has no session of the read, each line counts as a
/// record.
fn shape(calls: &[Call], reference: &Reference, session: Option<&SeenSession>) -> Shape {
    let len = reference.len();
    let mut record_ends: Vec<u64> =
        session.map(|seen| seen.record_ends.clone()).unwrap_or_default();
    record_ends.retain(|record_end| (1..=len).contains(record_end));
    if record_ends.is_empty() {
        let ends = reference.bytes.iter().zip(1..).filter(|(byte, _)| **byte == b'\n');
        record_ends = ends.map(|(_, end)| end).collect();
    }
    let read_ends = calls
        .iter()
        .filter(|call| call.syscall == Syscall::Read && call.ret > 0)
        .map(|call| call.at + call.bytes.len() as u64)
        .collect();
    Shape { len, complete: reference.end == End::Eof, record_ends, read_ends }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(slot: u8, syscall: Syscall, at: u64) -> Call {
        Call { process: 0, slot, syscall, at, want: 7, ret: 0, bytes: Vec::new() }
    }

    #[test]
    fn a_whole_read_that_hangs_is_not_ok() {
        let some = Call { ret: 2, bytes: b"0\n".to_vec(), ..call(0, Syscall::Read, 0) };
        let end = call(0, Syscall::Read, 2);
        let read = |end| Reference { bytes: b"0\n".to_vec(), end };
        let calls = [some, end];
        assert_eq!(first_whole(&calls, Ended::Done), Ok((read(End::Eof), PlanOutcome::Ok)));
        let hangs = Ok((read(End::Cut), PlanOutcome::Blocked));
        assert_eq!(first_whole(&calls[..1], Ended::Blocked), hangs);
        assert!(matches!(
            first_whole(&calls, Ended::OutOfTime),
            Ok((Reference { end: End::Cut, .. }, PlanOutcome::NotRun(_)))
        ));
        for ended in [Ended::Blocked, Ended::OutOfTime, Ended::Died] {
            assert!(matches!(first_whole(&[], ended), Err(Verdict::Inconclusive(_))));
        }
        assert!(first_whole(&calls, Ended::Died).is_err());
    }
}
