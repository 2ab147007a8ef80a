//! Renderings: which of them enter the ledger, and which records were there before.

use super::Ledger;
use super::entries::Entry;
use super::identity::{self, Identity, Pointers, Trust};
use super::pass::Pass;
use crate::event::Ptr;
use crate::session::update::{CallbackUpdate, Fate};

/// Passes in which no pointer ever came back: allocations would have by then.
const LONG: u32 = 32;

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
    /// How far into `m->private` it lies, if it does.
    pub(in crate::rules) offset: Option<u64>,
    /// It is the first record of a pass that is not the first of its generation.
    pub(in crate::rules) resumed: bool,
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
        let sure = pass.shown > 0 || pass.sure;
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
            sure,
        };
        let resumed = self.passes > 1 && pass_begins(self.pass.as_ref());
        let earlier = self.learn(&entry, identity, pointers);
        if let Some(pass) = &mut self.pass {
            pass.shown += 1;
        }
        Shown::Accepted(Fresh { entry, identity, offset: self.offset(v), resumed, earlier })
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
            let same = last.same_text(entry) == Some(true);
            self.alike |= other && same;
            self.monotonous |= same && last.pass == entry.pass;
        }
        let double = self.double(fresh, time, pointers);
        if let Some(pass) = &mut self.pass {
            pass.doubling &= double.is_some();
        }
        self.entries.push(*entry);
        double
    }

    /// True if the record that was just accepted is not one that was accepted before in this generation.
    pub(in crate::rules) fn is_new(&self, fresh: &Fresh) -> bool {
        let other = |earlier: &Entry| earlier.same_text(&fresh.entry) == Some(false);
        let by_key = fresh.earlier.and_then(|number| self.entries.number(number));
        let last =
            self.entries.last().is_none_or(|last| last.same_text(&fresh.entry) != Some(true));
        last && by_key.is_none_or(other)
    }

    /// The record that was accepted last, if it is the first of a pass that is not the first of its generation.
    #[inline]
    pub(in crate::rules) fn first_of_pass(&self) -> Option<Entry> {
        let pass = self.pass.as_ref().filter(|pass| pass.shown == 1 && self.passes > 1)?;
        self.entries.last().copied().filter(|last| last.pass == pass.number && last.hash != 0)
    }

    /// The first record of the generation, or the last before this one, if it has its text and its neighbours have
    /// others.
    pub(in crate::rules) fn there_before(&self, entry: &Entry) -> Option<Entry> {
        let behind = self.entries.last().is_some_and(|last| last == entry);
        let before = self.entries.total() - u64::from(behind);
        let candidates = [Some(0), before.checked_sub(1)].into_iter().flatten();
        candidates.filter(|_| !self.monotonous).find_map(|number| {
            let one = self.entries.number(number)?;
            let same = one.pos != entry.pos && one.same_text(entry) == Some(true);
            same.then_some(*one)
        })
    }

    /// The position of the record that followed this one.
    pub(in crate::rules) fn behind(&self, entry: &Entry) -> Option<i64> {
        let (number, _) = self.entries.at(entry.pos)?;
        self.entries.number(number + 1).map(|then| then.pos)
    }

    fn double(&self, fresh: &Fresh, time: u64, pointers: &Pointers) -> Option<Double> {
        let Fresh { entry, identity, offset: _, resumed: _, earlier } = fresh;
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
}

fn pass_begins(pass: Option<&Pass>) -> bool {
    pass.is_some_and(|pass| pass.shown == 0)
}
