//! Reduces the capabilities of this process to those that it still needs, and finds out for whom it works.

use std::{env::VarError, fmt::Display};

use caps::{CapSet, Capability, CapsHashSet};
use nix::unistd::{Gid, Uid, geteuid};

use crate::exit::{Exit, UserError};

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

/// Drops all capabilities of this thread permanently.
///
/// # Errors
/// The kernel refuses the change.
pub(crate) fn drop_all_capabilities() -> anyhow::Result<()> {
    caps::clear(None, CapSet::Effective)?;
    caps::clear(None, CapSet::Permitted)?;
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

/// Returns the user and the group of the caller of sudo; `None` if seqtrace was not started by sudo, or by root with sudo.
///
/// # Errors
/// seqtrace was started by sudo, and sudo's variables do not name the caller: a command would run as root instead.
pub(crate) fn invoker() -> Result<Option<(Uid, Gid)>, UserError> {
    if geteuid().is_root() { invoker_of(std::env::var) } else { Ok(None) }
}

fn invoker_of(
    value: impl Fn(&'static str) -> Result<String, VarError>,
) -> Result<Option<(Uid, Gid)>, UserError> {
    const USER: &str = "SUDO_UID";
    const GROUP: &str = "SUDO_GID";
    if [USER, GROUP, "SUDO_USER"]
        .map(&value)
        .iter()
        .all(|value| value == &Err(VarError::NotPresent))
    {
        return Ok(None);
    }
    let id = |name| {
        let invalid = |why: &dyn Display| {
            Exit::Environment.error(
                format!("the caller of sudo is unknown: {name} {why}"),
                "call seqtrace with sudo itself, or unset SUDO_UID, SUDO_GID and SUDO_USER to be root",
            )
        };
        let text = value(name).map_err(|error| match error {
            VarError::NotPresent => invalid(&"is not set"),
            VarError::NotUnicode(_) => invalid(&"is not a number"),
        })?;
        // u32::MAX stands for no user in setresuid(2).
        let id = text.parse::<u32>().ok().filter(|id| *id != u32::MAX);
        id.ok_or_else(|| invalid(&"is not a number"))
    };
    let (user, group) = (id(USER)?, id(GROUP)?);
    Ok((user != 0).then(|| (Uid::from_raw(user), Gid::from_raw(group))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_caller_is_not_root() {
        let invoker = |variables: &[(&str, &str)]| {
            invoker_of(|name| {
                let found = variables.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned()).ok_or(VarError::NotPresent)
            })
        };
        let user = Some((Uid::from_raw(1000), Gid::from_raw(100)));
        assert_eq!(invoker(&[]).unwrap(), None);
        assert_eq!(invoker(&[("SUDO_UID", "1000"), ("SUDO_GID", "100")]).unwrap(), user);
        assert_eq!(invoker(&[("SUDO_UID", "0"), ("SUDO_GID", "0")]).unwrap(), None);
        for bad in [
            &[("SUDO_UID", "1000")][..],
            &[("SUDO_GID", "1000")],
            &[("SUDO_USER", "user")],
            &[("SUDO_UID", "user"), ("SUDO_GID", "100")],
            &[("SUDO_UID", ""), ("SUDO_GID", "100")],
            &[("SUDO_UID", "1000"), ("SUDO_GID", "-1")],
            &[("SUDO_UID", "4294967295"), ("SUDO_GID", "100")],
        ] {
            let error = invoker(bad).unwrap_err();
            assert!(error.what.starts_with("the caller of sudo is unknown"), "{bad:?}: {error}");
        }
    }
}
