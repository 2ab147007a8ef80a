//! The ledger of a session: for each byte the reader got, which record, pass and read it is from.
//!
//! ```text
//! generation ── begins at open, a read at 0, every traversal: the position counts from 0 again
//!   pass ────── start … stop; `handed` is what next gave out and nobody has shown yet
//!     entry ─── an accepted rendering, at file offsets [start, end)
//! ```
//!
//! The core's fate for each rendering comes with its update; here it becomes a claim about records:
//! is this one the one that was promised, and was it there before? A generation is *known* if
//! nothing of it was missed; in others nothing is claimed.

pub(in crate::rules) mod entries;
pub(in crate::rules) mod identity;
pub(in crate::rules) mod pass;
mod resume;
mod shown;

use self::entries::{Entries, Entry};
use self::identity::{Identity, Pointers};
use self::pass::{End, Handed, Origin, Pass};
pub(in crate::rules) use self::shown::{Double, Fresh, Shown};
use crate::event::{Ptr, PtrKind, Role};
use crate::finding::{Id, Severity};
use crate::session::update::CallbackUpdate;

/// Entries of one generation that are kept: about 25 MB.
const ENTRIES: usize = 1 << 18;

/// See the [module](self).
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(in crate::rules) struct Ledger {
    /// `struct seq_file *`
    m: u64,
    /// `m->private` in this pass.
    private: Option<u64>,
    /// The records of the file lie where `m->private` points to.
    relative: bool,
    /// Everything since the generation began was seen.
    known: bool,
    /// Number of the generation.
    pub(in crate::rules) generation: u32,
    pub(in crate::rules) entries: Entries,
    /// File offset behind the last byte that was kept; `None` where that cannot be said.
    end: Option<i64>,
    /// A callback other than show wrote: offsets are not checked any further.
    stray: bool,
    pub(in crate::rules) pass: Option<Pass>,
    /// What the last pass handed out and nobody showed.
    pub(in crate::rules) handed: Option<Handed>,
    /// next or start returned NULL.
    pub(in crate::rules) ended: bool,
    /// The rule whose breach broke the order of this generation, if one did, and whether that is more than
    /// information.
    root: Option<(Id, bool)>,
    /// next ended the last pass at a position of its own.
    early: Option<End>,
    /// start set the position back: from there on positions are not those that next was given.
    pub(in crate::rules) set_back: bool,
    /// The core corrected a position; the rule that next broke.
    pub(in crate::rules) mended: Option<Id>,
    /// The position of the generation's first record.
    first: Option<i64>,
    /// The worst that was said of a resume in this session.
    pub(in crate::rules) astray_severity: Option<Severity>,
    /// Handed out, and another came instead.
    missed: Vec<Handed>,
    /// There were more of these than are kept.
    missed_more: u64,
    /// Passes of this generation, and renderings of a pointer that was there before.
    passes: u32,
    recurred: u32,
    /// What was rendered last did not fit: it will be shown again.
    again: bool,
    /// Different records have the same text.
    alike: bool,
    /// Two in a row have, in one pass.
    monotonous: bool,
}

/// What is left of a generation when the next one begins.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) struct Left {
    /// The record that next handed out last.
    handed: Handed,
    first: Entry,
}

impl Ledger {
    /// The ledger of a session; `adopted` if its beginning was missed.
    pub(in crate::rules) fn new(m: u64, adopted: bool) -> Self {
        Self {
            m,
            private: None,
            relative: false,
            known: !adopted,
            generation: 1,
            entries: Entries::new(ENTRIES),
            end: Some(0),
            stray: false,
            pass: None,
            handed: None,
            ended: false,
            root: None,
            early: None,
            set_back: false,
            mended: None,
            first: None,
            astray_severity: None,
            missed: Vec::new(),
            missed_more: 0,
            passes: 0,
            recurred: 0,
            again: false,
            alike: false,
            monotonous: false,
        }
    }

    /// A smaller bound, for tests.
    #[cfg(test)]
    pub(in crate::rules) fn limit(&mut self, entries: usize) {
        self.entries = Entries::new(entries);
    }

    /// Nothing was missed since the generation began.
    pub(in crate::rules) fn is_known(&self) -> bool {
        self.known
    }

    /// Something was missed: nothing is claimed until the next generation.
    pub(in crate::rules) fn taint(&mut self) {
        self.known = false;
        self.pass = None;
        self.forget();
    }

    /// Positions count from 0 again, and all is seen from here on.
    pub(in crate::rules) fn begin(&mut self) {
        self.known = true;
        self.generation = self.generation.wrapping_add(1);
        self.pass = None;
        self.forget();
    }

    fn forget(&mut self) {
        self.entries.clear();
        self.end = Some(0);
        self.stray = false;
        self.handed = None;
        self.ended = false;
        self.root = None;
        self.early = None;
        self.set_back = false;
        self.mended = None;
        self.first = None;
        self.missed.clear();
        self.missed_more = 0;
        self.passes = 0;
        self.recurred = 0;
        self.again = false;
        self.alike = false;
        self.monotonous = false;
    }

    /// `m->private` in this pass.
    pub(in crate::rules) fn private(&self) -> Option<u64> {
        self.private
    }

    /// How far into `m->private` a pointer points, if it does.
    pub(in crate::rules) fn offset(&self, ptr: Ptr) -> Option<u64> {
        identity::offset(ptr.0, self.private)
    }

    /// The rule whose breach broke the order of this generation.
    pub(in crate::rules) fn root(&self) -> Option<Id> {
        self.root.map(|(id, _)| id)
    }

    /// More than information broke the order of this generation.
    pub(in crate::rules) fn is_broken(&self) -> bool {
        self.root.is_some_and(|(_, firm)| firm)
    }

    /// A rule was broken that breaks the order. The first one explains the rest; information (not `firm`) gives
    /// way.
    pub(in crate::rules) fn blame(&mut self, id: Id, firm: bool) {
        if self.root.is_none_or(|(_, known)| firm && !known) {
            self.root = Some((id, firm));
        }
    }

    /// The rule that start broke when this pass began with another record than the one that belongs there.
    pub(in crate::rules) fn misled(&self) -> Option<Id> {
        let astray = self.pass.as_ref().is_some_and(|pass| pass.origin == Origin::Astray);
        self.root().filter(|root| astray && root.culprit() == Some(Role::Start))
    }

    /// The pass began with another record than the one that belongs there.
    pub(in crate::rules) fn astray(&mut self) {
        if let Some(pass) = &mut self.pass {
            pass.origin = Origin::Astray;
        }
    }

    /// What the generation handed out last, if that was not shown and it has a first record.
    pub(in crate::rules) fn left(&self) -> Option<Left> {
        let first = self.entries.first(1).first().filter(|_| self.known)?;
        Some(Left { handed: self.handed?, first: *first })
    }

    /// What a pointer names.
    pub(in crate::rules) fn identity(&self, ptr: Ptr) -> Identity {
        Identity::of(ptr, self.m, self.private, self.relative)
    }

    /// next returned.
    pub(in crate::rules) fn next(
        &mut self,
        callback: &CallbackUpdate,
        returned: Ptr,
        pointers: &mut Pointers,
    ) {
        let identity = self.identity(returned);
        let Some(pass) = &mut self.pass else { return };
        self.again = false;
        let same = callback.v == Some(returned);
        let from_token = callback.v.map(Ptr::kind) == Some(PtrKind::Token);
        let moved = !same && !from_token && identity != Identity::Blank;
        if moved {
            pointers.moved();
        }
        pass.advance(callback, returned, identity, same, moved);
        let ended = returned == Ptr::NULL;
        self.ended |= ended;
        let (pos, phase) = (callback.pos_out, callback.phase);
        let early = ended && callback.pos_in != Some(pos) && !pass.out_of_step;
        self.early = early.then_some(End { pos, phase, time: 0, read: None });
    }

    /// stop returned; the pass is over.
    pub(in crate::rules) fn stop(&mut self, callback: &CallbackUpdate) {
        self.handed = self.pass.take().and_then(|pass| pass.held);
        match callback.range {
            Some(range) if self.end == Some(range.start) => self.end = Some(range.end),
            None if callback.bytes.is_none() => {}
            _ => self.stray = true,
        }
    }

    /// A callback wrote that should not: the offsets are not followed any further.
    pub(in crate::rules) fn strays(&mut self) {
        self.stray = true;
    }

    /// When and in which read what is at hand was handed out.
    pub(in crate::rules) fn stamp(&mut self, time: u64, read: Option<u32>) {
        if let Some(held) = self.pass.as_mut().and_then(|pass| pass.held.as_mut()) {
            (held.time, held.read) = (time, read);
        }
        if let Some(end) = self.early.as_mut() {
            (end.time, end.read) = (time, read);
        }
    }

    /// File offset behind the last byte kept, where that can be said.
    pub(in crate::rules) fn end(&self) -> Option<i64> {
        self.end.filter(|_| !self.stray)
    }

    /// Follows the offsets: does this entry begin where the one before ended?
    pub(in crate::rules) fn tiles(&mut self, entry: &Entry) -> bool {
        let fits = self.stray || self.end.is_none_or(|end| end == entry.start);
        self.end = Some(entry.end());
        fits
    }
}
