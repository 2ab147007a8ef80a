//! The events of a session: reads and lseeks as slices of threads, and what has no duration as instants.

use std::sync::Arc;

use seqtrace_model::session::update::{self, ReadEnd, SessionId, Update, UpdateKind};

use super::messages::{SLICE_BEGIN, SLICE_END, Value};
use super::sequence::{Arguments, Event, Name};
use super::tracks::{Slice, TrackId};
use super::{Closing, Details, Trace};
use crate::names;

impl Trace {
    /// Writes an update of a session that has begun.
    pub(super) fn session_update(
        &mut self,
        session: &Arc<update::Session>,
        update: &Update,
        out: &mut Vec<u8>,
    ) {
        let (id, time) = (session.id, update.time);
        match &update.what {
            UpdateKind::Callback(callback) => self.callback(id, update, callback, out),
            UpdateKind::ReadBegin { pos, want, traverse_from, rewind, via, state: _ } => {
                let mut arguments = vec![("pos", Value::Int(*pos)), ("want", int(*want))];
                arguments.extend(update.read.map(|read| ("read", Value::Int(read.into()))));
                arguments.extend(traverse_from.map(|from| ("traverse_from", Value::Int(from))));
                arguments.extend(rewind.then_some(("rewind", Value::Bool(true))));
                arguments.extend(via.map(|via| ("via", Value::Text(via.name().to_owned()))));
                self.begin_call(
                    id,
                    update,
                    Slice::Read(update.read),
                    Details::new("read", arguments),
                    out,
                );
            }
            UpdateKind::ReadEnd(end) => self.read_end(id, update, end, out),
            UpdateKind::LseekBegin { offset, whence } => {
                let whence = Value::Int((*whence).into());
                let arguments = vec![("offset", Value::Int(*offset)), ("whence", whence)];
                self.begin_call(id, update, Slice::Lseek, Details::new("lseek", arguments), out);
            }
            UpdateKind::LseekEnd { ret, passed_over, leftover, duration: _ } => {
                let arguments = vec![
                    ("ret", Value::Int(*ret)),
                    ("passed_over", int(*passed_over)),
                    ("leftover", int(*leftover)),
                ];
                self.end_call(id, update, Slice::Lseek, Details::new("lseek", arguments), out);
            }
            UpdateKind::Finding(finding) => self.finding(update, finding, out),
            UpdateKind::Close { undelivered, partial, by, .. } => {
                let reasons: Vec<&str> = partial.iter().map(|why| names::partial(*why)).collect();
                let mut arguments = vec![("undelivered", int(*undelivered))];
                arguments.extend(by.map(|by| ("by", Value::Text(by.name().to_owned()))));
                if !reasons.is_empty() {
                    arguments.push(("partial", Value::Text(reasons.join(" "))));
                }
                let session = Arc::clone(session);
                self.closing = Some(Closing { session, time, arguments });
            }
            _ => self.short(id, update, out),
        }
    }

    /// Writes an update that has no duration.
    fn short(&mut self, id: SessionId, update: &Update, out: &mut Vec<u8>) {
        match &update.what {
            UpdateKind::Write { pos, want, ret } | UpdateKind::PlainRead { pos, want, ret } => {
                let is_read = matches!(update.what, UpdateKind::PlainRead { .. });
                let name = if is_read { "plain read" } else { "write" };
                let arguments = vec![
                    ("pos", Value::Int(*pos)),
                    ("want", int(*want)),
                    ("ret", Value::Int(*ret)),
                ];
                self.instant(id, update, Details::new(name, arguments), out);
            }
            UpdateKind::Grow { from, to, restart, traverse } => {
                let arguments = vec![
                    ("from", int(*from)),
                    ("to", int(*to)),
                    ("restart", Value::Int((*restart).into())),
                    ("traverse", Value::Bool(*traverse)),
                ];
                self.instant(id, update, Details::new("buffer doubled", arguments), out);
            }
            UpdateKind::Disagreement { expected, observed } => {
                let arguments = vec![
                    ("expected", Value::Text(names::text(expected.as_bytes()))),
                    ("observed", Value::Text(names::text(observed.as_bytes()))),
                ];
                self.instant(id, update, Details::new("events were missed", arguments), out);
            }
            UpdateKind::ReaderDied { role, pos } => {
                let callback = role.map_or("show or stop", seqtrace_model::event::Role::name);
                let arguments =
                    vec![("callback", Value::Text(callback.into())), ("pos", Value::Int(*pos))];
                self.instant(id, update, Details::new("the reader died", arguments), out);
            }
            UpdateKind::OpenLeaked { ret } => {
                let arguments = vec![("ret", Value::Int((*ret).into()))];
                self.instant(
                    id,
                    update,
                    Details::new("open failed and leaked its memory", arguments),
                    out,
                );
            }
            // These were written before. The slice of the session is its open. Texts of records are in JSON only.
            UpdateKind::Callback(_)
            | UpdateKind::ReadBegin { .. }
            | UpdateKind::ReadEnd(_)
            | UpdateKind::LseekBegin { .. }
            | UpdateKind::LseekEnd { .. }
            | UpdateKind::Finding(_)
            | UpdateKind::Close { .. }
            | UpdateKind::Gap { .. }
            | UpdateKind::Blind { .. }
            | UpdateKind::OpenFailed { .. }
            | UpdateKind::Open
            | UpdateKind::Preview { .. } => {}
        }
    }

    fn read_end(&mut self, id: SessionId, update: &Update, end: &ReadEnd, out: &mut Vec<u8>) {
        let ReadEnd { ret, range, totals, leftover, from_leftover, duration: _, eof, partial } =
            end;
        let mut arguments = vec![
            ("ret", Value::Int(*ret)),
            ("offset", Value::Int(range.start)),
            ("emitted", int(totals.emitted)),
            ("discarded", int(totals.discarded)),
            ("passed_over", int(totals.passed_over)),
            ("leftover", int(*leftover)),
            ("from_leftover", int(*from_leftover)),
            ("eof", Value::Bool(*eof)),
        ];
        arguments.extend(partial.map(|why| ("partial", Value::Text(names::partial(why).into()))));
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.delivered = session.delivered.saturating_add((*ret).max(0));
        let fill = (*leftover).try_into().unwrap_or(i64::MAX);
        let counters = [session.position, fill, session.delivered];
        let details = Details { counters: &counters, ..Details::new("read", arguments) };
        self.end_call(id, update, Slice::Read(update.read), details, out);
    }

    /// Begins a read or lseek. A thread is in one at a time: the ends of others were not seen.
    fn begin_call(
        &mut self,
        id: SessionId,
        update: &Update,
        slice: Slice,
        details: Details<'_>,
        out: &mut Vec<u8>,
    ) {
        let track = self.track_of(id, update, out);
        self.end_slices(id, track, update.time, |slice| slice != Slice::Session, out);
        self.begin_slice(id, track, slice, update.time, details, out);
    }

    /// Ends a read or lseek. One whose begin was not seen becomes an instant.
    fn end_call(
        &mut self,
        id: SessionId,
        update: &Update,
        slice: Slice,
        details: Details<'_>,
        out: &mut Vec<u8>,
    ) {
        let track = self.track_of(id, update, out);
        let is_open = |open: &(SessionId, Slice)| *open == (id, slice);
        if self.tracks.get(track).is_some_and(|track| track.open.iter().any(is_open)) {
            self.end_slice(id, track, slice, update.time, details, out);
        } else {
            self.instant(id, update, details, out);
        }
    }

    fn instant(&mut self, id: SessionId, update: &Update, details: Details<'_>, out: &mut Vec<u8>) {
        let track = self.track_of(id, update, out);
        let Some(track) = self.tracks.get(track).map(|track| track.uuid) else { return };
        let Details { name, arguments, counters } = details;
        let event = super::instant(track, update.time, name, arguments);
        self.write(id, Event { counters, ..event }, out);
    }

    /// Returns the track of the update's thread, or of the session if the thread is not known.
    pub(super) fn track_of(
        &mut self,
        id: SessionId,
        update: &Update,
        out: &mut Vec<u8>,
    ) -> TrackId {
        let Some(session) = self.sessions.get(&id) else { return TrackId::MAX };
        let (lane, default) = (session.lane.track, session.default);
        let Some(task) = &update.task else { return lane };
        let track = self.tracks.thread(task, out);
        if track != default {
            self.set_default(id, track, out);
        }
        track
    }

    /// Begins a slice. One that would begin before the last event of its track is left out: slices must nest.
    pub(super) fn begin_slice(
        &mut self,
        id: SessionId,
        track: TrackId,
        slice: Slice,
        time: u64,
        details: Details<'_>,
        out: &mut Vec<u8>,
    ) {
        let Some(slices) = self.tracks.get(track).filter(|track| track.last <= time) else {
            return;
        };
        slices.open.push((id, slice));
        slices.last = time;
        let uuid = slices.uuid;
        if let Some(session) = self.sessions.get_mut(&id) {
            session.tracks.insert(track);
        }
        let Details { name, arguments, counters } = details;
        let event = super::instant(uuid, time, name, arguments);
        self.write(id, Event { kind: SLICE_BEGIN, counters, ..event }, out);
    }

    /// Ends a slice of the session, if it is open, and those inside of it.
    pub(super) fn end_slice(
        &mut self,
        id: SessionId,
        track: TrackId,
        slice: Slice,
        time: u64,
        details: Details<'_>,
        out: &mut Vec<u8>,
    ) {
        let Some(slices) = self.tracks.get(track) else { return };
        let Some(depth) = slices.open.iter().rposition(|open| *open == (id, slice)) else { return };
        let inner = slices.open.split_off(depth).len() - 1;
        slices.last = slices.last.max(time);
        let (uuid, time) = (slices.uuid, slices.last);
        let end = || Event {
            kind: SLICE_END,
            ..super::instant(uuid, time, Name::None, Arguments::new())
        };
        for _ in 0..inner {
            self.write(id, end(), out);
        }
        let Details { name: _, arguments, counters } = details;
        self.write(id, Event { arguments, counters, ..end() }, out);
    }

    /// Ends the innermost slices of a track as long as they are `unwanted`.
    pub(super) fn end_slices(
        &mut self,
        id: SessionId,
        track: TrackId,
        time: u64,
        unwanted: impl Fn(Slice) -> bool,
        out: &mut Vec<u8>,
    ) {
        while let Some((_, slice)) =
            self.tracks.get(track).and_then(|track| track.open.last().copied())
            && unwanted(slice)
        {
            let Some(slices) = self.tracks.get(track) else { return };
            slices.open.pop();
            slices.last = slices.last.max(time);
            let event = super::instant(slices.uuid, slices.last, Name::None, Arguments::new());
            self.write(id, Event { kind: SLICE_END, ..event }, out);
        }
    }

    /// Ends the session that the last update closed, and all of its slices that are open.
    pub(super) fn close_session(&mut self, out: &mut Vec<u8>) {
        let Some(Closing { session, time, arguments }) = self.closing.take() else { return };
        let (id, path) = (session.id, &session.path);
        let Some(session) = self.sessions.get(&id) else { return };
        let (lane, sequence) = (session.lane, session.sequence);
        let mut tracks: Vec<TrackId> = session.tracks.iter().copied().collect();
        tracks.sort_unstable();
        for track in tracks.into_iter().filter(|track| *track != lane.track) {
            let first = |(owner, _): &(SessionId, Slice)| *owner == id;
            if let Some(slices) = self.tracks.get(track)
                && let Some((_, slice)) = slices.open.iter().copied().find(first)
            {
                self.end_slice(id, track, slice, time, Details::new("", Arguments::new()), out);
            }
        }
        self.end_slice(id, lane.track, Slice::Session, time, Details::new("", arguments), out);
        self.sessions.remove(&id);
        self.free.push(sequence);
        self.tracks.free(path, lane);
    }

    /// Ends all slices of all tracks.
    pub(super) fn end_all(&mut self, out: &mut Vec<u8>) {
        for track in self.tracks.iter_mut() {
            let time = self.last.max(track.last);
            for _ in track.open.drain(..) {
                let event = super::instant(track.uuid, time, Name::None, Arguments::new());
                self.global.event(Event { kind: SLICE_END, ..event }, out);
            }
        }
    }

    /// Writes an event to the sequence of a session.
    fn write(&mut self, id: SessionId, event: Event<'_>, out: &mut Vec<u8>) {
        if let Some(session) = self.sessions.get(&id)
            && let Some(sequence) = self.sequences.get_mut(session.sequence)
        {
            sequence.event(event, out);
        }
    }
}

pub(super) fn int(number: u64) -> Value {
    Value::Int(number.try_into().unwrap_or(i64::MAX))
}
