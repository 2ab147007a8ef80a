use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;
use prost::Message;
use seqtrace_model::event::{Event, EventKind};

use super::Perfetto;
use super::messages::{
    INSTANT, MONOTONIC, NEEDS_STATE, SEQUENCE_CLOCK, SLICE_BEGIN, SLICE_END, STATE_CLEARED, Trace,
    TrackEvent, Value,
};
use crate::testing::{events, play};

/// State of a sequence, as a reader of the trace keeps it.
#[derive(Default)]
struct Sequence {
    clock: u64,
    track: u64,
    counters: usize,
    events: HashMap<u64, String>,
    arguments: HashSet<u64>,
}

/// An event with its time and name.
#[derive(Debug)]
struct Seen {
    time: u64,
    track: u64,
    name: String,
    event: TrackEvent,
}

/// Reads a trace as trace_processor does. Panics if a reader would drop anything.
fn read(bytes: &[u8]) -> Vec<Seen> {
    let mut sequences: HashMap<u32, Sequence> = HashMap::new();
    let (mut tracks, mut seen, mut monotonic) = (HashSet::new(), Vec::new(), 0);
    for packet in Trace::decode(bytes).expect("a trace").packet {
        let id = packet.trusted_packet_sequence_id.expect("each packet is of a sequence");
        let flags = packet.sequence_flags.unwrap_or(0);
        if flags & STATE_CLEARED != 0 {
            let snapshot = packet.clock_snapshot.as_ref().expect("a sequence begins with a clock");
            let clock = snapshot.clocks.iter().find(|clock| clock.id == Some(SEQUENCE_CLOCK));
            let clock = clock.and_then(|clock| clock.timestamp).expect("the sequence's clock");
            let known = snapshot.clocks.iter().find(|clock| clock.id == Some(MONOTONIC));
            let known = known.and_then(|clock| clock.timestamp).expect("a known clock");
            assert!(known >= monotonic, "a clock goes back");
            monotonic = known;
            assert!(sequences.insert(id, Sequence { clock, ..Sequence::default() }).is_none());
        }
        if let Some(track) = packet.track_descriptor {
            let parent = track.parent_uuid;
            assert!(parent.is_none_or(|parent| tracks.contains(&parent)), "a parent comes first");
            assert!(tracks.insert(track.uuid.expect("a track has an id")), "an id is unique");
        }
        if let Some(defaults) =
            packet.trace_packet_defaults.and_then(|all| all.track_event_defaults)
        {
            let sequence = sequences.get_mut(&id).expect("the sequence has begun");
            sequence.track = defaults.track_uuid.expect("a default track");
            sequence.counters = defaults.extra_counter_track_uuids.len();
            assert!(defaults.extra_counter_track_uuids.iter().all(|track| tracks.contains(track)));
        }
        let Some(event) = packet.track_event else { continue };
        assert_eq!(flags & NEEDS_STATE, NEEDS_STATE);
        let sequence = sequences.get_mut(&id).expect("the sequence has begun");
        let interned = packet.interned_data.unwrap_or_default();
        for name in interned.event_names {
            sequence.events.insert(name.iid.expect("a number"), name.name.expect("a name"));
        }
        sequence
            .arguments
            .extend(interned.debug_annotation_names.iter().filter_map(|name| name.iid));
        let timestamp = packet.timestamp.expect("an event has a time");
        let time = match packet.timestamp_clock_id {
            None => {
                sequence.clock += timestamp;
                sequence.clock
            }
            Some(clock) => {
                assert_eq!(clock, MONOTONIC);
                timestamp
            }
        };
        let track = event.track_uuid.unwrap_or(sequence.track);
        assert!(tracks.contains(&track));
        assert!(event.extra_counter_values.len() <= sequence.counters);
        for argument in &event.debug_annotations {
            assert!(sequence.arguments.contains(&argument.name_iid.expect("a name")));
            if let Some(Value::Text(text)) = &argument.value {
                assert!(!text.contains(char::is_control), "{text:?}");
            }
        }
        let name = event.name_iid.map(|iid| sequence.events[&iid].clone());
        let name = name.or(event.name.clone()).unwrap_or_default();
        assert!(!name.contains(char::is_control), "{name:?}");
        seen.push(Seen { time, track, name, event });
    }
    // trace_processor sorts by time; events of one time keep their order.
    seen.sort_by_key(|event| event.time);
    seen
}

/// Returns the number of slices and instants by the first word of their name. Panics unless slices nest and end.
fn counts(seen: &[Seen]) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    let mut open: HashMap<u64, i32> = HashMap::new();
    for Seen { track, name, event, .. } in seen {
        let depth = open.entry(*track).or_default();
        match event.kind.expect("a kind") {
            SLICE_BEGIN => *depth += 1,
            SLICE_END => {
                *depth -= 1;
                assert!(*depth >= 0, "a slice ends that has not begun");
                continue;
            }
            kind => assert_eq!(kind, INSTANT),
        }
        let word = name.split([' ', ':']).next().expect("a word");
        *counts.entry(word).or_default() += 1;
    }
    assert!(open.values().all(|depth| *depth == 0), "all slices end");
    counts
}

fn written(events: &[Event], is_cut: bool) -> (Vec<u8>, seqtrace_model::session::update::Summary) {
    let mut sink = Perfetto::new(1_700_000_000_000_000_000, Some(7));
    let summary = play(events, &mut sink);
    let mut bytes = Vec::new();
    sink.finish(is_cut, &mut bytes).expect("a Vec can be written");
    (bytes, summary)
}

proptest! {
    #[test]
    fn all_that_the_trace_has_can_be_read((events, is_whole) in events()) {
        let (bytes, summary) = written(&events, false);
        let seen = read(&bytes);
        let counts = counts(&seen);
        let of = |names: &[&str]| -> u64 {
            names.iter().map(|name| counts.get(name).copied().unwrap_or(0)).sum()
        };
        prop_assert_eq!(of(&["start", "next", "show", "stop"]), summary.totals.callbacks);
        if is_whole {
            prop_assert_eq!(of(&["read", "plain"]), summary.totals.reads);
            // The thread of an lseek is not always known, and the slices of two such threads do not nest.
            prop_assert!(of(&["pass"]) <= summary.totals.passes);
        }
        prop_assert_eq!(of(&["s1", "s2"]), summary.sessions);
        let gaps = events.iter().filter(|event| matches!(event.body, EventKind::Gap { .. }));
        prop_assert_eq!(of(&["1"]), gaps.count() as u64);
        let findings = seen.iter().filter(|event| event.name.starts_with("SQ"));
        prop_assert!(findings.count() >= summary.findings.len());
        // Two seen points in time of a finding are connected.
        prop_assert!(seen.iter().filter(|event| event.name.contains(": first"))
            .all(|first| !first.event.flow_ids.is_empty()));
    }
}

#[test]
fn a_cut_recording_has_a_mark() {
    let (bytes, _) = written(&[], true);
    assert!(read(&bytes).iter().any(|event| event.name == "the recording is cut off here"));
    let (bytes, _) = written(&[], false);
    assert!(read(&bytes).iter().all(|event| event.name != "the recording is cut off here"));
}
