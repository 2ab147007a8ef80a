//! What this process may do: no more than it still has to.

use std::io;

use caps::{CapSet, Capability, CapsHashSet};

/// What a trace under way still needs, whoever started it: to read the programs' counters, set probes on
/// tables that are met (CAP_BPF, CAP_PERFMON), learn the addresses of modules that are loaded
/// (CAP_SYSLOG), and end a command that runs as another user (CAP_KILL).
const WHILE_TRACING: [Capability; 4] =
    [Capability::CAP_BPF, Capability::CAP_PERFMON, Capability::CAP_SYSLOG, Capability::CAP_KILL];

/// Gives up all other capabilities for good, in this thread and those that it will start, and the right
/// to get any back by running a program. To be called when everything is attached and the command behind
/// `--` has been started. `later`: more probes may have to be set.
///
/// # Errors
/// The kernel refuses.
pub fn keep_what_tracing_needs(later: bool) -> io::Result<()> {
    let has = caps::read(None, CapSet::Permitted).map_err(|error| refused(&error))?;
    let needed = |cap: &Capability| {
        WHILE_TRACING.contains(cap)
            || later && perf_is_for_admins() && *cap == Capability::CAP_SYS_ADMIN
    };
    let keep: CapsHashSet = has.into_iter().filter(needed).collect();
    // What is effective must be permitted at any time.
    caps::set(None, CapSet::Effective, &keep).map_err(|error| refused(&error))?;
    caps::set(None, CapSet::Permitted, &keep).map_err(|error| refused(&error))?;
    nix::sys::prctl::set_no_new_privs()?;
    Ok(())
}

/// Debian's kernels let nobody without CAP_SYS_ADMIN use perf_event_open() if kernel.perf_event_paranoid is 3,
/// which is what they begin with.
fn perf_is_for_admins() -> bool {
    const FILE: &str = "/proc/sys/kernel/perf_event_paranoid";
    let level = std::fs::read_to_string(FILE).ok().and_then(|text| text.trim().parse::<i32>().ok());
    level.is_none_or(|level| level > 2)
}

/// Lets no program that is started from here on inherit a capability. Root's own are not inherited: whoever
/// runs seqtrace as root runs the command as root, unless it was sudo.
///
/// # Errors
/// The kernel refuses.
pub fn bequeath_nothing() -> io::Result<()> {
    caps::clear(None, CapSet::Ambient).map_err(|error| refused(&error))?;
    caps::clear(None, CapSet::Inheritable).map_err(|error| refused(&error))
}

fn refused(error: &caps::errors::CapsError) -> io::Error {
    io::Error::other(error.to_string())
}

/// True if programs can be loaded and attached: that takes CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN
/// (capabilities(7)). Where it cannot be told, the kernel will tell.
pub fn may_trace() -> bool {
    caps::read(None, CapSet::Effective).map_or(true, |has| {
        has.contains(&Capability::CAP_SYS_ADMIN)
            || has.contains(&Capability::CAP_BPF) && has.contains(&Capability::CAP_PERFMON)
    })
}
