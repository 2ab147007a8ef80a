//! Settings of the programs: what they trace, and what they emit.

use std::os::unix::fs::MetadataExt as _;

use seqtrace_common::{
    config::{Config, FilterKey, Fnv, Namespace, flag},
    wire::PREVIEW_BYTES,
};

use crate::{faults::Faults, filter::Prefilter, kernel::preflight::Kernel};

/// Settings with which the programs are loaded.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) kernel: Kernel,
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
        let seq_head = if self.kernel.offsets.has_seq_head() { flag::SEQ_HEAD } else { 0 };
        let preview_limit = u32::try_from(PREVIEW_BYTES).unwrap_or(u32::MAX);
        Config {
            offsets: self.kernel.offsets,
            // Opens by seqtrace itself are emitted, to inspect files. Their sessions are never traced.
            flags: self.filter.flags() | flag::SHOW_OWN | seq_head,
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

/// Filter that the programs apply to opens: the keys of the map `FILTER`. An open is traced if it matches one key of
/// each kind. Without a key of a kind, all opens match.
#[derive(Clone, Debug)]
pub(crate) struct KernelFilter(pub(super) Vec<FilterKey>);

impl From<Prefilter> for KernelFilter {
    fn from(accepted: Prefilter) -> Self {
        let Prefilter { names, pids, tids, uids, comms } = accepted;
        let ids = [(flag::FILTER_PID, pids), (flag::FILTER_TID, tids), (flag::FILTER_UID, uids)];
        let texts = [(flag::FILTER_COMM, comms), (flag::FILTER_NAME, names)];
        let ids = ids
            .into_iter()
            .flat_map(|(what, ids)| ids.into_iter().flatten().map(move |id| (what, u64::from(id))));
        let hashes = texts.into_iter().flat_map(|(what, texts)| {
            texts.into_iter().flatten().map(move |text| (what, Fnv::of(&text)))
        });
        let keys = ids.chain(hashes).map(|(what, value)| FilterKey { what, pad: 0, value });
        Self(keys.collect())
    }
}

impl KernelFilter {
    fn flags(&self) -> u32 {
        self.0.iter().fold(0, |flags, key| flags | key.what)
    }
}
