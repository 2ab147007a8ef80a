//! Tracks: threads with the slices that are open on them, files with their sessions and counters.

use rustc_hash::FxHashMap;
use seqtrace_model::event::Task;
use seqtrace_model::session::update::SessionId;

use super::messages::{
    CounterDescriptor, Packet, ProcessDescriptor, ThreadDescriptor, TrackDescriptor,
};
use super::sequence::{GLOBAL, append};
use crate::names::text;

/// `UNIT_COUNT` and `UNIT_SIZE_BYTES`, counter_descriptor.proto.
const COUNT: i32 = 2;
const BYTES: i32 = 3;

/// Counters of a session, in the order of their values in events.
const COUNTERS: [(&str, i32); 3] =
    [("position", COUNT), ("buffer fill", BYTES), ("bytes delivered", BYTES)];

/// Kind of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slice {
    Session,
    /// By number; `None` if it is unknown.
    Read(Option<u32>),
    Lseek,
    Pass,
}

/// A track of slices.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) uuid: u64,
    /// The slices that have not ended, each inside the one before.
    pub(super) open: Vec<(SessionId, Slice)>,
    /// Time of the last begin or end of a slice, ns since boot.
    pub(super) last: u64,
}

/// Index of a track in [`Tracks`].
pub(super) type TrackId = usize;

/// A track for sessions of one file that do not overlap, with counters of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    pub(super) track: TrackId,
    pub(super) counters: [u64; COUNTERS.len()],
}

/// A file: a group of tracks.
#[derive(Debug)]
pub(super) struct File {
    pub(super) uuid: u64,
    /// Number of lanes, free or not.
    lanes: usize,
    /// Lanes without an open session.
    free: Vec<Lane>,
}

/// All tracks of a trace.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    slices: Vec<Track>,
    /// Number of tracks that were described.
    ids: u64,
    /// Number that all ids of tracks and flows are counted from.
    base: u64,
    /// Ids of processes, by pid.
    processes: FxHashMap<u32, u64>,
    /// Tracks of threads, by pid and tid.
    threads: FxHashMap<(u32, u32), TrackId>,
    /// Groups of files, by path.
    files: FxHashMap<Vec<u8>, File>,
    /// Tracks of lost events, by CPU.
    losses: FxHashMap<u16, u64>,
}

impl Tracks {
    /// Makes tracks whose ids are random enough not to collide with those of another trace in the same view.
    pub(super) fn new(seed: u64) -> Self {
        // The 64-bit golden ratio: a multiplicative hash.
        Self { base: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), ..Self::default() }
    }

    pub(super) fn get(&mut self, track: TrackId) -> Option<&mut Track> {
        self.slices.get_mut(track)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Track> {
        self.slices.iter_mut()
    }

    /// Describes a track without slices that nest, e.g. one of instants.
    pub(super) fn plain(&mut self, name: String, parent: Option<u64>, out: &mut Vec<u8>) -> u64 {
        let name = Some(name);
        self.describe(TrackDescriptor { name, parent_uuid: parent, ..empty() }, out)
    }

    /// Returns the track of lost events of a CPU.
    pub(super) fn loss(&mut self, cpu: u16, out: &mut Vec<u8>) -> u64 {
        if let Some(uuid) = self.losses.get(&cpu) {
            return *uuid;
        }
        let uuid = self.plain(format!("lost events of CPU {cpu}"), None, out);
        self.losses.insert(cpu, uuid);
        uuid
    }

    /// Returns the track of a thread.
    pub(super) fn thread(&mut self, task: &Task, out: &mut Vec<u8>) -> TrackId {
        let Task { pid, tid, uid: _, comm } = task;
        if let Some(track) = self.threads.get(&(*pid, *tid)) {
            return *track;
        }
        let name = Some(text(comm));
        let process = self.processes.get(pid).copied().unwrap_or_else(|| {
            let pid = Some(pid.cast_signed());
            let process = Some(ProcessDescriptor { pid, process_name: name.clone() });
            self.describe(TrackDescriptor { process, ..empty() }, out)
        });
        self.processes.insert(*pid, process);
        let thread = ThreadDescriptor {
            pid: Some(pid.cast_signed()),
            tid: Some((*tid).into()),
            thread_name: name,
        };
        let descriptor =
            TrackDescriptor { thread: Some(thread), parent_uuid: Some(process), ..empty() };
        let uuid = self.describe(descriptor, out);
        let track = self.add(uuid);
        self.threads.insert((*pid, *tid), track);
        track
    }

    /// Returns the group of a file.
    pub(super) fn file(&mut self, path: &[u8], out: &mut Vec<u8>) -> &mut File {
        let known = self.files.get(path).map(|file| file.uuid);
        let uuid = known.unwrap_or_else(|| self.plain(text(path), None, out));
        self.files.entry(path.to_vec()).or_insert(File { uuid, lanes: 0, free: Vec::new() })
    }

    /// Returns a lane of a file without an open session.
    pub(super) fn lane(&mut self, path: &[u8], out: &mut Vec<u8>) -> Lane {
        let file = self.file(path, out);
        if let Some(lane) = file.free.pop() {
            return lane;
        }
        file.lanes += 1;
        let (uuid, number) = (file.uuid, file.lanes);
        // Tracks of one name and parent are drawn as one.
        let name = if number == 1 { "sessions".to_owned() } else { format!("sessions {number}") };
        let lane = self.plain(name, Some(uuid), out);
        let counters = COUNTERS.map(|(name, unit)| {
            let counter = Some(CounterDescriptor { unit: Some(unit) });
            let (name, parent_uuid) = (Some(name.to_owned()), Some(lane));
            self.describe(TrackDescriptor { name, parent_uuid, counter, ..empty() }, out)
        });
        Lane { track: self.add(lane), counters }
    }

    /// Makes a lane free for another session.
    pub(super) fn free(&mut self, path: &[u8], lane: Lane) {
        if let Some(file) = self.files.get_mut(path) {
            file.free.push(lane);
        }
    }

    /// Returns the id of a flow.
    pub(super) fn flow(&self, number: u64) -> u64 {
        self.base.wrapping_add(number)
    }

    fn add(&mut self, uuid: u64) -> TrackId {
        self.slices.push(Track { uuid, open: Vec::new(), last: 0 });
        self.slices.len() - 1
    }

    fn describe(&mut self, descriptor: TrackDescriptor, out: &mut Vec<u8>) -> u64 {
        self.ids += 1;
        let uuid = self.base.wrapping_add(self.ids);
        let track_descriptor = Some(TrackDescriptor { uuid: Some(uuid), ..descriptor });
        let trusted_packet_sequence_id = Some(GLOBAL);
        append(&Packet { trusted_packet_sequence_id, track_descriptor, ..Packet::default() }, out);
        uuid
    }
}

fn empty() -> TrackDescriptor {
    TrackDescriptor::default()
}
