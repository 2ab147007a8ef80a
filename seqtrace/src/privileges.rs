//! Reduces the capabilities of this process to those that it still needs.

use caps::{CapSet, Capability, CapsHashSet};

/// Capabilities that a running trace needs: to read the programs' counters and to probe callbacks of
/// new tables (CAP_BPF, CAP_PERFMON), to read the addresses of modules that are loaded (CAP_SYSLOG), and
/// to end a command that runs as another user (CAP_KILL).
const WHILE_TRACING: [Capability; 4] =
    [Capability::CAP_BPF, Capability::CAP_PERFMON, Capability::CAP_SYSLOG, Capability::CAP_KILL];

/// Drops all other capabilities permanently, in this thread and those that it starts, and the right to regain any by
/// running a program. Call it when everything is attached and the command after `--` has been started. `later`: true if
/// more probes may have to be attached.
///
/// # Errors
/// The kernel refuses the change.
pub(crate) fn keep_tracing_capabilities(later: bool) -> anyhow::Result<()> {
    let has = caps::read(None, CapSet::Permitted)?;
    let needed = |cap: &Capability| {
        WHILE_TRACING.contains(cap)
            || later && perf_is_for_admins() && *cap == Capability::CAP_SYS_ADMIN
    };
    let keep: CapsHashSet = has.into_iter().filter(needed).collect();
    // The effective set must be a subset of the permitted set at any time.
    caps::set(None, CapSet::Effective, &keep)?;
    caps::set(None, CapSet::Permitted, &keep)?;
    nix::sys::prctl::set_no_new_privs()?;
    Ok(())
}

/// Returns true if perf_event_open() needs CAP_SYS_ADMIN: in Debian's kernels it does if
/// kernel.perf_event_paranoid is 3, their default.
fn perf_is_for_admins() -> bool {
    const FILE: &str = "/proc/sys/kernel/perf_event_paranoid";
    let level = std::fs::read_to_string(FILE).ok().and_then(|text| text.trim().parse::<i32>().ok());
    level.is_none_or(|level| level > 2)
}

/// Clears the capabilities that programs inherit. Programs of root get root's capabilities without
/// inheriting them: if root runs seqtrace without sudo, the command runs as root, too.
///
/// # Errors
/// The kernel refuses the change.
pub(crate) fn clear_inheritable() -> anyhow::Result<()> {
    caps::clear(None, CapSet::Ambient)?;
    caps::clear(None, CapSet::Inheritable)?;
    Ok(())
}

/// Returns true if this process may load and attach programs. That needs CAP_BPF and CAP_PERFMON, or
/// CAP_SYS_ADMIN (capabilities(7)). If the capabilities are unknown, returns true: loading fails with the
/// kernel's error then.
pub(crate) fn may_trace() -> bool {
    caps::read(None, CapSet::Effective).map_or(true, |has| {
        has.contains(&Capability::CAP_SYS_ADMIN)
            || has.contains(&Capability::CAP_BPF) && has.contains(&Capability::CAP_PERFMON)
    })
}
