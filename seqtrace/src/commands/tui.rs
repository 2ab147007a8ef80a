//! `attach --tui`, `replay --tui`: the trace on a screen.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::Context;
use clap::Parser;
use nix::sys::{
    signal::SigSet,
    termios::{SetArg, tcgetattr, tcsetattr},
};
use seqtrace_tui::{
    Host, Options, Shared, Ui,
    terminal::{self, Guardian},
};

use super::{
    live::{self, Outputs, Request},
    memory::Memory,
    options, recordings, replay,
};
use crate::{
    check::repro,
    cli, clock,
    exit::{Exit, UserError, shown},
    filter::{Filter, Selection},
    output::{Writer, file},
    pipeline::Pipeline,
    privileges,
    recording::{self, Ending, Played},
    render, targets,
};

/// Name of the hidden subcommand that restores the terminal.
const GUARD: &str = "guard-terminal";

/// Shows a live trace on a screen.
pub(super) fn attach(args: &cli::Attach, request: Request<'_>) -> anyhow::Result<ExitCode> {
    check()?;
    let shared = Shared::live();
    let renderer = Box::new(shared.feed());
    let saving = args.record.as_ref().map_or_else(
        || Saving::Impossible("a live trace is saved only with --record FILE"),
        |path| Saving::Done(path.clone()),
    );
    let saving = if args.tracing.capture.inject.tui_panic { Saving::Panic } else { saving };
    let options = options(&args.output, true);
    let screen = Screen { shared, options, saving: Some(saving), running: None };
    let outputs = Outputs {
        renderer,
        writer: Writer::status_only(true),
        recording: args.record.clone(),
        redact: false,
        wall_at_boot: clock::wall_at_boot(),
        screen: Some(Box::new(screen)),
    };
    let request = Request { quiet: true, ..request };
    let traced = live::run(request, outputs)?;
    Ok(traced.map_or(Exit::Done.into(), |traced| traced.code))
}

/// Shows a recording on a screen.
pub(super) fn replay(args: &cli::Replay) -> anyhow::Result<ExitCode> {
    check()?;
    let path = &args.recording;
    let selection = Selection { targets: Vec::new(), filter: targets::filter(&args.select)? };
    let (mut reader, _) = recordings::open(path, false)?;
    let shared = Shared::recorded();
    let saving = if recordings::is_stdio(path) {
        Saving::Impossible("standard input cannot be read again")
    } else {
        Saving::Copy(path.clone())
    };
    let running = Running::start(&shared, options(&args.output, false), saving, None)?;
    let memory = Memory::limited(args.reading.max_memory);
    let mut sink = render::Screen::new(Box::new(shared.feed()));
    let mut pipeline = Pipeline::new(selection, options::until(&args.counts));
    let played =
        recording::play(&mut reader, &mut pipeline, &mut sink, |_| -> anyhow::Result<bool> {
            memory.check().map_err(|excess| recordings::too_large(path, excess))?;
            Ok(!shared.has_quit())
        });
    shared.end(mark(&played));
    running.wait()?;
    let played = replay::report_end(path, played)?;
    Ok(replay::exit(args, &played).into())
}

/// Returns the text of the mark where a recording ends early; `None` if it is whole.
fn mark(played: &anyhow::Result<Played>) -> Option<String> {
    match played {
        Ok(Played { ending: Ending::Cut, .. }) => Some("the recording is cut off here".to_owned()),
        Ok(_) => None,
        // Only the first line: the rest are hints for the command line.
        Err(error) => {
            error.to_string().lines().next().map(|line| format!("the rest cannot be read: {line}"))
        }
    }
}

/// Checks that there is a terminal.
fn check() -> Result<(), UserError> {
    terminal::check().map_err(|error| Exit::Usage.error(error, "leave out --tui for lines of text"))
}

fn options(output: &cli::Output, follow: bool) -> Options {
    let color = options::colored(output.color, true);
    Options { color, ascii: output.ascii, follow }
}

/// The screen of a live trace.
struct Screen {
    shared: Shared,
    options: Options,
    /// `None` after the begin.
    saving: Option<Saving>,
    /// `None` before the begin and after the end.
    running: Option<Running>,
}

impl live::Screen for Screen {
    fn begin(&mut self, stop: Box<dyn Fn() + Send>) -> anyhow::Result<()> {
        let saving = self.saving.take().unwrap_or(Saving::Impossible("the trace has begun"));
        self.running = Some(Running::start(&self.shared, self.options, saving, Some(stop))?);
        Ok(())
    }

    fn end(&mut self) -> anyhow::Result<()> {
        self.shared.end(None);
        self.running.take().map_or(Ok(()), Running::wait)
    }
}

/// A screen that uses the terminal.
struct Running {
    ui: Ui,
    // Dropped after the screen. `None`: it could not be started.
    _guardian: Option<Guardian>,
}

impl Running {
    /// Starts the screen. `stop`: ends the trace when the user quits; `None`: signals end this process at once.
    fn start(
        shared: &Shared,
        options: Options,
        saving: Saving,
        stop: Option<Box<dyn Fn() + Send>>,
    ) -> anyhow::Result<Self> {
        let mut guard = Command::new("/proc/self/exe");
        guard.arg(GUARD);
        let guardian = Guardian::start(guard).ok();
        let ends_elsewhere = stop.is_some();
        let ui = Ui::start(shared.clone(), options, Program { saving, stop }, ends_elsewhere);
        Ok(Self { ui: ui.context("cannot start the terminal UI")?, _guardian: guardian })
    }

    fn wait(self) -> anyhow::Result<()> {
        self.ui.wait().context("cannot use the terminal")
    }
}

/// The way to save a trace as a recording.
enum Saving {
    /// A copy of this file.
    Copy(PathBuf),
    /// The trace is recorded in this file already.
    Done(PathBuf),
    /// It is not possible, for this reason.
    Impossible(&'static str),
    /// The thread of the screen panics (an injected fault).
    Panic,
}

/// The program as the screen sees it.
struct Program {
    saving: Saving,
    stop: Option<Box<dyn Fn() + Send>>,
}

/// The words of a filter.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Words {
    #[command(flatten)]
    select: cli::Select,
}

impl Host for Program {
    fn filter(&self, words: &str) -> Result<Filter, String> {
        // A filter has one line, which the footer shows.
        let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
        let words =
            Words::try_parse_from(split(words)).map_err(|error| first_line(error.to_string()))?;
        targets::filter(&words.select).map_err(|error| first_line(error.to_string()))
    }

    #[expect(clippy::panic, reason = "an injected fault")]
    fn save(&self, path: &str) -> Result<String, String> {
        match &self.saving {
            Saving::Copy(from) => {
                copy(from, Path::new(path)).map_err(|error| format!("cannot save: {error}"))
            }
            Saving::Done(path) => Ok(format!("the trace is being recorded in {}", shown(path))),
            Saving::Impossible(reason) => Err(format!("cannot save: {reason}")),
            Saving::Panic => panic!("injected"),
        }
    }

    fn quote(&self, path: &[u8]) -> Option<String> {
        repro::quote(path)
    }

    fn begin(&self) {
        // The thread draws, and needs none. The thread of a replay has none anyway.
        let _kept = privileges::drop_all_capabilities();
    }

    fn quit(&self) {
        if let Some(stop) = &self.stop {
            stop();
        }
    }
}

/// Copies a recording to a file that does not exist.
fn copy(from: &Path, to: &Path) -> io::Result<String> {
    if to.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let bytes = io::copy(&mut File::open(from)?, &mut file::create(to)?)?;
    Ok(format!("saved {bytes} bytes in {}", shown(to)))
}

/// Splits a text into words as a shell does, without escapes: quotes keep blanks.
fn split(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Runs `seqtrace guard-terminal`: waits for the end of the process that started it, and restores the terminal unless
/// that process has done so.
pub(super) fn guard() -> anyhow::Result<ExitCode> {
    // Also SIGTTOU, which a process in the background gets for its change of the terminal (tcsetattr(3)).
    SigSet::all().thread_block()?;
    let terminal = File::options().read(true).write(true).open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    privileges::drop_all_capabilities()?;
    if terminal::guard()? {
        tcsetattr(&terminal, SetArg::TCSANOW, &before)?;
        terminal::reset(io::BufWriter::new(terminal))?;
    }
    Ok(Exit::Done.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_the_options_of_the_command_line() {
        let program = Program { saving: Saving::Impossible("a test"), stop: None };
        let filter = program.filter("--comm 'my cat' --path /proc/net/* --not-pid 1,2").unwrap();
        assert_eq!(filter.comm.only.len(), 1);
        assert_eq!(filter.pid.not, [1, 2]);
        for bad in ["cat", "--comm", "--pid x", "--tui", "--help"] {
            let error = program.filter(bad).unwrap_err();
            assert!(!error.is_empty() && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn words_are_split_at_blanks_outside_of_quotes() {
        assert_eq!(split(" a  'b c'd \"\" e\tf"), ["a", "b cd", "", "e", "f"]);
    }

    #[test]
    fn a_recording_is_copied_but_overwrites_nothing() {
        let folder = std::env::temp_dir().join(format!("seqtrace-tui-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let [from, to] = ["from", "to"].map(|name| folder.join(name));
        std::fs::write(&from, "events").unwrap();
        let program = Program { saving: Saving::Copy(from.clone()), stop: None };
        assert!(program.save(to.to_str().unwrap()).unwrap().starts_with("saved 6 bytes"));
        assert!(program.save(to.to_str().unwrap()).unwrap_err().starts_with("cannot save"));
        assert_eq!(std::fs::read(&to).unwrap(), b"events");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
