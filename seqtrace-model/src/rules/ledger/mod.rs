//! Ledger of a session: the record, the pass and the read of each byte that the reader got.
//!
//! ```text
//! generation ── begins at an open, a read at offset 0, every traversal: positions count from 0 again
//!   pass ────── start … stop; `promised` is the record that the last next returned and no show rendered
//!     entry ─── an accepted rendering, at file offsets [start, end)
//! ```
//!
//! The session model determines the fate of each rendering. The ledger determines the record: whether it is the one
//! that next had handed out, and whether it was accepted earlier. A generation is *known* if none of its events was
//! missed; the rules check nothing in others.

pub(in crate::rules) mod entries;
pub(in crate::rules) mod identity;
pub(in crate::rules) mod pass;
mod renderings;
mod resume;

use self::entries::{Entries, Entry};
use self::identity::{Identity, Pointers};
use self::pass::{End, Origin, Pass, PromisedRecord};
pub(in crate::rules) use self::renderings::{Duplicate, NewEntry, RenderingResult};
use super::hooks::Returned;
use crate::event::{Ptr, PtrKind, Role};
use crate::finding::{Id, Severity};
use crate::fixed::FixedRanges;
use crate::session::update::CallbackUpdate;

/// Maximum number of stored entries of one generation: about 25 MB.
const ENTRIES: usize = 1 << 18;

/// Ledger of one session; see the [module](self).
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(in crate::rules) struct Ledger {
    /// Address of the `struct seq_file`.
    m: u64,
    /// Address ranges of the kernel's image and modules.
    fixed: FixedRanges,
    /// `m->private` in the current pass.
    private: Option<u64>,
    /// True if records lie in the memory that `m->private` points to, so that pointers are compared
    /// relative to it.
    relative: bool,
    /// True if every event since the generation began was seen.
    known: bool,
    /// Number of the generation in the session, from 1.
    pub(in crate::rules) generation: u32,
    pub(in crate::rules) entries: Entries,
    /// File offset behind the last accepted byte; `None` if unknown.
    end: Option<i64>,
    /// True if a callback other than show wrote into the buffer: from then on offsets are not checked.
    offsets_ignored: bool,
    pub(in crate::rules) pass: Option<Pass>,
    /// Record that the last next of the previous pass handed out and that no show has rendered; `None`: there is none.
    pub(in crate::rules) promised: Option<PromisedRecord>,
    /// True if the last start or next returned NULL.
    pub(in crate::rules) ended: bool,
    /// Root cause: the rule whose violation broke the order of this generation, and true if its finding is a warning or
    /// an error.
    root_cause: Option<(Id, bool)>,
    /// End of the file that next reported in the previous pass while it moved the position; `None`: it did not.
    early: Option<End>,
    /// True if a start has set the position back: from then on positions are not those that next set.
    pub(in crate::rules) set_back: bool,
    /// Rule that next broke when it did not change the position and the core corrected it; `None`: that has not
    /// happened.
    pub(in crate::rules) corrected: Option<Id>,
    /// Position of the generation's first record.
    first: Option<i64>,
    /// Highest severity of the findings about resumes that disagreed, in the whole session; `None`: there are none.
    pub(in crate::rules) resume_severity: Option<Severity>,
    /// Handed-out records instead of which start returned others; at most `MISSED` (resume.rs).
    missed: Vec<PromisedRecord>,
    /// Number of such records beyond those in `missed`.
    missed_unkept: u64,
    /// Number of passes in this generation.
    passes: u32,
    /// Number of accepted renderings whose pointer an earlier record of this generation had.
    recurred: u32,
    /// True if the last rendering did not fit into the buffer: the record is rendered again.
    again: bool,
    /// True if two different records have the same bytes.
    ambiguous_bytes: bool,
    /// True if two records with different pointers had different bytes.
    distinct_bytes: bool,
    /// True if two consecutive records of one pass have the same bytes.
    repeated_bytes: bool,
}

/// Facts of a generation that the first start of the next one is compared with.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) struct PreviousGeneration {
    /// Record that next handed out last.
    promised: PromisedRecord,
    first: Entry,
}

impl Ledger {
    /// Creates an empty ledger. `adopted`: true if the beginning of the session was missed.
    pub(in crate::rules) fn new(m: u64, adopted: bool, fixed: FixedRanges) -> Self {
        Self {
            m,
            fixed,
            private: None,
            relative: false,
            known: !adopted,
            generation: 1,
            entries: Entries::new(ENTRIES),
            end: Some(0),
            offsets_ignored: false,
            pass: None,
            promised: None,
            ended: false,
            root_cause: None,
            early: None,
            set_back: false,
            corrected: None,
            first: None,
            resume_severity: None,
            missed: Vec::new(),
            missed_unkept: 0,
            passes: 0,
            recurred: 0,
            again: false,
            ambiguous_bytes: false,
            distinct_bytes: false,
            repeated_bytes: false,
        }
    }

    /// Lowers the maximum number of entries.
    #[cfg(test)]
    pub(in crate::rules) fn limit(&mut self, entries: usize) {
        self.entries = Entries::new(entries);
    }

    /// Returns true if no event was missed since the generation began.
    pub(in crate::rules) fn is_known(&self) -> bool {
        self.known
    }

    /// Records that events were missed: the rules check nothing until the next generation.
    pub(in crate::rules) fn taint(&mut self) {
        self.known = false;
        self.pass = None;
        self.forget();
    }

    /// Begins a generation of which everything is seen.
    pub(in crate::rules) fn begin(&mut self) {
        self.known = true;
        self.generation = self.generation.wrapping_add(1);
        self.pass = None;
        self.forget();
    }

    fn forget(&mut self) {
        self.entries.clear();
        self.end = Some(0);
        self.offsets_ignored = false;
        self.promised = None;
        self.ended = false;
        self.root_cause = None;
        self.early = None;
        self.set_back = false;
        self.corrected = None;
        self.first = None;
        self.missed.clear();
        self.missed_unkept = 0;
        self.passes = 0;
        self.recurred = 0;
        self.again = false;
        self.ambiguous_bytes = false;
        self.distinct_bytes = false;
        self.repeated_bytes = false;
    }

    /// Returns `m->private` in the current pass.
    pub(in crate::rules) fn private(&self) -> Option<u64> {
        self.private
    }

    /// Returns the offset of a pointer into the memory at `m->private`.
    pub(in crate::rules) fn offset(&self, ptr: Ptr) -> Option<u64> {
        identity::offset(ptr.0, self.private)
    }

    /// Returns the root cause: the rule whose violation broke the order of this generation; `None`: the order is
    /// intact.
    pub(in crate::rules) fn root_cause(&self) -> Option<Id> {
        self.root_cause.map(|(id, _)| id)
    }

    /// Returns true if a warning or an error explains that the order of this generation is broken.
    pub(in crate::rules) fn is_broken(&self) -> bool {
        self.root_cause.is_some_and(|(_, firm)| firm)
    }

    /// Records that a violation of rule `id` breaks the order of this generation. The first such rule is the root
    /// cause; if its finding is only information (not `firm`), the first one with a warning or an error replaces it.
    pub(in crate::rules) fn blame(&mut self, id: Id, firm: bool) {
        if self.root_cause.is_none_or(|(_, known)| firm && !known) {
            self.root_cause = Some((id, firm));
        }
    }

    /// Returns the rule that start broke, if this pass began with the wrong record; else `None`.
    pub(in crate::rules) fn misled_by_start(&self) -> Option<Id> {
        let mismatch = self.pass.as_ref().is_some_and(|pass| pass.origin == Origin::Mismatch);
        self.root_cause().filter(|root_cause| mismatch && root_cause.culprit() == Some(Role::Start))
    }

    /// Records that the pass began with the wrong record.
    pub(in crate::rules) fn mark_mismatch(&mut self) {
        if let Some(pass) = &mut self.pass {
            pass.origin = Origin::Mismatch;
        }
    }

    /// Returns the record that the generation handed out last, if no show rendered it, and its
    /// first record.
    pub(in crate::rules) fn previous_generation(&self) -> Option<PreviousGeneration> {
        let first = self.entries.first(1).first().filter(|_| self.known)?;
        Some(PreviousGeneration { promised: self.promised?, first: *first })
    }

    /// Returns the identity of a pointer.
    pub(in crate::rules) fn identity(&self, ptr: Ptr) -> Identity {
        Identity::of(ptr, self.m, self.private, self.relative, &self.fixed)
    }

    /// Records a returned next().
    pub(in crate::rules) fn record_next(
        &mut self,
        next: &Returned<'_>,
        read: Option<u32>,
        pointers: &mut Pointers,
    ) {
        let Returned { callback, ptr: returned, time } = *next;
        let identity = self.identity(returned);
        let Some(pass) = &mut self.pass else { return };
        self.again = false;
        let same = callback.v == Some(returned);
        let from_token = callback.v.map(Ptr::kind) == Some(PtrKind::Token);
        let moved = !same && !from_token && identity != Identity::Unknown;
        if moved {
            pointers.moved();
        }
        pass.advance(next, read, identity, moved);
        let ended = returned == Ptr::NULL;
        self.ended |= ended;
        let (pos, phase) = (callback.pos_out, callback.phase);
        let early = ended && callback.pos_in != Some(pos) && !pass.out_of_step;
        self.early = early.then_some(End { pos, phase, time, read });
    }

    /// Records a returned stop(), and ends the pass.
    pub(in crate::rules) fn record_stop(&mut self, callback: &CallbackUpdate) {
        self.promised = self.pass.take().and_then(|pass| pass.pending_record);
        match callback.range {
            Some(range) if self.end == Some(range.start) => self.end = Some(range.end),
            None if callback.bytes.is_none() => {}
            _ => self.offsets_ignored = true,
        }
    }

    /// Stops checking offsets, because a callback other than show wrote into the buffer.
    pub(in crate::rules) fn ignore_offsets(&mut self) {
        self.offsets_ignored = true;
    }

    /// Returns the file offset behind the last accepted byte; `None` if unknown.
    pub(in crate::rules) fn end(&self) -> Option<i64> {
        self.end.filter(|_| !self.offsets_ignored)
    }

    /// Returns true if an entry begins at the end of the previous one, and moves the end of the ledger behind the
    /// entry.
    pub(in crate::rules) fn is_contiguous(&mut self, entry: &Entry) -> bool {
        let fits = self.offsets_ignored || self.end.is_none_or(|end| end == entry.start);
        self.end = Some(entry.end());
        fits
    }
}
