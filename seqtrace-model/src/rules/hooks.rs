//! Interface between the analysis of a session and the rules.
//!
//! A rule has a state for each session and implements the [`Hooks`] that it needs; the others do nothing. The analysis
//! ([`super::analysis`]) maintains the ledger and calls the hooks of all rules; it depends on no particular rule. The
//! macro in `registry.rs` combines the states of all rules in one struct, so a hook is a direct call. Hooks that run
//! once for each record are `#[inline]` and return early if there is nothing to do: tracking and checking a callback
//! took 943 instructions without that, 849 with it.

use super::analysis::calls::Failure;
use super::collector::FindingCollector;
use super::history::History;
use super::ledger::entries::Entry;
use super::ledger::pass::{End, Resume};
use super::ledger::{Duplicate, Ledger, NewEntry};
use crate::event::{Ptr, Role, Wrapper};
use crate::finding::Id;
use crate::session::update::{CallbackUpdate, Partial, Range, Session, SessionId, Totals};

/// Facts that all rules share.
pub(super) struct Context<'a> {
    pub(super) session: &'a Session,
    pub(super) ledger: &'a mut Ledger,
    /// Facts from all sessions of the file.
    pub(super) history: &'a mut History,
    pub(super) findings: &'a mut FindingCollector,
    /// True if the trace contains record bytes.
    pub(super) previews: bool,
}

impl Context<'_> {
    /// Returns an identifier of the current generation that is unique among all sessions.
    pub(super) fn generation_key(&self) -> (SessionId, u32) {
        (self.session.id, self.ledger.generation)
    }
}

/// A call of start, next or stop that has returned.
#[derive(Clone, Copy)]
pub(super) struct Returned<'a> {
    pub(super) callback: &'a CallbackUpdate,
    /// Pointer that start or next returned; NULL for stop.
    pub(super) ptr: Ptr,
    /// Time of the return, ns since boot.
    pub(super) time: u64,
}

/// Beginning of a pass, as the ledger recorded it.
pub(super) struct PassStart {
    /// Root cause: the rule whose violation had broken the order of the generation before this start; `None`: the order
    /// was intact.
    pub(super) root_cause: Option<Id>,
    /// Position of an accepted record to which start moved `*pos` back; `None`: it did not.
    pub(super) set_back: Option<i64>,
    /// True if an earlier start of the generation had set the position back.
    pub(super) was_set_back: bool,
    /// Comparison with the handed-out record; `None` if there was none.
    pub(super) resume: Option<Resume>,
    /// True if a rule has explained why the resume disagrees. Other rules then do not report it.
    pub(super) explained: bool,
}

/// A rendering that the ledger has accepted.
pub(super) struct Accepted<'a> {
    pub(super) new_entry: &'a NewEntry,
    /// Number of the record within its generation, from 0.
    pub(super) number: u64,
    /// The previous record, if the pass began behind the end of the file; else `None`.
    pub(super) last: Option<Entry>,
    /// End of the file that next had reported at the position of this record, if the record is new; else `None`.
    pub(super) early: Option<End>,
    /// Both renderings of the record, if it was accepted earlier in this generation; else `None`.
    pub(super) duplicate: Option<&'a Duplicate>,
    /// Time at which show returned, ns since boot.
    pub(super) time: u64,
}

/// Bytes that a read has returned.
pub(super) struct Delivery {
    pub(super) bytes: u64,
    pub(super) range: Range,
    /// Root cause: the rule whose violation explains faults in these bytes; `None`: there is none.
    pub(super) root_cause: Option<Id>,
    /// Number of records in these bytes that the reader had got earlier.
    pub(super) duplicates: u64,
}

/// The end of a session.
pub(super) struct Closed<'a> {
    /// Function that released the session; `None` if the release was not seen.
    pub(super) by: Option<Wrapper>,
    pub(super) totals: &'a Totals,
    /// Reasons why the session was not seen whole.
    pub(super) partial: &'a [Partial],
    /// `m->private` at the release; `None` if the release was not seen.
    pub(super) private: Option<u64>,
}

/// Points in the life of a session at which a rule can act.
///
/// All but [`on_grow`](Self::on_grow), [`on_call_end`](Self::on_call_end) and the last four are called only in
/// generations of which everything was seen.
#[expect(unused_variables, reason = "a hook does nothing unless a rule implements it")]
pub(super) trait Hooks {
    /// Drops all state about the generation: the generation is over, or one of its events was missed.
    #[inline]
    fn forget(&mut self) {}

    /// A generation ends and another one begins. The ledger still has the old one; [`forget`](Self::forget) was called.
    #[inline]
    fn on_generation(&mut self, cx: &mut Context<'_>) {}

    /// start returned; the ledger has not recorded it yet.
    #[inline]
    fn before_start(&mut self, cx: &mut Context<'_>, start: &Returned<'_>) {}

    /// start returned, and the ledger has begun a pass.
    #[inline]
    fn on_start(&mut self, cx: &mut Context<'_>, start: &Returned<'_>, pass: &mut PassStart) {}

    /// next returned; the ledger has not recorded it yet.
    #[inline]
    fn before_next(&mut self, cx: &mut Context<'_>, next: &Returned<'_>) {}

    /// next returned, and the ledger has recorded it.
    #[inline]
    fn on_next(&mut self, cx: &mut Context<'_>, next: &Returned<'_>) {}

    /// show returned; the ledger has not recorded it yet. The bytes of the record may follow.
    #[inline]
    fn on_show(&mut self, cx: &mut Context<'_>, show: &CallbackUpdate) {}

    /// stop returned; the ledger still has the pass.
    #[inline]
    fn on_stop(&mut self, cx: &mut Context<'_>, stop: &Returned<'_>) {}

    /// The core kept a rendering; the ledger has not accepted it yet.
    #[inline]
    fn before_accept(&mut self, cx: &mut Context<'_>, new_entry: &NewEntry) {}

    /// The ledger has accepted a rendering.
    #[inline]
    fn on_accept(&mut self, cx: &mut Context<'_>, accepted: &Accepted<'_>) {}

    /// The ledger ends at file offset `expected`, but the core's buffer at `observed`.
    #[inline]
    fn on_not_contiguous(&mut self, cx: &mut Context<'_>, expected: i64, observed: i64) {}

    /// A read returned bytes.
    #[inline]
    fn on_delivered(&mut self, cx: &mut Context<'_>, delivery: &mut Delivery) {}

    /// A read returned 0: the reader has reached the end of the file.
    #[inline]
    fn on_end_of_file(&mut self, cx: &mut Context<'_>) {}

    /// The core doubled the buffer to `to` bytes.
    #[inline]
    fn on_grow(&mut self, cx: &mut Context<'_>, to: u64) {}

    /// A read or lseek in which a callback had failed returned `ret`.
    #[inline]
    fn on_call_end(&mut self, cx: &mut Context<'_>, failure: &Failure, ret: i64) {}

    /// A task died inside a callback at position `pos`. `role` is `None` if the callback is unknown.
    #[inline]
    fn on_reader_died(&mut self, cx: &mut Context<'_>, role: Option<Role>, pos: i64) {}

    /// open() failed with the negative errno `ret` after seq_open() had succeeded.
    #[inline]
    fn on_open_failed(&mut self, cx: &mut Context<'_>, ret: i32) {}

    /// Another open got the `struct file` of this session at `time` (ns since boot). No event of the session was lost.
    #[inline]
    fn on_reused(&mut self, cx: &mut Context<'_>, time: u64) {}

    /// The session is over.
    #[inline]
    fn on_close(&mut self, cx: &mut Context<'_>, closed: &Closed<'_>) {}
}
