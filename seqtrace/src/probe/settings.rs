//! Settings of the programs: what they trace, and what they emit.

use std::{collections::BTreeSet, os::unix::fs::MetadataExt as _};

use seqtrace_common::{
    config::{Config, FilterKey, Fnv, Namespace, flag},
    wire::PREVIEW_BYTES,
};

use crate::{faults::Faults, kernel::preflight::Kernel};

/// Settings with which the programs are loaded.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) kernel: Kernel,
    /// True if opens by seqtrace itself are emitted. Their sessions are never traced.
    pub(crate) show_own: bool,
    /// Number of bytes of each record to emit, 0 to [`PREVIEW_BYTES`].
    pub(crate) preview: u32,
    /// Size of the ring in bytes: a power of two, at least a page.
    pub(crate) ring_bytes: u32,
    pub(crate) filter: KernelFilter,
    /// True if the programs emit their own diagnostics.
    pub(crate) log: bool,
    pub(crate) faults: Faults,
}

impl Settings {
    /// Returns the configuration of the programs. `seq_file_type`: type id of `struct seq_file`, if the programs may
    /// call `bpf_rdonly_cast()`; otherwise 0.
    pub(super) fn config(&self, seq_file_type: u32) -> Config {
        let bit = |on: bool, flag: u32| if on { flag } else { 0 };
        let preview_limit = u32::try_from(PREVIEW_BYTES).unwrap_or(u32::MAX);
        Config {
            offsets: self.kernel.offsets,
            flags: self.filter.flags()
                | bit(self.show_own, flag::SHOW_OWN)
                | bit(self.kernel.offsets.has_seq_head(), flag::SEQ_HEAD),
            own_pid: std::process::id(),
            preview: self.preview.min(preview_limit),
            seq_file_type,
            pad: 0,
            own_namespace: own_namespace(),
            wrappers: self.kernel.wrappers,
            callers: self.kernel.callers,
        }
    }
}

/// `PROC_PID_INIT_INO` (include/linux/proc_ns.h): the inode number of the initial pid namespace.
const INITIAL_NAMESPACE: u64 = 0xefff_fffc;

/// Returns the pid namespace to which `std::process::id()` refers. For the initial namespace both numbers are 0: the
/// kernel's helper returns its ids to the programs anyway.
fn own_namespace() -> Namespace {
    match std::fs::metadata("/proc/self/ns/pid") {
        Ok(file) if file.ino() != INITIAL_NAMESPACE => {
            Namespace { dev: file.dev(), ino: file.ino() }
        }
        _ => Namespace { dev: 0, ino: 0 },
    }
}

/// Filter that the programs apply to opens. An open is traced if it matches one member of each set; an empty set
/// matches all opens.
#[derive(Clone, Debug, Default)]
pub(crate) struct KernelFilter {
    /// Ids of thread groups (tgid).
    pub(crate) pids: BTreeSet<u32>,
    pub(crate) tids: BTreeSet<u32>,
    /// Real user ids of tasks.
    pub(crate) uids: BTreeSet<u32>,
    /// Names of tasks, as in /proc/PID/comm.
    pub(crate) comms: BTreeSet<Vec<u8>>,
    /// Last components of paths.
    pub(crate) names: BTreeSet<Vec<u8>>,
}

impl KernelFilter {
    fn flags(&self) -> u32 {
        let bit = |empty: bool, flag: u32| if empty { 0 } else { flag };
        bit(self.pids.is_empty(), flag::FILTER_PID)
            | bit(self.tids.is_empty(), flag::FILTER_TID)
            | bit(self.uids.is_empty(), flag::FILTER_UID)
            | bit(self.comms.is_empty(), flag::FILTER_COMM)
            | bit(self.names.is_empty(), flag::FILTER_NAME)
    }

    /// Returns the keys of the map `FILTER`.
    pub(super) fn keys(&self) -> impl Iterator<Item = FilterKey> + '_ {
        let ids = |what, set: &'_ BTreeSet<u32>| {
            set.iter().map(|&id| (what, u64::from(id))).collect::<Vec<_>>()
        };
        let hashes = |what, set: &'_ BTreeSet<Vec<u8>>| {
            set.iter().map(|text| (what, Fnv::of(text))).collect::<Vec<_>>()
        };
        ids(flag::FILTER_PID, &self.pids)
            .into_iter()
            .chain(ids(flag::FILTER_TID, &self.tids))
            .chain(ids(flag::FILTER_UID, &self.uids))
            .chain(hashes(flag::FILTER_COMM, &self.comms))
            .chain(hashes(flag::FILTER_NAME, &self.names))
            .map(|(what, value)| FilterKey { what, pad: 0, value })
    }
}
