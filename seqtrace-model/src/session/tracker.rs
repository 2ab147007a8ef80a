//! All sessions of a trace: finds the session that an event belongs to.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::event::{Event, EventKind, FileKind, Key, OpTable, Open, Role};
use crate::recent::RecentMap;

use crate::session::opening;
use crate::session::purpose::PassBegin;
use crate::session::reads::ReadArgs;
use crate::session::state::{Emit, Release, SessionState, Timestamp};
use crate::session::update::{Partial, SessionId, Update, UpdateKind};
use crate::symbol::Symbol;

/// Follows every session of a trace: events in, updates out.
///
/// Holds the open sessions only, so memory does not grow with the number of events.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    sessions: RecentMap<Key, Box<SessionState>>,
    /// Keys of the open sessions that had an event since the last gap. A gap affects no others, so that a trace with many
    /// gaps and many idle sessions takes linear time.
    active: FxHashSet<Key>,
    /// Keys of the open sessions, by an address that identifies the session ([`address`]).
    keys: FxHashMap<u64, Key>,
    /// Callback functions that cannot be probed, by address.
    blind: FxHashSet<(u64, Role)>,
    /// Tables whose callbacks user space has attached probes to.
    attached: FxHashSet<OpTable>,
    /// Id of the last session; 0 before the first.
    last_id: u32,
}

impl Tracker {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Processes an event and emits the resulting updates, usually one.
    ///
    /// Updates of one session are emitted in the order of their events. Around a relative lseek a few updates are
    /// deferred for some microseconds, so that updates of other sessions may be emitted first.
    pub(crate) fn feed(&mut self, event: &Event, out: &mut dyn FnMut(&Update)) {
        let at = Timestamp { time: event.time, cpu: event.cpu };
        match &event.body {
            EventKind::Callback(callback) => {
                self.with(callback.key, |session| session.callback(at, callback, out));
            }
            EventKind::PassBegin { key, tid, index, size, count, from } => {
                let seen = PassBegin {
                    tid: *tid,
                    index: *index,
                    size: u64::from(*size),
                    count: u64::from(*count),
                    from: u64::from(*from),
                };
                self.with(*key, |session| session.pass_begin(at, &seen, out));
            }
            EventKind::Preview { key, bytes } => {
                self.with(*key, |session| session.preview(at, bytes.clone(), out));
            }
            EventKind::Gap { lost } => self.gap(at, *lost, out),
            EventKind::Blind { function, role, reason } => {
                self.blind(at, function, *role, reason.clone(), out);
            }
            EventKind::TableAttached { table } => self.attached(*table, out),
            _ => self.call(at, &event.body, out),
        }
    }

    /// Handles the event of a system call.
    fn call(&mut self, at: Timestamp, body: &EventKind, out: Emit<'_>) {
        match *body {
            EventKind::ReadEnter { key, ref task, pos, want, state, via } => {
                let args = ReadArgs { pos, want, via };
                self.with(key, |session| session.read_enter(at, task, args, state, out));
            }
            EventKind::ReadExit { key, tid, ret, state } => {
                self.with(key, |session| session.read_exit(at, tid, ret, state, out));
            }
            EventKind::LseekEnter { key, tid, offset, whence, state } => {
                let args = (offset, whence);
                self.with(key, |session| session.lseek_enter(at, tid, args, state, out));
            }
            EventKind::LseekExit { key, tid, ret, state } => {
                self.with(key, |session| session.lseek_exit(at, tid, ret, state, out));
            }
            EventKind::Write { key, ref task, pos, want, ret } => self.with(key, |session| {
                session.io(at, task, ret, UpdateKind::Write { pos, want, ret }, out);
            }),
            EventKind::PlainRead { key, ref task, pos, want, ret } => self.with(key, |session| {
                session.io(at, task, ret, UpdateKind::PlainRead { pos, want, ret }, out);
            }),
            EventKind::Open(ref open) => self.open(at, open, out),
            EventKind::Release { key, tid, wrapper, private, removed } => {
                // single_release() calls seq_release(). The session is already removed when the event of the inner one
                // arrives.
                if let Some(session) = self.remove(key) {
                    session.close(at, Some(Release { wrapper, tid, private, removed }), out);
                }
            }
            EventKind::OpenFailed { key, tid, ret } => {
                if let Some(mut session) = self.remove(key) {
                    let task = session.tasks.find(tid);
                    session.emit(at, None, task, UpdateKind::OpenLeaked { ret }, out);
                    session.close(at, None, out);
                }
            }
            EventKind::Callback(_)
            | EventKind::PassBegin { .. }
            | EventKind::Preview { .. }
            | EventKind::Gap { .. }
            | EventKind::Blind { .. }
            | EventKind::TableAttached { .. } => {}
        }
    }

    /// Closes all open sessions at the end of the trace, `time` (ns since boot).
    pub(crate) fn finish(&mut self, time: u64, out: &mut dyn FnMut(&Update)) {
        let at = Timestamp { time, cpu: 0 };
        let mut open: Vec<_> = self.sessions.drain(..).map(|(_, session)| session).collect();
        open.sort_unstable_by_key(|session| session.session.id);
        for mut session in open {
            session.add_partial(Partial::StillOpen);
            session.close(at, None, out);
        }
    }

    pub(crate) fn open_sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Returns true if a pass of any session is in progress and had no event since `time` (ns since boot).
    pub(crate) fn has_quiet_pass(&self, time: u64) -> bool {
        self.sessions.values().any(|session| session.pass.is_quiet_since(time))
    }

    /// Applies `act` to an open session. Events of unknown sessions, whose open was lost, have no effect.
    fn with(&mut self, key: Key, act: impl FnOnce(&mut SessionState)) {
        if let Some(session) = self.sessions.get_recent(key) {
            if !session.active {
                session.active = true;
                self.active.insert(key);
            }
            act(session);
        }
    }

    fn remove(&mut self, key: Key) -> Option<Box<SessionState>> {
        let session = self.sessions.swap_remove(&key)?;
        self.active.remove(&key);
        let address = address(&session.session.kind, session.session.file);
        if self.keys.get(&address) == Some(&key) {
            self.keys.remove(&address);
        }
        Some(session)
    }

    fn open(&mut self, at: Timestamp, open: &Open, out: Emit<'_>) {
        if open.own {
            return;
        }
        let (key, ret) = (open.key, open.ret);
        if ret >= 0 {
            self.close_reused(at, address(&open.kind, open.file), key, out);
        }
        self.last_id = self.last_id.saturating_add(1);
        let session = Arc::new(opening::session(SessionId(self.last_id), open));
        let opener = Arc::new(session.opener.clone());
        let what = if ret < 0 { UpdateKind::OpenFailed { ret } } else { UpdateKind::Open };
        let mut session = Box::new(SessionState::new(session, at.time, Arc::clone(&opener)));
        session.emit(at, None, Some(opener), what, out);
        if ret < 0 {
            return;
        }
        session.callbacks_seen =
            session.table().is_some_and(|table| self.attached.contains(&table));
        for role in [Role::Start, Role::Next, Role::Show, Role::Stop] {
            let address = session.table().map_or(0, |table| table.of(role));
            if self.blind.contains(&(address, role)) {
                session.blind(address, role, out);
            }
        }
        self.active.insert(key);
        if let Some(mut old) = self.sessions.insert(key, session) {
            old.release_missed(at, out);
            old.close(at, None, out);
        }
    }

    /// Closes the session that had the seq_file or file at `address` before session `key`. Its release was lost: an
    /// address is reused only after seq_release() has freed the seq_file, or __fput() the file. Without this, a trace
    /// that loses releases would hold more and more sessions.
    fn close_reused(&mut self, at: Timestamp, address: u64, key: Key, out: Emit<'_>) {
        if let Some(old) = self.keys.insert(address, key)
            && old != key
            && let Some(mut session) = self.sessions.swap_remove(&old)
        {
            self.active.remove(&old);
            session.release_missed(at, out);
            session.close(at, None, out);
        }
    }

    fn attached(&mut self, table: OpTable, out: Emit<'_>) {
        for (key, session) in self.sessions.iter_mut() {
            if session.table() == Some(table) {
                session.attached(out);
                session.active = true;
                self.active.insert(*key);
            }
        }
        self.attached.insert(table);
    }

    fn gap(&mut self, at: Timestamp, lost: u64, out: Emit<'_>) {
        let mut keys: Vec<Key> = self.active.drain().collect();
        // The order of deferred updates must not depend on the history of the set.
        keys.sort_unstable();
        let mut sessions = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some(session) = self.sessions.get_mut(&key) {
                session.gap(out);
                session.active = false;
                sessions.push(session.session.id);
            }
        }
        sessions.sort_unstable();
        out(&update(at, UpdateKind::Gap { lost, sessions }));
    }

    fn blind(
        &mut self,
        at: Timestamp,
        function: &Symbol,
        role: Role,
        reason: String,
        out: Emit<'_>,
    ) {
        let address = function.address;
        self.blind.insert((address, role));
        for (key, session) in self.sessions.iter_mut() {
            if session.blind(address, role, out) {
                session.active = true;
                self.active.insert(*key);
            }
        }
        let function = function.clone();
        out(&update(at, UpdateKind::Blind { function, role, reason }));
    }
}

/// Returns an address that no other open session has: that of the seq_file, or of the file if it is plain.
fn address(kind: &FileKind, file: u64) -> u64 {
    match kind {
        FileKind::Seq { m, .. } => *m,
        FileKind::Plain { .. } => file,
    }
}

/// Creates an update that belongs to no session.
fn update(at: Timestamp, what: UpdateKind) -> Update {
    Update { time: at.time, cpu: at.cpu, session: None, read: None, task: None, what }
}
