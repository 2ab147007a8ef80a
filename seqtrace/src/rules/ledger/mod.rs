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
mod index;
pub(in crate::rules) mod pass;

use self::entries::{Entries, Entry};
use self::identity::{Identity, Pointers, Trust};
use self::pass::{Handed, Origin, Pass, Resume};
use crate::event::{Ptr, PtrKind};
use crate::rules::rule::Id;
use crate::session::update::{CallbackUpdate, Fate, Phase};

/// Entries of one generation that are kept: about 25 MB.
const ENTRIES: usize = 1 << 18;
/// Passes in which no pointer ever came back: allocations would have by then.
const LONG: u32 = 32;
/// Records that were handed out and missed, remembered until the end of the file.
const MISSED: usize = 64;

/// See the [module](self).
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(in crate::rules) struct Ledger {
    /// `struct seq_file *`
    m: u64,
    /// `m->private` in this pass.
    private: Option<u64>,
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
    /// What broke the order of this generation, if something did.
    pub(in crate::rules) root: Option<Id>,
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
}

/// What became of a rendering, for the ledger.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) enum Shown {
    /// Its bytes are the reader's.
    Accepted(Fresh),
    /// It has no bytes, or they are not wanted.
    Consumed,
    /// It will be shown again.
    Again,
    /// Nothing is known.
    Unknown,
}

/// An accepted rendering that is not in the ledger yet.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) struct Fresh {
    pub(in crate::rules) entry: Entry,
    pub(in crate::rules) identity: Identity,
    /// Number of the last entry with its key.
    earlier: Option<u64>,
}

/// One record at two places.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) struct Double {
    pub(in crate::rules) earlier: Entry,
    pub(in crate::rules) later: Entry,
    /// The positions, the pointers and the text agree.
    pub(in crate::rules) agree: (bool, bool, bool),
    /// The pointer is all there is, and is not known to name records.
    pub(in crate::rules) weak: bool,
    pub(in crate::rules) time: u64,
}

impl Ledger {
    /// The ledger of a session; `adopted` if its beginning was missed.
    pub(in crate::rules) fn new(m: u64, adopted: bool) -> Self {
        Self {
            m,
            private: None,
            known: !adopted,
            generation: 1,
            entries: Entries::new(ENTRIES),
            end: Some(0),
            stray: false,
            pass: None,
            handed: None,
            ended: false,
            root: None,
            missed: Vec::new(),
            missed_more: 0,
            passes: 0,
            recurred: 0,
            again: false,
            alike: false,
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
        self.missed.clear();
        self.missed_more = 0;
        self.passes = 0;
        self.recurred = 0;
        self.again = false;
        self.alike = false;
    }

    /// What a pointer names.
    pub(in crate::rules) fn identity(&self, ptr: Ptr) -> Identity {
        Identity::of(ptr, self.m, self.private)
    }

    /// start returned. What it resumed with is compared to what was handed out.
    pub(in crate::rules) fn start(
        &mut self,
        callback: &CallbackUpdate,
        returned: Ptr,
        pointers: &mut Pointers,
    ) -> Option<Resume> {
        let before = self.private;
        self.private = callback.private.or(before);
        self.passes += 1;
        let identity = self.identity(returned);
        let mut pass = Pass::new(callback, returned, identity);
        let resume = if self.passes > 1 {
            let moved = before.is_some() && before != self.private;
            let resume = self.resume(callback, returned, moved, pointers);
            pass.origin = if resume.is_some_and(|resume| !resume.agrees) {
                Origin::Astray
            } else if self.handed.is_none() && self.ended {
                Origin::AfterEnd
            } else {
                Origin::Resumed
            };
            resume
        } else {
            None
        };
        pass.doubling = pass.origin != Origin::Resumed;
        self.handed = None;
        self.ended = returned == Ptr::NULL;
        if callback.phase != Phase::Traverse {
            // A traversal that ended before its offset: the main part begins there all the same.
            self.end = if pass.origin == Origin::AfterEnd { None } else { self.end };
        }
        self.pass = Some(pass);
        resume
    }

    fn resume(
        &mut self,
        callback: &CallbackUpdate,
        returned: Ptr,
        private_moved: bool,
        pointers: &mut Pointers,
    ) -> Option<Resume> {
        let handed = self.handed?;
        if callback.pos_in != Some(handed.pos) || matches!(returned.kind(), PtrKind::Err(_)) {
            return None;
        }
        let identity = self.identity(returned);
        let same =
            returned == handed.ptr || (identity == handed.identity && identity != Identity::Blank);
        let known = self.entries.with_key(identity.key()).map(|(number, entry)| (number, *entry));
        let trust = match (returned.kind(), same) {
            // Where there was something there is nothing: no pointer is needed for that.
            (PtrKind::Null, _) => Trust::Firm,
            (_, true) => {
                if handed.advanced && !identity.is_fixed() {
                    pointers.survived();
                }
                return Some(Resume::agreeing(handed, returned));
            }
            // The iterator may be allocated anew for each pass: only what is relative to it counts.
            _ if private_moved && !(identity.is_fixed() && handed.identity.is_fixed()) => {
                Trust::None
            }
            _ => {
                let trust = pointers.trust(identity, handed.identity);
                pointers.strayed();
                trust
            }
        };
        Some(Resume {
            handed,
            returned,
            identity,
            agrees: false,
            rounded: callback.pos_in != Some(callback.pos_out),
            trust,
            seen: known.map(|(_, entry)| entry),
            delta: known.map(|(number, _)| {
                i64::try_from(number).unwrap_or(0)
                    - i64::try_from(self.entries.total()).unwrap_or(0)
            }),
        })
    }

    /// Remembers that a record was handed out and did not come.
    pub(in crate::rules) fn miss(&mut self, handed: Handed) {
        if self.missed.len() < MISSED {
            self.missed.push(handed);
        } else {
            self.missed_more += 1;
        }
    }

    /// Those that did not come until now.
    pub(in crate::rules) fn take_missed(&mut self) -> (Vec<Handed>, u64) {
        (std::mem::take(&mut self.missed), std::mem::take(&mut self.missed_more))
    }

    /// The position of the record at hand is not its own.
    pub(in crate::rules) fn out_of_step(&mut self) {
        if let Some(pass) = &mut self.pass {
            pass.out_of_step = true;
            if let Some(held) = &mut pass.held {
                held.out_of_step = true;
            }
        }
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
        self.ended |= returned == Ptr::NULL;
    }

    /// show returned; `hash` is that of its text, 0 if it is not known.
    pub(in crate::rules) fn show(
        &mut self,
        callback: &CallbackUpdate,
        read: u32,
        hash: u64,
        pointers: &mut Pointers,
    ) -> Shown {
        let (Some(pass), Some(v), Some(pos)) = (&mut self.pass, callback.v, callback.pos_in) else {
            return Shown::Unknown;
        };
        let (number, placed) = (pass.number, pass.placed);
        // What next handed out has been named.
        let named = pass.held.as_ref().filter(|held| held.ptr == v).map(|held| held.identity);
        let passed_over = match callback.fate {
            Some(Fate::Emitted) => false,
            Some(Fate::PassedOver) => true,
            Some(Fate::Empty | Fate::Skipped) => {
                pass.held = None;
                self.found(v);
                return Shown::Consumed;
            }
            Some(Fate::DiscardedOverflow | Fate::DiscardedTail) => {
                self.again = true;
                return Shown::Again;
            }
            Some(Fate::Failed) => return Shown::Again,
            Some(Fate::Unknown) | None => return Shown::Unknown,
        };
        pass.held = None;
        let (Some(range), Some(len)) = (callback.range, callback.bytes) else {
            return Shown::Unknown;
        };
        self.found(v);
        let again = std::mem::take(&mut self.again) && pass_begins(self.pass.as_ref());
        let identity = named.unwrap_or_else(|| self.identity(v));
        let entry = Entry {
            pos,
            ptr: v,
            key: identity.key(),
            start: range.start,
            len: u32::try_from(len).unwrap_or(u32::MAX),
            pass: number,
            read,
            hash,
            passed_over,
            placed,
            again,
        };
        let earlier = self.learn(&entry, identity, pointers);
        if let Some(pass) = &mut self.pass {
            pass.shown += 1;
        }
        Shown::Accepted(Fresh { entry, identity, earlier })
    }

    /// What the same pointer elsewhere in this generation says about pointers. The number of the last
    /// entry that has it.
    fn learn(&mut self, entry: &Entry, identity: Identity, pointers: &mut Pointers) -> Option<u64> {
        let Some((number, earlier)) = self.entries.with_key(entry.key) else {
            if self.recurred == 0 && self.passes >= LONG && self.entries.keys() >= LONG as usize {
                pointers.differ(identity::DIFFERENT);
                pointers.survived();
                pointers.survived();
            }
            self.follows(None, entry, pointers);
            self.differs(identity, pointers);
            return None;
        };
        if identity == Identity::Token {
            return Some(number);
        }
        self.recurred += 1;
        let (new, pass) = (earlier.pass != entry.pass, earlier.pass);
        match earlier.same_text(entry) {
            Some(false) if earlier.pos != entry.pos => pointers.is_cursor(),
            // Who has no text to look at must not guess: a cursor, or an object linked twice.
            None if earlier.pass == entry.pass => pointers.is_cursor(),
            _ => {}
        }
        let then = self.entries.number(number + 1).filter(|then| then.pass == pass);
        let then = then.map(|then| then.key).filter(|_| new);
        self.follows(then, entry, pointers);
        if new {
            self.differs(identity, pointers);
        }
        Some(number)
    }

    /// A record that was there before should be followed by the one that followed it then (`then` is
    /// that of this entry): if not, their pointers were given to others meanwhile.
    fn follows(&mut self, then: Option<u64>, entry: &Entry, pointers: &mut Pointers) {
        let Some(pass) = &mut self.pass else { return };
        match std::mem::replace(&mut pass.then, then) {
            Some(expected) if expected == entry.key => pointers.survived(),
            Some(_) => pointers.is_cursor(),
            None => {}
        }
    }

    /// A pointer that no other record of this pass had.
    fn differs(&mut self, identity: Identity, pointers: &mut Pointers) {
        let named = !matches!(identity, Identity::Blank | Identity::Token);
        if let Some(pass) = self.pass.as_mut().filter(|_| named) {
            pass.different += 1;
            pointers.differ(pass.different);
        }
    }

    /// A record that had been missed came after all.
    fn found(&mut self, v: Ptr) {
        if !self.missed.is_empty() {
            let key = self.identity(v).key();
            self.missed.retain(|missed| missed.ptr != v && missed.identity.key() != key);
        }
    }

    /// Is the record that was just accepted one that was there before? Then it enters the ledger.
    pub(in crate::rules) fn accept(
        &mut self,
        fresh: &Fresh,
        time: u64,
        pointers: &Pointers,
    ) -> Option<Double> {
        let entry = &fresh.entry;
        if let Some(last) = self.entries.last() {
            let other = last.key != entry.key;
            self.alike |= other && last.same_text(entry) == Some(true);
        }
        let double = self.double(fresh, time, pointers);
        if let Some(pass) = &mut self.pass {
            pass.doubling &= double.is_some();
        }
        self.entries.push(*entry);
        double
    }

    fn double(&self, fresh: &Fresh, time: u64, pointers: &Pointers) -> Option<Double> {
        let Fresh { entry, identity, earlier } = fresh;
        let identity = *identity;
        let pass = self.pass.as_ref()?;
        // In any other pass its pointer alone proves nothing.
        let asked = (pass.doubling || pass.repeats) && identity != Identity::Token;
        let by_key = earlier.filter(|_| asked).and_then(|number| self.entries.number(number));
        let by_pos = self.entries.at(entry.pos).map(|(_, earlier)| earlier);
        let double = |earlier: &Entry, agree, weak| {
            Some(Double { earlier: *earlier, later: *entry, agree, weak, time })
        };
        let trust = pointers.trust(identity, identity);
        if let Some(earlier) = by_key.filter(|_| trust > Trust::None) {
            // A text that others have, too, says nothing.
            let text = earlier.same_text(entry).filter(|same| !(*same && self.alike));
            let agree = (earlier.pos == entry.pos, true, text == Some(true));
            // Emitted again because start went back, or followed by what was emitted behind it.
            let resumed = earlier.pass != entry.pass && pass.doubling;
            // next returned what it was given, and the text says that it is no cursor.
            let repeated =
                pass.repeats && text == Some(true) && self.entries.last() == Some(earlier);
            match (text, trust) {
                (Some(true), Trust::Weak | Trust::Firm) if resumed || repeated => {
                    return double(earlier, agree, false);
                }
                (None, Trust::Firm) if resumed => return double(earlier, agree, false),
                (None, Trust::Weak) if resumed => return double(earlier, agree, true),
                _ => {}
            }
        }
        let earlier = by_pos.filter(|earlier| earlier.pass != entry.pass)?;
        let text = earlier.same_text(entry);
        let pointer = earlier.ptr == entry.ptr;
        let earlier_identity = self.identity(earlier.ptr);
        let other =
            earlier.key != entry.key && pointers.trust(identity, earlier_identity) > Trust::None;
        let placed = (earlier.placed && entry.placed) || pointer;
        if text == Some(false) || other || !placed {
            return None;
        }
        double(earlier, (true, pointer, text == Some(true)), false)
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

fn pass_begins(pass: Option<&Pass>) -> bool {
    pass.is_some_and(|pass| pass.shown == 0)
}
