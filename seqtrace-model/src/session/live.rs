//! One open session: what it is doing, and what was concluded so far.
//!
//! [`super::reads`] has its reads and lseeks, [`super::passes`] its callbacks.

use std::sync::Arc;

use crate::event::{FileKind, OpTable, Role, SeqState, Task, Wrapper};
use crate::session::held::{Held, Verdict};
use crate::session::loose::{Loose, Roles};
use crate::session::model::{Pass, State, Surprise};
use crate::session::op::{Op, Stage};
use crate::session::update::{Fate, Partial, Session, Totals, Update, What};

/// Where updates go.
pub(super) type Sink<'a> = &'a mut dyn FnMut(&Update);

/// When and where an event happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) time: u64,
    pub(super) cpu: u16,
}

/// The pass in progress.
#[derive(Clone, Copy, Debug)]
pub(super) enum Walk {
    /// Known from its beginning, in a state that was known.
    Known(Pass),
    /// Not so.
    Loose(Loose),
}

/// How many tasks a session remembers, to name the task of an event that only has a thread id.
const TASKS: usize = 4;

/// An open session.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) session: Arc<Session>,
    /// When it was opened; `None` if it was open before.
    pub(super) opened: Option<u64>,
    /// `m`, as it is now if `synced`.
    pub(super) m: State,
    /// `m` is known.
    pub(super) synced: bool,
    /// Why it is not.
    pub(super) unsynced: Partial,
    /// `m->size`, if it is known.
    pub(super) size: Option<u64>,
    pub(super) walk: Option<Walk>,
    /// Thread that owns the last pass.
    pub(super) owner: u32,
    /// Number of the last pass.
    pub(super) pass: u32,
    /// When that pass began: start was about to be called.
    pub(super) began: Option<u64>,
    /// The event of that pass before this one, if none can be missing in between.
    pub(super) last: Option<u64>,
    /// Reads and lseeks in flight.
    pub(super) ops: Vec<Op>,
    /// Number of the last read.
    pub(super) reads: u32,
    pub(super) totals: Totals,
    pub(super) partial: Vec<Partial>,
    /// Callbacks that cannot be seen.
    pub(super) blind: Roles,
    /// Bytes kept for readers so far, less those delivered.
    pub(super) pending: i64,
    pub(super) held: Held,
    /// An lseek without callbacks overlapped a read: which was first cannot be told.
    pub(super) muddled: bool,
    /// A callback of this session was seen, or user space said that it attached to its table.
    pub(super) watched: bool,
    /// Why `m` will never be known: a BPF iterator's loop is not the core's.
    pub(super) opaque: Option<Partial>,
    /// Time of the last callback, ns since boot; 0 before the first one.
    pub(super) heard: u64,
    /// Recent users, the newest last.
    pub(super) tasks: Vec<Arc<Task>>,
}

impl Live {
    pub(super) fn new(session: Arc<Session>, time: u64, opener: Arc<Task>) -> Self {
        let size = match session.kind {
            FileKind::Seq { size, .. } => size,
            FileKind::Plain { .. } => 0,
        };
        let adopted = session.adopted;
        Self {
            heard: 0,
            session,
            opened: (!adopted).then_some(time),
            m: State { index: 0, count: 0, size, read_pos: 0 },
            synced: !adopted,
            unsynced: Partial::Adopted,
            size: (!adopted).then_some(size),
            walk: None,
            owner: 0,
            pass: 0,
            began: None,
            last: None,
            ops: Vec::new(),
            reads: 0,
            totals: Totals::default(),
            partial: if adopted { vec![Partial::Adopted] } else { Vec::new() },
            blind: Roles::default(),
            pending: 0,
            held: Held::default(),
            muddled: false,
            watched: false,
            opaque: None,
            tasks: vec![opener],
        }
    }

    /// The session's table, if it has one.
    pub(super) fn table(&self) -> Option<OpTable> {
        match self.session.kind {
            FileKind::Seq { op, table, .. } => (op != 0).then_some(table),
            FileKind::Plain { .. } => None,
        }
    }

    /// Remembers who uses the session; one allocation a task, not one a read.
    pub(super) fn remember(&mut self, task: &Task) -> Arc<Task> {
        if let Some(known) = self.tasks.iter().rev().find(|known| known.as_ref() == task) {
            return Arc::clone(known);
        }
        // The same thread under a new name: it called execve().
        self.tasks.retain(|known| known.tid != task.tid);
        if self.tasks.len() >= TASKS {
            self.tasks.remove(0);
        }
        let task = Arc::new(task.clone());
        self.tasks.push(Arc::clone(&task));
        task
    }

    /// A task by thread id.
    pub(super) fn task(&self, tid: u32) -> Option<Arc<Task>> {
        self.tasks.iter().rev().find(|task| task.tid == tid).cloned()
    }

    /// Tells something about the session, behind what is held back.
    pub(super) fn tell(
        &mut self,
        at: At,
        read: Option<u32>,
        task: Option<Arc<Task>>,
        what: What,
        out: Sink<'_>,
    ) {
        let update = self.update(at, read, task, what);
        if self.held.is_empty() { out(&update) } else { self.held.push(update) }
    }

    /// Makes an update of the session.
    pub(super) fn update(
        &self,
        at: At,
        read: Option<u32>,
        task: Option<Arc<Task>>,
        what: What,
    ) -> Update {
        let session = Some(Arc::clone(&self.session));
        Update { time: at.time, cpu: at.cpu, session, read, task, what }
    }

    /// Lets go what waited for a relative lseek, if anything did.
    pub(super) fn release_held(&mut self, verdict: Verdict, out: Sink<'_>) {
        if self.held.is_empty() {
            return;
        }
        match self.held.release(verdict, out) {
            Some(Fate::Emitted) => self.count(self.owner, |totals| totals.emitted += 1),
            Some(Fate::PassedOver) => self.count(self.owner, |totals| totals.passed_over += 1),
            _ => {}
        }
    }

    /// Adds to the sums of the session, and of the read or lseek of thread `tid`.
    pub(super) fn count(&mut self, tid: u32, add: impl Fn(&mut Totals)) {
        add(&mut self.totals);
        if let Some(op) = self.op(tid) {
            add(&mut op.totals);
        }
    }

    /// The read or lseek of a thread.
    pub(super) fn op(&mut self, tid: u32) -> Option<&mut Op> {
        self.ops.iter_mut().find(|op| op.tid == tid)
    }

    /// Notes why the session is not seen whole.
    pub(super) fn mark(&mut self, why: Partial) {
        if !self.partial.contains(&why) {
            self.partial.push(why);
        }
    }

    /// From here on `m` is not known, until a read or lseek enters alone.
    pub(super) fn lose_track(&mut self, why: Partial, out: Sink<'_>) {
        self.release_held(Verdict::Unknown, out);
        self.mark(why);
        let blind = (!self.blind.is_empty()).then_some(Partial::Blind);
        self.unsynced = self.opaque.or(blind).unwrap_or(why);
        if self.synced {
            // Whether these are still fetched is not seen.
            self.pending = self.pending.saturating_sub_unsigned(self.m.count).max(0);
        }
        self.synced = false;
        self.size = None;
        self.last = None;
        self.began = None;
        self.walk = self.walk.map(|_| Walk::Loose(Loose::unknown()));
        for op in &mut self.ops {
            op.partial.get_or_insert(why);
            op.stage = Stage::Lost;
        }
    }

    /// `m` is what a read or lseek found that entered alone.
    pub(super) fn sync(&mut self, state: &SeqState) {
        self.size = Some(state.size);
        self.walk = None;
        if !self.blind.is_empty() || self.opaque.is_some() {
            return;
        }
        self.m = State {
            index: state.index,
            count: state.count,
            size: state.size,
            read_pos: state.read_pos,
        };
        if !self.synced {
            self.pending = self.pending.saturating_add_unsigned(state.count);
        }
        self.synced = true;
        self.muddled = false;
    }

    /// What was observed contradicts the algorithm.
    pub(super) fn disagree(&mut self, at: At, surprise: Surprise, out: Sink<'_>) {
        if !self.watched && self.table().is_some() {
            // No callback of it was ever seen: its table was new, and is being attached to.
            return self.lose_track(Partial::LateAttach, out);
        }
        self.missed(at, surprise, out);
    }

    /// Events were missed, for sure.
    fn missed(&mut self, at: At, surprise: Surprise, out: Sink<'_>) {
        self.lose_track(Partial::Disagrees, out);
        let op = self.ops.iter().find(|op| op.tid == self.owner);
        let (read, task) = op.map_or((None, None), |op| (op.read_id(), op.task.clone()));
        let Surprise { expected, observed } = surprise;
        self.tell(at, read, task, What::Disagreement { expected, observed }, out);
    }

    /// Events were lost, on any CPU.
    pub(super) fn gap(&mut self, out: Sink<'_>) {
        self.lose_track(Partial::Gap, out);
        // The pass in progress may be another thread's by now.
        self.owner = 0;
        for op in &mut self.ops {
            op.doubtful = true;
        }
    }

    /// One of its callbacks is not seen, if `address` is one.
    pub(super) fn blinded(&mut self, address: u64, role: Role, out: Sink<'_>) {
        let Some(table) = self.table() else { return };
        if table.of(role) == address && address != 0 {
            self.blind.insert(role);
            self.lose_track(Partial::Blind, out);
        }
    }

    /// Probes were attached to its callbacks.
    pub(super) fn attached(&mut self, out: Sink<'_>) {
        if self.reads > 0 {
            self.mark(Partial::LateAttach);
        }
        let unseen = self.ops.iter().any(|op| op.stage == Stage::Entered);
        if unseen && !self.watched {
            self.lose_track(Partial::LateAttach, out);
        }
        self.watched = true;
    }

    /// The first bytes of what the last show rendered.
    pub(super) fn preview(&mut self, at: At, bytes: Vec<u8>, out: Sink<'_>) {
        let owner = self.owner;
        let (read, task) = match self.op(owner) {
            Some(op) => (op.read_id(), op.task.clone()),
            None => (None, self.task(owner)),
        };
        self.tell(at, read, task, What::Preview { bytes }, out);
    }

    /// A write, or a read of a plain file: `done` bytes, or an error.
    pub(super) fn io(&mut self, at: At, task: &Task, done: i64, what: What, out: Sink<'_>) {
        let task = self.remember(task);
        let bytes = u64::try_from(done).unwrap_or(0);
        let totals = &mut self.totals;
        if matches!(what, What::Write { .. }) {
            totals.writes += 1;
            totals.written = totals.written.wrapping_add(bytes);
        } else {
            totals.reads += 1;
            totals.bytes = totals.bytes.wrapping_add(bytes);
            self.reads = self.reads.wrapping_add(1);
        }
        let read = matches!(what, What::PlainRead { .. }).then_some(self.reads);
        self.tell(at, read, Some(task), what, out);
    }

    /// Its number, or its seq_file, was given to another session: the release was missed.
    pub(super) fn release_missed(&mut self, at: At, out: Sink<'_>) {
        if self.unsynced != Partial::Gap || self.synced {
            self.missed(at, Surprise::new("release", "another open in its place"), out);
        }
    }

    /// Whether a pass is under way of which nothing has been heard since `time`.
    pub(super) fn is_quiet_since(&self, time: u64) -> bool {
        self.walk.is_some() && self.began.unwrap_or(0).max(self.heard) <= time
    }

    /// Was anything of it missed?
    pub(super) fn seen_in_part(&self) -> bool {
        self.partial.iter().any(|&why| why != Partial::StillOpen)
    }

    /// The session ends; `by` is `None` if that was not seen.
    pub(super) fn close(mut self, at: At, by: Option<Released>, out: Sink<'_>) -> Closed {
        self.release_held(Verdict::Unknown, out);
        if by.is_some() && self.synced && !self.ops.is_empty() {
            // fput() comes after the last read and lseek.
            self.disagree(at, Surprise::new("return of a read or lseek", "release"), out);
        }
        let seen_in_part = self.seen_in_part();
        let what = What::Close {
            by: by.map(|by| by.wrapper),
            private: by.map(|by| by.private),
            totals: self.totals,
            lifetime: self.opened.map(|opened| at.time.saturating_sub(opened)),
            undelivered: u64::try_from(self.pending).unwrap_or(0),
            partial: std::mem::take(&mut self.partial),
            removed: by.map(|by| by.removed),
            findings: Vec::new(),
        };
        let task = by.and_then(|by| self.task(by.tid));
        self.tell(at, None, task, what, out);
        Closed { totals: self.totals, seen_in_part }
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Released {
    pub(super) wrapper: Wrapper,
    pub(super) tid: u32,
    /// `m->private` at that moment.
    pub(super) private: u64,
    /// The file goes away with its descriptor open.
    pub(super) removed: bool,
}

/// What remains of a session.
pub(super) struct Closed {
    pub(super) totals: Totals,
    pub(super) seen_in_part: bool,
}
