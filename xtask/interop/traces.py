"""Checks traces of `seqtrace export --to perfetto` with Perfetto's own protobuf classes.

Usage: traces.py FILE.json TRACE [FILE.json TRACE …], each with the output of `replay --format json` of the recording.
Reads a trace as trace_processor does, and prints a line `ok NAME` or `not ok NAME: reason` for each.
"""

import collections
import json
import pathlib
import sys
import traceback

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as pb

EVENT = pb.TrackEvent
# The first number that clock_snapshot.proto leaves to sequences.
SEQUENCE_CLOCK = 64


class Sequence:
    def __init__(self):
        self.clock = self.track = None
        self.counters = []
        self.names = {}
        self.arguments = {}


def events_of(trace):
    """Returns (time, track, type, name, arguments, counters, flows) of each event, by time."""
    sequences, tracks, found, monotonic = {}, {}, [], 0
    for packet in trace.packet:
        number = packet.trusted_packet_sequence_id
        assert number, "a packet without a sequence"
        if packet.sequence_flags & pb.TracePacket.SEQ_INCREMENTAL_STATE_CLEARED:
            sequences[number] = Sequence()
        sequence = sequences.get(number)
        if packet.HasField("clock_snapshot"):
            clocks = {clock.clock_id: clock for clock in packet.clock_snapshot.clocks}
            assert clocks[pb.BUILTIN_CLOCK_MONOTONIC].timestamp >= monotonic, "a clock went back"
            monotonic = clocks[pb.BUILTIN_CLOCK_MONOTONIC].timestamp
            if SEQUENCE_CLOCK in clocks:
                assert clocks[SEQUENCE_CLOCK].is_incremental
                sequence.clock = clocks[SEQUENCE_CLOCK].timestamp
        if packet.HasField("track_descriptor"):
            track = packet.track_descriptor
            assert track.uuid not in tracks, "two tracks of one id"
            assert not track.parent_uuid or track.parent_uuid in tracks, "a track before its parent"
            tracks[track.uuid] = track
        if packet.trace_packet_defaults.HasField("track_event_defaults"):
            defaults = packet.trace_packet_defaults.track_event_defaults
            sequence.track = defaults.track_uuid
            sequence.counters = list(defaults.extra_counter_track_uuids)
        for name in packet.interned_data.event_names:
            sequence.names[name.iid] = name.name
        for name in packet.interned_data.debug_annotation_names:
            sequence.arguments[name.iid] = name.name
        if not packet.HasField("track_event"):
            continue
        event = packet.track_event
        assert packet.sequence_flags & pb.TracePacket.SEQ_NEEDS_INCREMENTAL_STATE
        assert packet.HasField("timestamp"), "an event without a time"
        if packet.HasField("timestamp_clock_id"):
            assert packet.timestamp_clock_id == pb.BUILTIN_CLOCK_MONOTONIC
            time = packet.timestamp
        else:
            sequence.clock += packet.timestamp
            time = sequence.clock
        track = event.track_uuid if event.HasField("track_uuid") else sequence.track
        assert track in tracks, "an event of no track"
        name = sequence.names[event.name_iid] if event.name_iid else event.name
        arguments = {
            sequence.arguments[one.name_iid]: getattr(one, one.WhichOneof("value"))
            for one in event.debug_annotations
        }
        assert len(event.extra_counter_values) <= len(sequence.counters)
        counters = {
            tracks[uuid].name: value
            for uuid, value in zip(sequence.counters, event.extra_counter_values)
        }
        found.append((time, tracks[track], event.type, name, arguments, counters, list(event.flow_ids)))
    found.sort(key=lambda event: event[0])
    return found


def compare(objects, trace):
    events = events_of(trace)
    depth, words = collections.Counter(), collections.Counter()
    for _, track, kind, name, *_ in events:
        if kind == EVENT.TYPE_SLICE_END:
            depth[track.uuid] -= 1
            assert depth[track.uuid] >= 0, "a slice ends that has not begun"
            continue
        assert name, "a slice without a name"
        words[name.split(" ")[0].split(":")[0]] += 1
        if kind == EVENT.TYPE_SLICE_BEGIN:
            depth[track.uuid] += 1
        else:
            assert kind == EVENT.TYPE_INSTANT
    assert not +depth, "a slice does not end"

    def of_type(name):
        return [one for one in objects if one["type"] == name]

    callbacks = of_type("cb")
    assert callbacks
    for role in ["start", "next", "show", "stop"]:
        assert words[role] == sum(one["role"] == role for one in callbacks), role
    assert words["read"] >= len(of_type("read"))
    assert words["lseek"] >= len(of_type("lseek"))
    lost = [event[4]["lost"] for event in events if "lost" in event[4]]
    assert sorted(lost) == sorted(one["lost"] for one in of_type("gap")), lost
    assert {name for _, _, _, name, *_ in events if name.startswith("SQ") and ":" not in name} == {
        f"{one['id']} {one['name']}" for one in of_type("finding")
    }
    sessions = [one for one in of_type("open") if one["ret"] == 0]
    begun = [
        (name.split(" ")[0], track)
        for _, track, kind, name, *_ in events
        if kind == EVENT.TYPE_SLICE_BEGIN and track.name.startswith("sessions")
    ]
    assert sorted(name for name, _ in begun) == sorted(one["session"] for one in sessions)
    # What the readers got, and where each record went.
    delivered = sum(
        event[4]["ret"] for event in events if event[4].get("ret", 0) > 0 and "emitted" in event[4]
    )
    assert delivered == sum(one["bytes"] for one in of_type("read"))
    offsets = sorted(event[4]["offset"] for event in events if event[3] in ("show", "show: passed over"))
    ranges = [one["range"]["start"] for one in callbacks if one["role"] == "show" and one["range"]]
    assert offsets == sorted(ranges)
    positions = [event[5]["position"] for event in events if "position" in event[5]]
    assert max(positions) == max(one["pos_out"] for one in callbacks if one["role"] != "stop")
    # A finding is connected with its cause.
    flows = collections.Counter(flow for event in events for flow in event[6])
    if any(one["cause"] for one in of_type("finding")):
        assert max(flows.values()) > 1


for text, path in zip(sys.argv[1::2], sys.argv[2::2]):
    name = pathlib.Path(text).stem
    try:
        trace = pb.Trace()
        trace.ParseFromString(pathlib.Path(path).read_bytes())
        assert trace.ByteSize() == pathlib.Path(path).stat().st_size, "unknown fields were dropped"
        compare([json.loads(line) for line in open(text)], trace)
        print(f"ok {name}")
    except Exception as error:
        line = traceback.extract_tb(error.__traceback__)[-1].line
        print(f"not ok {name}: {type(error).__name__} {error} at {line}")
