//! Logs the passes of a session and their renderings, in order: the evidence from which the faulty callback is
//! determined.

use std::hash::{DefaultHasher, Hasher};

use crate::{
    event::{Ptr, Role},
    session::update::{CallbackUpdate, Fate, Phase, Range},
};

/// Largest number of renderings that are stored for a session.
const MAX_RENDERINGS: usize = 1 << 15;
/// Largest number of passes that are stored for a session.
const MAX_PASSES: usize = 1 << 15;

/// The callbacks from one start() to its stop().
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    /// True if the pass begins a generation: it is the first pass of a read at offset 0, or a traversal.
    pub(crate) begins: bool,
    /// Position when start() was called; `None` if the call was not traced.
    pub(crate) pos_in: Option<i64>,
    /// Position when start() returned.
    pub(crate) pos_out: i64,
    /// Pointer that start() returned.
    pub(crate) first: Ptr,
    /// Number of bytes that start() wrote; 0 for a correct start().
    pub(crate) wrote: u64,
    pub(crate) renderings: Vec<Rendering>,
    /// Position when next() returned NULL; `None` if next() did not return NULL in this pass.
    pub(crate) ended: Option<i64>,
}

/// One call of show().
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rendering {
    /// Position of the record, `m->index`.
    pub(crate) pos: i64,
    /// Pointer that show() was called with.
    pub(crate) ptr: Ptr,
    /// Number of bytes that show() wrote.
    pub(crate) len: u64,
    /// Hash of the first bytes that show() wrote; 0: not known.
    pub(crate) hash: u64,
    pub(crate) fate: Fate,
    /// File offsets of the record; `None` if the rendering was discarded.
    pub(crate) range: Option<Range>,
}

/// Numbers of calls of each callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Calls of start(). There are as many of stop().
    pub(crate) start: u64,
    pub(crate) next: u64,
    pub(crate) show: u64,
}

/// Numbers of resumes: calls of start() where next() had handed out a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Resumes {
    /// start() returned the same pointer.
    pub(crate) agreed: u64,
    /// start() returned another pointer, or NULL.
    pub(crate) disagreed: u64,
}

/// The passes of one session, up to a limit.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Log {
    pub(crate) passes: Vec<Pass>,
    /// Numbers of calls in all passes, including those above the limit.
    pub(crate) counts: Counts,
    pub(crate) resumes: Resumes,
    /// True if the limit is reached: the last passes are missing.
    pub(crate) cut: bool,
    /// Position and pointer of the record that next() handed out and show() has not rendered, or not kept.
    promised: Option<(i64, Ptr)>,
    renderings: usize,
    /// True if the next pass is the first pass of a read at offset 0.
    at_zero: bool,
    /// True if the last callback was a show() whose preview has not arrived yet.
    awaits_preview: bool,
}

impl Pass {
    /// Returns true if start() returned no record, but NULL or an error.
    pub(crate) fn found_nothing(&self) -> bool {
        !is_record(self.first)
    }
}

impl Rendering {
    /// Returns true if the core accepted the rendering: it was emitted or passed over.
    pub(crate) fn is_accepted(&self) -> bool {
        matches!(self.fate, Fate::Emitted | Fate::PassedOver)
    }

    /// Returns true if the byte at file offset `at` belongs to the rendering.
    pub(crate) fn covers(&self, at: u64) -> bool {
        let at = i64::try_from(at).unwrap_or(i64::MAX);
        self.range.is_some_and(|range| (range.start..range.end).contains(&at))
    }

    /// Returns true if the core dropped the rendering and will render the record again.
    pub(crate) fn is_discarded(&self) -> bool {
        is_discarded(self.fate)
    }
}

const fn is_discarded(fate: Fate) -> bool {
    matches!(fate, Fate::DiscardedOverflow | Fate::DiscardedTail)
}

impl Log {
    /// Records that a read at file offset `pos` was entered.
    pub(super) fn read(&mut self, pos: i64) {
        self.at_zero = pos == 0;
        self.awaits_preview = false;
    }

    /// Records a returned callback.
    pub(super) fn callback(&mut self, callback: &CallbackUpdate) {
        self.awaits_preview = false;
        match callback.role {
            Role::Start => {
                self.counts.start += 1;
                self.resume(callback);
                if self.passes.len() >= MAX_PASSES {
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
                    renderings: Vec::new(),
                    ended: None,
                });
            }
            Role::Next => {
                self.counts.next += 1;
                let record = callback.ret_ptr.filter(|ptr| is_record(*ptr));
                self.promised = record.map(|ptr| (callback.pos_out, ptr));
                let null = callback.ret_ptr == Some(Ptr::NULL);
                if let Some(pass) = self.passes.last_mut().filter(|_| !self.cut) {
                    pass.ended = null.then_some(callback.pos_out);
                }
            }
            Role::Show => {
                self.counts.show += 1;
                let discarded = callback.fate.is_some_and(is_discarded);
                self.promised = callback.pos_in.zip(callback.v).filter(|_| discarded);
                self.show(callback);
            }
            Role::Stop => {}
        }
    }

    /// Counts a start() that continues where next() had handed out a record.
    fn resume(&mut self, callback: &CallbackUpdate) {
        let Some((pos, ptr)) = self.promised.take() else { return };
        if callback.phase != Phase::Traverse && callback.pos_in == Some(pos) {
            let agrees = callback.ret_ptr == Some(ptr);
            self.resumes.agreed += u64::from(agrees);
            self.resumes.disagreed += u64::from(!agrees);
        }
    }

    fn show(&mut self, callback: &CallbackUpdate) {
        if self.renderings >= MAX_RENDERINGS {
            self.cut = true;
        }
        let Some(pass) = self.passes.last_mut().filter(|_| !self.cut) else { return };
        self.renderings += 1;
        self.awaits_preview = true;
        pass.renderings.push(Rendering {
            pos: callback.pos_in.unwrap_or(callback.pos_out),
            ptr: callback.v.unwrap_or_default(),
            len: callback.bytes.unwrap_or(0),
            hash: 0,
            fate: callback.fate.unwrap_or(Fate::Unknown),
            range: callback.range,
        });
    }

    /// Records the first bytes that the last show() wrote.
    pub(super) fn text(&mut self, bytes: &[u8]) {
        if !std::mem::take(&mut self.awaits_preview) {
            return;
        }
        let rendering = self.passes.last_mut().and_then(|pass| pass.renderings.last_mut());
        if let Some(rendering) = rendering {
            let mut hasher = DefaultHasher::new();
            hasher.write(bytes);
            rendering.hash = hasher.finish() | 1;
        }
    }
}

/// Returns true if the core would call show() with this pointer.
fn is_record(ptr: Ptr) -> bool {
    use crate::event::PtrKind;
    matches!(ptr.kind(), PtrKind::Token | PtrKind::Record(_))
}
