//! One file after the other: plans carried out, what came compared, a report made.

use std::{
    collections::HashSet,
    io, mem,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    call::{Call, Syscall},
    left_alone,
    oracle::{Difference, End, Outcome, Reference, bytes},
    plan::{self, Act, Kind, Plan, Shape, Step},
    process::{Ended, Process},
    reader::Request,
    repro,
    seen::{BORDERS, Collector, Seen, SeenSession},
    settle::{Settled, Try, Whole, settle},
    verdict::{
        self, Circumstances, Failure, PlanOutcome, PlanReport, Report, Verdict, add, conclude,
    },
};
use crate::{
    event::{FileKind, Open},
    probe::trace::Trace,
    rules::{Finding, Id, PASSED_OVER},
    session::update::{Partial, SessionId},
};

/// How far a check goes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a file that are judged.
    pub bytes: u64,
    /// Time for a file.
    pub time: Duration,
    /// Time for a read: then it blocks.
    pub step: Duration,
    /// Files that reading changes are read all the same.
    pub force: bool,
}

/// Two reading processes and what traces them.
pub struct Examiner {
    /// What sees the reads.
    pub trace: Trace,
    seen: Collector,
    readers: [Process; 2],
    /// Does nothing. Its files in /proc keep still, where those of a reader show its own read.
    idle: Process,
    limits: Limits,
}

/// Records from which on steps are done one by one, and the ring is emptied between them.
const HEAVY: usize = 2048;

/// A plan that was carried out.
struct Done {
    calls: Vec<Call>,
    ended: Ended,
    seen: Seen,
}

/// What is gathered of one file.
struct File<'a> {
    path: &'a Path,
    /// The file that is read: another than `path` where that means the reader itself.
    read_as: PathBuf,
    /// So many records that events of one step may fill the ring.
    heavy: bool,
    /// How far a whole read goes.
    limit: u64,
    deadline: Instant,
    report: Report,
    circumstances: Circumstances,
    /// Its sessions: what is found late may belong to another file's.
    sessions: HashSet<SessionId>,
    /// A reader was killed. What it held may be held for ever: nothing more is read.
    killed: bool,
}

impl Examiner {
    /// From a trace whose sink is `seen` and which follows the readers.
    ///
    /// # Errors
    /// No further process can be started.
    pub fn new(
        trace: Trace,
        seen: Collector,
        readers: [Process; 2],
        limits: Limits,
    ) -> io::Result<Self> {
        Ok(Self { trace, seen, readers, idle: Process::start(2)?, limits })
    }

    /// Ends the readers.
    pub async fn end(self) -> Trace {
        for reader in self.readers.into_iter().chain([self.idle]) {
            reader.end().await;
        }
        self.trace
    }

    /// Checks one file.
    ///
    /// # Errors
    /// The readers or the trace fail; whatever the file does is in the report.
    pub async fn file(&mut self, path: &Path) -> anyhow::Result<Report> {
        let before = self.trace.lost()?;
        let mut file = File {
            path,
            read_as: read_as(path, self.idle.id()),
            heavy: false,
            limit: self.limits.bytes,
            deadline: Instant::now() + self.limits.time,
            report: Report::new(path.as_os_str().as_bytes().to_vec()),
            circumstances: Circumstances::default(),
            sessions: HashSet::new(),
            killed: false,
        };
        if self.readers.iter_mut().any(Process::is_gone) {
            // That was none of this file's doing.
            self.replace_readers().await?;
        }
        if let Some(why) = self.refuses(&mut file) {
            file.report.verdict = Verdict::Refused(why);
            return Ok(file.report);
        }
        let reference = match self.reference(&mut file).await? {
            Ok(reference) => reference,
            Err(verdict) => {
                file.report.lost = self.trace.lost()? - before;
                file.report.verdict = verdict;
                return Ok(file.report);
            }
        };
        let (reference, shape) = reference;
        self.plans(&mut file, &reference, &shape).await?;
        file.report.lost = self.trace.lost()? - before;
        conclude(&mut file.report, &file.circumstances);
        if file.report.verdict == Verdict::Findings {
            self.reproduce(&mut file, &reference, &shape).await?;
        }
        Ok(file.report)
    }

    /// Why a file is not read at all.
    fn refuses(&mut self, file: &mut File<'_>) -> Option<String> {
        if let Some(why) = left_alone::why(file.path).filter(|_| !self.limits.force) {
            return Some(format!("{why}: not opened without --force"));
        }
        let looked = self.trace.look_at(&file.read_as);
        self.seen.take();
        match looked {
            Err(error) => match self.trace.failed_open() {
                // What that open left behind is known when a reader, which is traced, has tried it.
                Some(Open { kind, .. }) => {
                    file.report.callbacks = self.trace.pipeline.callbacks(&kind);
                    None
                }
                None => Some(format!("cannot be opened: {error}")),
            },
            Ok(Some(Open { kind: kind @ FileKind::Seq { op, .. }, .. })) if op != 0 => {
                file.report.callbacks = self.trace.pipeline.callbacks(&kind);
                None
            }
            Ok(_) => Some("not a seq file, or one without callbacks".to_owned()),
        }
    }

    /// The first reads, carefully: what the file is, if it can be read at all and read again.
    async fn reference(
        &mut self,
        file: &mut File<'_>,
    ) -> anyhow::Result<Result<(Reference, Shape), Verdict>> {
        let mut tastes = Vec::new();
        for _ in 0..2 {
            let done = self.carry_out(file, &plan::taste()).await?;
            match done.ended {
                Ended::Done => {}
                Ended::Died => return Ok(Err(Verdict::Inconclusive(verdict::killed("whole")))),
                Ended::Blocked => {
                    let why = "a read did not return: it waits for something".to_owned();
                    return Ok(Err(Verdict::Inconclusive(why)));
                }
                Ended::OutOfTime => {
                    let why = "there was no time to read it: --time-limit gives more".to_owned();
                    return Ok(Err(Verdict::Inconclusive(why)));
                }
            }
            match Reference::of(&done.calls) {
                Err(errno) => return Ok(Err(verdict::not_opened(&mut file.report, errno))),
                Ok(Reference { end: End::Error(nix::libc::EAGAIN), .. }) => {
                    let why = "a read would wait for something (EAGAIN)".to_owned();
                    return Ok(Err(Verdict::Inconclusive(why)));
                }
                Ok(taste) => tastes.push(taste.bytes),
            }
        }
        let consumed = "reading it once leaves nothing for a second reader: not read further without \
                        --force";
        if let [first, second] = tastes.as_slice()
            && !first.is_empty()
            && second.is_empty()
        {
            if !self.limits.force {
                return Ok(Err(Verdict::Refused(consumed.to_owned())));
            }
            file.report.notes.push("reading it consumes it".to_owned());
            file.report.volatile = true;
        }

        let Done { calls, ended, seen } =
            self.carry_out(file, &plan::whole(self.limits.bytes)).await?;
        let (reference, outcome) = match first_whole(&calls, ended) {
            Ok(read) => read,
            Err(verdict) => return Ok(Err(verdict)),
        };
        if ended != Ended::Done {
            // Where it hung, it would hang again.
            file.limit = reference.len();
        }
        let shape = shape(&calls, &reference, seen.sessions.first());
        file.heavy = shape.borders.len() > HEAVY;
        file.report.bytes = reference.len();
        file.report.records = u64::try_from(shape.borders.len()).unwrap_or(u64::MAX);
        file.report.end = Some(reference.end);
        if shape.borders.len() >= BORDERS {
            let note = format!("only the first {BORDERS} records are counted and aimed at");
            file.report.notes.push(note);
        }
        if seen.sessions.iter().any(|session| session.skipped > 0) && reference.is_empty() {
            let note = "show() rendered records, and none of them was delivered";
            file.report.notes.push(note.to_owned());
        }
        file.report.plans.push(PlanReport {
            kind: Kind::Whole,
            calls: count(&calls),
            bytes: reference.len(),
            outcome,
        });

        let again = self.carry_out(file, &plan::whole(file.limit)).await?;
        if let (Some(first), true) = (file.report.plans.first_mut(), again.ended != Ended::Done) {
            first.outcome = unfinished(again.ended);
        }
        let second = Reference::of(&again.calls).ok();
        if second.as_ref() != Some(&reference) && again.ended == Ended::Done {
            file.report.volatile = true;
            let emptied = second.is_some_and(|second| second.is_empty());
            if emptied && !reference.is_empty() && !self.limits.force {
                return Ok(Err(Verdict::Refused(consumed.to_owned())));
            }
        }
        Ok(Ok((reference, shape)))
    }

    async fn plans(
        &mut self,
        file: &mut File<'_>,
        reference: &Reference,
        shape: &Shape,
    ) -> anyhow::Result<()> {
        let plans = plan::all(shape);
        let mut differ = Vec::new();
        for plan in &plans {
            let mut report =
                PlanReport { kind: plan.kind, calls: 0, bytes: 0, outcome: PlanOutcome::Ok };
            if let Some(why) = file.is_over() {
                report.outcome = PlanOutcome::NotRun(why);
                file.report.plans.push(report);
                continue;
            }
            let done = self.carry_out(file, plan).await?;
            report.calls = count(&done.calls);
            report.bytes = bytes(&done.calls);
            report.outcome = match (done.ended, reference.compare(&done.calls)) {
                (Ended::Died, _) => unfinished(done.ended),
                (_, Outcome::Differs(difference)) => {
                    // Nothing had been read in a way of the plan's own.
                    file.report.volatile |=
                        !plan.kind.is_shared() && is_first(&done.calls, difference.call);
                    differ.push((file.report.plans.len(), plan));
                    PlanOutcome::Volatile(failure(&done.calls, difference))
                }
                (Ended::Blocked | Ended::OutOfTime, _) => unfinished(done.ended),
                (Ended::Done, Outcome::WouldBlock) => PlanOutcome::Blocked,
                (Ended::Done, Outcome::Agrees) => PlanOutcome::Ok,
                (Ended::Done, Outcome::Unsupported { syscall, errno }) => {
                    PlanOutcome::Unsupported { syscall, errno }
                }
            };
            file.circumstances.judged |= report.outcome.is_judged();
            file.report.plans.push(report);
        }
        // What differs counts if the file itself keeps still.
        file.deadline += self.limits.time / 2;
        if !file.report.volatile {
            file.report.volatile = self.whole_again(file, reference).await? == Whole::Changed;
        }
        for (index, plan) in differ {
            if file.report.volatile {
                break;
            }
            self.again(file, reference, shape, plan, index).await?;
        }
        if file.report.volatile {
            for plan in &mut file.report.plans {
                if let PlanOutcome::Fail(failure) | PlanOutcome::Unsettled(failure) = &plan.outcome
                {
                    plan.outcome = PlanOutcome::Volatile(failure.clone());
                }
            }
            let note = "it changes by itself: what depends on the bytes is not judged";
            file.report.notes.push(note.to_owned());
        }
        Ok(())
    }

    /// Whether a whole read gets the reference again.
    async fn whole_again(
        &mut self,
        file: &mut File<'_>,
        reference: &Reference,
    ) -> anyhow::Result<Whole> {
        let done = self.carry_out(file, &plan::whole(file.limit)).await?;
        let same = Reference::of(&done.calls).is_ok_and(|now| now == *reference);
        Ok(match done.ended {
            _ if same => Whole::Same,
            Ended::Done => Whole::Changed,
            Ended::Blocked | Ended::OutOfTime | Ended::Died => Whole::Unknown,
        })
    }

    /// A plan whose bytes differed is repeated, until it is clear whether the read or the file did that.
    async fn again(
        &mut self,
        file: &mut File<'_>,
        reference: &Reference,
        shape: &Shape,
        plan: &Plan,
        index: usize,
    ) -> anyhow::Result<()> {
        let Some(PlanOutcome::Volatile(failure)) =
            file.report.plans.get(index).map(|report| report.outcome.clone())
        else {
            return Ok(());
        };
        if plan.kind.is_shared() {
            let control = self.carry_out(file, &plan::control(shape, plan.kind)).await?;
            if reference.compare(&control.calls) != Outcome::Agrees {
                // A file may tell how often it is open, and each process something else.
                let note = format!("it says something else to {}", plan.kind.readers());
                file.report.notes.push(note);
                return Ok(());
            }
        }
        let mut tries = Vec::new();
        let settled = loop {
            if let Some(settled) = settle(&failure.difference, &tries) {
                break settled;
            }
            if file.is_over().is_some() {
                break Settled::Unknown;
            }
            let done = self.carry_out(file, plan).await?;
            let outcome = reference.compare(&done.calls);
            let first = match &outcome {
                Outcome::Differs(difference) => {
                    !plan.kind.is_shared() && is_first(&done.calls, difference.call)
                }
                _ => false,
            };
            let whole = self.whole_again(file, reference).await?;
            tries.push(Try { outcome, done: done.ended == Ended::Done, first, whole });
        };
        let outcome = match settled {
            Settled::Fails { steady } => PlanOutcome::Fail(Failure { steady, ..failure }),
            Settled::Unknown => PlanOutcome::Unsettled(failure),
            Settled::NotAgain => PlanOutcome::Volatile(failure),
            Settled::Changes => {
                file.report.volatile = true;
                PlanOutcome::Volatile(failure)
            }
        };
        if let Some(report) = file.report.plans.get_mut(index) {
            report.outcome = outcome;
        }
        Ok(())
    }

    /// Looks for a line of shell that shows it.
    async fn reproduce(
        &mut self,
        file: &mut File<'_>,
        reference: &Reference,
        shape: &Shape,
    ) -> anyhow::Result<()> {
        for trial in repro::trials(&file.report, shape) {
            if file.is_over().is_some() {
                break;
            }
            let acts = trial.steps.iter().cloned().map(|step| Act { process: 0, step }).collect();
            let found = mem::take(&mut file.report.found);
            let done = self.carry_out(file, &Plan { kind: Kind::Whole, acts }).await?;
            file.report.found = found;
            let path = file.path.as_os_str().as_bytes();
            file.report.repro = trial.confirm(&done.calls, reference, path);
            if file.report.repro.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Carries a plan out and takes in what the trace tells of it.
    async fn carry_out(&mut self, file: &mut File<'_>, plan: &Plan) -> anyhow::Result<Done> {
        let mut calls = Vec::new();
        if file.killed {
            return Ok(Done { calls, ended: Ended::Died, seen: Seen::default() });
        }
        let mut ended = Ended::Done;
        let together = |a: &Act, b: &Act| a.process == b.process && !file.heavy;
        for acts in plan.acts.chunk_by(together) {
            let process = acts.first().map_or(0, |act| act.process);
            let steps = acts.iter().map(|act| act.step.clone()).collect();
            let request = Request { path: file.read_as.as_os_str().as_bytes().to_vec(), steps };
            let Self { trace, seen, readers, limits, .. } = self;
            let Some(reader) = readers.get_mut(process) else { continue };
            let returned = || seen.returned();
            let asked = reader.ask(&request, limits.step, file.deadline, returned, &mut calls);
            ended = trace.during(asked).await?;
            if ended != Ended::Done {
                file.killed = ended == Ended::Died;
                self.replace_readers().await?;
                break;
            }
        }
        let mut seen = self.seen.take();
        file.sessions.extend(seen.sessions.iter().map(|seen| seen.session.id));
        seen.findings.retain(|finding| {
            file.sessions.contains(&finding.session) && !is_about_seeking(finding)
        });
        add(&mut file.report.found, mem::take(&mut seen.findings), Some(plan.kind));
        for session in &seen.sessions {
            let SeenSession { closed, partial, .. } = session;
            if !closed && ended == Ended::Done {
                file.circumstances.unreleased += u64::from(closes(plan));
            }
            let unseen = partial.iter().any(|reason| *reason != Partial::StillOpen);
            file.circumstances.partial += u64::from(unseen);
        }
        Ok(Done { calls, ended, seen })
    }

    /// A reader that hangs or is gone is given up; its descriptors are closed with it.
    async fn replace_readers(&mut self) -> anyhow::Result<()> {
        for number in [0, 1] {
            let fresh = Process::start(number)?;
            let pid = fresh.id().ok_or_else(|| io::Error::other("the reading process ended"))?;
            self.trace.allow_pid(pid)?;
            if let Some(reader) = self.readers.get_mut(number) {
                let old = mem::replace(reader, fresh);
                self.trace.during(old.end()).await;
            }
        }
        Ok(())
    }
}

impl File<'_> {
    /// Why nothing more is read of it, if so.
    fn is_over(&self) -> Option<&'static str> {
        if self.killed {
            Some("not after a reader was killed")
        } else if Instant::now() >= self.deadline {
            Some("no time left")
        } else {
            None
        }
    }
}

/// Of a file about the reader itself that of a process which does nothing: a reader's own stack or
/// system call is another with each way of reading.
fn read_as(path: &Path, idle: Option<u32>) -> PathBuf {
    let Some(idle) = idle else { return path.to_path_buf() };
    let folder = PathBuf::from(format!("/proc/{idle}"));
    if let Ok(rest) = path.strip_prefix("/proc/self") {
        folder.join(rest)
    } else if let Ok(rest) = path.strip_prefix("/proc/thread-self") {
        folder.join("task").join(idle.to_string()).join(rest)
    } else {
        path.to_path_buf()
    }
}

/// True for what is said of a reader that seeks a lot: here that is the plan, and none of the file's
/// doing.
fn is_about_seeking(finding: &Finding) -> bool {
    finding.id == Id(301) && finding.evidence.iter().any(|one| one.label == PASSED_OVER)
}

/// True if a plan closes what it opens.
fn closes(plan: &Plan) -> bool {
    plan.acts.iter().any(|act| matches!(act.step, Step::Close { .. }))
}

/// True for a descriptor's first read if it is at the beginning: the core has filled its buffer without
/// knowing how much of it is wanted, so what comes cannot depend on that.
fn is_first(calls: &[Call], index: usize) -> bool {
    let Some(call) = calls.get(index) else { return false };
    let mut before = calls.get(..index).unwrap_or_default().iter();
    call.at == 0
        && call.syscall != Syscall::Lseek
        && before.all(|earlier| earlier.slot != call.slot || earlier.syscall == Syscall::Open)
}

fn count(calls: &[Call]) -> u64 {
    u64::try_from(calls.len()).unwrap_or(u64::MAX)
}

fn failure(calls: &[Call], difference: Difference) -> Failure {
    let call = calls.get(difference.call);
    Failure {
        syscall: call.map_or(Syscall::Read, |call| call.syscall),
        at: call.map_or(difference.at, |call| call.at),
        want: call.map_or(0, |call| call.want),
        difference,
        steady: true,
    }
}

/// What the first whole read got, and how it went. One that does not come to its end is a reference as
/// far as it came.
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

/// How a plan went, as far as its end tells.
fn unfinished(ended: Ended) -> PlanOutcome {
    match ended {
        Ended::Done => PlanOutcome::Ok,
        Ended::Blocked => PlanOutcome::Blocked,
        Ended::OutOfTime => PlanOutcome::NotRun("no time left in the middle"),
        Ended::Died => PlanOutcome::Killed,
    }
}

/// What the whole read tells of a file; without a trace of it, lines are taken for records.
fn shape(calls: &[Call], reference: &Reference, session: Option<&SeenSession>) -> Shape {
    let len = reference.len();
    let mut borders: Vec<u64> = session.map(|seen| seen.borders.clone()).unwrap_or_default();
    borders.retain(|border| (1..=len).contains(border));
    if borders.is_empty() {
        let ends = reference.bytes.iter().zip(1..).filter(|(byte, _)| **byte == b'\n');
        borders = ends.map(|(_, end)| end).collect();
    }
    let turns = calls
        .iter()
        .filter(|call| call.syscall == Syscall::Read && call.ret > 0)
        .map(|call| call.at + call.bytes.len() as u64)
        .collect();
    Shape { len, complete: reference.end == End::Eof, borders, turns }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(slot: u8, syscall: Syscall, at: u64) -> Call {
        Call { process: 0, slot, syscall, at, want: 7, ret: 0, bytes: Vec::new() }
    }

    #[test]
    fn only_what_comes_first_is_independent_of_the_way() {
        let calls = [
            call(0, Syscall::Open, 0),
            call(1, Syscall::Open, 0),
            call(0, Syscall::Read, 0),
            call(1, Syscall::Read, 0),
            call(1, Syscall::Read, 7),
            call(0, Syscall::Pread, 0),
        ];
        let first: Vec<bool> = (0..7).map(|index| is_first(&calls, index)).collect();
        assert_eq!(first, [true, true, true, true, false, false, false]);
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

    #[test]
    fn nobody_reads_of_himself() {
        let of = |path: &str| read_as(Path::new(path), Some(42)).display().to_string();
        assert_eq!(of("/proc/self/maps"), "/proc/42/maps");
        assert_eq!(of("/proc/thread-self/stat"), "/proc/42/task/42/stat");
        assert_eq!(of("/proc/selfish"), "/proc/selfish");
        assert_eq!(of("/proc/net/tcp"), "/proc/net/tcp");
    }
}
