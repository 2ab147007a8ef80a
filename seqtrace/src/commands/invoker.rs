//! Runs the command of `attach … -- CMD` as the user who called sudo, not as root.
//!
//! To do so, seqtrace starts itself a second time: only a process that does nothing else may change its user safely.

use std::{
    ffi::{CString, OsString},
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

use anyhow::{Context, bail};
use nix::unistd::{Gid, Uid, User, geteuid, initgroups, setgid, setgroups, setuid};

/// Returns the user who called sudo; `None` if seqtrace was not started by sudo.
fn invoker() -> Option<(Uid, Gid)> {
    let number = |name| std::env::var(name).ok()?.parse::<u32>().ok();
    let (uid, gid) = (number("SUDO_UID")?, number("SUDO_GID")?);
    (geteuid().is_root() && uid != 0).then(|| (Uid::from_raw(uid), Gid::from_raw(gid)))
}

/// Returns a command that runs `command` as the user who called sudo; `None` if seqtrace was not started by sudo.
pub(super) fn command(command: &[OsString]) -> Option<Command> {
    let (program, arguments) = command.split_first()?;
    Some(if invoker().is_some() {
        let mut this = Command::new("/proc/self/exe");
        this.arg("run-as-invoker").args(command);
        this
    } else {
        let mut plain = Command::new(program);
        plain.args(arguments);
        plain
    })
}

/// Runs `seqtrace run-as-invoker CMD…`. Returns only if that fails.
pub(super) fn become_and_run(command: &[OsString]) -> anyhow::Result<ExitCode> {
    let Some((program, arguments)) = command.split_first() else { bail!("no command given") };
    let mut next = Command::new(program);
    next.args(arguments);
    if let Some((uid, gid)) = invoker() {
        let user = User::from_uid(uid).ok().flatten();
        drop_privileges(uid, gid, user.as_ref())
            .with_context(|| format!("cannot become user {uid} to run {}", program.display()))?;
        if let Some(user) = user {
            next.env("HOME", user.dir).env("SHELL", user.shell);
            next.env("USER", &user.name).env("LOGNAME", user.name);
        }
        for name in ["SUDO_UID", "SUDO_GID", "SUDO_USER", "SUDO_COMMAND"] {
            next.env_remove(name);
        }
    }
    let error = next.exec();
    eprintln!("seqtrace: cannot run {}: {error}", program.display());
    Ok(ExitCode::from(not_run(&error)))
}

/// Returns the exit status that shells use for a command that could not be run.
pub(super) fn not_run(error: &std::io::Error) -> u8 {
    if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 }
}

/// Changes groups and user. The user comes last: without root, groups cannot be changed any more.
fn drop_privileges(uid: Uid, gid: Gid, user: Option<&User>) -> anyhow::Result<()> {
    match user {
        Some(user) => initgroups(&CString::new(user.name.as_bytes())?, gid)?,
        None => setgroups(&[gid])?,
    }
    setgid(gid)?;
    setuid(uid)?;
    Ok(())
}
