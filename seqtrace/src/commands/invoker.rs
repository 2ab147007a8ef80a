//! Runs the command of `attach … -- CMD` as the user who called sudo, not as root.
//!
//! To do so, seqtrace starts itself a second time: only a process that does nothing else may change its user safely, and
//! only the command's own process can request a signal for the death of its parent.

use std::{
    ffi::{CString, OsString},
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::AsRawFd,
        unix::process::{CommandExt, parent_id},
    },
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, bail};
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::{prctl::set_pdeathsig, signal::Signal},
    unistd::{Gid, Uid, User, close, initgroups, setgid, setgroups, setuid},
};
use tokio::process::Child;

use crate::{
    cli,
    exit::{Exit, shown},
    privileges,
};

/// Name of the hidden subcommand that runs a command.
const SUBCOMMAND: &str = "run-as-invoker";

/// Standard streams of a command.
pub(super) enum Streams {
    /// Those of this process.
    Shared,
    /// Those of this process, but for its standard output.
    Stdout(Stdio),
    /// None: the terminal shows a screen.
    None,
}

/// Starts a command as the user who called sudo. If this process is killed, the command gets SIGTERM.
///
/// # Errors
/// The command cannot be run.
pub(super) fn spawn(command: &[OsString], streams: Streams) -> anyhow::Result<Child> {
    // Closed by exec; before that, the reason for a failure can be sent through it.
    let (mut failure, report) = io::pipe().context("cannot create a pipe")?;
    fcntl(&report, FcntlArg::F_SETFD(FdFlag::empty()))?;
    let mut this = Command::new("/proc/self/exe");
    this.args([SUBCOMMAND, "--report", &report.as_raw_fd().to_string()]);
    this.args(["--parent", &std::process::id().to_string(), "--"]).args(command);
    match streams {
        Streams::Shared => {}
        Streams::Stdout(stdout) => _ = this.stdout(stdout),
        Streams::None => {
            this.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        }
    }
    let child =
        tokio::process::Command::from(this).spawn().context("cannot start seqtrace again")?;
    drop(report);
    let mut text = String::new();
    failure.read_to_string(&mut text).context("cannot wait for the command's start")?;
    match text.split_once(' ') {
        None => Ok(child),
        Some((code, what)) => {
            let exit = Exit::NotRun(code.parse().unwrap_or(126));
            Err(exit.error(what, "check the command behind --").into())
        }
    }
}

/// Runs `seqtrace run-as-invoker CMD…`. Returns only if that fails.
pub(super) fn become_and_run(args: &cli::RunAsInvoker) -> anyhow::Result<ExitCode> {
    let cli::RunAsInvoker { report, parent, command } = args;
    let report = report.map(|fd| -> io::Result<File> {
        // The descriptor itself would stay open in the command.
        let report = File::options().write(true).open(format!("/proc/self/fd/{fd}"))?;
        close(fd)?;
        Ok(report)
    });
    let report = report.transpose().context("cannot open the pipe to seqtrace")?;
    let Some((program, _)) = command.split_first() else { bail!("no command given") };
    let (code, error) = match prepare(command, *parent) {
        Ok(mut next) => {
            let error = next.exec();
            (not_run(&error), error.into())
        }
        Err(error) => (126, error),
    };
    let what = format!("cannot run {}: {error:#}", shown(program));
    match report {
        Some(mut report) => write!(report, "{code} {what}")?,
        None => eprintln!("seqtrace: {what}"),
    }
    Ok(ExitCode::from(code))
}

/// Becomes the user who called sudo. Returns the command, with that user's environment.
fn prepare(words: &[OsString], parent: Option<u32>) -> anyhow::Result<Command> {
    let (program, arguments) = words.split_first().context("no command given")?;
    let mut next = Command::new(program);
    next.args(arguments);
    if let Some((uid, gid)) = privileges::invoker()? {
        let user = User::from_uid(uid).ok().flatten();
        drop_privileges(uid, gid, user.as_ref())
            .with_context(|| format!("cannot become user {uid}"))?;
        if let Some(user) = user {
            next.env("HOME", user.dir).env("SHELL", user.shell);
            next.env("USER", &user.name).env("LOGNAME", user.name);
        }
        for name in ["SUDO_UID", "SUDO_GID", "SUDO_USER", "SUDO_COMMAND"] {
            next.env_remove(name);
        }
    }
    if let Some(parent) = parent {
        // A change of the user clears it (commit_creds(), kernel/cred.c).
        set_pdeathsig(Signal::SIGTERM)?;
        if parent_id() != parent {
            bail!("seqtrace was killed");
        }
    }
    Ok(next)
}

/// Returns the exit status that shells use for a command that could not be run.
fn not_run(error: &io::Error) -> u8 {
    if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 }
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
