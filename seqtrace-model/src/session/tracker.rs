//! All sessions: who an event belongs to.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::event::{Body, Event, FileKind, Key, OpTable, Open, Role};
use crate::session::begin::Begin;
use crate::session::live::{At, Live, Released, Sink};
use crate::session::model::Returned;
use crate::session::opening::{self, Resolve};
use crate::session::reads::Wanted;
use crate::session::update::{Partial, SessionId, Summary, Totals, Update, What};

/// Follows every session of a trace: events in, updates out.
///
/// It holds what is open and nothing else, whatever has happened before.
#[derive(Debug)]
pub struct Tracker<R> {
    resolver: R,
    live: FxHashMap<Key, Box<Live>>,
    /// By address of the seq_file, or of a plain file: who has it.
    owners: FxHashMap<u64, Key>,
    /// Functions that cannot be seen.
    blind: Vec<(u64, Role)>,
    /// Tables whose callbacks user space attached to.
    attached: Vec<OpTable>,
    /// Sums of the sessions that are closed.
    closed: Summary,
    strays: u64,
}

impl<R: Resolve> Tracker<R> {
    /// A tracker that has seen nothing; names come from `resolver`.
    pub fn new(resolver: R) -> Self {
        Self {
            resolver,
            live: FxHashMap::default(),
            owners: FxHashMap::default(),
            blind: Vec::new(),
            attached: Vec::new(),
            closed: Summary::default(),
            strays: 0,
        }
    }

    /// The resolver, to tell it of symbols that came later.
    pub fn resolver(&mut self) -> &mut R {
        &mut self.resolver
    }

    /// Takes an event and tells what follows from it, mostly one update.
    ///
    /// Updates of one session come in the order of their events. Around a relative lseek a few are
    /// told some microseconds late, behind those of other sessions.
    pub fn feed(&mut self, event: Event, out: &mut dyn FnMut(&Update)) {
        let Event { time, cpu, body } = event;
        self.take(At { time, cpu }, body, out);
    }

    /// Takes a callback, which most events are: the update that is to be told now. What goes before it goes to `out`.
    #[expect(clippy::inline_always, reason = "a call would cost as much as what is done here")]
    #[inline(always)]
    pub fn callback(&mut self, event: &Event, out: &mut dyn FnMut(&Update)) -> Option<&Update> {
        let Body::Callback { key, role, ret, index, count, full, private } = event.body else {
            return None;
        };
        let Some(live) = self.live.get_mut(&key) else {
            self.strays += 1;
            return None;
        };
        let seen = Returned { role, ret, index, count: u64::from(count), full, private };
        let at = At { time: event.time, cpu: event.cpu };
        live.callback(at, &seen, out).then_some(&live.said)
    }

    /// The trace ends: closes what is open.
    pub fn finish(&mut self, time: u64, out: &mut dyn FnMut(&Update)) {
        let at = At { time, cpu: 0 };
        let mut open: Vec<_> = std::mem::take(&mut self.live).into_values().collect();
        open.sort_unstable_by_key(|live| live.session.id);
        for mut live in open {
            live.mark(Partial::StillOpen);
            self.close(at, *live, None, out);
        }
    }

    /// Whether a pass is under way of which nothing has been heard since `time` (ns since boot).
    pub fn has_quiet_pass(&self, time: u64) -> bool {
        self.live.values().any(|live| live.is_quiet_since(time))
    }

    /// Sums over all sessions so far. What the kernel itself missed ([`Summary::missed`]) is not in
    /// the events: the caller adds it.
    pub fn summary(&self) -> Summary {
        let mut summary = self.closed.clone();
        for live in self.live.values() {
            summary.totals.add(&live.totals);
            summary.partial += u64::from(live.seen_in_part());
        }
        summary
    }

    /// Events of sessions whose open was not seen, so far.
    pub fn strays(&self) -> u64 {
        self.strays
    }

    fn take(&mut self, at: At, body: Body, out: Sink<'_>) {
        match body {
            body @ Body::Callback { .. } => {
                let At { time, cpu } = at;
                if let Some(update) = self.callback(&Event { time, cpu, body }, out) {
                    out(update);
                }
            }
            Body::PassBegin { key, tid, index, size, count, from } => {
                let seen = Begin {
                    tid,
                    index,
                    size: u64::from(size),
                    count: u64::from(count),
                    from: u64::from(from),
                };
                self.with(key, |live| live.pass_begin(at, &seen, out));
            }
            Body::ReadEnter { key, task, pos, want, state, via } => {
                let wanted = Wanted { pos, want, via };
                self.with(key, |live| live.read_enter(at, task, wanted, state, out));
            }
            Body::ReadExit { key, tid, ret, state } => {
                self.with(key, |live| live.read_exit(at, tid, ret, state, out));
            }
            Body::LseekEnter { key, tid, offset, whence, state } => {
                self.with(key, |live| live.lseek_enter(at, tid, (offset, whence), state, out));
            }
            Body::LseekExit { key, tid, ret, state } => {
                self.with(key, |live| live.lseek_exit(at, tid, ret, state, out));
            }
            Body::Preview { key, bytes } => self.with(key, |live| live.preview(at, bytes, out)),
            Body::Write { key, task, pos, want, ret } => self.with(key, |live| {
                live.io(at, task, ret, What::Write { pos, want, ret }, out);
            }),
            Body::PlainRead { key, task, pos, want, ret } => self.with(key, |live| {
                live.io(at, task, ret, What::PlainRead { pos, want, ret }, out);
            }),
            Body::Open(open) => self.open(at, *open, out),
            Body::Release { key, tid, wrapper, private, removed } => {
                // single_release() calls seq_release(): of the second nothing is known any more.
                if let Some(live) = self.remove(key) {
                    self.close(at, *live, Some(Released { wrapper, tid, private, removed }), out);
                }
            }
            Body::OpenFailed { key, tid, ret } => match self.remove(key) {
                Some(mut live) => {
                    let task = live.task(tid);
                    live.tell(at, None, task, What::OpenLeaked { ret }, out);
                    self.close(at, *live, None, out);
                }
                None => self.strays += 1,
            },
            Body::Gap { lost } => self.gap(at, lost, out),
            Body::Blind { address, role, reason } => self.blind(at, address, role, reason, out),
            Body::TableAttached { table } => {
                for live in self.live.values_mut().filter(|live| live.table() == Some(table)) {
                    live.attached(out);
                }
                if !self.attached.contains(&table) {
                    self.attached.push(table);
                }
            }
        }
    }

    fn with(&mut self, key: Key, act: impl FnOnce(&mut Live)) {
        match self.live.get_mut(&key) {
            Some(live) => act(live),
            None => self.strays += 1,
        }
    }

    /// Removes a session that is over.
    fn remove(&mut self, key: Key) -> Option<Box<Live>> {
        let live = self.live.remove(&key)?;
        let address = address(&live.session.kind, live.session.file);
        if self.owners.get(&address) == Some(&key) {
            self.owners.remove(&address);
        }
        Some(live)
    }

    fn open(&mut self, at: At, open: Open, out: Sink<'_>) {
        if open.own {
            return;
        }
        let (key, ret) = (open.key, open.ret);
        if ret >= 0 {
            self.reused(at, address(&open.kind, open.file), key, out);
        }
        self.closed.sessions += 1;
        let id = SessionId(u32::try_from(self.closed.sessions).unwrap_or(u32::MAX));
        let session = Rc::new(opening::session(id, open, &mut self.resolver));
        let opener = Rc::new(session.opener.clone());
        let what = if ret < 0 { What::OpenFailed { ret } } else { What::Open };
        let mut live = Box::new(Live::new(session, at.time, Rc::clone(&opener)));
        live.tell(at, None, Some(opener), what, out);
        if ret < 0 {
            return;
        }
        live.watched = live.table().is_some_and(|table| self.attached.contains(&table));
        for &(address, role) in &self.blind {
            live.blinded(address, role, out);
        }
        if let Some(mut old) = self.live.insert(key, live) {
            old.release_missed(at, out);
            self.close(at, *old, None, out);
        }
    }

    /// A seq_file is freed when it is released (seq_release()), a file behind it (__fput()): who had this
    /// one before is over, though its release was lost. A trace that loses some would otherwise remember
    /// more and more sessions.
    fn reused(&mut self, at: At, address: u64, key: Key, out: Sink<'_>) {
        if let Some(old) = self.owners.insert(address, key)
            && old != key
            && let Some(mut live) = self.live.remove(&old)
        {
            live.release_missed(at, out);
            self.close(at, *live, None, out);
        }
    }

    fn close(&mut self, at: At, live: Live, by: Option<Released>, out: Sink<'_>) {
        let closed = live.close(at, by, out);
        self.closed.totals.add(&closed.totals);
        self.closed.partial += u64::from(closed.seen_in_part);
    }

    fn gap(&mut self, at: At, lost: u64, out: Sink<'_>) {
        self.closed.lost = self.closed.lost.saturating_add(lost);
        let mut sessions = Vec::with_capacity(self.live.len());
        for live in self.live.values_mut() {
            live.gap(out);
            sessions.push(live.session.id);
        }
        sessions.sort_unstable();
        out(&update(at, What::Gap { lost, sessions }));
    }

    fn blind(&mut self, at: At, address: u64, role: Role, reason: String, out: Sink<'_>) {
        if !self.blind.contains(&(address, role)) {
            self.blind.push((address, role));
        }
        for live in self.live.values_mut() {
            live.blinded(address, role, out);
        }
        let function = self.resolver.function(address);
        out(&update(at, What::Blind { function, role, reason }));
    }
}

/// What belongs to one session alone while it is open.
fn address(kind: &FileKind, file: u64) -> u64 {
    match kind {
        FileKind::Seq { m, .. } => *m,
        FileKind::Plain { .. } => file,
    }
}

fn update(at: At, what: What) -> Update {
    Update { time: at.time, cpu: at.cpu, session: None, read: None, task: None, what }
}

impl Totals {
    /// Adds another's sums to these.
    pub fn add(&mut self, other: &Self) {
        let Self {
            reads,
            bytes,
            emitted,
            discarded,
            passed_over,
            callbacks,
            passes,
            restarts,
            writes,
            written,
        } = self;
        *reads += other.reads;
        *bytes = bytes.wrapping_add(other.bytes);
        *emitted += other.emitted;
        *discarded += other.discarded;
        *passed_over += other.passed_over;
        *callbacks += other.callbacks;
        *passes += other.passes;
        *restarts += other.restarts;
        *writes += other.writes;
        *written = written.wrapping_add(other.written);
    }
}
