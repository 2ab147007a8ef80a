//! The kernel function of each program, for both backends.
//!
//! Nearly all probes are trampolines. They are the cheapest to run, and they are detached at the same time as the
//! kprobes of the backends. A function with a trampoline costs a grace period of RCU tasks, some 0.1 s
//! (ftrace_shutdown(), kernel/trace/ftrace.c). A kprobe with a program costs one of RCU tasks trace and two of RCU,
//! 0.04 s, one kprobe after the other (perf_event_detach_bpf_prog() since 6.12 and in 6.1's updates,
//! perf_trace_event_unreg()). So there should be few of either kind.
//!
//! A kernel without trampolines on functions (arm64 before 6.4) refuses the first one. Then the twins of the programs are
//! attached, as kprobes and kretprobes (`seqtrace-ebpf/src/frames.rs`).

use super::opens::Opens;

/// Kind of the probes on the entries and returns of functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frames {
    Trampolines,
    /// The kernel has no trampolines on functions.
    Kprobes,
}

impl Frames {
    /// Names the kind, for the report of `seqtrace doctor`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Trampolines => "fentry",
            Self::Kprobes => "kprobe and kretprobe",
        }
    }
}

/// Method by which a program is attached to a kernel function.
#[derive(Clone, Copy)]
pub(super) enum AttachType {
    /// A kprobe on the entry.
    Kprobe,
    /// A trampoline on the entry.
    Fentry,
    /// A trampoline on the return, with access to the arguments.
    Fexit,
}

impl AttachType {
    /// Returns the suffixes of the names of a program's twins, in the order of attaching; an object may lack the last.
    pub(super) fn twins(self) -> &'static [&'static str] {
        match self {
            Self::Kprobe => &[],
            Self::Fentry => &["_kprobe"],
            // A call whose entry is seen and whose return is not would be counted as a miss. The entry of some functions
            // is stored by the twin of the program for the entry.
            Self::Fexit => &["_kretprobe", "_keep"],
        }
    }
}

/// A program and its kernel function.
#[derive(Clone, Copy)]
pub(super) struct ProbeSpec {
    pub(super) program: &'static str,
    pub(super) function: &'static str,
    pub(super) attach_type: AttachType,
    /// True if a failure to attach is fatal; false if only the events of this probe are missing then.
    pub(super) required: bool,
}

pub(super) const fn probe_spec(
    program: &'static str,
    function: &'static str,
    attach_type: AttachType,
    required: bool,
) -> ProbeSpec {
    ProbeSpec { program, function, attach_type, required }
}

/// Returns the functions with a trampoline. The kernel identifies them by their type id in its BTF.
pub(super) fn trampolines() -> Vec<&'static str> {
    let opens = Opens::ALL.iter().flat_map(|kind| kind.probes());
    [
        SESSION_PROBES,
        PROCFS_SESSION_PROBES,
        ITERATOR_PROBES,
        OPENERS,
        INLINED_OPENERS,
        PROCFS_OPENERS,
    ]
    .concat()
    .iter()
    .chain(opens)
    .filter(|spec| !matches!(spec.attach_type, AttachType::Kprobe))
    .map(|spec| spec.function)
    .collect()
}

/// Probes that follow a session, in the order of attaching.
pub(super) const SESSION_PROBES: &[ProbeSpec] = &[
    probe_spec("seq_release", "seq_release", AttachType::Fentry, true),
    probe_spec("single_release", "single_release", AttachType::Fentry, true),
    probe_spec("seq_release_private", "seq_release_private", AttachType::Fentry, true),
    probe_spec("seq_read_iter_exit", "seq_read_iter", AttachType::Fexit, true),
    probe_spec("seq_lseek_enter", "seq_lseek", AttachType::Fentry, true),
    probe_spec("seq_lseek_exit", "seq_lseek", AttachType::Fexit, true),
    probe_spec("proc_reg_write", "proc_reg_write", AttachType::Fexit, false),
];

/// Probes that follow a session of a plain procfs file.
pub(super) const PROCFS_SESSION_PROBES: &[ProbeSpec] = &[
    probe_spec("proc_reg_release", "proc_reg_release", AttachType::Kprobe, true),
    probe_spec("proc_reg_read", "proc_reg_read", AttachType::Fexit, true),
    probe_spec("proc_reg_read_iter", "proc_reg_read_iter", AttachType::Fexit, false),
];

/// Probes for reads of BPF iterators, which do not go through seq_read_iter().
pub(super) const ITERATOR_PROBES: &[ProbeSpec] = &[
    probe_spec("bpf_seq_read_exit", "bpf_seq_read", AttachType::Fexit, false),
    probe_spec("bpf_seq_read_enter", "bpf_seq_read", AttachType::Fentry, false),
];

/// Probes that begin a session. The entry of a read begins one for a file that was opened before the trace.
pub(super) const OPENERS: &[ProbeSpec] = &[
    probe_spec("seq_read_iter_enter", "seq_read_iter", AttachType::Fentry, true),
    probe_spec("seq_open", "seq_open", AttachType::Fexit, true),
];

/// Probes that begin a session if seq_open() is inlined into the function: see [`crate::kernel::openers`].
pub(super) const INLINED_OPENERS: &[ProbeSpec] = &[
    probe_spec("single_open_exit", "single_open", AttachType::Fexit, true),
    probe_spec("single_open_size_exit", "single_open_size", AttachType::Fexit, true),
    probe_spec("seq_open_private_exit", "seq_open_private", AttachType::Fexit, true),
    probe_spec("seq_open_private_raw_exit", "__seq_open_private", AttachType::Fexit, true),
];

/// Probes that begin a session of a plain procfs file.
pub(super) const PROCFS_OPENERS: &[ProbeSpec] =
    &[probe_spec("proc_reg_open", "proc_reg_open", AttachType::Fexit, true)];
