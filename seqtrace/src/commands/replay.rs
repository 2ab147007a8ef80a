//! `seqtrace replay`: renders a recording as `attach` renders a live trace.

use std::{path::Path, process::ExitCode};

use anyhow::Context;
use seqtrace_model::trace::Sink;

use super::{memory::Memory, options, recordings};
use crate::{
    cli,
    exit::Exit,
    filter::Selection,
    output::Writer,
    pipeline::{Pipeline, Until},
    recording::{self, Ending, Played},
    render::{Renderer, Screen},
    targets,
};

/// Runs the subcommand.
pub(super) fn run(args: &cli::Replay) -> anyhow::Result<ExitCode> {
    #[cfg(feature = "tui")]
    if args.output.tui {
        return super::tui::replay(args);
    }
    let writer = recordings::writer(&args.recording, args.output.file.as_deref())?;
    let view = View {
        select: &args.select,
        until: options::until(&args.counts),
        only_findings: args.output.only_findings,
        max_memory: args.reading.max_memory,
    };
    let played = play(&args.recording, &view, writer, |writer, wall_at_boot| {
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
    /// Largest memory of this process, bytes.
    pub(super) max_memory: u64,
}

/// Replays a recording into the renderer that `renderer` creates.
pub(super) fn play(
    file: &Path,
    view: &View<'_>,
    mut writer: Writer,
    renderer: impl FnOnce(&Writer, i64) -> anyhow::Result<Box<dyn Renderer>>,
) -> anyhow::Result<Played> {
    let selection = Selection { targets: Vec::new(), filter: targets::filter(view.select)? };
    let mut reader = recordings::open(file)?;
    let memory = Memory::limited(view.max_memory);
    let mut screen = Screen::new(renderer(&writer, reader.head().wall_at_boot)?);
    let mut pipeline = Pipeline::new(selection, view.until);
    if view.only_findings {
        pipeline.only_findings();
    }
    let played = recording::play(&mut reader, &mut pipeline, &mut screen, |screen| {
        memory.check().map_err(|excess| recordings::too_large(file, excess))?;
        writer.write(&mut screen.output).context("cannot write the output")
    });
    report_end(file, played)
}

/// Replays a recording into a sink that renders nothing.
pub(super) fn gather(
    file: &Path,
    selection: Selection,
    max_memory: u64,
    sink: &mut impl Sink,
) -> anyhow::Result<Played> {
    let mut reader = recordings::open(file)?;
    let mut pipeline = Pipeline::new(selection, Until::default());
    let memory = Memory::limited(max_memory);
    let check = |_: &mut _| -> anyhow::Result<bool> {
        memory.check().map_err(|excess| recordings::too_large(file, excess))?;
        Ok(true)
    };
    report_end(file, recording::play(&mut reader, &mut pipeline, sink, check))
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
