//! Passes and callbacks, as slices of threads.

use seqtrace_model::event::{Ptr, PtrKind, Role};
use seqtrace_model::session::update::{CallbackUpdate, Fate, SessionId, Update};

use super::calls::int;
use super::messages::{INSTANT, SLICE_BEGIN, SLICE_END, Value};
use super::sequence::{Arguments, Event, Name};
use super::tracks::Slice;
use super::{Details, Trace};

impl Trace {
    /// Writes a callback, and the begin and end of its pass.
    pub(super) fn callback(
        &mut self,
        id: SessionId,
        update: &Update,
        callback: &CallbackUpdate,
        out: &mut Vec<u8>,
    ) {
        let track = self.track_of(id, update, out);
        let begin = callback.duration.map(|duration| update.time.saturating_sub(duration));
        if callback.role == Role::Start
            && let Some(begin) = begin
        {
            self.end_slices(id, track, begin, |slice| slice == Slice::Pass, out);
            let arguments = vec![("pass", Value::Int(callback.pass.into()))];
            self.begin_slice(id, track, Slice::Pass, begin, Details::new("pass", arguments), out);
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(sequence) = self.sequences.get_mut(session.sequence) else { return };
        let Some(slices) = self.tracks.get(track) else { return };
        session.position = callback.pos_out;
        let counters = [callback.pos_out, callback.count.try_into().unwrap_or(i64::MAX)];
        let counters = match callback.role {
            Role::Start | Role::Next => &counters[..1],
            Role::Show => &counters,
            Role::Stop => &[],
        };
        let event = |kind, time, name| Event {
            kind,
            track: slices.uuid,
            time,
            name,
            arguments: Arguments::new(),
            counters: &[],
            flows: Vec::new(),
        };
        let name = Name::Fixed(slice_name(callback));
        let arguments = arguments(callback);
        match begin.filter(|begin| *begin >= slices.last) {
            Some(begin) => {
                slices.last = update.time;
                sequence.event(Event { arguments, ..event(SLICE_BEGIN, begin, name) }, out);
                sequence
                    .event(Event { counters, ..event(SLICE_END, update.time, Name::None) }, out);
            }
            // Its begin is unknown, or before that of another slice of the track.
            None => {
                sequence
                    .event(Event { arguments, counters, ..event(INSTANT, update.time, name) }, out);
            }
        }
        if callback.role == Role::Stop {
            let held = callback.held.map(|held| ("held", int(held)));
            let end = Arguments::from_iter(held);
            self.end_slice(id, track, Slice::Pass, update.time, Details::new("", end), out);
        }
    }
}

/// Returns the name of a callback's slice: its role, and its result unless that is the usual one. Names are in the table
/// of a sequence: an argument would take more bytes.
fn slice_name(callback: &CallbackUpdate) -> &'static str {
    match callback.role {
        Role::Start => match callback.ret_ptr {
            Some(ptr) => match ptr.kind() {
                PtrKind::Null => "start: NULL",
                PtrKind::Token => "start: TOKEN",
                PtrKind::Err(_) => "start: ERR_PTR",
                PtrKind::Record(_) => "start",
            },
            None => "start",
        },
        Role::Next => match callback.ret_ptr {
            Some(ptr) => match ptr.kind() {
                PtrKind::Null => "next: NULL",
                PtrKind::Token => "next: TOKEN",
                PtrKind::Err(_) => "next: ERR_PTR",
                PtrKind::Record(_) => "next",
            },
            None => "next",
        },
        Role::Show => match callback.fate {
            Some(Fate::Emitted) => "show",
            Some(Fate::DiscardedOverflow) => "show: discarded (overflow)",
            Some(Fate::DiscardedTail) => "show: discarded (tail)",
            Some(Fate::Skipped) => "show: skipped",
            Some(Fate::PassedOver) => "show: passed over",
            Some(Fate::Empty) => "show: empty",
            Some(Fate::Failed) => "show: failed",
            Some(Fate::Unknown) | None => "show: unknown",
        },
        Role::Stop => "stop",
    }
}

/// Returns the arguments of a callback's slice, as few as possible.
fn arguments(callback: &CallbackUpdate) -> Arguments {
    let mut arguments = Arguments::new();
    if callback.role == Role::Show {
        arguments.extend(callback.pos_in.map(|pos| ("pos", Value::Int(pos))));
        arguments.extend(
            callback.ret_int.filter(|ret| *ret != 0).map(|ret| ("ret", Value::Int(ret.into()))),
        );
    }
    match (callback.range, callback.bytes) {
        (Some(range), _) => arguments.push(("offset", Value::Int(range.start))),
        (None, Some(bytes)) => arguments.push(("bytes", int(bytes))),
        (None, None) => {}
    }
    if let Some(PtrKind::Err(errno)) = callback.ret_ptr.map(Ptr::kind) {
        arguments.push(("errno", Value::Int(errno.into())));
    }
    if callback.fixed_up {
        arguments.push(("fixed_up", Value::Bool(true)));
    }
    arguments
}
