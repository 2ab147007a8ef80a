//! Runs the command of `attach … -- CMD` as the user who called sudo, not as root.
//!
//! To do so, seqtrace starts itself a second time: only a process that does nothing else may change its user safely, and
//! only the command's own process can request a signal for the death of its parent.

use std::{
    ffi::{CString, OsString},
    fs::{File, OpenOptions},
    io::{self, PipeReader, PipeWriter, Read, Write},
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

/// The process of a command, which waits until the trace has begun.
pub(super) struct Waiting {
    child: Child,
    go: PipeWriter,
    /// Closed by exec; before that, the reason for a failure can be sent through it.
    failure: PipeReader,
}

/// Starts the process of a command, which becomes the user who called sudo and waits. If this process is killed, the
/// command gets SIGTERM.
///
/// It must be started before the probes are attached: at its start it reads /proc/self/maps (glibc's
/// pthread_getattr_np(), which the runtime of Rust calls), which is no part of the command.
///
/// # Errors
/// The process cannot be started.
pub(super) fn prepare(command: &[OsString], streams: Streams) -> anyhow::Result<Waiting> {
    let (mut failure, report) = io::pipe().context("cannot create a pipe")?;
    let (wait, go) = io::pipe().context("cannot create a pipe")?;
    let mut this = Command::new("/proc/self/exe");
    this.arg(SUBCOMMAND);
    for (option, pipe) in [("--report", report.as_raw_fd()), ("--wait", wait.as_raw_fd())] {
        this.args([option, &pipe.to_string()]);
    }
    fcntl(&report, FcntlArg::F_SETFD(FdFlag::empty()))?;
    fcntl(&wait, FcntlArg::F_SETFD(FdFlag::empty()))?;
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
    drop((report, wait));
    failure.read_exact(&mut [0]).context("cannot wait for the start of seqtrace")?;
    Ok(Waiting { child, go, failure })
}

impl Waiting {
    /// Lets the process become the command.
    ///
    /// # Errors
    /// The command cannot be run.
    pub(super) fn start(mut self) -> anyhow::Result<Child> {
        // Fails if the process has ended; then it has sent the reason.
        let _sent = self.go.write_all(b"g");
        let mut text = String::new();
        self.failure.read_to_string(&mut text).context("cannot wait for the command's start")?;
        match text.split_once(' ') {
            None => Ok(self.child),
            Some((code, what)) => {
                let exit = Exit::NotRun(code.parse().unwrap_or(126));
                Err(exit.error(what, "check the command behind --").into())
            }
        }
    }
}

/// Runs `seqtrace run-as-invoker CMD…`. Returns only if that fails.
pub(super) fn become_and_run(args: &cli::RunAsInvoker) -> anyhow::Result<ExitCode> {
    let cli::RunAsInvoker { report, wait, parent, command } = args;
    let report = report.map(|fd| own(fd, File::options().write(true)));
    let mut report = report.transpose().context("cannot open the pipe to seqtrace")?;
    if let Some(report) = &mut report {
        report.write_all(b"\n").context("seqtrace ended")?;
    }
    let wait = wait.map(|fd| own(fd, File::options().read(true)));
    let wait = wait.transpose().context("cannot open the pipe from seqtrace")?;
    let Some((program, _)) = command.split_first() else { bail!("no command given") };
    let (code, error) = match become_invoker(command, *parent) {
        Ok(mut next) => {
            if let Some(mut wait) = wait {
                // At the end of the file: seqtrace has ended before the trace began.
                wait.read_exact(&mut [0]).context("seqtrace ended")?;
            }
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

/// Opens a pipe that this process has inherited, for itself only: the descriptor would stay open in the command.
fn own(fd: i32, options: &OpenOptions) -> io::Result<File> {
    let file = options.open(format!("/proc/self/fd/{fd}"))?;
    close(fd)?;
    Ok(file)
}

/// Becomes the user who called sudo. Returns the command, with that user's environment.
fn become_invoker(words: &[OsString], parent: Option<u32>) -> anyhow::Result<Command> {
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
