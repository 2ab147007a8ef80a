//! Sequences of packets, and how they are kept small.
//!
//! A sequence has a clock of its own, in which a timestamp is the distance from the timestamp before; defaults for the
//! track and the counters of its events; and a table of names. A callback then takes about 35 bytes instead of 100.

use prost::Message;

use super::messages::{
    Annotation, Clock, ClockSnapshot, Interned, InternedData, MONOTONIC, NEEDS_STATE, Packet,
    PacketDefaults, SEQUENCE_CLOCK, STATE_CLEARED, TrackEvent, TrackEventDefaults, Value,
};

/// Field `packet` of `Trace`, as a key of the wire format: number 1, length-delimited.
const PACKET_KEY: u8 = 1 << 3 | 2;

/// Number of the sequence that describes tracks, and whose events belong to no session.
pub(super) const GLOBAL: u32 = 1;

/// Appends a packet to a trace.
pub(super) fn append(packet: &Packet, out: &mut Vec<u8>) {
    out.push(PACKET_KEY);
    // Cannot fail: a Vec grows.
    let _appended = packet.encode_length_delimited(out);
}

/// Name of an event.
#[derive(Debug)]
pub(super) enum Name {
    /// No name: the event ends a slice.
    None,
    /// One of a few names, which the sequence has in its table.
    Fixed(&'static str),
    /// A text of any length, which is printable.
    Text(String),
}

/// An event of a track.
#[derive(Debug)]
pub(super) struct Event<'a> {
    pub(super) kind: i32,
    pub(super) track: u64,
    /// CLOCK_MONOTONIC, ns since boot.
    pub(super) time: u64,
    pub(super) name: Name,
    pub(super) arguments: Arguments,
    /// Values of the sequence's counters, at most as many as it has.
    pub(super) counters: &'a [i64],
    pub(super) flows: Vec<u64>,
}

/// Arguments of an event, by name.
pub(super) type Arguments = Vec<(&'static str, Value)>;

/// A sequence of packets.
#[derive(Debug)]
pub(super) struct Sequence {
    id: u32,
    /// Time of the last packet in the sequence's clock, ns since boot.
    clock: u64,
    /// Track of events that name none.
    track: u64,
    event_names: Names,
    argument_names: Names,
}

impl Sequence {
    /// Begins a sequence. `time`: zero point of its clock, ns since boot.
    pub(super) fn begin(id: u32, time: u64, out: &mut Vec<u8>) -> Self {
        let clock =
            |id, is_incremental| Clock { id: Some(id), timestamp: Some(time), is_incremental };
        let snapshot = ClockSnapshot {
            clocks: vec![clock(SEQUENCE_CLOCK, Some(true)), clock(MONOTONIC, None)],
            primary_trace_clock: None,
        };
        let packet = Packet {
            trusted_packet_sequence_id: Some(id),
            sequence_flags: Some(STATE_CLEARED),
            clock_snapshot: Some(snapshot),
            trace_packet_defaults: Some(PacketDefaults {
                timestamp_clock_id: Some(SEQUENCE_CLOCK),
                track_event_defaults: None,
            }),
            ..Packet::default()
        };
        append(&packet, out);
        let (event_names, argument_names) = (Names::default(), Names::default());
        Self { id, clock: time, track: 0, event_names, argument_names }
    }

    /// Sets the track of events that name none, and the counters that events have values of.
    pub(super) fn set_defaults(&mut self, track: u64, counters: &[u64], out: &mut Vec<u8>) {
        self.track = track;
        let defaults = TrackEventDefaults {
            track_uuid: Some(track),
            extra_counter_track_uuids: counters.to_vec(),
        };
        let packet = Packet {
            trusted_packet_sequence_id: Some(self.id),
            sequence_flags: Some(NEEDS_STATE),
            trace_packet_defaults: Some(PacketDefaults {
                timestamp_clock_id: Some(SEQUENCE_CLOCK),
                track_event_defaults: Some(defaults),
            }),
            ..Packet::default()
        };
        append(&packet, out);
    }

    /// Appends an event to the trace.
    pub(super) fn event(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        let Event { kind, track, time, name, arguments, counters, flows } = event;
        // The sequence's clock never goes back. An event from before is in the clock of the kernel, which does not move
        // that of the sequence.
        let (timestamp, timestamp_clock_id) = match time.checked_sub(self.clock) {
            Some(distance) => {
                self.clock = time;
                (distance, None)
            }
            None => (time, Some(MONOTONIC)),
        };
        let mut names = InternedData { event_names: vec![], debug_annotation_names: vec![] };
        let (name_iid, name) = match name {
            Name::None => (None, None),
            Name::Fixed(name) => {
                (Some(self.event_names.number(name, &mut names.event_names)), None)
            }
            Name::Text(text) => (None, Some(text)),
        };
        let annotation = |(name, value)| Annotation {
            name_iid: Some(self.argument_names.number(name, &mut names.debug_annotation_names)),
            value: Some(value),
        };
        let event = TrackEvent {
            debug_annotations: arguments.into_iter().map(annotation).collect(),
            kind: Some(kind),
            name_iid,
            track_uuid: (track != self.track).then_some(track),
            extra_counter_values: counters.to_vec(),
            name,
            flow_ids: flows,
        };
        let is_new = !names.event_names.is_empty() || !names.debug_annotation_names.is_empty();
        let packet = Packet {
            timestamp: Some(timestamp),
            timestamp_clock_id,
            trusted_packet_sequence_id: Some(self.id),
            sequence_flags: Some(NEEDS_STATE),
            interned_data: is_new.then_some(names),
            track_event: Some(event),
            ..Packet::default()
        };
        append(&packet, out);
    }
}

/// Names of a sequence. The 1-based index of a name is its number in the sequence.
#[derive(Debug, Default)]
struct Names(Vec<&'static str>);

impl Names {
    /// Returns the number of a name. Adds a name without a number to `new`.
    fn number(&mut self, name: &'static str, new: &mut Vec<Interned>) -> u64 {
        // There are at most 40 of them, and the first ones are the most frequent.
        let known = self.0.iter().position(|known| *known == name);
        let index = known.unwrap_or_else(|| {
            self.0.push(name);
            new.push(Interned { iid: Some(self.0.len() as u64), name: Some(name.to_owned()) });
            self.0.len() - 1
        });
        index as u64 + 1
    }
}
