//! Renderings: determines which ones the ledger accepts, and which records were accepted earlier.

use super::Ledger;
use super::entries::Entry;
use super::identity::{self, Identity, Pointers, Trust};
use super::pass::Pass;
use crate::event::Ptr;
use crate::session::update::{CallbackUpdate, Fate};

/// Number of passes without a recurring pointer after which pointers are considered not to be those of short-lived
/// allocations.
const LONG: u32 = 32;

/// Result of a rendering for the ledger.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) enum RenderingResult {
    /// The core kept the bytes.
    Accepted(NewEntry),
    /// The rendering has no bytes, or show returned SEQ_SKIP.
    Consumed,
    /// The record will be rendered again.
    Again,
    /// The fate of the rendering is unknown.
    Unknown,
}

/// Accepted rendering that is not in the ledger yet.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) struct NewEntry {
    pub(in crate::rules) entry: Entry,
    pub(in crate::rules) identity: Identity,
    /// Offset of the pointer into the memory at `m->private`.
    pub(in crate::rules) offset: Option<u64>,
    /// True if the record is the first one of a pass that is not the first pass of its generation.
    pub(in crate::rules) resumed: bool,
    /// Number of the last entry with the same key; `None` if there is none.
    earlier: Option<u64>,
}

/// Two accepted renderings of one record in one generation.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) struct Duplicate {
    pub(in crate::rules) earlier: Entry,
    pub(in crate::rules) later: Entry,
    /// Identity of the later record.
    pub(in crate::rules) identity: Identity,
    /// True if the positions, the pointers and the record bytes agree, in this order.
    pub(in crate::rules) agree: (bool, bool, bool),
    /// True if only the pointers agree, and pointers are not known to identify records.
    pub(in crate::rules) weak: bool,
    pub(in crate::rules) time: u64,
}

impl Ledger {
    /// Records a returned show(). `hash`: hash of the record bytes; 0: unknown.
    pub(in crate::rules) fn record_show(
        &mut self,
        callback: &CallbackUpdate,
        read: u32,
        hash: u64,
        pointers: &mut Pointers,
    ) -> RenderingResult {
        let (Some(pass), Some(v), Some(pos)) = (&mut self.pass, callback.v, callback.pos_in) else {
            return RenderingResult::Unknown;
        };
        let (number, has_position) = (pass.number, pass.has_position);
        let in_place = pass.accepted > 0 || pass.in_place;
        // The identity was determined when next returned it.
        let named = pass
            .pending_record
            .as_ref()
            .filter(|pending_record| pending_record.ptr == v)
            .map(|pending_record| pending_record.identity);
        let passed_over = match callback.fate {
            Some(Fate::Emitted) => false,
            Some(Fate::PassedOver) => true,
            Some(Fate::Empty | Fate::Skipped) => {
                pass.pending_record = None;
                self.drop_missed(v);
                return RenderingResult::Consumed;
            }
            Some(Fate::DiscardedOverflow | Fate::DiscardedTail) => {
                self.again = true;
                return RenderingResult::Again;
            }
            Some(Fate::Failed) => return RenderingResult::Again,
            Some(Fate::Unknown) | None => return RenderingResult::Unknown,
        };
        pass.pending_record = None;
        let (Some(range), Some(len)) = (callback.range, callback.bytes) else {
            return RenderingResult::Unknown;
        };
        self.drop_missed(v);
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
            has_position,
            again,
            in_place,
        };
        let resumed = self.passes > 1 && pass_begins(self.pass.as_ref());
        let earlier = self.learn(&entry, identity, pointers);
        if let Some(pass) = &mut self.pass {
            pass.accepted += 1;
        }
        let offset = self.offset(v);
        RenderingResult::Accepted(NewEntry { entry, identity, offset, resumed, earlier })
    }

    /// Updates the statistics about pointers from an earlier entry of this generation with the same key. Returns the
    /// number of that entry; `None` if there is none.
    fn learn(&mut self, entry: &Entry, identity: Identity, pointers: &mut Pointers) -> Option<u64> {
        let Some((number, earlier)) = self.entries.with_key(entry.key) else {
            if self.recurred == 0 && self.passes >= LONG && self.entries.keys() >= LONG as usize {
                pointers.note_different(identity::DIFFERENT);
                pointers.note_stable();
                pointers.note_stable();
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
        match earlier.same_bytes(entry) {
            Some(false) if earlier.pos != entry.pos => pointers.note_shared(),
            // Without record bytes this is a cursor, or an object that is linked twice.
            None if earlier.pass == entry.pass => pointers.note_shared(),
            _ => {}
        }
        let successor = self.entries.number(number + 1).filter(|one| one.pass == pass);
        let successor = successor.map(|one| one.key).filter(|_| new);
        self.follows(successor, entry, pointers);
        if new {
            self.differs(identity, pointers);
        }
        Some(number)
    }

    /// Compares the key with that of the expected successor: if it differs, pointers are shared
    /// between records. `successor`: the key that should follow this entry.
    fn follows(&mut self, successor: Option<u64>, entry: &Entry, pointers: &mut Pointers) {
        let Some(pass) = &mut self.pass else { return };
        match std::mem::replace(&mut pass.successor, successor) {
            Some(expected) if expected == entry.key => pointers.note_stable(),
            Some(_) => pointers.note_shared(),
            None => {}
        }
    }

    /// Counts a pointer that no other record of this pass had.
    fn differs(&mut self, identity: Identity, pointers: &mut Pointers) {
        let named = !matches!(identity, Identity::Unknown | Identity::Token);
        if let Some(pass) = self.pass.as_mut().filter(|_| named) {
            pass.different += 1;
            pointers.note_different(pass.different);
        }
    }

    /// Drops a record from the missed ones.
    #[inline]
    fn drop_missed(&mut self, v: Ptr) {
        if !self.missed.is_empty() {
            let key = self.identity(v).key();
            self.missed.retain(|missed| missed.ptr != v && missed.identity.key() != key);
        }
    }

    /// Adds a rendering to the ledger. Returns both renderings, if the record was accepted earlier; else `None`.
    pub(in crate::rules) fn accept(
        &mut self,
        new_entry: &NewEntry,
        time: u64,
        pointers: &Pointers,
    ) -> Option<Duplicate> {
        let entry = &new_entry.entry;
        if let Some(last) = self.entries.last() {
            let other = last.key != entry.key;
            let bytes = last.same_bytes(entry);
            let same = bytes == Some(true);
            self.ambiguous_bytes |= other && same;
            let records = last.key.min(entry.key) > Identity::Token.key();
            self.distinct_bytes |= other && records && bytes == Some(false);
            self.repeated_bytes |= same && last.pass == entry.pass;
        }
        let duplicate = self.duplicate(new_entry, time, pointers);
        if let Some(pass) = &mut self.pass {
            pass.only_duplicates &= duplicate.is_some();
        }
        self.entries.push(*entry);
        duplicate
    }

    /// Returns true if the record was not accepted earlier in this generation.
    pub(in crate::rules) fn is_new(&self, new_entry: &NewEntry) -> bool {
        let other = |earlier: &Entry| earlier.same_bytes(&new_entry.entry) == Some(false);
        let by_key = new_entry.earlier.and_then(|number| self.entries.number(number));
        let last =
            self.entries.last().is_none_or(|last| last.same_bytes(&new_entry.entry) != Some(true));
        last && by_key.is_none_or(other)
    }

    /// Returns the record that was accepted last, if it is the first one of a pass that is not the first pass of its
    /// generation, and its bytes are known; else `None`.
    #[inline]
    pub(in crate::rules) fn first_of_pass(&self) -> Option<Entry> {
        let pass = self.pass.as_ref().filter(|pass| pass.accepted == 1 && self.passes > 1)?;
        self.entries.last().copied().filter(|last| last.pass == pass.number && last.hash != 0)
    }

    /// Returns the first record of the generation, or the last one before `entry`, if it has the same bytes as `entry`
    /// and its neighbours have other bytes; else `None`.
    pub(in crate::rules) fn earlier_with_bytes(&self, entry: &Entry) -> Option<Entry> {
        let behind = self.entries.last().is_some_and(|last| last == entry);
        let before = self.entries.total() - u64::from(behind);
        let candidates = [Some(0), before.checked_sub(1)].into_iter().flatten();
        candidates.filter(|_| !self.repeated_bytes).find_map(|number| {
            let one = self.entries.number(number)?;
            let same = one.pos != entry.pos && one.same_bytes(entry) == Some(true);
            same.then_some(*one)
        })
    }

    /// Returns the position of the record after an entry; `None` if unknown.
    pub(in crate::rules) fn behind(&self, entry: &Entry) -> Option<i64> {
        let (number, _) = self.entries.at(entry.pos)?;
        self.entries.number(number + 1).map(|then| then.pos)
    }

    fn duplicate(&self, new_entry: &NewEntry, time: u64, pointers: &Pointers) -> Option<Duplicate> {
        let NewEntry { entry, identity, offset: _, resumed: _, earlier } = new_entry;
        let identity = *identity;
        let pass = self.pass.as_ref()?;
        // In any other pass the pointer alone proves nothing.
        let asked = (pass.only_duplicates || pass.returned_same) && identity != Identity::Token;
        let by_key = earlier.filter(|_| asked).and_then(|number| self.entries.number(number));
        let by_pos = self.entries.at(entry.pos).map(|(_, earlier)| earlier);
        if by_key.is_none() && by_pos.is_none() {
            return None;
        }
        let duplicate = |earlier: &Entry, agree, weak| {
            Some(Duplicate { earlier: *earlier, later: *entry, identity, agree, weak, time })
        };
        let trust = pointers.trust(identity, identity);
        if let Some(earlier) = by_key.filter(|_| trust > Trust::None) {
            // Bytes that other records have, too, prove nothing.
            let text = earlier.same_bytes(entry).filter(|same| !(*same && self.ambiguous_bytes));
            let agree = (earlier.pos == entry.pos, true, text == Some(true));
            // The record was emitted again because start went back, or it follows such a record.
            let resumed = earlier.pass != entry.pass && pass.only_duplicates;
            // next returned the pointer that was passed to it, and the record bytes, which differ from record to record
            // in this file, show that it is not a cursor.
            let repeated = pass.returned_same
                && self.distinct_bytes
                && text == Some(true)
                && self.entries.last() == Some(earlier);
            match (text, trust) {
                (Some(true), Trust::Weak | Trust::Firm) if resumed || repeated => {
                    return duplicate(earlier, agree, false);
                }
                (None, Trust::Firm) if resumed => return duplicate(earlier, agree, false),
                (None, Trust::Weak) if resumed => return duplicate(earlier, agree, true),
                _ => {}
            }
        }
        let earlier = by_pos.filter(|earlier| earlier.pass != entry.pass)?;
        let text = earlier.same_bytes(entry);
        let pointer = earlier.ptr == entry.ptr;
        let earlier_identity = self.identity(earlier.ptr);
        let other =
            earlier.key != entry.key && pointers.trust(identity, earlier_identity) > Trust::None;
        let has_position = (earlier.has_position && entry.has_position) || pointer;
        if text == Some(false) || other || !has_position {
            return None;
        }
        duplicate(earlier, (true, pointer, text == Some(true)), false)
    }
}

fn pass_begins(pass: Option<&Pass>) -> bool {
    pass.is_some_and(|pass| pass.accepted == 0)
}
