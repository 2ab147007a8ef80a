//! Compares the sessions of aligned files.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use imara_diff::{Algorithm, Diff, Token};
use seqtrace_model::session::update::Partial;

use crate::align::FilePair;
use crate::gather::{File, Recording, Rows, Session};

/// Rows of the first session that are replaced by rows of the second one. One of the ranges can be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Rows of the first session, then of the second one; 0-based.
    pub rows: [Range<usize>; 2],
}

/// A difference, or a session that was not seen whole.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// Only one of the traces has the file.
    File {
        /// Index of the trace: 0 or 1.
        side: usize,
        /// The file, which the other trace does not have.
        file: &'a File,
    },
    /// A session differs, only one of the traces has it, or it was not seen whole.
    Session(SessionPair<'a>),
}

/// A session of a file in both traces, or in one of them.
#[derive(Clone, Debug)]
pub struct SessionPair<'a> {
    /// The file in each trace.
    pub files: [&'a File; 2],
    /// Number of the session among those of the file, from 1.
    pub number: usize,
    /// The session in each trace; `None`: the file has fewer sessions there.
    pub sessions: [Option<&'a Session>; 2],
    /// Rows that differ, in order; empty: there are none, or one of the sessions is missing.
    pub edits: Vec<Edit>,
}

/// Answer to the question whether two traces differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was seen, and nothing differs.
    Same,
    /// There is a difference between sessions that were seen whole.
    Different,
    /// There is no such difference, but something was not seen.
    Inconclusive,
}

/// Sums over a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Number of files that both traces have.
    pub files: u64,
    /// Number of sessions that both traces have.
    pub sessions: u64,
    /// Number of these sessions that differ.
    pub different: u64,
    /// Number of files that only the first or the second trace has.
    pub only_files: [u64; 2],
    /// Number of sessions, of files of both traces, that only the first or the second trace has.
    pub only_sessions: [u64; 2],
    /// Number of rows, of sessions of both traces, that only the first or the second trace has.
    pub only_rows: [u64; 2],
    /// Number of compared sessions of the first and of the second trace that were not seen whole.
    pub partial: [u64; 2],
    /// True if a session of a trace may be missing.
    pub incomplete: [bool; 2],
    /// True if there is a difference that nothing unseen can explain.
    proven: bool,
}

impl Outcome {
    /// Returns the verdict over both traces.
    pub fn verdict(&self) -> Verdict {
        if self.proven {
            Verdict::Different
        } else if self.partial != [0, 0] || self.incomplete.contains(&true) {
            Verdict::Inconclusive
        } else if self.different == 0 && self.only_files == [0, 0] && self.only_sessions == [0, 0] {
            Verdict::Same
        } else {
            Verdict::Different
        }
    }
}

/// A comparison of two traces.
pub struct Comparison<'a> {
    /// Rows of both traces.
    pub rows: &'a Rows,
    /// First and second trace.
    pub traces: [&'a Recording; 2],
    /// Files of both traces, as [`align`](crate::align) returns them.
    pub files: &'a [FilePair<'a>],
    /// Number of the only session of each file that is compared, from 1; `None`: all are compared.
    pub session: Option<usize>,
}

impl<'a> Comparison<'a> {
    /// Calls `found` for each difference and each session that was not seen whole. It returns false to end the comparison.
    ///
    /// # Errors
    /// The error of `found`.
    pub fn run<E>(
        &self,
        mut found: impl FnMut(&Item<'a>) -> Result<bool, E>,
    ) -> Result<Outcome, E> {
        let mut sums =
            Outcome { incomplete: self.traces.map(Recording::is_incomplete), ..Outcome::default() };
        for pair in self.files {
            if self.session.is_some_and(|number| !pair.has_session(number)) {
                continue;
            }
            let [Some(a), Some(b)] = pair.files else {
                for (side, file) in (0..).zip(pair.files) {
                    let Some(file) = file else { continue };
                    sums.only_files[side] += 1;
                    sums.proven |= !sums.incomplete.contains(&true);
                    if !found(&Item::File { side, file })? {
                        return Ok(sums);
                    }
                }
                continue;
            };
            sums.files += 1;
            let trust = self.trust([a, b]);
            let count = a.sessions.len().max(b.sessions.len());
            let numbers = 1..=count;
            for number in numbers.filter(|number| self.session.is_none_or(|only| only == *number)) {
                let session = self.session([a, b], number);
                if add(&session, trust, &mut sums) && !found(&Item::Session(session))? {
                    return Ok(sums);
                }
            }
        }
        Ok(sums)
    }

    fn session(&self, files: [&'a File; 2], number: usize) -> SessionPair<'a> {
        let sessions = files.map(|file| file.sessions.get(number - 1));
        let edits = match sessions {
            [Some(a), Some(b)] => edits(self.rows, a, b),
            _ => Vec::new(),
        };
        SessionPair { files, number, sessions, edits }
    }

    fn trust(&self, files: [&File; 2]) -> Trust {
        let any = |reason| {
            let mut sessions = files.iter().flat_map(|file| &file.sessions);
            sessions.any(|session| session.partial.contains(&reason))
        };
        let lost = self.traces.iter().any(|trace| trace.lost > 0 || trace.missed > 0);
        let order = !lost && !any(Partial::Adopted);
        let is_incomplete = self.traces.iter().any(|trace| trace.is_incomplete());
        Trust { order, number: order && !is_incomplete && !files.iter().any(|f| f.is_partial()) }
    }
}

/// Facts about the sessions of a file that losses do not call into question.
#[derive(Clone, Copy)]
struct Trust {
    /// True if sessions with the same number are the same open.
    order: bool,
    /// True if a session that is missing was not opened.
    number: bool,
}

/// Adds a session to the sums. Returns true if there is something to report.
fn add(pair: &SessionPair<'_>, trust: Trust, sums: &mut Outcome) -> bool {
    let mut is_partial = false;
    for (side, session) in (0..).zip(pair.sessions) {
        let partial = session.is_some_and(|session| !session.partial.is_empty());
        sums.partial[side] += u64::from(partial);
        is_partial |= partial;
    }
    let differs = !pair.edits.is_empty();
    for (side, sum) in sums.only_rows.iter_mut().enumerate() {
        *sum += pair.edits.iter().map(|edit| edit.rows[side].len() as u64).sum::<u64>();
    }
    let missing = pair.sessions.iter().position(Option::is_none);
    if let Some(missing) = missing {
        sums.only_sessions[1 - missing] += 1;
        sums.proven |= trust.number;
    } else {
        sums.sessions += 1;
        sums.different += u64::from(differs);
        sums.proven |= differs && !is_partial && trust.order;
    }
    differs || is_partial || missing.is_some()
}

/// Returns the rows of two sessions that differ.
fn edits(rows: &Rows, a: &Session, b: &Session) -> Vec<Edit> {
    let first = a.rows.iter().zip(&b.rows).position(|(a, b)| a != b);
    let first = match first {
        None if a.rows.len() == b.rows.len() => return Vec::new(),
        None => a.rows.len().min(b.rows.len()),
        Some(first) => first,
    };
    // Among equally short lists of edits, the one that is found depends on the order of the sessions. A fixed order makes
    // the comparison of B with A the mirror of that of A with B.
    let key = |session: &Session| rows.get(session, first).map(hash);
    let swapped = key(a) > key(b);
    let (before, after) = if swapped { (b, a) } else { (a, b) };
    let (before, after) = (before.rows.as_slice(), after.rows.as_slice());
    let mut edits = replaced(before, after, rows.0.num_tokens());
    if swapped {
        for edit in &mut edits {
            edit.rows.reverse();
        }
    }
    edits
}

fn replaced(before: &[Token], after: &[Token], distinct: u32) -> Vec<Edit> {
    // The library's limit. So many rows take 8 GB.
    if before.len().max(after.len()) >= i32::MAX as usize {
        return vec![Edit { rows: [0..before.len(), 0..after.len()] }];
    }
    let mut diff = Diff::default();
    diff.compute_with(Algorithm::Myers, before, after, distinct);
    let range = |range: Range<u32>| range.start as usize..range.end as usize;
    diff.hunks().map(|hunk| Edit { rows: [range(hunk.before), range(hunk.after)] }).collect()
}

/// Returns a hash that is the same in each run.
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Groups edits that are so close that their context of this many rows overlaps or touches.
pub fn hunks(edits: &[Edit], context: usize) -> impl Iterator<Item = &[Edit]> {
    let near = context.saturating_mul(2);
    edits.chunk_by(move |before, after| after.rows[0].start - before.rows[0].end <= near)
}
