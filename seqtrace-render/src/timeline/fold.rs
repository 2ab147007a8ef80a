//! Runs of unremarkable records, which `--fold` shows as one line.
//!
//! ```text
//! │  … 34 records  pos 4→38  +27 B each  emitted 108..1026  41.2µs
//! ```
//!
//! A record is a show, its preview, and the next behind it. The first and the last record of a pass have lines of their
//! own. So the record that was seen last is held back until another one follows, and nothing is folded before a next of
//! the pass was written. Anything else than another record of its kind ends a run, and is written behind it.

use seqtrace_model::summary::Durations;

use super::super::line::{Count, Line};
use super::super::style::Color;
use super::callback;
use super::layout::Layout;
use crate::event::{PtrKind, Role};
use crate::session::update::{CallbackUpdate, Fate, Phase, Range, SessionId, Update, UpdateKind};

/// Least number of records that are folded. The lines of fewer records are hardly longer.
const LEAST: u64 = 3;
/// Greatest time that a run covers, ns: a reader of a live trace does not wait longer for its line.
const LONGEST: u64 = 1_000_000_000;
/// Records of which none has more than this many times the bytes of another one are of one size class.
const SIZE_CLASS: u64 = 4;
/// Number of calls of a callback before any of them counts as slow.
const SLOW_AFTER: u64 = 100;
/// Duration that this share of all calls does not exceed. Longer ones are slow.
const FAST: f64 = 0.99;

/// Folds the callbacks of a trace.
#[derive(Default)]
pub(super) struct Fold {
    shows: Pace,
    nexts: Pace,
    /// The pass of the last line, if that is an unremarkable next: the next record of this pass may be folded.
    begun: Option<Pass>,
    run: Option<Run>,
    /// True if no record was added to the run since [`Self::is_idle`] was called.
    idle: bool,
}

/// Identity of a pass within a trace.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Pass {
    session: SessionId,
    read: Option<u32>,
    number: u32,
    traverse: bool,
}

/// Records of one pass whose lines are not written yet.
pub(super) struct Run {
    pass: Pass,
    /// Time of the first update, ns since boot.
    begin: u64,
    /// Sums over the folded records. `None`: only `held` has updates.
    sum: Option<Sum>,
    /// Updates of the folded records, as long as there are fewer than [`LEAST`].
    few: Vec<Update>,
    /// Updates of the last record.
    held: Vec<Update>,
}

/// Sums over folded records.
#[derive(Clone)]
struct Sum {
    records: u64,
    fate: Fate,
    /// Positions before the first record and behind the last one.
    positions: (i64, i64),
    /// Least and greatest number of bytes of a record.
    bytes: (u64, u64),
    /// File offsets of all records.
    range: Range,
    /// Sum of the durations, ns.
    duration: u64,
    /// The last update, of which the line has the columns.
    last: Update,
}

/// Durations of one callback so far.
#[derive(Default)]
struct Pace {
    durations: Durations,
    /// Duration above which a call is slow, ns. `None`: too few calls were seen.
    limit: Option<u64>,
    /// Number of calls after which `limit` is computed again.
    due: u64,
}

impl Pace {
    /// Adds a call. Returns true if it was slow, compared with those before.
    fn is_slow(&mut self, ns: Option<u64>) -> bool {
        let slow = self.limit.is_some_and(|limit| ns.is_some_and(|ns| ns > limit));
        self.durations.add(ns);
        let count = self.durations.count();
        // A quantile takes microseconds.
        if count >= self.due.max(SLOW_AFTER) {
            self.due = count + count / 8;
            self.limit = Some(self.durations.quantile(FAST));
        }
        slow
    }
}

impl Pass {
    fn of(update: &Update, callback: &CallbackUpdate) -> Option<Self> {
        Some(Self {
            session: update.session.as_ref()?.id,
            read: update.read,
            number: callback.pass,
            traverse: callback.phase == Phase::Traverse,
        })
    }
}

/// The part of a show that a [`Sum`] adds up.
struct Rendering {
    fate: Fate,
    bytes: u64,
    range: Range,
}

impl Rendering {
    /// Returns the rendering of a show. `None`: something about it is remarkable.
    fn of(show: &CallbackUpdate) -> Option<Self> {
        let CallbackUpdate { phase, pos_in, pos_out, ret_int, bytes, full, fate, range, .. } = show;
        let (fate, range) = ((*fate)?, (*range)?);
        let as_expected = match fate {
            Fate::Emitted => matches!(phase, Phase::First | Phase::Fill),
            Fate::PassedOver => *phase == Phase::Traverse,
            _ => false,
        };
        let remarkable = *full || ret_int.is_some_and(|ret| ret != 0) || *pos_in != Some(*pos_out);
        let bytes = bytes.filter(|bytes| *bytes > 0)?;
        (as_expected && !remarkable).then_some(Self { fate, bytes, range })
    }
}

/// Returns true if nothing about a next is remarkable.
fn advances(next: &CallbackUpdate) -> bool {
    let CallbackUpdate { pos_in, pos_out, ret_ptr, bytes, fixed_up, .. } = next;
    let record = ret_ptr.is_some_and(|ptr| matches!(ptr.kind(), PtrKind::Record(_)));
    record && !fixed_up && bytes.is_none() && pos_in.is_some_and(|before| before < *pos_out)
}

impl Sum {
    /// Sums up one record. `None`: it has no show and no next.
    fn of(record: &[Update]) -> Option<Self> {
        let mut callbacks = record.iter().filter_map(|update| match &update.what {
            UpdateKind::Callback(callback) => Some(callback),
            _ => None,
        });
        let (show, next) = (callbacks.next()?, callbacks.next()?);
        let Rendering { fate, bytes, range } = Rendering::of(show)?;
        Some(Self {
            records: 1,
            fate,
            positions: (show.pos_out, next.pos_out),
            bytes: (bytes, bytes),
            range,
            duration: show.duration.unwrap_or(0).saturating_add(next.duration.unwrap_or(0)),
            last: record.last()?.clone(),
        })
    }

    fn takes(&self, next: &Rendering) -> bool {
        let (least, most) = (self.bytes.0.min(next.bytes), self.bytes.1.max(next.bytes));
        self.fate == next.fate
            && self.range.end == next.range.start
            && most <= least.saturating_mul(SIZE_CLASS)
    }

    /// Adds a record behind the others.
    fn add(&mut self, record: Self) {
        self.records += record.records;
        self.positions.1 = record.positions.1;
        self.bytes = (self.bytes.0.min(record.bytes.0), self.bytes.1.max(record.bytes.1));
        self.range.end = record.range.end;
        self.duration = self.duration.saturating_add(record.duration);
        self.last = record.last;
    }
}

impl Run {
    /// Returns true if the last record is complete: its next was seen.
    fn is_complete(&self) -> bool {
        self.held.last().is_some_and(|update| {
            matches!(&update.what, UpdateKind::Callback(callback) if callback.role == Role::Next)
        })
    }

    /// Folds the last record if one of the same kind follows. Returns false if not.
    fn continues_with(&mut self, show: &Rendering) -> bool {
        if !self.is_complete() {
            return false;
        }
        let Some(record) = Sum::of(&self.held) else { return false };
        let mut sum = record.clone();
        if let Some(before) = &self.sum {
            sum = before.clone();
            sum.add(record);
        }
        if !sum.takes(show) {
            return false;
        }
        if sum.records < LEAST {
            self.few.append(&mut self.held);
        } else {
            self.few.clear();
            self.held.clear();
        }
        self.sum = Some(sum);
        true
    }

    /// Returns the folded records, if there are enough of them, and the updates that are written behind them.
    pub(super) fn parts(&self) -> (Option<Folded<'_>>, impl Iterator<Item = &Update>) {
        let folded = self.sum.as_ref().filter(|sum| sum.records >= LEAST);
        let traverse = self.pass.traverse;
        (folded.map(|sum| Folded { sum, traverse }), self.few.iter().chain(&self.held))
    }
}

impl Fold {
    /// Counts the duration of a callback. Returns true if the update is a slow callback.
    pub(super) fn is_slow(&mut self, update: &Update) -> bool {
        let UpdateKind::Callback(callback) = &update.what else { return false };
        match callback.role {
            Role::Show => self.shows.is_slow(callback.duration),
            Role::Next => self.nexts.is_slow(callback.duration),
            Role::Start | Role::Stop => false,
        }
    }

    /// Takes an update whose lines are written later, or as a part of a fold. Returns false if the update ends the run:
    /// then the lines of the run are written first.
    pub(super) fn takes(&mut self, update: &Update) -> bool {
        let taken = match &update.what {
            UpdateKind::Callback(callback) => match callback.role {
                Role::Show => self.takes_show(update, callback),
                Role::Next => advances(callback) && self.adds(update, Pass::of(update, callback)),
                Role::Start | Role::Stop => false,
            },
            UpdateKind::Preview { .. } => {
                let pass = self.run.as_ref().map(|run| run.pass);
                let session = update.session.as_ref().map(|session| session.id);
                self.adds(update, pass.filter(|pass| Some(pass.session) == session))
            }
            _ => false,
        };
        self.idle &= !taken;
        taken
    }

    fn takes_show(&mut self, update: &Update, show: &CallbackUpdate) -> bool {
        let Some((rendering, pass)) = Rendering::of(show).zip(Pass::of(update, show)) else {
            return false;
        };
        match &mut self.run {
            None if self.begun == Some(pass) => {
                let held = vec![update.clone()];
                let begin = update.time;
                self.run = Some(Run { pass, begin, sum: None, few: Vec::new(), held });
                true
            }
            Some(run) if run.pass == pass => {
                let recent = update.time.saturating_sub(run.begin) < LONGEST;
                let taken = recent && run.continues_with(&rendering);
                if taken {
                    run.held.push(update.clone());
                }
                taken
            }
            _ => false,
        }
    }

    /// Adds an update to the last record of the run if the record is of this pass and its next was not seen.
    fn adds(&mut self, update: &Update, pass: Option<Pass>) -> bool {
        let run = self.run.as_mut().filter(|run| Some(run.pass) == pass && !run.is_complete());
        run.map(|run| run.held.push(update.clone())).is_some()
    }

    /// Ends the run. Its lines are to be written.
    pub(super) fn end(&mut self) -> Option<Run> {
        let run = self.run.take()?;
        self.begun = run.is_complete().then_some(run.pass);
        Some(run)
    }

    /// Notes that the lines of an update are written now.
    pub(super) fn passes(&mut self, update: &Update, slow: bool) {
        self.begun = match &update.what {
            UpdateKind::Callback(next) if next.role == Role::Next && !slow && advances(next) => {
                Pass::of(update, next)
            }
            _ => None,
        };
    }

    /// Returns true if nothing was added to the run since the last call.
    pub(super) fn is_idle(&mut self) -> bool {
        std::mem::replace(&mut self.idle, true)
    }
}

/// Folded records, as one line.
pub(super) struct Folded<'a> {
    sum: &'a Sum,
    traverse: bool,
}

impl Folded<'_> {
    /// Returns the update whose columns the line has.
    pub(super) fn update(&self) -> &Update {
        &self.sum.last
    }

    /// Writes the event to an empty line.
    pub(super) fn write(&self, line: &mut Line<'_>, layout: &Layout) {
        let Sum { records, fate, positions, bytes, range, duration, last } = self.sum;
        let glyphs = line.style.glyphs;
        let bracket = if self.traverse { glyphs.traverse } else { glyphs.inside };
        callback::bracket(line, last.session.as_ref().map(|session| session.id), bracket);
        line.put(" ").color(Color::Dim, glyphs.more).put(" ").put(Count(*records, "record"));
        // A narrow line has no space for words that the columns above it explain.
        line.put(if layout.short { "  " } else { "  pos " });
        line.put(positions.0).glyph(glyphs.arrow).put(positions.1);
        line.put(format_args!("  +{}", bytes.0));
        if bytes.1 > bytes.0 {
            line.put(format_args!("..{}", bytes.1));
        }
        line.put(if layout.short { " B" } else { " B each" });
        let word = if *fate == Fate::Emitted { "emitted" } else { "passed over" };
        line.put(format_args!("  {word} {}..{}", range.start, range.end));
        if layout.end.is_some() {
            line.put("  ").colored(Color::Dim, |line| _ = line.duration(*duration));
        }
    }
}
