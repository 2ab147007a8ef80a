//! Errors of loading and attaching, as messages.

use aya::{maps::MapError, programs::ProgramError};
use thiserror::Error;

/// Reasons why a trace cannot be set up or go on.
#[derive(Debug, Error)]
pub(crate) enum ProbeError {
    /// The kernel refuses the programs or a map.
    #[error("cannot load the eBPF programs: {0}")]
    Load(String),
    /// The kernel's BTF cannot be parsed.
    #[error("cannot read the kernel's BTF: {0}")]
    Btf(String),
    /// The user requests the backend `core`, and the core's call sites are not found; the reason.
    #[error("backend core is not possible here: {0}")]
    NoCoreSites(String),
    /// The kernel refuses a probe.
    #[error("cannot attach to {target}: {reason}")]
    Attach {
        /// The function or the address.
        target: String,
        reason: String,
    },
    /// The probes are attached and do not fire; the reason.
    #[error("the probes do not fire: {0}")]
    Silent(String),
    /// The object lacks a program or a map.
    #[error("the eBPF object has no {0}: it does not belong to this version")]
    Missing(&'static str),
    /// The log of the programs cannot be opened.
    #[error("cannot read the programs' log: {0}")]
    Log(#[from] aya_log::Error),
    /// A map cannot be read or written.
    #[error("map {map}: {source}")]
    Map { map: &'static str, source: MapError },
}

impl ProbeError {
    pub(super) fn of_map(map: &'static str) -> impl Fn(MapError) -> Self {
        move |source| Self::Map { map, source }
    }
}

/// Numbers of lines at the beginning and at the end of a message that are reported. The verifier's log has thousands of
/// lines.
const KEPT_LINES: (usize, usize) = (2, 8);

/// Reason of a kernel that is locked down.
pub(crate) const LOCKED_DOWN: &str =
    "the kernel is locked down (confidentiality): its programs must not read kernel memory";

/// The verifier's complaints about a helper that bpf_tracing_func_proto() (kernel/trace/bpf_trace.c) withholds only if
/// reading kernel memory is locked down: since 6.9 the first, before that the second.
const WITHHELD: [&str; 2] = ["cannot use helper bpf_probe_read", "unknown func bpf_probe_read"];

/// Returns the messages of an error and of its causes, without the middle of a long message.
pub(super) fn describe(error: &dyn std::error::Error) -> String {
    let text = join_causes(error);
    if WITHHELD.iter().any(|complaint| text.contains(complaint)) {
        return LOCKED_DOWN.to_owned();
    }
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let (head, tail) = KEPT_LINES;
    if lines.len() <= head + tail + 1 {
        return lines.join("\n");
    }
    let cut = lines.len() - head - tail;
    let (first, last) = (&lines[..head], &lines[lines.len() - tail..]);
    format!(
        "{}\n  … {cut} lines of the kernel's log left out …\n{}",
        first.join("\n"),
        last.join("\n")
    )
}

/// Returns the messages of an error and of its causes.
fn join_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}

/// Returns the reason why the kernel refuses a kprobe on a callback.
pub(super) fn describe_kprobe_error(error: &ProgramError) -> String {
    let errno = match error {
        ProgramError::SyscallError(error) => error.io_error.raw_os_error(),
        _ => None,
    };
    match errno {
        // EINVAL: check_kprobe_address_safe() and ftrace's own functions (kernel/kprobes.c, 6.12).
        Some(22) => "the kernel does not allow probes there (notrace or blacklisted)".to_owned(),
        Some(2) => "there is no code at that address (module unloaded?)".to_owned(),
        _ => describe(error),
    }
}
