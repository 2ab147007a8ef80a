//! `seqtrace replay`: renders a recording as `attach` renders a live trace.

use std::{io::Read, path::Path, process::ExitCode, time::Duration};

use anyhow::Context;
use seqtrace_model::trace::Sink;

use super::{memory::Memory, options, recordings};
use crate::{
    cli,
    exit::Exit,
    filter::Selection,
    output::{Writer, progress::Progress},
    pipeline::{Pipeline, Until},
    recording::{self, Ending, Played, Reader},
    render::{Renderer, Screen},
    targets,
};

/// Runs the subcommand.
pub(super) fn run(args: &cli::Replay) -> anyhow::Result<ExitCode> {
    #[cfg(feature = "tui")]
    if args.output.tui {
        return super::tui::replay(args);
    }
    let writer = recordings::writer(&args.recording, args.output.file.as_deref())?
        .with_width(args.output.width);
    let view = View {
        select: &args.select,
        until: options::until(&args.counts),
        only_findings: args.output.only_findings,
        min_duration: args.output.min_duration,
        max_memory: args.reading.max_memory,
        // The lines themselves show it.
        shows_progress: !args.output.quiet && !writer.is_terminal(),
    };
    let played = play(&args.recording, &view, writer, None, |writer, wall_at_boot| {
        Ok(options::renderer(&args.output, writer, wall_at_boot)?)
    })?;
    Ok(exit(args, &played).into())
}

/// Returns the exit status after a replay.
pub(super) fn exit(args: &cli::Replay, played: &Played) -> Exit {
    match args.fail_on {
        Some(severity) => Exit::on(played.verdict(), severity.into()),
        None => Exit::Done,
    }
}

/// The part of a recording that is rendered.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) select: &'a cli::Select,
    pub(super) until: Until,
    pub(super) only_findings: bool,
    /// Least duration of a read; `None`: reads of any duration.
    pub(super) min_duration: Option<Duration>,
    /// Largest memory of this process, bytes.
    pub(super) max_memory: u64,
    /// True if the progress is shown, if standard error is a terminal.
    pub(super) shows_progress: bool,
}

/// Replays a recording into the renderer that `renderer` creates, and into another consumer.
pub(super) fn play(
    file: &Path,
    view: &View<'_>,
    mut writer: Writer,
    also: Option<Box<dyn Sink>>,
    renderer: impl FnOnce(&Writer, i64) -> anyhow::Result<Box<dyn Renderer>>,
) -> anyhow::Result<Played> {
    let selection = Selection { targets: Vec::new(), filter: targets::filter(view.select)? };
    let (mut reader, progress) = recordings::open(file, view.shows_progress)?;
    let memory = Memory::limited(view.max_memory);
    let screen = Screen::new(renderer(&writer, reader.head().wall_at_boot)?);
    let mut sinks = (screen, also);
    let mut pipeline = Pipeline::new(selection, view.until);
    options::restrict(&mut pipeline, view.only_findings, view.min_duration);
    let played = recording::play(&mut reader, &mut pipeline, &mut sinks, |(screen, _)| {
        memory.check().map_err(|excess| recordings::too_large(file, excess))?;
        let output = &mut screen.output;
        let on_terminal =
            !output.status.is_empty() || writer.is_terminal() && !output.data.is_empty();
        let open = if on_terminal {
            progress.suspend(|| writer.write(output))
        } else {
            writer.write(output)
        };
        let open = open.context("cannot write the output")?;
        if let Some(size) = writer.changed_size() {
            screen.resize(size);
        }
        Ok(open)
    });
    drop(progress);
    report_end(file, played)
}

/// Replays a recording into a sink that renders nothing.
pub(super) fn gather(
    file: &Path,
    selection: Selection,
    max_memory: u64,
    sink: &mut impl Sink,
) -> anyhow::Result<Played> {
    let (mut reader, progress) = recordings::open(file, true)?;
    drive(file, (&mut reader, progress), selection, max_memory, sink, |_| Ok(()))
}

/// Replays an opened recording into a sink. `written` writes what the sink has buffered.
pub(super) fn drive<S: Sink>(
    file: &Path,
    (reader, progress): (&mut Reader<impl Read>, Progress),
    selection: Selection,
    max_memory: u64,
    sink: &mut S,
    mut written: impl FnMut(&mut S) -> anyhow::Result<()>,
) -> anyhow::Result<Played> {
    let mut pipeline = Pipeline::new(selection, Until::default());
    let memory = Memory::limited(max_memory);
    let played = recording::play(reader, &mut pipeline, sink, |sink| -> anyhow::Result<bool> {
        memory.check().map_err(|excess| recordings::too_large(file, excess))?;
        written(sink)?;
        Ok(true)
    });
    drop(progress);
    report_end(file, played)
}

/// Converts errors, and reports a recording that is cut off.
pub(super) fn report_end(file: &Path, played: anyhow::Result<Played>) -> anyhow::Result<Played> {
    let played = played.map_err(|error| match error.downcast() {
        Ok(error) => recordings::unreadable(file, &error).into(),
        Err(error) => error,
    })?;
    if played.ending == Ending::Cut {
        eprintln!("seqtrace: {} is cut off: its last events are missing", recordings::name(file));
    }
    Ok(played)
}
