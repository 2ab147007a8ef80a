//! The reason why whole reads of a file differ from each other: time, or a side effect of reading.
//!
//! A *probe* opens the file, reads its beginning once and closes it. Between two probes there is one *treatment*:
//! nothing, time, many renderings in few calls, many calls with few renderings, passes without renderings, opens
//! without reads. The trace counts the calls of each callback. A number in the file's bytes that grows by the same
//! nonzero amount for each call of show(), exactly and in every experiment, and whose growth is not a multiple of any
//! other quantity, proves that rendering changes the bytes.

use std::time::Duration;

use super::{Answer, Inquiry, Known, Lab, numbers};
use crate::{
    check::{
        call::{Call, Syscall},
        plan::{Kind, PAGE, Plan, Step, opened},
        process::Ended,
        seen::log::Counts,
        verdict::Proof,
    },
    event::Role,
    rules::SQ306,
};

/// Number of consecutive probes without a treatment.
const PROBES: u8 = 6;
/// Largest number of bytes that a probe reads.
const WANT: u64 = 1024;
/// Time of the treatment that only waits.
const IDLE: Duration = Duration::from_millis(400);
/// Number of times that each treatment is tried.
const TIMES: u32 = 2;
/// Descriptor of the second probe of an experiment.
const LAST: u8 = 200;

/// One value for each driver: a quantity that a number in the file's bytes may grow with. The drivers are calls of
/// show(), start() and next(), reads, and opens, in this order.
type Drivers<T> = [T; 5];

/// The interval from the rendering of one probe to that of the next: the bytes that both probes read, and the calls in
/// between.
struct Interval {
    counts: Drivers<i128>,
    before: Vec<u8>,
    after: Vec<u8>,
}

/// A number in the file's bytes, and the drivers of which its growth has been a multiple so far.
#[derive(Clone, Debug)]
struct Column {
    /// 0-based index among the numbers in the file's bytes.
    index: usize,
    /// For each driver: growth and calls in the first interval with calls; (0, 0) before there is one; `None` if the
    /// driver does not fit.
    fits: Drivers<Option<(i128, i128)>>,
}

/// The reason why the file's bytes change.
enum Origin {
    /// Time changes the bytes, and reading alone does not.
    Time,
    /// Each call of a callback changes a number.
    Callback(Proof),
}

impl<L: Lab> Inquiry<'_, L> {
    /// Finds out why whole reads of the file differ, and adds the reason to the report.
    pub(super) async fn origin(&mut self, known: &Known) -> anyhow::Result<()> {
        let note = match self.what_changes_it(known).await? {
            None => {
                "the file changed between reads, and it is not known if time or reading changes it: bytes that change \
                 are not judged"
            }
            Some(Origin::Time) => {
                self.circumstances.changes_with_time = true;
                "the file changes by itself (with time): bytes that change are not judged"
            }
            Some(Origin::Callback(proof)) => {
                self.circumstances.side_effect = Some(proof);
                "reading changes the file: bytes that change are not judged"
            }
        };
        self.note(note);
        Ok(())
    }

    async fn what_changes_it(&mut self, known: &Known) -> anyhow::Result<Option<Origin>> {
        if self.lab.is_over().is_some() {
            return Ok(None);
        }
        let steps = (0..PROBES).flat_map(probe);
        let row = self.quietly(&Plan::new(Kind::Whole, steps)).await?;
        let Some(row) = intervals(&row) else { return Ok(None) };
        if row.iter().any(|interval| interval.before == interval.after) {
            return self.is_it_time(&row).await;
        }
        let mut columns = columns(&row);
        for _ in 0..TIMES {
            for treatment in treatments(known) {
                columns.retain(Column::is_candidate);
                if columns.is_empty() || self.lab.is_over().is_some() {
                    return Ok(None);
                }
                let Some(interval) = self.experiment(treatment.as_ref()).await? else {
                    return Ok(None);
                };
                columns = fitting(columns, &interval);
            }
        }
        Ok(columns.iter().find_map(Column::proof).map(Origin::Callback))
    }

    /// Finds out if time alone changes a file that not every read changes.
    async fn is_it_time(&mut self, row: &[Interval]) -> anyhow::Result<Option<Origin>> {
        self.lab.idle(IDLE).await?;
        let after = self.quietly(&Plan::new(Kind::Whole, probe(0))).await?;
        let changed =
            row.last().zip(text(&after, 0)).is_some_and(|(last, text)| last.after != text);
        Ok(changed.then_some(Origin::Time))
    }

    /// Carries out a probe, a treatment and a second probe. Returns the interval between the probes; `None` if events
    /// were lost.
    async fn experiment(&mut self, treatment: Option<&Plan>) -> anyhow::Result<Option<Interval>> {
        let first = Plan::new(Kind::Whole, probe(0));
        let last = Plan::new(Kind::Whole, probe(LAST));
        let mut answer = self.quietly(&first).await?;
        match treatment {
            None => self.lab.idle(IDLE).await?,
            Some(plan) => join(&mut answer, self.quietly(plan).await?),
        }
        join(&mut answer, self.quietly(&last).await?);
        Ok(interval(&answer))
    }
}

fn probe(slot: u8) -> Vec<Step> {
    opened([Step::Read { slot, want: WANT }])
}

/// Returns treatments: plans, or `None` for a wait, each of which separates some drivers from others. The longest wait is last.
fn treatments(known: &Known) -> Vec<Option<Plan>> {
    let end = known.shape.len.saturating_add(PAGE);
    let one = |steps: Vec<Step>| Some(Plan::new(Kind::Whole, opened(steps)));
    let opens = (1..12).flat_map(|slot| [Step::Open { slot }, Step::Close { slot }]);
    let mut treatments = vec![
        // As many passes as renderings.
        one(vec![Step::Pread { slot: 1, at: 0, want: 1 }; 7]),
        // Reads with hardly a callback.
        one(vec![Step::Until { slot: 1, block_bytes: 1, to: known.shape.len.min(24) }]),
        Some(Plan::new(Kind::Whole, opens)),
        // As many renderings as there are in a page, in one pass.
        one(vec![Step::Read { slot: 1, want: PAGE }]),
    ];
    if known.shape.complete && known.shape.len <= 16 * PAGE {
        // Passes that find nothing to render.
        let read = Step::Read { slot: 1, want: PAGE };
        let until = Step::Until { slot: 1, block_bytes: PAGE, to: end };
        treatments.push(one([vec![until], vec![read; 5]].concat()));
    }
    treatments.push(None);
    treatments
}

fn join(answer: &mut Answer, more: Answer) {
    answer.calls.extend(more.calls);
    answer.seen.sessions.extend(more.seen.sessions);
    answer.seen.lost += more.seen.lost;
    if more.ended != Ended::Done {
        answer.ended = more.ended;
    }
}

/// Returns the calls of each driver for each open; `None` if the trace did not record all of them.
fn counted(answer: &Answer) -> Option<Vec<Drivers<i128>>> {
    let opens = answer.calls.chunk_by(|_, next| next.syscall != Syscall::Open);
    let (opens, sessions) = (opens.collect::<Vec<_>>(), &answer.seen.sessions);
    let is_known = answer.ended == Ended::Done
        && answer.seen.lost == 0
        && sessions.len() == opens.len()
        && sessions.iter().all(|session| session.partial.is_empty());
    let counts = opens.iter().zip(sessions).map(|(calls, session)| {
        let Counts { start, next, show } = session.log.counts;
        [show, start, next, calls.len() as u64 - 1, 1].map(i128::from)
    });
    is_known.then(|| counts.collect())
}

/// Returns the bytes that a probe with descriptor `slot` read; `None` if there are none.
fn text(answer: &Answer, slot: u8) -> Option<Vec<u8>> {
    let of = |call: &&Call| call.slot == slot && call.syscall == Syscall::Read;
    answer.calls.iter().find(of).map(|call| call.bytes.clone())
}

/// Returns the intervals between consecutive probes; `None` if the trace did not record all of them.
fn intervals(answer: &Answer) -> Option<Vec<Interval>> {
    let counts = counted(answer)?;
    (1..PROBES)
        .zip(counts)
        .map(|(slot, counts)| {
            let (before, after) = (text(answer, slot - 1)?, text(answer, slot)?);
            Some(Interval { counts, before, after })
        })
        .collect()
}

/// Returns the interval from the first probe to the last one. It counts all calls of the first probe and none
/// of the last: both render the same records before a number.
fn interval(answer: &Answer) -> Option<Interval> {
    let counts = counted(answer)?;
    let (_, all) = counts.split_last()?;
    let mut sum = [0; 5];
    for counts in all {
        for (sum, count) in sum.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    Some(Interval { counts: sum, before: text(answer, 0)?, after: text(answer, LAST)? })
}

/// Returns the numbers that consecutive probes have in common, with the drivers that fit their growth.
fn columns(row: &[Interval]) -> Vec<Column> {
    let Some(first) = row.first() else { return Vec::new() };
    let pairs = numbers::leading_integers(&first.before, &first.after).unwrap_or_default();
    let columns = (0..pairs.len()).map(|index| Column { index, fits: [Some((0, 0)); 5] }).collect();
    row.iter().fold(columns, fitting)
}

/// Returns those columns that `interval` does not rule out.
fn fitting(columns: Vec<Column>, interval: &Interval) -> Vec<Column> {
    let Some(pairs) = numbers::leading_integers(&interval.before, &interval.after) else {
        return Vec::new();
    };
    let mut left = Vec::new();
    for mut column in columns {
        let Some((before, after)) = pairs.get(column.index) else { continue };
        let growth = after - before;
        for (fit, count) in column.fits.iter_mut().zip(interval.counts) {
            *fit = fit.and_then(|(known, times)| match (times, count) {
                (0, 0) => (growth == 0).then_some((0, 0)),
                (0, _) => (growth != 0 && growth % count == 0).then_some((growth, count)),
                _ => (growth * times == known * count).then_some((known, times)),
            });
        }
        if column.is_candidate() {
            left.push(column);
        }
    }
    left
}

impl Column {
    /// Returns for each driver by how much the number grows with each call; `None` if the driver does not fit, or was
    /// never called.
    fn growths(&self) -> Drivers<Option<i128>> {
        self.fits.map(|fit| {
            let (growth, times) = fit?;
            (times != 0).then(|| growth / times)
        })
    }

    /// Returns true if the calls of a callback may explain the growth of the number.
    fn is_candidate(&self) -> bool {
        self.growths().iter().take(3).any(Option::is_some)
    }

    /// Returns the only explanation for the growth of the number; `None` if there are several.
    fn proof(&self) -> Option<Proof> {
        let (role, what, call, by) = match self.growths() {
            [Some(by), None, Some(_), None, None] => {
                (Role::Show, "show(), or next(), which runs after it,", "rendering", by)
            }
            [Some(by), None, None, None, None] => (Role::Show, "show()", "rendering", by),
            [None, Some(by), None, None, None] => (Role::Start, "start() or stop()", "pass", by),
            [None, None, Some(by), None, None] => (Role::Next, "next()", "call of next()", by),
            _ => return None,
        };
        let message = format!(
            "{what} changes the text: with each {call} a number in it changes by exactly {by}, and not with \
             time, reads or opens"
        );
        Some(Proof { id: SQ306, role: Some(role), message })
    }
}
