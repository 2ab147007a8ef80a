//! A trace from the command line to its end, common to `attach` and `record`.
//!
//! `attach` and `record` differ in their [`Outputs`].

use std::{
    ffi::OsString,
    fmt::{self, Display},
    io,
    os::{fd::AsFd, unix::ffi::OsStrExt, unix::process::ExitStatusExt},
    path::PathBuf,
    process::{ExitCode, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::Context;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use seqtrace_model::trace::Sink as _;
use tokio::{process::Child, time::Instant};

use super::{
    invoker::{self, Streams, Waiting},
    options, recordings,
};
use crate::{
    cli, clock,
    exit::{Exit, UserError, shown},
    filter::{self, Selection},
    kernel::preflight::Preflight,
    output::{Destinations, Writer, background::Background, file},
    pipeline::Pipeline,
    privileges,
    probe::{backend::ChosenBackend, setup::Setup},
    recording::{Head, Recorder},
    render::{self, Header, Renderer},
    rules::Verdict,
    run::{Finished, Trace},
    session::update::Summary,
    signals::Signals,
    targets,
};

/// Targets and options of a trace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) tracing: &'a cli::Tracing,
    pub(super) only_findings: bool,
    /// Least duration of a read that is displayed; `None`: all are.
    pub(super) min_duration: Option<Duration>,
    /// Number of bytes of each record to copy, 0 to 256.
    pub(super) preview: u32,
    /// True if header and summary are omitted.
    pub(super) quiet: bool,
    /// True if diagnostics of the eBPF programs are printed.
    pub(super) log: bool,
}

/// Destinations of a trace.
pub(super) struct Outputs {
    pub(super) renderer: Box<dyn Renderer>,
    pub(super) writer: Writer,
    /// File of the recording; `None`: no recording. It is created when all checks have passed, so that
    /// a mistyped target does not overwrite an older recording.
    pub(super) recording: Option<PathBuf>,
    /// True if the recording gets hashes instead of names of files.
    pub(super) redact: bool,
    /// Time of day when CLOCK_MONOTONIC was 0, in ns since 1970 (UTC).
    pub(super) wall_at_boot: i64,
    /// Screen that shows the trace; `None`: there is none.
    pub(super) screen: Option<Box<dyn Screen>>,
}

/// A screen beside the data. It gets the trace through the renderer.
pub(super) trait Screen {
    /// Begins to use the terminal, when all probes are attached. The screen calls `stop` when the user quits.
    ///
    /// # Errors
    /// The terminal cannot be used.
    fn begin(&mut self, stop: Box<dyn Fn() + Send>) -> anyhow::Result<()>;

    /// Shows the whole trace until the user quits.
    ///
    /// # Errors
    /// The terminal cannot be used.
    fn end(&mut self) -> anyhow::Result<()>;
}

/// The result of a trace.
pub(super) struct Traced {
    /// Exit status of seqtrace.
    pub(super) code: ExitCode,
    /// `None` if the trace was not recorded.
    pub(super) recorded: Option<Recorded>,
}

/// Hint for filters that match no session.
const OPENER_HINT: &str = "hint: --pid, --tid, --comm and --uid filter by the task that opened a file, which need not be \
    the one that reads it: in `dd <FILE` the shell opens it, and in `dd if=FILE` dd does";

/// The size of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    /// Number of events; not all of them are in the recording if it is not `whole`.
    events: u64,
    /// Number of bytes that were written.
    bytes: u64,
    /// False if the reader of a pipe has closed it.
    whole: bool,
}

impl Recorded {
    fn of(recorder: &Recorder, background: &Background) -> io::Result<Self> {
        let whole = background.is_open()?;
        Ok(Self { events: recorder.events, bytes: background.written(), whole })
    }
}

impl Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, bytes, whole } = self;
        if *whole {
            write!(f, "recorded {events} events in {bytes} bytes")
        } else {
            write!(
                f,
                "warning: the reader of the recording took {bytes} bytes and closed it: the rest is lost"
            )
        }
    }
}

/// Runs a trace to its end. Returns `None` for `--dry-run`.
pub(super) fn run(request: Request<'_>, outputs: Outputs) -> anyhow::Result<Option<Traced>> {
    let Outputs { renderer, writer, recording, redact, wall_at_boot, screen: mut ui } = outputs;
    let cli::Tracing { targets: words, select, limits, capture, command, fail_on } =
        request.tracing;
    if !command.is_empty() {
        privileges::invoker()?;
    }
    let words = targets::locate(words)?;
    let selection = Selection {
        targets: targets::session_targets(&words),
        filter: targets::filter_here(select)?,
    };
    let facts = super::preflight()?;
    warn(&words, &selection.filter, &facts)?;
    let chosen =
        ChosenBackend::choose(capture.backend, &facts, capture.inject).map_err(UserError::from)?;
    if capture.dry_run {
        Writer::print(chosen.describe().into_bytes())?;
        return Ok(None);
    }

    let setup = setup(&request, &selection, &facts);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let waiting = {
        let _context = runtime.enter();
        prepare(command, &writer, ui.is_some())?
    };
    let attached = setup.attach(chosen, capture.backend).map_err(UserError::from)?;

    let mut pipeline = Pipeline::new(selection.clone(), options::until(&limits.counts));
    pipeline.set_fixed(facts.fixed.clone());
    options::restrict(&mut pipeline, request.only_findings, request.min_duration);
    let header = header(capture, &facts, &attached.backend);
    let mut lines = super::source_lines(&capture.debug_dir, &facts);
    print_notes(&lines.take_notes());
    let suspended = Some(clock::suspended());
    let head = Head { header, wall_at_boot, suspended, fixed: facts.fixed.clone() };
    let recording = recording.as_deref().map(recordings::create).transpose()?;
    let mut to = Destinations::start(writer, recording).context("cannot start a thread")?;
    let recorder = to.recording.clone().map(|recording| begin_recording(recording, &head, redact));
    let recorder = recorder.transpose().context("cannot write the recording")?;
    let mut screen = render::Screen::new(renderer);
    screen.header(&head.header);

    runtime.block_on(async move {
        let signals = Signals::listen()?;
        let source = attached.begin().map_err(UserError::from)?;
        let mut trace = Trace::new(source, pipeline, recorder, lines, screen);
        let looked_at = targets::inspect(&words, &selection.filter, &mut trace.source);
        trace.fetch();
        for target in looked_at? {
            trace.announce_target(&target);
        }
        trace.announce_ready();
        trace.write(&mut to)?;
        if let Some(path) = &capture.ready_file {
            file::create(path).with_context(|| format!("cannot create {}", shown(path)))?;
        }
        // The command may write to the same file with sendfile(2), which does not lock the file position: the header
        // would be overwritten (do_sendfile(), fs/read_write.c).
        to.settle();

        let mut command = waiting.map(Waiting::start).transpose()?.map(Running);
        let child = command.as_mut().map(|Running(child)| child);
        // Other files may be BPF iterators, whose callbacks need probes of their own.
        let later = trace.source.by_callback() || targets::are_open_ended(&selection.targets);
        if let Err(error) = privileges::keep_tracing_capabilities(later) {
            eprintln!("warning: cannot drop capabilities: {error}");
        }
        if let Some(ui) = &mut ui {
            ui.begin(Box::new(signals.stopper()))?;
        }
        let deadline = limits.duration.map(|time| Instant::now() + time);
        let status = trace.run(&mut to, &signals, child, deadline, capture.inject.pause).await?;
        drop(command);
        let fired = trace.last_heartbeat(&mut to)?;
        let (summary, notes, size) = finish(trace, to, &signals)?;
        if let Some(ui) = &mut ui {
            ui.end()?;
        }
        // Earlier they would damage the screen.
        print_notes(&notes);
        if summary.sessions == 0 && select.names_openers() && !request.quiet {
            eprintln!("{OPENER_HINT}");
        }
        let done = if fired { Exit::Done } else { Exit::Inconclusive };
        let code = match *fail_on {
            Some(severity) => Exit::on(Verdict::of(&summary), severity.into()).into(),
            None => status.map_or(done.into(), exit_code),
        };
        Ok(Some(Traced { code, recorded: size }))
    })
}

/// Returns what the programs trace and emit.
fn setup(request: &Request<'_>, selection: &Selection, facts: &Preflight) -> Setup {
    let capture = &request.tracing.capture;
    let accepted = filter::kernel_prefilter(&selection.targets, &selection.filter);
    let mut setup = Setup::new(facts, accepted, capture.ring_size);
    setup.settings.preview = request.preview;
    setup.settings.log = request.log;
    setup.settings.faults = capture.inject;
    setup.opens = targets::opens(&selection.targets);
    setup.procfs = selection.targets.iter().any(targets::may_become_plain);
    setup
}

/// Prints warnings about the targets.
///
/// # Errors
/// A target can never be traced.
fn warn(
    words: &[targets::LocatedTarget],
    filter: &filter::Filter,
    facts: &Preflight,
) -> Result<(), UserError> {
    if let Some(fallback) = facts.fallback {
        eprintln!("warning: symbols are hidden (kernel.kptr_restrict): {fallback}");
    }
    for warning in targets::validate(words, filter, &facts.symbols)? {
        eprintln!("warning: {warning}");
    }
    Ok(())
}

/// Ends a trace, and waits until its output is written.
fn finish(
    trace: Trace<render::Screen>,
    mut to: Destinations,
    signals: &Signals,
) -> anyhow::Result<(Summary, Vec<String>, Option<Recorded>)> {
    let blocked = || signals.report_blocked();
    let Finished { summary, recorder, notes, source } = trace.finish(|trace| {
        to.wait_for_space(&blocked);
        trace.write(&mut to)
    })?;
    to.finish(&blocked)?;
    signals.end_at_next_if(source.probes() > 0);
    drop(source);
    let size = recorder
        .zip(to.recording.as_ref())
        .map(|(recorder, background)| Recorded::of(&recorder, background));
    Ok((summary, notes, size.transpose()?))
}

fn print_notes(notes: &[String]) {
    for note in notes {
        eprintln!("note: {note}");
    }
}

fn begin_recording(output: Background, head: &Head, redact: bool) -> io::Result<Recorder> {
    if !redact {
        return Recorder::begin(output, head);
    }
    let mut recorder = Recorder::begin(output, &head.redacted())?;
    recorder.redact();
    Ok(recorder)
}

fn header(capture: &cli::Capture, facts: &Preflight, backend: &ChosenBackend) -> Header {
    Header {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: facts.release.clone(),
        machine: std::env::consts::ARCH.to_owned(),
        backend: backend.name().to_owned(),
        backend_reason: backend.reason().map(str::to_owned),
        ring_bytes: u64::from(capture.ring_size),
        command: std::env::args_os().map(|word| word.as_bytes().to_vec()).collect(),
    }
}

/// Starts the process of the command, if there is one. The output of the command must not mix with the data: if the data is written
/// to standard output, the command gets standard error as its standard output. `has_screen`: the terminal shows a screen.
fn prepare(
    words: &[OsString],
    writer: &Writer,
    has_screen: bool,
) -> anyhow::Result<Option<Waiting>> {
    if words.is_empty() {
        return Ok(None);
    }
    let streams = if has_screen {
        Streams::None
    } else if writer.leaves_stdout() {
        Streams::Shared
    } else {
        let stderr = io::stderr().as_fd().try_clone_to_owned().context("cannot share stderr")?;
        Streams::Stdout(Stdio::from(stderr))
    };
    privileges::clear_inheritable().context("cannot drop the capabilities of the command")?;
    invoker::prepare(words, streams).map(Some)
}

/// The running command. If the trace ends first, for any reason, the command is terminated.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // The id is `None` after the command has been waited for.
        let id = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id {
            // It may have ended by itself meanwhile.
            let _gone = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
    }
}

/// Converts a command's exit status as a shell does: 128 and the signal's number, if a signal ended it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_that_fails_leaves_no_command_behind() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut sleep = tokio::process::Command::new("sh");
            sleep.args([
                "-c",
                "trap 'echo ended; exit' TERM; echo began; while :; do sleep 0.1; done",
            ]);
            let mut child = sleep.stdout(Stdio::piped()).spawn().unwrap();
            let mut stdout = child.stdout.take().unwrap();
            let mut began = [0; 6];
            tokio::io::AsyncReadExt::read_exact(&mut stdout, &mut began).await.unwrap();
            let failed = || -> anyhow::Result<()> {
                let _running = Running(child);
                anyhow::bail!("a full disk")
            };
            assert!(failed().is_err());
            let mut rest = String::new();
            tokio::io::AsyncReadExt::read_to_string(&mut stdout, &mut rest).await.unwrap();
            assert_eq!(rest, "ended\n");
        });
    }
}
