//! What a session's passes rendered, in the order in which it happened: the evidence for which callback
//! is to blame.

use std::hash::{DefaultHasher, Hasher};

use crate::{
    event::{Ptr, Role},
    session::update::{CallbackUpdate, Fate, Phase, Range},
};

/// Renderings of a session that are kept.
const SHOWS: usize = 1 << 15;
/// Passes of a session that are kept.
const PASSES: usize = 1 << 15;

/// One pass, from start() to stop().
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// It numbers the records anew: the first pass of a read at offset 0, or a traversal.
    pub begins: bool,
    /// `*pos` when start() was called; `None` if that was not seen.
    pub pos_in: Option<i64>,
    /// `*pos` when start() returned.
    pub pos_out: i64,
    /// What start() returned.
    pub first: Ptr,
    /// Bytes that start() wrote; 0 for a start() as it should be.
    pub wrote: u64,
    /// In the order of rendering.
    pub shows: Vec<Shown>,
    /// `*pos` when next() returned NULL; `None` if it did not in this pass.
    pub ended: Option<i64>,
}

/// One rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// `m->index`.
    pub pos: i64,
    /// What show() was given.
    pub ptr: Ptr,
    /// Bytes.
    pub len: u64,
    /// Of the first bytes; 0 where they are not known.
    pub hash: u64,
    /// What became of it.
    pub fate: Fate,
    /// File offsets, where it was kept or passed over.
    pub range: Option<Range>,
}

/// How often each callback was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counts {
    /// start(), and with it stop().
    pub start: u64,
    /// next()
    pub next: u64,
    /// show()
    pub show: u64,
}

/// The passes of a session.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Log {
    /// In order.
    pub passes: Vec<Pass>,
    /// All callbacks, also those that are not in `passes`.
    pub counts: Counts,
    /// More was rendered than is kept.
    pub cut: bool,
    shows: usize,
    /// The next pass is the first of a read at offset 0.
    at_zero: bool,
    /// The last callback was a show() whose text has not come yet.
    waits: bool,
}

impl Pass {
    /// start() returned no record: NULL or an error.
    pub fn found_nothing(&self) -> bool {
        !is_record(self.first)
    }
}

impl Shown {
    /// It is what a reader gets, or would get: it was not thrown away.
    pub fn is_accepted(&self) -> bool {
        matches!(self.fate, Fate::Emitted | Fate::PassedOver)
    }

    /// It was rendered, dropped, and will be rendered again.
    pub fn is_discarded(&self) -> bool {
        matches!(self.fate, Fate::DiscardedOverflow | Fate::DiscardedTail)
    }
}

impl Log {
    /// A read at this file offset was entered.
    pub(super) fn read(&mut self, pos: i64) {
        self.at_zero = pos == 0;
        self.waits = false;
    }

    /// A callback returned.
    pub(super) fn callback(&mut self, callback: &CallbackUpdate) {
        self.waits = false;
        match callback.role {
            Role::Start => {
                self.counts.start += 1;
                if self.passes.len() >= PASSES {
                    self.cut = true;
                    return;
                }
                let traverse = callback.phase == Phase::Traverse;
                self.passes.push(Pass {
                    begins: traverse || std::mem::take(&mut self.at_zero),
                    pos_in: callback.pos_in,
                    pos_out: callback.pos_out,
                    first: callback.ret_ptr.unwrap_or_default(),
                    wrote: callback.bytes.unwrap_or(0),
                    shows: Vec::new(),
                    ended: None,
                });
            }
            Role::Next => {
                self.counts.next += 1;
                let null = callback.ret_ptr == Some(Ptr::NULL);
                if let Some(pass) = self.passes.last_mut().filter(|_| !self.cut) {
                    pass.ended = null.then_some(callback.pos_out);
                }
            }
            Role::Show => {
                self.counts.show += 1;
                self.show(callback);
            }
            Role::Stop => {}
        }
    }

    fn show(&mut self, callback: &CallbackUpdate) {
        if self.shows >= SHOWS {
            self.cut = true;
        }
        let Some(pass) = self.passes.last_mut().filter(|_| !self.cut) else { return };
        self.shows += 1;
        self.waits = true;
        pass.shows.push(Shown {
            pos: callback.pos_in.unwrap_or(callback.pos_out),
            ptr: callback.v.unwrap_or_default(),
            len: callback.bytes.unwrap_or(0),
            hash: 0,
            fate: callback.fate.unwrap_or(Fate::Unknown),
            range: callback.range,
        });
    }

    /// The first bytes of what the last show() rendered.
    pub(super) fn text(&mut self, bytes: &[u8]) {
        if !std::mem::take(&mut self.waits) {
            return;
        }
        let shown = self.passes.last_mut().and_then(|pass| pass.shows.last_mut());
        if let Some(shown) = shown {
            let mut hasher = DefaultHasher::new();
            hasher.write(bytes);
            shown.hash = hasher.finish() | 1;
        }
    }
}

/// Something to show.
fn is_record(ptr: Ptr) -> bool {
    use crate::event::PtrKind;
    matches!(ptr.kind(), PtrKind::Token | PtrKind::Record(_))
}
